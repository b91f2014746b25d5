/**
 * Columns of numbers in an example block: in as few bytes a row as keep every value exactly. Counts and times in a block
 * mostly fit a byte or two above the smallest of them; amounts mostly are floats; what is neither stays a double.
 */
import { assert } from '../operators/assert.ts';
import { NUMBER } from './block-layout.ts';
import { Fault } from './fault.ts';
import { doublesOf, varintBytes, WireReader, type WireWriter } from './wire.ts';

/** Bytes of a tag and a double. */
const DOUBLE_BYTES = 9;

/** Packs columns; its buffers are used again. */
export class NumberPacker {
  #room = 0;
  #own = new Float64Array(0);
  #ints = new Int32Array(0);
  #packed = new ArrayBuffer(0);
  #u8 = new Uint8Array(0);
  #u16 = new Uint16Array(0);
  #u32 = new Uint32Array(0);
  #floats = new Float32Array(0);

  /** values[rows] as field `field`, a NumberColumn. `rows` ascend. */
  write(out: WireWriter, field: number, values: Float64Array, rows: Int32Array): void {
    const n = rows.length;
    if (this.#room < n) this.#grow(n);
    const picked = this.#pick(values, rows);
    if (this.#small(out, field, picked)) return;
    if (this.#wide(out, field, picked)) return;
    if (this.#asFloats(picked)) put(out, field, 0, NUMBER.floats, this.#bytes(n * 4));
    else put(out, field, 0, NUMBER.doubles, bytesOf(picked));
  }

  /** The values in a row of their own; as they lie where no row is left out. */
  #pick(values: Float64Array, rows: Int32Array): Float64Array {
    const n = rows.length;
    if (n > 0 && rows[n - 1]! - rows[0]! === n - 1) return values.subarray(rows[0], rows[0]! + n);
    const own = this.#own;
    for (let i = 0; i < n; i++) own[i] = values[rows[i]!]!;
    return own.subarray(0, n);
  }

  /** Where all are int32s, as most counts are. */
  #small(out: WireWriter, field: number, values: Float64Array): boolean {
    const n = values.length;
    if (n === 0) return false;
    const ints = this.#ints;
    let min = 2 ** 31 - 1;
    let max = -(2 ** 31);
    for (let i = 0; i < n; i++) {
      const value = values[i]!;
      const int = value | 0;
      // Of a zero the sign would be lost.
      if (int !== value || Object.is(value, -0)) return false;
      ints[i] = int;
      if (int < min) min = int;
      if (int > max) max = int;
    }
    const base = baseOf(min, max);
    if (min === max) {
      constant(out, field, min);
    } else if (max - base < 256) {
      const u8 = this.#u8;
      for (let i = 0; i < n; i++) u8[i] = ints[i]! - base;
      put(out, field, base, NUMBER.u8, this.#bytes(n));
    } else if (max - base < 65_536) {
      const u16 = this.#u16;
      for (let i = 0; i < n; i++) u16[i] = ints[i]! - base;
      put(out, field, base, NUMBER.u16, this.#bytes(n * 2));
    } else {
      const u32 = this.#u32;
      for (let i = 0; i < n; i++) u32[i] = ints[i]! - base;
      put(out, field, base, NUMBER.u32, this.#bytes(n * 4));
    }
    return true;
  }

  /** Where all are integers at most four bytes apart, as times are. */
  #wide(out: WireWriter, field: number, values: Float64Array): boolean {
    const n = values.length;
    if (n === 0) return false;
    let min = Number.POSITIVE_INFINITY;
    let max = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < n; i++) {
      const value = values[i]!;
      // A null (NaN) is not whole either.
      if (Math.floor(value) !== value || Object.is(value, -0)) return false;
      if (value < min) min = value;
      if (value > max) max = value;
    }
    const span = max - min;
    if (min === max) {
      constant(out, field, min);
    } else if (span < 256) {
      const u8 = this.#u8;
      for (let i = 0; i < n; i++) u8[i] = values[i]! - min;
      put(out, field, min, NUMBER.u8, this.#bytes(n));
    } else if (span < 65_536) {
      const u16 = this.#u16;
      for (let i = 0; i < n; i++) u16[i] = values[i]! - min;
      put(out, field, min, NUMBER.u16, this.#bytes(n * 2));
    } else if (span < 2 ** 32) {
      const u32 = this.#u32;
      for (let i = 0; i < n; i++) u32[i] = values[i]! - min;
      put(out, field, min, NUMBER.u32, this.#bytes(n * 4));
    } else {
      return false;
    }
    return true;
  }

  #asFloats(values: Float64Array): boolean {
    const floats = this.#floats;
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      const float = Math.fround(value);
      if (float !== value && !Number.isNaN(value)) return false;
      floats[i] = float;
    }
    return true;
  }

  #bytes(length: number): Uint8Array {
    return new Uint8Array(this.#packed, 0, length);
  }

  #grow(n: number): void {
    this.#room = Math.max(512, n * 2);
    this.#own = new Float64Array(this.#room);
    this.#ints = new Int32Array(this.#room);
    this.#packed = new ArrayBuffer(this.#room * 4);
    this.#u8 = new Uint8Array(this.#packed);
    this.#u16 = new Uint16Array(this.#packed);
    this.#u32 = new Uint32Array(this.#packed);
    this.#floats = new Float32Array(this.#packed);
  }
}

/** What is taken off small integers: nothing where that costs no byte. */
function baseOf(min: number, max: number): number {
  if (min >= 0 && max < 256) return 0;
  return min >= 0 && max < 65_536 && max - min > 255 ? 0 : min;
}

function constant(out: WireWriter, field: number, value: number): void {
  out.begin(field, DOUBLE_BYTES);
  out.double(NUMBER.constant, value);
}

function bytesOf(values: Float64Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** The `rows` values of a NumberColumn. A Fault `block_damaged` when it does not hold so many. */
export function decodeNumbers(bytes: Uint8Array, rows: number): Float64Array {
  let base = 0;
  let values: Float64Array | null = null;
  for (const { number, value, bytes: body } of new WireReader(bytes).fields()) {
    if (number === NUMBER.base) base = value;
    else if (number === NUMBER.constant) values = new Float64Array(rows).fill(value);
    else if (number === NUMBER.u8) values = Float64Array.from(body, (v) => base + v);
    else if (number === NUMBER.doubles) values = doublesOf(body);
    else if (number === NUMBER.u16) values = lifted(new Uint16Array(aligned(body, 2)), base);
    else if (number === NUMBER.u32) values = lifted(new Uint32Array(aligned(body, 4)), base);
    else if (number === NUMBER.floats)
      values = Float64Array.from(new Float32Array(aligned(body, 4)));
  }
  if (values === null && rows === 0) return new Float64Array(0);
  if (values?.length !== rows) {
    throw new Fault(
      'block_damaged',
      `an example block is damaged: a column has ${values?.length ?? 0} numbers for ${rows} rows`,
    );
  }
  return values;
}

function put(out: WireWriter, field: number, base: number, kind: number, body: Uint8Array): void {
  assert(kind < 16, 'a tag of a NumberColumn takes one byte');
  const size = 1 + varintBytes(body.length) + body.length;
  out.begin(field, size + (base === 0 ? 0 : DOUBLE_BYTES));
  if (base !== 0) out.double(NUMBER.base, base);
  out.bytes(kind, body);
}

function lifted(values: Uint16Array | Uint32Array, base: number): Float64Array {
  return Float64Array.from(values, (value) => base + value);
}

/** The bytes in a buffer of their own, whole values only. */
function aligned(bytes: Uint8Array, size: number): ArrayBuffer {
  return bytes.slice(0, bytes.length - (bytes.length % size)).buffer as ArrayBuffer;
}
