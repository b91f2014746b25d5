/** Typed arrays one after another in one run of bytes, each at a multiple of 8, behind a header. Little-endian. */
import { Fault } from '../fault.ts';

type NumberArray = Float64Array | Int32Array | Uint8Array;

const ALIGN = 8;

export class ArrayWriter {
  readonly #parts: Uint8Array[] = [];

  /** The array is copied by `finish`; it must not change before. */
  put(array: NumberArray): void {
    this.#parts.push(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
  }

  finish(header: Uint8Array): Uint8Array {
    let length = padded(4 + header.length);
    for (const part of this.#parts) length += padded(part.length);
    const bytes = new Uint8Array(length);
    new DataView(bytes.buffer).setUint32(0, header.length, true);
    bytes.set(header, 4);
    let at = padded(4 + header.length);
    for (const part of this.#parts) {
      bytes.set(part, at);
      at += padded(part.length);
    }
    return bytes;
  }
}

/** Arrays are views of the bytes where they lie well, copies where not. A Fault when the bytes end too early. */
export class ArrayReader {
  readonly header: Uint8Array;
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes.byteOffset % ALIGN === 0 ? bytes : bytes.slice();
    if (bytes.length < 4) throw cut();
    const length = new DataView(this.#bytes.buffer, this.#bytes.byteOffset).getUint32(0, true);
    this.#at = 4;
    this.header = this.#take(length);
    this.#at = padded(4 + length);
  }

  float64(n: number): Float64Array {
    const part = this.#next(n * 8);
    return new Float64Array(part.buffer, part.byteOffset, n);
  }

  int32(n: number): Int32Array {
    const part = this.#next(n * 4);
    return new Int32Array(part.buffer, part.byteOffset, n);
  }

  bytes(n: number): Uint8Array {
    return this.#next(n);
  }

  #next(length: number): Uint8Array {
    const part = this.#take(length);
    this.#at += padded(length);
    return part;
  }

  #take(length: number): Uint8Array {
    if (this.#at + length > this.#bytes.length) throw cut();
    return this.#bytes.subarray(this.#at, this.#at + length);
  }
}

function padded(length: number): number {
  return Math.ceil(length / ALIGN) * ALIGN;
}

function cut(): Fault {
  return new Fault('block_damaged', 'a block ends too early');
}
