import type { ProducedRecord } from '../worker/cluster.ts';

/** Records of a batch, one after another, in one growing buffer. */
export class VarintWriter {
  #bytes = Buffer.allocUnsafe(1 << 16);
  #at = 0;

  record(offsetDelta: number, { key, value, headers }: ProducedRecord): void {
    const pairs = Object.entries(headers ?? {}).map(([name, text]): [Buffer, Buffer] => [
      Buffer.from(name),
      Buffer.from(text),
    ]);
    let length = 2 + size(offsetDelta) + sized(key) + sized(value) + size(pairs.length);
    for (const [name, text] of pairs) length += sized(name) + sized(text);
    this.#room(length + 5);
    this.#varint(length);
    this.#bytes[this.#at++] = 0;
    this.#bytes[this.#at++] = 0;
    this.#varint(offsetDelta);
    this.#blob(key);
    this.#blob(value);
    this.#varint(pairs.length);
    for (const [name, text] of pairs) {
      this.#blob(name);
      this.#blob(text);
    }
  }

  written(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  #room(length: number): void {
    if (this.#at + length <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#at + length));
    this.#bytes.copy(grown, 0, 0, this.#at);
    this.#bytes = grown;
  }

  #varint(value: number): void {
    let rest = zigzag(value);
    while (rest > 127) {
      this.#bytes[this.#at++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    this.#bytes[this.#at++] = rest;
  }

  #blob(bytes: Uint8Array | null): void {
    this.#varint(bytes === null ? -1 : bytes.length);
    if (bytes === null) return;
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }
}

/** Lengths and deltas are 32-bit. */
function zigzag(value: number): number {
  return ((value << 1) ^ (value >> 31)) >>> 0;
}

function size(value: number): number {
  let bytes = 1;
  for (let rest = zigzag(value); rest > 127; rest >>>= 7) bytes++;
  return bytes;
}

function sized(bytes: Uint8Array | null): number {
  return bytes === null ? 1 : size(bytes.length) + bytes.length;
}
