/**
 * A growing column whose rows are set in any order; rows never set are null. Texts and list values are appended to
 * an arena and rows point into it, so that several writers may fill different rows of one column.
 */
import type { Physical } from '../../dsl/types.ts';
import { BOOL_NULL, type Column, type ListTextColumn, TEXT_NULL } from './column.ts';

const ROWS_MIN = 16;

export class RowBuilder {
  readonly physical: Physical;
  /** f64 rows. */
  numbers = new Float64Array(0);
  /** bool rows. */
  bools = new Uint8Array(0);
  /** text: start and end in `bytes`; hash: lo and hi; lists: start and end in the values, start -1 is null. */
  first = new Int32Array(0);
  second = new Int32Array(0);
  bytes = new Uint8Array(0);
  values = new Float64Array(0);
  valueStart = new Int32Array(0);
  valueEnd = new Int32Array(0);
  #bytesUsed = 0;
  #valuesUsed = 0;
  #rows = 0;

  constructor(physical: Physical, rows = 0) {
    this.physical = physical;
    this.rows(rows);
  }

  /** Makes rows below `n` settable; new ones are null. */
  rows(n: number): void {
    if (n <= this.#rows) return;
    const from = this.#rows;
    const size = Math.max(n, from * 2, ROWS_MIN);
    this.#rows = size;
    switch (this.physical) {
      case 'f64':
        this.numbers = grown(this.numbers, new Float64Array(size)).fill(Number.NaN, from);
        return;
      case 'bool':
        this.bools = grown(this.bools, new Uint8Array(size)).fill(BOOL_NULL, from);
        return;
      case 'hash':
        this.first = grown(this.first, new Int32Array(size));
        this.second = grown(this.second, new Int32Array(size));
        return;
      default:
        this.first = grown(this.first, new Int32Array(size)).fill(TEXT_NULL, from);
        this.second = grown(this.second, new Int32Array(size)).fill(TEXT_NULL, from);
    }
  }

  /** Copies bytes into the arena; gives where they start. */
  addBytes(from: Uint8Array, start: number, end: number): number {
    const at = this.#bytesUsed;
    const next = at + end - start;
    if (next > this.bytes.length) {
      this.bytes = grown(this.bytes, new Uint8Array(Math.max(next, this.bytes.length * 2, 256)));
    }
    const bytes = this.bytes;
    if (end - start > 48) bytes.set(from.subarray(start, end), at);
    else for (let i = start, o = at; i < end; i++, o++) bytes[o] = from[i];
    this.#bytesUsed = next;
    return at;
  }

  /** Room for `count` list values; gives the first one's index in `values` or `valueStart`, `valueEnd`. */
  addValues(count: number): number {
    const at = this.#valuesUsed;
    const next = at + count;
    if (this.physical === 'list_f64') {
      if (next > this.values.length) {
        this.values = grown(this.values, new Float64Array(Math.max(next, at * 2, ROWS_MIN)));
      }
    } else if (next > this.valueStart.length) {
      const size = Math.max(next, at * 2, ROWS_MIN);
      this.valueStart = grown(this.valueStart, new Int32Array(size));
      this.valueEnd = grown(this.valueEnd, new Int32Array(size));
    }
    this.#valuesUsed = next;
    return at;
  }

  /** The column of rows 0 .. n; the builder must not be used after. */
  finish(n: number): Column {
    this.rows(n);
    switch (this.physical) {
      case 'f64':
        return { kind: 'f64', data: this.numbers.subarray(0, n) };
      case 'bool':
        return { kind: 'bool', data: this.bools.subarray(0, n) };
      case 'hash':
        return { kind: 'hash', lo: this.first.subarray(0, n), hi: this.second.subarray(0, n) };
      case 'text':
        return this.#texts(this.first.subarray(0, n), this.second.subarray(0, n));
      case 'list_f64':
      case 'list_text':
        return this.#lists(n);
    }
  }

  #texts(start: Int32Array, end: Int32Array): ListTextColumn['values'] {
    return { kind: 'text', bytes: this.bytes.subarray(0, this.#bytesUsed), start, end };
  }

  /** Rows may have been written in any order: values are put into row order, nulls become empty and marked. */
  #lists(n: number): Column {
    const offsets = new Int32Array(n + 1);
    let isNull: Uint8Array | null = null;
    for (let i = 0; i < n; i++) {
      const start = this.first[i];
      if (start < 0) (isNull ??= new Uint8Array(n))[i] = 1;
      offsets[i + 1] = offsets[i] + (start < 0 ? 0 : this.second[i] - start);
    }
    const from = new Int32Array(offsets[n]);
    for (let i = 0; i < n; i++) {
      for (let v = offsets[i]; v < offsets[i + 1]; v++) from[v] = this.first[i] + v - offsets[i];
    }
    if (this.physical === 'list_f64') {
      return {
        kind: 'list_f64',
        offsets,
        values: from.length === 0 ? new Float64Array(0) : pick(this.values, from),
        isNull,
      };
    }
    const values = this.#texts(pickInts(this.valueStart, from), pickInts(this.valueEnd, from));
    return { kind: 'list_text', offsets, values, isNull };
  }
}

/** `bigger` with the start of `array` copied in. */
export function grown<A extends Float64Array | Int32Array | Uint8Array>(array: A, bigger: A): A {
  bigger.set(array);
  return bigger;
}

function pick(source: Float64Array, from: Int32Array): Float64Array {
  const out = new Float64Array(from.length);
  for (let i = 0; i < from.length; i++) out[i] = source[from[i]];
  return out;
}

function pickInts(source: Int32Array, from: Int32Array): Int32Array {
  const out = new Int32Array(from.length);
  for (let i = 0; i < from.length; i++) out[i] = source[from[i]];
  return out;
}
