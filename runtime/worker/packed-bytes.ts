/**
 * Numbers packed one after another, for exchange parcels. A run of n numbers begins with how it is packed:
 *
 *   0  as they are, 8 bytes each              2  signed varints of the differences
 *   1  one number, n times                    3  int32, 4 bytes each
 *
 * A varint is 7 bits a byte, the low ones first; a signed one is 2v for v >= 0 and -2v - 1 below.
 */
import { Fault } from '../fault.ts';

const RAW = 0;
const SAME = 1;
const DELTAS = 2;
const INT32 = 3;

/** Differences beyond it are not worth a varint, and are not exact either. */
const DELTA_MAX = 2 ** 48;

export class PackedWriter {
  #bytes = new Uint8Array(1 << 14);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;

  /** A copy of what was written since the last `take`. */
  take(): Uint8Array {
    const out = this.#bytes.slice(0, this.#at);
    this.#at = 0;
    return out;
  }

  byte(value: number): void {
    this.#room(1);
    this.#bytes[this.#at++] = value;
  }

  /** A whole number in [0, 2^53). */
  varint(value: number): void {
    this.#room(8);
    while (value >= 128) {
      this.#bytes[this.#at++] = (value % 128) | 128;
      value = Math.floor(value / 128);
    }
    this.#bytes[this.#at++] = value;
  }

  double(value: number): void {
    this.#room(8);
    this.#view.setFloat64(this.#at, value, true);
    this.#at += 8;
  }

  blob(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** values[0 .. n). */
  lanes(values: Int32Array, n: number): void {
    this.#room(n * 4);
    for (let i = 0; i < n; i++, this.#at += 4) this.#view.setInt32(this.#at, values[i], true);
  }

  /** values[0 .. n), packed in the way that takes least. */
  numbers(values: ArrayLike<number>, n: number): void {
    const packing = packingOf(values, n);
    this.byte(packing);
    switch (packing) {
      case SAME:
        this.double(values[0]);
        return;
      case INT32:
        this.#room(n * 4);
        for (let i = 0; i < n; i++, this.#at += 4) this.#view.setInt32(this.#at, values[i], true);
        return;
      case DELTAS: {
        let before = 0;
        for (let i = 0; i < n; i++) {
          const delta = values[i] - before;
          this.varint(delta >= 0 ? delta * 2 : -delta * 2 - 1);
          before = values[i];
        }
        return;
      }
      default:
        this.#room(n * 8);
        for (let i = 0; i < n; i++, this.#at += 8) this.#view.setFloat64(this.#at, values[i], true);
    }
  }

  #room(more: number): void {
    if (this.#at + more <= this.#bytes.length) return;
    const bigger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#at + more));
    bigger.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = bigger;
    this.#view = new DataView(bigger.buffer);
  }
}

export class PackedReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  byte(): number {
    return this.#bytes[this.#need(1)];
  }

  /** The next byte, which stays. */
  peek(): number {
    const at = this.#need(1);
    this.#at = at;
    return this.#bytes[at];
  }

  varint(): number {
    const bytes = this.#bytes;
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = bytes[this.#at++];
      if (byte === undefined) throw damaged();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
  }

  double(): number {
    return this.#view.getFloat64(this.#need(8), true);
  }

  blob(length: number): Uint8Array {
    const from = this.#need(length);
    return this.#bytes.subarray(from, from + length);
  }

  lanes(n: number): Int32Array {
    const out = new Int32Array(n);
    let at = this.#need(n * 4);
    for (let i = 0; i < n; i++, at += 4) out[i] = this.#view.getInt32(at, true);
    return out;
  }

  numbers(n: number): Float64Array {
    const out = new Float64Array(n);
    switch (this.byte()) {
      case SAME:
        return out.fill(this.double());
      case INT32: {
        let at = this.#need(n * 4);
        for (let i = 0; i < n; i++, at += 4) out[i] = this.#view.getInt32(at, true);
        return out;
      }
      case DELTAS: {
        let value = 0;
        for (let i = 0; i < n; i++) {
          const packed = this.varint();
          value += packed % 2 === 0 ? packed / 2 : -(packed + 1) / 2;
          out[i] = value;
        }
        return out;
      }
      case RAW: {
        let at = this.#need(n * 8);
        for (let i = 0; i < n; i++, at += 8) out[i] = this.#view.getFloat64(at, true);
        return out;
      }
      default:
        throw damaged();
    }
  }

  #need(length: number): number {
    const from = this.#at;
    if (from + length > this.#bytes.length) throw damaged();
    this.#at = from + length;
    return from;
  }
}

function damaged(): Fault {
  return new Fault('exchange_damaged', 'an exchange entry is cut short or damaged');
}

function packingOf(values: ArrayLike<number>, n: number): number {
  let isSame = true;
  let isWhole = true;
  let isInt32 = true;
  let bytes = 0;
  let before = 0;
  for (let i = 0; i < n; i++) {
    const value = values[i];
    if (!Object.is(value, values[0])) isSame = false;
    if (!Number.isInteger(value) || Object.is(value, -0)) {
      isWhole = false;
      if (!isSame) return RAW;
      continue;
    }
    if (value !== (value | 0)) isInt32 = false;
    const delta = Math.abs(value - before);
    if (delta > DELTA_MAX) isWhole = false;
    for (let rest = delta * 2; rest >= 128; rest /= 128) bytes++;
    bytes++;
    before = value;
  }
  if (n > 0 && isSame) return SAME;
  if (!isWhole) return RAW;
  if (isInt32 && bytes > n * 4) return INT32;
  return bytes > n * 8 ? RAW : DELTAS;
}
