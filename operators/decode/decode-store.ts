/**
 * Where a decoder writes a batch. All cells of one physical kind share one array, column after column of `capacity`
 * rows, so that a cell is one addition away and a batch is a handful of allocations:
 *
 *   ints   for each text field start, end; for each hash lo, hi      bools  one a bool field
 *   nums   one a number field                                        lists  a growing list of values a list field
 */
import type { Column, HashColumn, TextColumn } from '../column/column.ts';
import { TEXT_NULL } from '../column/column.ts';
import { combine, HI_SEED, hashNumber, LO_SEED, lanes } from '../hash.ts';
import type { FieldSpec } from './decode-field.ts';
import { KIND } from './decode-field.ts';
import type { DecodedBatch, DecodedColumn } from './decoder.ts';

/** Batches kept for reuse by one decoder; a released one beyond it is left to the garbage collector. */
const POOL_BATCHES_MAX = 4;

export class BatchStore {
  readonly capacity: number;
  readonly ints: Int32Array;
  readonly nums: Float64Array;
  readonly bools: Uint8Array;
  /** By field: first cell of its column in ints (text start, hash lo), nums or bools; -1 when it has none. */
  readonly textAt: Int32Array;
  readonly hashAt: Int32Array;
  readonly valueAt: Int32Array;
  readonly lists: readonly (ListCells | null)[];
  readonly rawStart: Int32Array;
  readonly rawEnd: Int32Array;
  readonly #specs: readonly FieldSpec[];
  #badCount = 0;
  #badRow: Int32Array = new Int32Array(16);
  #badField: Int32Array = new Int32Array(16);
  #badReason = new Uint8Array(16);

  constructor(specs: readonly FieldSpec[], capacity: number) {
    this.#specs = specs;
    this.capacity = capacity;
    this.textAt = new Int32Array(specs.length).fill(-1);
    this.hashAt = new Int32Array(specs.length).fill(-1);
    this.valueAt = new Int32Array(specs.length).fill(-1);
    let ints = 0;
    let nums = 0;
    let bools = 0;
    specs.forEach((spec, f) => {
      if (spec.kind === KIND.text) {
        this.textAt[f] = ints * capacity;
        ints += 2;
      } else if (spec.kind === KIND.bool) this.valueAt[f] = bools++ * capacity;
      else if (spec.kind !== KIND.list) this.valueAt[f] = nums++ * capacity;
      if (spec.hash) {
        this.hashAt[f] = ints * capacity;
        ints += 2;
      }
    });
    this.ints = new Int32Array(ints * capacity);
    this.nums = new Float64Array(nums * capacity);
    this.bools = new Uint8Array(bools * capacity);
    this.lists = specs.map((spec) =>
      spec.kind === KIND.list ? new ListCells(spec.element === KIND.text, capacity) : null,
    );
    this.rawStart = new Int32Array(capacity);
    this.rawEnd = new Int32Array(capacity);
  }

  setNull(field: number, row: number): void {
    const kind = this.#specs[field]!.kind;
    if (kind === KIND.text) {
      const at = this.textAt[field]! + row;
      this.ints[at] = TEXT_NULL;
      this.ints[at + this.capacity] = TEXT_NULL;
    } else if (kind === KIND.bool) this.bools[this.valueAt[field]! + row] = 2;
    else if (kind === KIND.list) this.lists[field]!.setNull(row);
    else this.nums[this.valueAt[field]! + row] = Number.NaN;
    this.setHash(field, row, 0, 0);
  }

  setNumber(field: number, row: number, value: number): void {
    this.nums[this.valueAt[field]! + row] = value;
    if (this.hashAt[field]! >= 0) {
      hashNumber(value);
      this.setHash(field, row, lanes[0]!, lanes[1]!);
    }
  }

  /** Bools hash as the numbers 0 and 1. */
  setBool(field: number, row: number, value: 0 | 1): void {
    this.bools[this.valueAt[field]! + row] = value;
    if (this.hashAt[field]! >= 0) {
      hashNumber(value);
      this.setHash(field, row, lanes[0]!, lanes[1]!);
    }
  }

  setText(field: number, row: number, start: number, end: number): void {
    const at = this.textAt[field]! + row;
    this.ints[at] = start;
    this.ints[at + this.capacity] = end;
  }

  setHash(field: number, row: number, lo: number, hi: number): void {
    const at = this.hashAt[field]!;
    if (at < 0) return;
    this.ints[at + row] = lo;
    this.ints[at + this.capacity + row] = hi;
  }

  /** Ends a list: its hash extends the seeds by each element's. */
  setList(field: number, row: number): void {
    const list = this.lists[field]!;
    list.endRow(row);
    if (this.hashAt[field]! >= 0) this.setHash(field, row, list.lo, list.hi);
  }

  bad(row: number, field: number, reason: number): void {
    const at = this.#badCount++;
    if (at === this.#badRow.length) {
      this.#badRow = grownInts(this.#badRow);
      this.#badField = grownInts(this.#badField);
      const reasons = new Uint8Array(at * 2);
      reasons.set(this.#badReason);
      this.#badReason = reasons;
    }
    this.#badRow[at] = row;
    this.#badField[at] = field;
    this.#badReason[at] = reason;
  }

  clear(): void {
    this.#badCount = 0;
    for (const list of this.lists) list?.clear();
  }

  /** The first n rows as columns over `bytes`; the store must not be written again before `release`. */
  finish(n: number, firstOffset: number, bytes: Uint8Array, release: () => void): DecodedBatch {
    return {
      n,
      firstOffset,
      columns: this.#specs.map((spec, f) => this.#column(spec, f, n, bytes)),
      bad: {
        count: this.#badCount,
        row: this.#badRow,
        field: this.#badField,
        reason: this.#badReason,
      },
      rawBytes: bytes,
      rawStart: this.rawStart,
      rawEnd: this.rawEnd,
      release,
    };
  }

  /** Columns all have one shape: readers of them are compiled once. */
  #column(spec: FieldSpec, f: number, n: number, bytes: Uint8Array): DecodedColumn {
    const value = spec.value ? this.#value(spec, f, n, bytes) : undefined;
    const hash = spec.hash ? this.#hash(f, n) : undefined;
    return { value, hash };
  }

  #hash(f: number, n: number): HashColumn {
    const at = this.hashAt[f]!;
    return { kind: 'hash', lo: this.#ints(at, n), hi: this.#ints(at + this.capacity, n) };
  }

  #value(spec: FieldSpec, f: number, n: number, bytes: Uint8Array): Column {
    if (spec.kind === KIND.list) return this.lists[f]!.column(n, bytes);
    if (spec.kind === KIND.text) {
      const at = this.textAt[f]!;
      const end = this.#ints(at + this.capacity, n);
      return { kind: 'text', bytes, start: this.#ints(at, n), end };
    }
    const at = this.valueAt[f]!;
    if (spec.kind === KIND.bool) return { kind: 'bool', data: this.bools.subarray(at, at + n) };
    return { kind: 'f64', data: this.nums.subarray(at, at + n) };
  }

  #ints(at: number, n: number): Int32Array {
    return this.ints.subarray(at, at + n);
  }
}

/** A list field of a batch. Rows are ended in order; a row may be begun again, which forgets what it had. */
class ListCells {
  readonly offsets: Int32Array;
  readonly #isNull: Uint8Array;
  readonly #text: boolean;
  #size = 0;
  #numbers = new Float64Array(0);
  #starts: Int32Array = new Int32Array(0);
  #ends: Int32Array = new Int32Array(0);
  /** Running hash of the row being filled. */
  lo = 0;
  hi = 0;

  constructor(text: boolean, capacity: number) {
    this.#text = text;
    this.offsets = new Int32Array(capacity + 1);
    this.#isNull = new Uint8Array(capacity);
  }

  clear(): void {
    this.#size = 0;
  }

  beginRow(row: number): void {
    this.#size = row === 0 ? 0 : this.offsets[row]!;
    this.lo = LO_SEED;
    this.hi = HI_SEED;
  }

  addNumber(value: number): void {
    if (this.#size === this.#numbers.length) {
      const grown = new Float64Array(Math.max(64, this.#size * 2));
      grown.set(this.#numbers);
      this.#numbers = grown;
    }
    this.#numbers[this.#size++] = value;
    hashNumber(value);
    this.#extend();
  }

  /** The text's hash is read from `lanes`. */
  addText(start: number, end: number): void {
    if (this.#size === this.#starts.length) {
      this.#starts = grownInts(this.#starts);
      this.#ends = grownInts(this.#ends);
    }
    this.#starts[this.#size] = start;
    this.#ends[this.#size++] = end;
    this.#extend();
  }

  endRow(row: number): void {
    this.offsets[row + 1] = this.#size;
    this.#isNull[row] = 0;
  }

  setNull(row: number): void {
    this.beginRow(row);
    this.endRow(row);
    this.#isNull[row] = 1;
  }

  column(n: number, bytes: Uint8Array): Column {
    const offsets = this.offsets.subarray(0, n + 1);
    const isNull = this.#isNull.subarray(0, n);
    if (!this.#text) return { kind: 'list_f64', offsets, values: this.#numbers, isNull };
    const values: TextColumn = { kind: 'text', bytes, start: this.#starts, end: this.#ends };
    return { kind: 'list_text', offsets, values, isNull };
  }

  #extend(): void {
    combine(this.lo, this.hi, lanes[0]!, lanes[1]!);
    this.lo = lanes[0]!;
    this.hi = lanes[1]!;
  }
}

/** Stores of one decoder, taken for a batch and given back by `release`. */
export class StorePool {
  readonly #specs: readonly FieldSpec[];
  readonly #free: BatchStore[] = [];

  constructor(specs: readonly FieldSpec[]) {
    this.#specs = specs;
  }

  take(capacity: number): BatchStore {
    const at = this.#free.findIndex((store) => store.capacity >= capacity);
    const store = at < 0 ? new BatchStore(this.#specs, capacity) : this.#free.splice(at, 1)[0]!;
    store.clear();
    return store;
  }

  give(store: BatchStore): void {
    if (this.#free.length < POOL_BATCHES_MAX && !this.#free.includes(store)) this.#free.push(store);
  }
}

function grownInts(ints: Int32Array): Int32Array {
  const grown = new Int32Array(Math.max(16, ints.length * 2));
  grown.set(ints);
  return grown;
}
