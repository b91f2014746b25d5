/**
 * Keyed rows that expire by their own time. Time is cut into segments of a quarter of the retention; a segment has its own
 * key table and its own chunks of rows, is appended to while young and dropped whole when old, so that nothing is ever
 * removed row by row and old pages stay clean. Expiry only frees memory: every look-up states the times it may see.
 *
 * Words, all in one slab:
 *   root 32       address of the directory: [count, segment address …], oldest first
 *   segment       index (floor(time / span)), table address, table size class, keys, chunk, next free word, chunk end, rows
 *   table         pairs of words: key lanes (0, 0: free), the key's newest row
 *   chunk         the chunk before, its size class, then rows
 *   row           the key's next older row in this segment (0: none), time, payload
 *
 * A key's rows are newest first, by (time, order of arrival).
 */
import { assert } from '../assert.ts';
import { ROOT_USER, type Slab, type SlabSet } from './slab.ts';

/** Four full segments, one that fills and one that is about to go, with room to spare. */
const SEGMENTS_MAX = 10;
const SEGMENT_CLASS = 3;
const DIRECTORY_CLASS = 4;
const TABLE_CLASS_MIN = 5;
const CHUNK_CLASS_MIN = 7;
const CHUNK_CLASS_MAX = 13;
const ROW_HEAD = 2;

export class SegmentRows {
  readonly slab: Slab;
  readonly #retentionMs: number;
  readonly #spanMs: number;
  readonly #directory: number;

  /** Rows are kept for at least `retentionMs` after their own time. */
  constructor(slabs: SlabSet, name: string, retentionMs: number) {
    this.slab = slabs.open(name);
    this.#retentionMs = retentionMs;
    this.#spanMs = Math.max(1, Math.ceil(retentionMs / 4));
    if (this.slab.f64[ROOT_USER] === 0) {
      const directory = this.slab.alloc(DIRECTORY_CLASS);
      this.slab.f64[ROOT_USER] = directory;
      this.slab.mark(ROOT_USER, 1);
    }
    this.#directory = this.slab.f64[ROOT_USER];
  }

  /** Live rows, expired ones included until their segment goes. */
  get size(): number {
    let rows = 0;
    for (let s = 0; s < this.#count; s++) rows += this.slab.f64[this.#segment(s) + 7];
    return rows;
  }

  /**
   * Adds a row; gives the word where its zeroed payload starts (the caller writes it, the pages are marked).
   * `now` is the step time, >= time. 0: the row is too old for any look-up from `now` on and was not kept.
   */
  put(lo: number, hi: number, row: { time: number; now: number; words: number }): number {
    const { time, now, words } = row;
    if (time < now - this.#retentionMs) return 0;
    const segment = this.#open(Math.floor(time / this.#spanMs), now);
    const at = this.#room(segment, words + ROW_HEAD);
    const { f64 } = this.slab;
    f64[at + 1] = time;
    this.#link(this.#slotFor(segment, lo, hi) + 1, at, time);
    this.slab.f64[segment + 7] += 1;
    this.slab.mark(segment, 8);
    return at + ROW_HEAD;
  }

  /** Payload of the key's newest row with time in [from, to]; 0: none. */
  newest(lo: number, hi: number, from: number, to: number): number {
    const { f64 } = this.slab;
    for (let s = this.#count - 1; s >= 0; s--) {
      const segment = this.#segment(s);
      const start = f64[segment] * this.#spanMs;
      if (start > to) continue;
      if (start + this.#spanMs <= from) return 0;
      let row = this.#head(segment, lo, hi);
      while (row !== 0 && f64[row + 1] > to) row = f64[row];
      if (row !== 0) return f64[row + 1] >= from ? row + ROW_HEAD : 0;
    }
    return 0;
  }

  /** Payload of the key's oldest row with time in [from, to]; 0: none. */
  oldest(lo: number, hi: number, from: number, to: number): number {
    const { f64 } = this.slab;
    for (let s = 0; s < this.#count; s++) {
      const segment = this.#segment(s);
      const start = f64[segment] * this.#spanMs;
      if (start > to) return 0;
      if (start + this.#spanMs <= from) continue;
      let found = 0;
      for (
        let row = this.#head(segment, lo, hi);
        row !== 0 && f64[row + 1] >= from;
        row = f64[row]
      ) {
        if (f64[row + 1] <= to) found = row;
      }
      if (found !== 0) return found + ROW_HEAD;
    }
    return 0;
  }

  /** Appends to `found` the payloads of the key's rows with time in [from, to], newest first. */
  all(key: { lo: number; hi: number; from: number; to: number }, found: number[]): void {
    const { f64 } = this.slab;
    for (let s = this.#count - 1; s >= 0; s--) {
      const segment = this.#segment(s);
      const start = f64[segment] * this.#spanMs;
      if (start > key.to) continue;
      if (start + this.#spanMs <= key.from) return;
      for (let row = this.#head(segment, key.lo, key.hi); row !== 0; row = f64[row]) {
        if (f64[row + 1] < key.from) return;
        if (f64[row + 1] <= key.to) found.push(row + ROW_HEAD);
      }
    }
  }

  /** Frees the segments that no look-up at a step time >= `now` can see. */
  expire(now: number): void {
    while (this.#count > 0) {
      const segment = this.#segment(0);
      const end = (this.slab.f64[segment] + 1) * this.#spanMs;
      if (end > now - this.#retentionMs) return;
      this.#drop(segment);
    }
  }

  get #count(): number {
    return this.slab.f64[this.#directory];
  }

  #segment(position: number): number {
    return this.slab.f64[this.#directory + 1 + position];
  }

  /** The segment of that index; made if there is none yet. */
  #open(index: number, now: number): number {
    for (let s = this.#count - 1; s >= 0; s--) {
      if (this.slab.f64[this.#segment(s)] === index) return this.#segment(s);
    }
    this.expire(now);
    const count = this.#count;
    assert(count < SEGMENTS_MAX, `${count} live segments in ${this.slab.name}`);
    const segment = this.slab.alloc(SEGMENT_CLASS);
    // Traffic changes slowly: a table of the size that the last one came to is seldom rehashed.
    const newest = count === 0 ? 0 : this.#segment(count - 1);
    const sizeClass = newest === 0 ? TABLE_CLASS_MIN : tableClass(this.slab.f64[newest + 3]);
    const table = this.slab.alloc(sizeClass);
    const { f64 } = this.slab;
    f64[segment] = index;
    f64[segment + 1] = table;
    f64[segment + 2] = sizeClass;
    let s = count;
    for (; s > 0 && f64[f64[this.#directory + s]] > index; s--) {
      f64[this.#directory + 1 + s] = f64[this.#directory + s];
    }
    f64[this.#directory + 1 + s] = segment;
    f64[this.#directory] = count + 1;
    this.slab.mark(this.#directory, 2 ** DIRECTORY_CLASS);
    return segment;
  }

  /** Drops the oldest segment. */
  #drop(segment: number): void {
    const { slab } = this;
    const { f64 } = slab;
    slab.free(f64[segment + 1], f64[segment + 2]);
    let chunk = f64[segment + 4];
    while (chunk !== 0) {
      const before = f64[chunk];
      slab.free(chunk, f64[chunk + 1]);
      chunk = before;
    }
    slab.free(segment, SEGMENT_CLASS);
    const count = this.#count - 1;
    f64[this.#directory] = count;
    for (let s = 0; s < count; s++) f64[this.#directory + 1 + s] = f64[this.#directory + 2 + s];
    slab.mark(this.#directory, 2 ** DIRECTORY_CLASS);
  }

  /** `words` zeroed words of the segment's chunk, or of a new one. */
  #room(segment: number, words: number): number {
    const { slab } = this;
    let at = slab.f64[segment + 5];
    if (at + words > slab.f64[segment + 6]) {
      const before = slab.f64[segment + 4];
      const grownClass =
        before === 0 ? CHUNK_CLASS_MIN : Math.min(CHUNK_CLASS_MAX, slab.f64[before + 1] + 1);
      const sizeClass = Math.max(grownClass, Math.ceil(Math.log2(words + 2)));
      const chunk = slab.alloc(sizeClass);
      const { f64 } = slab;
      f64[chunk] = before;
      f64[chunk + 1] = sizeClass;
      f64[segment + 4] = chunk;
      f64[segment + 6] = chunk + 2 ** sizeClass;
      at = chunk + 2;
    }
    slab.f64[segment + 5] = at + words;
    slab.mark(at, words);
    return at;
  }

  /** Puts the row into its key's list, before the first row that is not newer than it. */
  #link(from: number, at: number, time: number): void {
    const { slab } = this;
    const { f64 } = slab;
    let link = from;
    while (f64[link] !== 0 && f64[f64[link] + 1] > time) link = f64[link];
    f64[at] = f64[link];
    f64[link] = at;
    slab.mark(link, 1);
  }

  #head(segment: number, lo: number, hi: number): number {
    const slot = findSlot(
      this.slab,
      this.slab.f64[segment + 1],
      this.slab.f64[segment + 2],
      lo,
      hi,
    );
    return this.slab.f64[slot + 1];
  }

  /** The key's slot in the segment's table; taken if it was free. */
  #slotFor(segment: number, lo: number, hi: number): number {
    const { slab } = this;
    const sizeClass = slab.f64[segment + 2];
    const slot = findSlot(slab, slab.f64[segment + 1], sizeClass, lo, hi);
    if (slab.f64[slot + 1] !== 0) return slot;
    if ((slab.f64[segment + 3] + 1) * 3 > 2 ** sizeClass) {
      this.#rehash(segment, sizeClass + 1);
      return this.#slotFor(segment, lo, hi);
    }
    slab.f64[segment + 3] += 1;
    slab.i32[slot * 2] = lo;
    slab.i32[slot * 2 + 1] = hi;
    slab.mark(slot, 2);
    return slot;
  }

  #rehash(segment: number, sizeClass: number): void {
    const { slab } = this;
    const old = slab.f64[segment + 1];
    const table = slab.alloc(sizeClass);
    const { f64, i32 } = slab;
    for (let slot = old; slot < old + 2 ** (sizeClass - 1); slot += 2) {
      if (f64[slot + 1] === 0) continue;
      const to = findSlot(slab, table, sizeClass, i32[slot * 2], i32[slot * 2 + 1]);
      i32[to * 2] = i32[slot * 2];
      i32[to * 2 + 1] = i32[slot * 2 + 1];
      f64[to + 1] = f64[slot + 1];
    }
    slab.free(old, sizeClass - 1);
    f64[segment + 1] = table;
    f64[segment + 2] = sizeClass;
    slab.mark(segment, 8);
  }
}

/** Size class of a table with room for so many keys. */
function tableClass(keys: number): number {
  return Math.max(TABLE_CLASS_MIN, Math.ceil(Math.log2((keys + 1) * 3)));
}

/** Linear probing: the slot that holds the key, or the free one where it would go. Tables are at most two thirds full. */
function findSlot(slab: Slab, table: number, sizeClass: number, lo: number, hi: number): number {
  const { f64, i32 } = slab;
  const mask = 2 ** (sizeClass - 1) - 1;
  let position = lo & mask;
  for (;;) {
    const slot = table + position * 2;
    if (f64[slot + 1] === 0) return slot;
    if (i32[slot * 2] === lo && i32[slot * 2 + 1] === hi) return slot;
    position = (position + 1) & mask;
  }
}
