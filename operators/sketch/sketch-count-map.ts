/**
 * Values with counts, in one block of a slab: open addressing with linear probing over (value word, count) pairs, count
 * 0 for free. Counts are whole numbers, exact to 2^53. Doubles when three quarters full, halves when an eighth is in use.
 *
 * With a limit it is a Space-Saving summary (Metwally, Agrawal & El Abbadi 2005, "Efficient computation of frequent and
 * top-k elements in data streams"): a newcomer to a full map takes the place, and the count, of one with the least
 * count. A count is then at most total / limit above the truth, and whatever is not held occurred at most that often.
 *
 * Header, three words: block (int32, 0: none) and its size class (int32); entries (int32) and where the search for a
 * least count goes on (int32); the least count (0: not known).
 */
import { assert } from '../assert.ts';
import type { BlockRef } from '../state/block-ref.ts';
import { PAGE_SHIFT, type Slab } from '../state/slab.ts';

/** Words of the header. */
export const COUNT_MAP_WORDS = 3;

const BLOCK = 0;
const CLASS = 1;
const SIZE = 2;
const CURSOR = 3;
const LEAST = 2;
/** Four pairs, of which three may be in use. */
const SMALLEST_CLASS = 3;
const FULLEST = 0.75;
/** Odd, so that every pair is come by once. */
const STRIDE = 0x9e3779b1;

/** Takes entries one by one. */
export interface CountSink {
  offer(word: number, count: number): void;
}

export class CountMap {
  /** The count that the last `add` left its value with. */
  lastCount = 0;
  /** What the last `replaceLeast` threw out. */
  evictedWord = 0;
  evictedCount = 0;
  readonly #home: Slab;
  readonly #blocks: Slab;
  readonly #hash: (word: number) => number;

  /** Headers lie in `home`, pairs in `blocks` (another slab). `hash`: of a value's content, the same on every shard. */
  constructor(home: Slab, blocks: Slab, hash: (word: number) => number) {
    assert(home !== blocks, 'headers and pairs lie in different slabs');
    this.#home = home;
    this.#blocks = blocks;
    this.#hash = hash;
  }

  /** The block of a map whose header lies `words` words into its section. */
  refAt(words: number): BlockRef {
    const size = { kind: 'held', at: words * 2 + CLASS } as const;
    return { slab: this.#blocks, address: words * 2 + BLOCK, size, inner: null };
  }

  size(at: number): number {
    return this.#home.i32[at * 2 + SIZE]!;
  }

  /** 0: not held. */
  count(at: number, word: number): number {
    return this.size(at) === 0 ? 0 : this.#blocks.f64[this.#slotOf(at, word) + 1]!;
  }

  /** Adds `by` (below 0: takes off; at 0 the entry goes). False, and nothing done: it is new and `limit` are held. */
  add(at: number, word: number, by: number, limit: number): boolean {
    const { i32 } = this.#home;
    if (i32[at * 2 + BLOCK] === 0) this.#resize(at, SMALLEST_CLASS);
    let slot = this.#slotOf(at, word);
    const { f64 } = this.#blocks;
    if (f64[slot + 1] === 0) {
      const size = i32[at * 2 + SIZE]!;
      if (size >= limit) return false;
      if (size + 1 > this.#pairs(at) * FULLEST) {
        this.#resize(at, i32[at * 2 + CLASS]! + 1);
        slot = this.#slotOf(at, word);
      }
      this.#put(at, slot, word, by);
      this.lastCount = by;
      return true;
    }
    const count = f64[slot + 1]! + by;
    assert(count >= 0, 'a count never falls below 0');
    this.lastCount = count;
    if (count === 0) this.#remove(at, slot);
    else {
      f64[slot + 1] = count;
      this.#blocks.dirty[slot >> PAGE_SHIFT] = 1;
    }
    return true;
  }

  /** Enters a newcomer into a full map; see `evictedWord`. It gets the least count and `by`. */
  replaceLeast(at: number, word: number, by: number): void {
    const { f64, dirty } = this.#home;
    const slot = this.#findLeast(at);
    const pairs = this.#blocks.f64;
    this.evictedWord = pairs[slot]!;
    this.evictedCount = pairs[slot + 1]!;
    this.#take(at, slot);
    this.#put(at, this.#slotOf(at, word), word, f64[at + LEAST]! + by);
    dirty[at >> PAGE_SHIFT] = 1;
  }

  /** Hands every entry over, in no order that means anything. */
  visit(at: number, sink: CountSink): void {
    const { i32 } = this.#home;
    const from = i32[at * 2 + BLOCK]!;
    if (from === 0) return;
    const { f64 } = this.#blocks;
    const to = from + this.#pairs(at) * 2;
    for (let slot = from; slot < to; slot += 2) {
      if (f64[slot + 1] !== 0) sink.offer(f64[slot]!, f64[slot + 1]!);
    }
  }

  /** Empties it and gives its block back. */
  release(at: number): void {
    const { i32, f64 } = this.#home;
    const block = i32[at * 2 + BLOCK]!;
    if (block !== 0) this.#blocks.free(block, i32[at * 2 + CLASS]!);
    f64.fill(0, at, at + COUNT_MAP_WORDS);
    this.#home.mark(at, COUNT_MAP_WORDS);
  }

  #pairs(at: number): number {
    return 1 << (this.#home.i32[at * 2 + CLASS]! - 1);
  }

  /** Word of the pair that holds the value, or of the free one where it would go. */
  #slotOf(at: number, word: number): number {
    const block = this.#home.i32[at * 2 + BLOCK]!;
    const mask = this.#pairs(at) - 1;
    const { f64 } = this.#blocks;
    let index = this.#hash(word) & mask;
    for (;;) {
      const slot = block + index * 2;
      if (f64[slot + 1] === 0 || f64[slot] === word) return slot;
      index = (index + 1) & mask;
    }
  }

  #put(at: number, slot: number, word: number, count: number): void {
    assert(count > 0, 'an entry has a count');
    const { f64, dirty } = this.#blocks;
    f64[slot] = word;
    f64[slot + 1] = count;
    dirty[slot >> PAGE_SHIFT] = 1;
    this.#home.i32[at * 2 + SIZE]! += 1;
    this.#home.dirty[at >> PAGE_SHIFT] = 1;
  }

  #remove(at: number, slot: number): void {
    this.#take(at, slot);
    const smaller = this.#home.i32[at * 2 + CLASS]! - 1;
    if (smaller >= SMALLEST_CLASS && this.size(at) * 8 < this.#pairs(at)) this.#resize(at, smaller);
  }

  /** Frees a pair and moves those behind it up that would be lost otherwise (Knuth, volume 3, algorithm 6.4R). */
  #take(at: number, slot: number): void {
    const block = this.#home.i32[at * 2 + BLOCK]!;
    const mask = this.#pairs(at) - 1;
    const { f64, dirty } = this.#blocks;
    let hole = (slot - block) >> 1;
    let index = hole;
    for (;;) {
      index = (index + 1) & mask;
      const from = block + index * 2;
      if (f64[from + 1] === 0) break;
      const wanted = this.#hash(f64[from]!) & mask;
      if (((index - wanted) & mask) < ((index - hole) & mask)) continue;
      f64[block + hole * 2] = f64[from]!;
      f64[block + hole * 2 + 1] = f64[from + 1]!;
      dirty[(block + hole * 2) >> PAGE_SHIFT] = 1;
      hole = index;
    }
    f64[block + hole * 2 + 1] = 0;
    dirty[(block + hole * 2) >> PAGE_SHIFT] = 1;
    this.#home.i32[at * 2 + SIZE]! -= 1;
    this.#home.dirty[at >> PAGE_SHIFT] = 1;
  }

  /**
   * A pair of the least count. Counts of a full map only grow, so one that has the least count known has the least; the
   * search goes on from where the last one ended, and once round the least count is taken anew. It strides over the
   * block: emptying one end of it would crowd the other.
   */
  #findLeast(at: number): number {
    const { i32, f64 } = this.#home;
    const block = i32[at * 2 + BLOCK]!;
    const pairs = this.#pairs(at);
    const words = this.#blocks.f64;
    let least = f64[at + LEAST]!;
    let cursor = least === 0 ? pairs : i32[at * 2 + CURSOR]!;
    for (;;) {
      for (; cursor < pairs; cursor++) {
        const slot = block + (Math.imul(cursor, STRIDE) & (pairs - 1)) * 2;
        if (words[slot + 1] !== least) continue;
        i32[at * 2 + CURSOR] = cursor;
        return slot;
      }
      least = Number.POSITIVE_INFINITY;
      for (let slot = block; slot < block + pairs * 2; slot += 2) {
        const count = words[slot + 1]!;
        if (count !== 0 && count < least) least = count;
      }
      f64[at + LEAST] = least;
      cursor = 0;
    }
  }

  #resize(at: number, sizeClass: number): void {
    const { i32, dirty } = this.#home;
    const old = i32[at * 2 + BLOCK]!;
    const oldClass = i32[at * 2 + CLASS]!;
    const block = this.#blocks.alloc(sizeClass);
    const { f64 } = this.#blocks;
    i32[at * 2 + BLOCK] = block;
    i32[at * 2 + CLASS] = sizeClass;
    dirty[at >> PAGE_SHIFT] = 1;
    if (old === 0) return;
    const mask = (1 << (sizeClass - 1)) - 1;
    for (let from = old; from < old + (1 << oldClass); from += 2) {
      if (f64[from + 1] === 0) continue;
      let index = this.#hash(f64[from]!) & mask;
      while (f64[block + index * 2 + 1] !== 0) index = (index + 1) & mask;
      f64[block + index * 2] = f64[from]!;
      f64[block + index * 2 + 1] = f64[from + 1]!;
    }
    // A recycled block was marked whole by `alloc`; a fresh one too.
    this.#blocks.free(old, oldClass);
  }
}
