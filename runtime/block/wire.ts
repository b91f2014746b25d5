/**
 * The protobuf wire format, as far as example blocks need it: varints, length-delimited fields, packed doubles and packed
 * varints. Doubles are copied as they lie in memory, which is little-endian on every machine Node runs on.
 */
import { endianness } from 'node:os';
import { assert } from '../../operators/assert.ts';
import { blockDamaged } from './block-damage.ts';

assert(endianness() === 'LE', 'example blocks are written by little-endian machines');

const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;
const FIXED32 = 5;

const EMPTY = new Uint8Array(0);
const utf8 = new TextDecoder();
const double = new Float64Array(1);
const doubleBytes = new Uint8Array(double.buffer);

export class WireWriter {
  #bytes = new Uint8Array(65_536);
  #at = 0;

  get length(): number {
    return this.#at;
  }

  /** What was written, lent until the next write after `clear`. */
  written(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  clear(): void {
    this.#at = 0;
  }

  uint(field: number, value: number): void {
    this.#tag(field, VARINT);
    this.varint(value);
  }

  double(field: number, value: number): void {
    this.#tag(field, FIXED64);
    double[0] = value;
    this.raw(doubleBytes);
  }

  fixed32(field: number, value: number): void {
    this.#tag(field, FIXED32);
    this.#reserve(4);
    for (let shift = 0; shift < 32; shift += 8) this.#bytes[this.#at++] = value >>> shift;
  }

  string(field: number, text: string): void {
    this.bytes(field, Buffer.from(text));
  }

  bytes(field: number, value: Uint8Array): void {
    this.#tag(field, DELIMITED);
    this.varint(value.length);
    this.raw(value);
  }

  /** A whole number in (-2^52, 2^52), zigzag. */
  sint(field: number, value: number): void {
    this.#tag(field, VARINT);
    this.varint(value >= 0 ? value * 2 : -value * 2 - 1);
  }

  /** Begins a message of unknown length; hand what it gives to `shut`. */
  open(field: number): number {
    this.#tag(field, DELIMITED);
    this.#reserve(1);
    return ++this.#at;
  }

  /** Ends the message that `open` began: its bytes move where the length takes more than the one byte kept for it. */
  shut(from: number): void {
    const length = this.#at - from;
    const more = varintBytes(length) - 1;
    if (more > 0) {
      this.#reserve(more);
      this.#bytes.copyWithin(from + more, from, this.#at);
    }
    this.#at = from - 1;
    this.varint(length);
    this.#at += length;
  }

  /** A field of `length` bytes for the caller to fill in before the next call. */
  room(field: number, length: number): Uint8Array {
    this.#begin(field, length);
    this.#reserve(length);
    const at = this.#at;
    this.#at += length;
    return this.#bytes.subarray(at, at + length);
  }

  doubles(field: number, values: Float64Array): void {
    this.bytes(field, bytesOf(values));
  }

  /** A bare varint of a whole number in (-2^53, 2^53), as int64: a negative one is its two's complement. */
  int64(value: number): void {
    if (value >= 0) {
      this.varint(value);
      return;
    }
    this.#reserve(10);
    let rest = BigInt.asUintN(64, BigInt(value));
    for (; rest >= 128n; rest >>= 7n) this.#bytes[this.#at++] = Number(rest & 127n) | 128;
    this.#bytes[this.#at++] = Number(rest);
  }

  #begin(field: number, length: number): void {
    this.#tag(field, DELIMITED);
    this.varint(length);
  }

  /** A whole number in [0, 2^53). */
  varint(value: number): void {
    this.#reserve(10);
    while (value >= 128) {
      this.#bytes[this.#at++] = (value % 128) | 128;
      value = Math.floor(value / 128);
    }
    this.#bytes[this.#at++] = value;
  }

  #tag(field: number, wireType: number): void {
    this.varint(field * 8 + wireType);
  }

  /** Bytes as they are. */
  raw(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
  }

  #reserve(more: number): void {
    if (this.#at + more <= this.#bytes.length) return;
    const bigger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#at + more));
    bigger.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = bigger;
  }
}

/** Reads a message's fields in order. A Fault `block_damaged` when the bytes are not a message. */
export class WireReader {
  /** The field it is at: its number; its value where it is a number, or its bytes where it has a length. */
  number = 0;
  value = 0;
  bytes: Uint8Array = EMPTY;
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Moves to the next field; false at the end. */
  next(): boolean {
    if (this.#at >= this.#bytes.length) return false;
    const tag = this.varint();
    const type = tag % 8;
    this.number = (tag - type) / 8;
    this.bytes = EMPTY;
    this.value = 0;
    if (type === VARINT) this.value = this.varint();
    else if (type === DELIMITED) this.bytes = this.#take(this.varint());
    else if (type === FIXED64) {
      doubleBytes.set(this.#take(8));
      this.value = double[0]!;
    } else if (type === FIXED32) {
      const [a, b, c, d] = this.#take(4);
      this.value = a! + b! * 0x100 + c! * 0x10000 + d! * 0x1000000;
    } else blockDamaged(`wire type ${type}`);
    return true;
  }

  /** Itself, at each field; a loop over `next` is faster. */
  *fields(): Generator<Pick<WireReader, 'number' | 'value' | 'bytes'>> {
    while (this.next()) yield this;
  }

  varint(): number {
    const first = this.#bytes[this.#at]!;
    if (first < 128) {
      this.#at++;
      return first;
    }
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 10; i++) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) blockDamaged('it ends inside a number');
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
    blockDamaged('a number is too long');
  }

  #take(length: number): Uint8Array {
    if (this.#at + length > this.#bytes.length) blockDamaged('it ends inside a field');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}

export function textOf(bytes: Uint8Array): string {
  return utf8.decode(bytes);
}

/** Packed doubles as an array of their own. */
export function doublesOf(bytes: Uint8Array): Float64Array {
  return new Float64Array(bytes.slice().buffer, 0, bytes.length >> 3);
}

/** Packed fixed32s as an array of their own. */
export function uint32sOf(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(bytes.slice().buffer, 0, bytes.length >> 2);
}

function bytesOf(values: Float64Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** Bytes that `varint` takes for a value. */
function varintBytes(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size++;
  return size;
}
