/**
 * Rows that share all features of one look-up: a request with many candidates says its user's features once. The rows that
 * differ are kept, and which of them each row is.
 */
import type { Column } from '../../operators/column/column.ts';

/** Rows looked at first: where fewer of them are like one before, the block is left as it is. */
const LOOKED_AT = 48;
const ALIKE_SHARE = 1 / 4;
/** Bits that a feature takes, about: what a row saves must be more than what its reference costs. */
const NUMBER_BITS = 8;
const LIST_BITS = 48;

export type Refs = {
  /** Rows of the batch, one of each kind. */
  readonly kept: Int32Array;
  /** By row of the block: which of the kept it is. Lent until the next call. */
  readonly index: Int32Array;
};

/** Finds rows alike; its buffers are used again. */
export class RowMatcher {
  #room = 0;
  #table = new Int32Array(0);
  #hashes = new Int32Array(0);
  #entryHashes = new Int32Array(0);
  #index = new Int32Array(0);
  #firsts = new Int32Array(0);

  /** Null where references would not pay. */
  match(columns: readonly Column[], rows: Int32Array): Refs | null {
    const n = rows.length;
    if (columns.length === 0 || n < 2) return null;
    if (this.#room < n) this.#grow(n);
    const looked = Math.min(n, LOOKED_AT);
    const alike = looked - this.#count(columns, rows.subarray(0, looked));
    if (alike < looked * ALIKE_SHARE) return null;
    const kept = this.#count(columns, rows);
    const refBits = n * (32 - Math.clz32(kept - 1));
    if ((n - kept) * bitsOf(columns) <= refBits) return null;
    for (const column of columns) if (!this.#isAlike(column, rows)) return null;
    // One each: a buffer of the matcher's would be written again by the next group.
    return { kept: this.#firsts.slice(0, kept), index: this.#index };
  }

  /** Numbers the rows by their hashes, in the order in which they come; gives how many differ. */
  #count(columns: readonly Column[], rows: Int32Array): number {
    const n = rows.length;
    const hashes = this.#hashes.fill(0, 0, n);
    for (const column of columns) addHashes(hashes, column, rows);
    const mask = 2 ** (33 - Math.clz32(n)) - 1;
    const table = this.#table.fill(0, 0, mask + 1);
    const entryHashes = this.#entryHashes;
    const index = this.#index;
    let count = 0;
    for (let i = 0; i < n; i++) {
      const hash = fmix(hashes[i]!);
      let at = hash & mask;
      let entry = table[at]!;
      while (entry !== 0 && entryHashes[entry - 1] !== hash) {
        at = (at + 1) & mask;
        entry = table[at]!;
      }
      if (entry === 0) {
        entryHashes[count] = hash;
        this.#firsts[count++] = rows[i]!;
        entry = count;
        table[at] = count;
      }
      index[i] = entry - 1;
    }
    return count;
  }

  /** Whether every row has the column's value of the row that is kept for it: two of one hash may differ. */
  #isAlike(column: Column, rows: Int32Array): boolean {
    const index = this.#index;
    const firsts = this.#firsts;
    if (column.kind === 'f64') {
      const words = wordsOf(column.data);
      for (let i = 0; i < rows.length; i++) {
        const a = rows[i]! * 2;
        const b = firsts[index[i]!]! * 2;
        if (words[a] !== words[b] || words[a + 1] !== words[b + 1]) return false;
      }
      return true;
    }
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      const first = firsts[index[i]!]!;
      if (row !== first && !isEqual(column, row, first)) return false;
    }
    return true;
  }

  #grow(n: number): void {
    this.#room = Math.max(512, n * 2);
    this.#table = new Int32Array(2 ** (33 - Math.clz32(this.#room)));
    this.#hashes = new Int32Array(this.#room);
    this.#entryHashes = new Int32Array(this.#room);
    this.#index = new Int32Array(this.#room);
    this.#firsts = new Int32Array(this.#room);
  }
}

function bitsOf(columns: readonly Column[]): number {
  let bits = 0;
  for (const { kind } of columns) {
    bits += kind === 'bool' ? 1 : kind.startsWith('list') ? LIST_BITS : NUMBER_BITS;
  }
  return bits;
}

function addHashes(hashes: Int32Array, column: Column, rows: Int32Array): void {
  if (column.kind === 'f64') addNumberHashes(hashes, wordsOf(column.data), rows);
  else if (column.kind !== 'hash') addOtherHashes(hashes, column, rows);
}

function addNumberHashes(hashes: Int32Array, words: Int32Array, rows: Int32Array): void {
  for (let i = 0; i < rows.length; i++) {
    const at = rows[i]! * 2;
    hashes[i] = mixNumber(hashes[i]!, words[at]!, words[at + 1]!);
  }
}

type Other = Exclude<Column, { kind: 'f64' | 'hash' }>;

function addOtherHashes(hashes: Int32Array, column: Other, rows: Int32Array): void {
  const words = column.kind === 'list_f64' ? wordsOf(column.values) : NO_WORDS;
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!;
    let hash = hashes[i]!;
    switch (column.kind) {
      case 'bool':
        hash = mix(hash, column.data[row]!);
        break;
      case 'text':
        hash = mixBytes(hash, column.bytes, column.start[row]!, column.end[row]!);
        break;
      case 'list_f64':
        for (let at = column.offsets[row]!; at < column.offsets[row + 1]!; at++)
          hash = mixNumber(hash, words[at * 2]!, words[at * 2 + 1]!);
        break;
      case 'list_text': {
        const { bytes, start, end } = column.values;
        for (let at = column.offsets[row]!; at < column.offsets[row + 1]!; at++)
          hash = mixBytes(hash, bytes, start[at]!, end[at]!);
      }
    }
    hashes[i] = hash;
  }
}

const NO_WORDS = new Int32Array(0);

/** Numbers by their bits, as they lie. */
function wordsOf({ buffer, byteOffset, length }: Float64Array): Int32Array {
  return new Int32Array(buffer, byteOffset, length * 2);
}

function mix(hash: number, word: number): number {
  return Math.imul(hash ^ word, 0x9e3779b1) + 0x7f4a7c15;
}

function mixNumber(hash: number, low: number, high: number): number {
  return mix(hash ^ low, high ^ (high >>> 15));
}

function mixBytes(hash: number, bytes: Uint8Array, from: number, to: number): number {
  let mixed = mix(hash, to - from);
  for (let i = from; i < to; i++) mixed = Math.imul(mixed ^ bytes[i]!, 0x01000193);
  return mixed;
}

function fmix(hash: number): number {
  const a = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return a ^ (a >>> 13);
}

function isEqual(column: Column, a: number, b: number): boolean {
  switch (column.kind) {
    case 'f64':
      return Object.is(column.data[a], column.data[b]);
    case 'bool':
      return column.data[a] === column.data[b];
    case 'text':
      return sameText(column, a, b);
    case 'hash':
      return column.lo[a] === column.lo[b] && column.hi[a] === column.hi[b];
    case 'list_f64':
    case 'list_text': {
      const from = column.offsets[a]!;
      const other = column.offsets[b]!;
      const length = column.offsets[a + 1]! - from;
      if (length !== column.offsets[b + 1]! - other) return false;
      if ((column.isNull?.[a] ?? 0) !== (column.isNull?.[b] ?? 0)) return false;
      for (let i = 0; i < length; i++) {
        const same =
          column.kind === 'list_f64'
            ? Object.is(column.values[from + i], column.values[other + i])
            : sameText(column.values, from + i, other + i);
        if (!same) return false;
      }
      return true;
    }
  }
}

type Texts = Extract<Column, { kind: 'text' }>;

function sameText({ bytes, start, end }: Texts, a: number, b: number): boolean {
  const from = start[a]!;
  const other = start[b]!;
  const length = end[a]! - from;
  if (length !== end[b]! - other || from < 0 !== other < 0) return false;
  for (let i = 0; i < length; i++) if (bytes[from + i] !== bytes[other + i]) return false;
  return true;
}
