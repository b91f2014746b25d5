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
  #values = new Float64Array(0);
  #words = new Int32Array(0);
  #packed = new ArrayBuffer(0);

  /** values[rows] as field `field`, a NumberColumn. */
  write(out: WireWriter, field: number, values: Float64Array, rows: Int32Array): void {
    const n = rows.length;
    if (this.#room < n) this.#grow(n);
    const own = this.#values;
    const words = this.#words;
    let min = Number.POSITIVE_INFINITY;
    let max = Number.NEGATIVE_INFINITY;
    let whole = true;
    for (let i = 0; i < n; i++) {
      const value = values[rows[i]!]!;
      own[i] = value;
      if (value < min) min = value;
      if (value > max) max = value;
      // The sign of a zero would be lost. A null (NaN) is not whole either.
      if (Math.floor(value) !== value || (value === 0 && words[i * 2 + 1] !== 0)) whole = false;
    }
    if (n > 0 && whole && min === max) {
      out.begin(field, DOUBLE_BYTES);
      out.double(NUMBER.constant, min);
    } else if (n > 0 && whole && max - min < 2 ** 32) {
      this.#integers(out, field, n, min, max);
    } else {
      this.#reals(out, field, n);
    }
  }

  #integers(out: WireWriter, field: number, n: number, min: number, max: number): void {
    const own = this.#values;
    const isSmall = (limit: number) => max - min < limit;
    const base = min >= 0 && (max < 256 || (max < 65_536 && !isSmall(256))) ? 0 : min;
    if (isSmall(256)) {
      const u8 = new Uint8Array(this.#packed, 0, n);
      for (let i = 0; i < n; i++) u8[i] = own[i]! - base;
      put(out, field, base, NUMBER.u8, u8);
    } else if (isSmall(65_536)) {
      const u16 = new Uint16Array(this.#packed, 0, n);
      for (let i = 0; i < n; i++) u16[i] = own[i]! - base;
      put(out, field, base, NUMBER.u16, new Uint8Array(this.#packed, 0, n * 2));
    } else {
      const u32 = new Uint32Array(this.#packed, 0, n);
      for (let i = 0; i < n; i++) u32[i] = own[i]! - base;
      put(out, field, base, NUMBER.u32, new Uint8Array(this.#packed, 0, n * 4));
    }
  }

  #reals(out: WireWriter, field: number, n: number): void {
    const own = this.#values;
    const floats = new Float32Array(this.#packed, 0, n);
    let i = 0;
    for (; i < n; i++) {
      const value = own[i]!;
      const float = Math.fround(value);
      if (float !== value && !Number.isNaN(value)) break;
      floats[i] = float;
    }
    if (i === n) put(out, field, 0, NUMBER.floats, new Uint8Array(this.#packed, 0, n * 4));
    else put(out, field, 0, NUMBER.doubles, new Uint8Array(own.buffer, 0, n * 8));
  }

  #grow(n: number): void {
    this.#room = Math.max(512, n * 2);
    this.#values = new Float64Array(this.#room);
    this.#words = new Int32Array(this.#values.buffer);
    this.#packed = new ArrayBuffer(this.#room * 4);
  }
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
