/**
 * The most frequent values of a map of counts: found by looking at all, or, of a map that is large and long-lived, among
 * candidates that are kept at hand.
 *
 * Candidates are all values that come at or before a certain (count, value) in the order of answers, and perhaps some that
 * have fallen behind it. Whatever rises to it becomes one; if too few are left before it, or too many became one, they
 * are chosen anew. So they never change an answer, only how long it takes.
 *
 * Header, one word: block (int32, 0: none). Block: how many there are; the count and the value they reach to; values.
 */

import type { CountMap, CountSink } from '../sketch/sketch-count-map.ts';
import type { BlockRef } from '../state/block-ref.ts';
import { PAGE_SHIFT, type Slab } from '../state/slab.ts';
import type { BagCell } from './value-bag-cell.ts';

/** A map of up to this many values is looked through. */
const LOOK_THROUGH_MAX = 128;
/** Candidates chosen for each value wanted, and at least. */
const CHOSEN_PER_WANTED = 2;
const CHOSEN_MIN = 32;
const SIZE = 0;
const LAST_COUNT = 1;
const LAST_WORD = 2;
const WORDS = 3;

/** The entries of the greatest counts, in order: by count, ties the smaller value first. */
export class TopCounts implements CountSink {
  readonly most: number;
  readonly words: Float64Array;
  readonly counts: Float64Array;
  size = 0;
  readonly #cell: BagCell;

  constructor(cell: BagCell, most: number) {
    this.#cell = cell;
    this.most = most;
    this.words = new Float64Array(most);
    this.counts = new Float64Array(most);
  }

  begin(): void {
    this.size = 0;
  }

  offer(word: number, count: number): void {
    const last = this.size - 1;
    if (this.size === this.most) {
      const least = this.counts[last]!;
      if (count < least || !this.#isBefore(word, count, last)) return;
    }
    let low = 0;
    let high = this.size;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#isBefore(word, count, middle)) high = middle;
      else low = middle + 1;
    }
    const end = this.size === this.most ? last : this.size++;
    this.words.copyWithin(low + 1, low, end);
    this.counts.copyWithin(low + 1, low, end);
    this.words[low] = word;
    this.counts[low] = count;
  }

  #isBefore(word: number, count: number, index: number): boolean {
    const other = this.counts[index]!;
    if (count !== other) return count > other;
    return this.#cell.compare(word, this.words[index]!) < 0;
  }
}

export class TopCandidates {
  readonly #home: Slab;
  readonly #blocks: Slab;
  readonly #cell: BagCell;
  readonly #map: CountMap;
  readonly #most: number;
  readonly #chosen: TopCounts;
  /** Size class of a block: room for as many again as are chosen. */
  readonly #class: number;

  /** Of the map's `most` most frequent values. Headers lie in `home`, blocks in `blocks`. */
  constructor(
    { home, blocks, cell, map }: { home: Slab; blocks: Slab; cell: BagCell; map: CountMap },
    most: number,
  ) {
    this.#home = home;
    this.#blocks = blocks;
    this.#cell = cell;
    this.#map = map;
    this.#most = most;
    this.#chosen = new TopCounts(cell, Math.max(CHOSEN_MIN, most * CHOSEN_PER_WANTED));
    this.#class = 32 - Math.clz32(WORDS + 2 * this.#chosen.most - 1);
  }

  /** The block of candidates whose header lies `words` words into its section. */
  refAt(words: number): BlockRef {
    const size = { kind: 'class', sizeClass: this.#class } as const;
    return { slab: this.#blocks, address: words * 2, size, inner: null };
  }

  /** A value's count went up, from `before` to `after`. */
  rose(at: number, word: number, before: number, after: number): void {
    const block = this.#home.i32[at * 2]!;
    if (block === 0) return;
    if (!this.#reaches(block, word, after)) return;
    if (before > 0 && this.#reaches(block, word, before)) return;
    const { f64, dirty } = this.#blocks;
    const size = f64[block + SIZE]!;
    for (let i = 0; i < size; i++) if (f64[block + WORDS + i] === word) return;
    if (size === 2 * this.#chosen.most) {
      this.release(at);
      return;
    }
    f64[block + WORDS + size] = word;
    f64[block + SIZE] = size + 1;
    dirty[block >> PAGE_SHIFT] = 1;
    dirty[(block + WORDS + size) >> PAGE_SHIFT] = 1;
  }

  /** Offers `top` at least its fill of the map (with its header at `map`). */
  collect(at: number, map: number, top: TopCounts): void {
    if (this.#map.size(map) <= LOOK_THROUGH_MAX) {
      this.#map.visit(map, top);
      return;
    }
    const block = this.#home.i32[at * 2]!;
    if (block !== 0) {
      const { f64 } = this.#blocks;
      const size = f64[block + SIZE]!;
      let reaching = 0;
      for (let i = 0; i < size; i++) {
        const word = f64[block + WORDS + i]!;
        const count = this.#map.count(map, word);
        if (count === 0 || !this.#reaches(block, word, count)) continue;
        top.offer(word, count);
        reaching++;
      }
      if (reaching >= this.#most) return;
      top.begin();
    }
    this.#choose(at, map);
    for (let i = 0; i < this.#chosen.size; i++) {
      top.offer(this.#chosen.words[i]!, this.#chosen.counts[i]!);
    }
  }

  release(at: number): void {
    const block = this.#home.i32[at * 2]!;
    if (block === 0) return;
    this.#blocks.free(block, this.#class);
    this.#home.i32[at * 2] = 0;
    this.#home.dirty[at >> PAGE_SHIFT] = 1;
  }

  #choose(at: number, map: number): void {
    const chosen = this.#chosen;
    chosen.begin();
    this.#map.visit(map, chosen);
    if (this.#home.i32[at * 2] === 0) {
      this.#home.i32[at * 2] = this.#blocks.alloc(this.#class);
      this.#home.dirty[at >> PAGE_SHIFT] = 1;
    }
    const block = this.#home.i32[at * 2]!;
    const { f64 } = this.#blocks;
    f64[block + SIZE] = chosen.size;
    f64[block + LAST_COUNT] = chosen.counts[chosen.size - 1]!;
    f64[block + LAST_WORD] = chosen.words[chosen.size - 1]!;
    f64.set(chosen.words.subarray(0, chosen.size), block + WORDS);
    this.#blocks.mark(block, WORDS + chosen.size);
  }

  /** Whether an entry comes at or before the last one chosen. */
  #reaches(block: number, word: number, count: number): boolean {
    const { f64 } = this.#blocks;
    const last = f64[block + LAST_COUNT]!;
    if (count !== last) return count > last;
    return this.#cell.compare(word, f64[block + LAST_WORD]!) <= 0;
  }
}
