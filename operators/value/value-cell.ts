/**
 * A value of any kind as one word: numbers as they are, booleans 0 and 1, everything else the name of its bytes in a
 * pool (texts as UTF-8; lists of numbers as their 8-byte words; lists of texts as (int32 length, UTF-8)…; hashes as
 * their two lanes). NaN is null for every kind.
 */
import type { Physical } from '../../dsl/types.ts';
import { assert } from '../assert.ts';
import {
  BOOL_NULL,
  type Column,
  type ListF64Column,
  type ListTextColumn,
} from '../column/column.ts';
import type { Frame } from '../column/frame.ts';
import type { Output } from '../keyspace/answers.ts';
import type { SlabSet } from '../state/slab.ts';
import { TextPool } from '../state/text-pool.ts';

/** Reads one slot of a frame as words, and writes such words into outputs. */
export class ValueCell {
  readonly #slot: number;
  readonly #pool: TextPool | null;
  #column: Column | undefined;
  #bytes = new Uint8Array(256);

  /** The pool of kinds that need one lies under `name` in `slabs`. */
  constructor(slot: number, physical: Physical, slabs: SlabSet, name: string) {
    this.#slot = slot;
    this.#pool = physical === 'f64' || physical === 'bool' ? null : new TextPool(slabs, name);
  }

  open(frame: Frame): void {
    this.#column = frame.columns[this.#slot];
    assert(this.#column !== undefined, `slot ${this.#slot} has been evaluated`);
  }

  /** The word of a row of the open frame. */
  read(row: number): number {
    const column = this.#column!;
    switch (column.kind) {
      case 'f64':
        return column.data[row]!;
      case 'bool':
        return column.data[row] === BOOL_NULL ? Number.NaN : column.data[row]!;
      case 'text': {
        const start = column.start[row]!;
        return start < 0 ? Number.NaN : this.#pool!.intern(column.bytes, start, column.end[row]!);
      }
      case 'hash':
        return this.#readHash(column.lo[row]!, column.hi[row]!);
      case 'list_f64':
        return column.isNull?.[row] ? Number.NaN : this.#readNumbers(column, row);
      case 'list_text':
        return column.isNull?.[row] ? Number.NaN : this.#readTexts(column, row);
    }
  }

  /** Writes a word as the row's value; null leaves the row as it is. A list output gets a list cell's whole list. */
  write(word: number, out: Output, row: number): void {
    if (Number.isNaN(word)) return;
    if (out.kind === 'f64' || out.kind === 'bool') {
      out.data[row] = word;
      return;
    }
    const pool = this.#pool!;
    const start = pool.start(word);
    const end = pool.end(word);
    if (out.kind === 'text') {
      out.put(row, pool.bytes, start, end);
      return;
    }
    const view = new DataView(pool.bytes.buffer, start, end - start);
    if (out.kind === 'hash') {
      out.lo[row] = view.getInt32(0, true);
      out.hi[row] = view.getInt32(4, true);
      return;
    }
    out.begin(row);
    if (out.kind === 'list_f64') {
      for (let i = 0; i < view.byteLength; i += 8) out.push(view.getFloat64(i, true));
      return;
    }
    for (let i = 0; i < view.byteLength; ) {
      const length = view.getInt32(i, true);
      out.push(pool.bytes, start + i + 4, start + i + 4 + length);
      i += 4 + length;
    }
  }

  /** Appends a word, not null, to the list that `out` has begun. Booleans are listed as 0 and 1. */
  push(word: number, out: Output): void {
    if (out.kind === 'list_f64') out.push(word);
    else if (out.kind === 'list_text') {
      out.push(this.#pool!.bytes, this.#pool!.start(word), this.#pool!.end(word));
    }
  }

  #readHash(lo: number, hi: number): number {
    if ((lo | hi) === 0) return Number.NaN;
    const view = this.#scratch(8);
    view.setInt32(0, lo, true);
    view.setInt32(4, hi, true);
    return this.#pool!.intern(this.#bytes, 0, 8);
  }

  #readNumbers(column: ListF64Column, row: number): number {
    const from = column.offsets[row]!;
    const count = column.offsets[row + 1]! - from;
    const view = this.#scratch(count * 8);
    for (let i = 0; i < count; i++) view.setFloat64(i * 8, column.values[from + i]!, true);
    return this.#pool!.intern(this.#bytes, 0, count * 8);
  }

  #readTexts(column: ListTextColumn, row: number): number {
    const { bytes, start, end } = column.values;
    let length = 0;
    for (let i = column.offsets[row]!; i < column.offsets[row + 1]!; i++) {
      length += 4 + end[i]! - start[i]!;
    }
    const view = this.#scratch(length);
    let at = 0;
    for (let i = column.offsets[row]!; i < column.offsets[row + 1]!; i++) {
      view.setInt32(at, end[i]! - start[i]!, true);
      this.#bytes.set(bytes.subarray(start[i]!, end[i]!), at + 4);
      at += 4 + end[i]! - start[i]!;
    }
    return this.#pool!.intern(this.#bytes, 0, length);
  }

  #scratch(length: number): DataView {
    if (this.#bytes.length < length) this.#bytes = new Uint8Array(length * 2);
    return new DataView(this.#bytes.buffer);
  }
}
