/**
 * Summaries and unions of numbers for quantiles. A summary counts its values one by one up to its bound, and buckets of
 * DDSketch beyond it. A union counts buckets, whatever its summaries do: merging adds, leaving takes off.
 *
 * Summary: map of counts, by value or by bucket; how many values; nothing; 1 beyond the bound. Union: map by bucket.
 */

import { hashNumber, lanes } from '../hash.ts';
import { bucketOf } from '../sketch/sketch-buckets.ts';
import { COUNT_MAP_WORDS, CountMap, type CountSink } from '../sketch/sketch-count-map.ts';
import {
  SUMMARY_WORDS,
  type Summaries,
  UNION_WORDS,
  type Unions,
} from '../sketch/sketch-family.ts';
import type { BlockRef } from '../state/block-ref.ts';
import { PAGE_SHIFT, type Slab } from '../state/slab.ts';
import type { QuantileAnswering } from './value-quantile-answer.ts';

const BEYOND = COUNT_MAP_WORDS + 2;
const NO_LIMIT = Number.POSITIVE_INFINITY;

export type QuantileParts = {
  readonly answering: QuantileAnswering;
  /** Where maps go. */
  readonly blocks: Slab;
};

export class QuantileSummaries implements Summaries {
  readonly refs: readonly BlockRef[];
  readonly #home: Slab;
  readonly #entriesMax: number;
  readonly #map: CountMap;
  readonly #answering: QuantileAnswering;
  /** A summary's values on their way into buckets. */
  readonly #moving: Pairs = new Pairs();
  #unions: QuantileUnions | null = null;

  constructor({ answering, blocks }: QuantileParts, home: Slab, entriesMax: number) {
    this.#home = home;
    this.#entriesMax = entriesMax;
    this.#answering = answering;
    this.#map = new CountMap(home, blocks, hashOf);
    this.refs = [this.#map.refAt(0)];
  }

  joinedBy(unions: QuantileUnions): void {
    this.#unions = unions;
  }

  init(at: number): void {
    this.#home.f64.fill(0, at, at + SUMMARY_WORDS);
    this.#home.mark(at, SUMMARY_WORDS);
  }

  add(at: number, word: number, weight: number, union: number): void {
    const bucket = bucketOf(word);
    if (union !== 0) this.#unions?.count(union, bucket, weight);
    if (this.isExact(at)) {
      if (this.#map.add(at, word, weight, this.#entriesMax)) return;
      this.#toBuckets(at);
    }
    this.#map.add(at, bucket, weight, NO_LIMIT);
  }

  size(at: number): number {
    return this.#map.size(at);
  }

  isExact(at: number): boolean {
    return this.#home.f64[at + BEYOND] === 0;
  }

  visit(at: number, sink: CountSink): void {
    this.#map.visit(at, sink);
  }

  collect(at: number): void {
    if (this.isExact(at)) this.#map.visit(at, this.#answering);
    else this.#answering.takeBuckets(this.#map, at);
  }

  release(at: number): void {
    this.#map.release(at);
    this.init(at);
  }

  #toBuckets(at: number): void {
    const moving = this.#moving;
    moving.size = 0;
    this.#map.visit(at, moving);
    this.#map.release(at);
    for (let i = 0; i < moving.size; i++) {
      this.#map.add(at, bucketOf(moving.words[i]!), moving.counts[i]!, NO_LIMIT);
    }
    this.#home.f64[at + BEYOND] = 1;
    this.#home.dirty[(at + BEYOND) >> PAGE_SHIFT] = 1;
  }
}

export class QuantileUnions implements Unions, CountSink {
  readonly refs: readonly BlockRef[];
  readonly #home: Slab;
  readonly #slices: QuantileSummaries;
  readonly #map: CountMap;
  readonly #answering: QuantileAnswering;
  /** Out of which union `offer` takes, and whether what it is given are values. */
  #at = 0;
  #ofValues = false;

  constructor({ answering, blocks }: QuantileParts, home: Slab, slices: QuantileSummaries) {
    this.#home = home;
    this.#slices = slices;
    this.#answering = answering;
    this.#map = new CountMap(home, blocks, hashOf);
    this.refs = [this.#map.refAt(0)];
    slices.joinedBy(this);
  }

  init(at: number): void {
    this.#home.f64.fill(0, at, at + UNION_WORDS);
    this.#home.mark(at, UNION_WORDS);
  }

  count(at: number, bucket: number, by: number): void {
    this.#map.add(at, bucket, by, NO_LIMIT);
  }

  leave(at: number, summary: number): void {
    this.#at = at;
    this.#ofValues = this.#slices.isExact(summary);
    this.#slices.visit(summary, this);
  }

  offer(word: number, count: number): void {
    this.#map.add(this.#at, this.#ofValues ? bucketOf(word) : word, -count, NO_LIMIT);
  }

  /** Everything that leaves is taken out: nothing is to be filled again. */
  restart(): void {}

  join(): void {}

  collect(at: number): void {
    this.#answering.takeBuckets(this.#map, at);
  }

  release(at: number): void {
    this.#map.release(at);
    this.init(at);
  }
}

/** Entries of one map, while the map is made anew. */
class Pairs implements CountSink {
  words = new Float64Array(512);
  counts = new Float64Array(512);
  size = 0;

  offer(word: number, count: number): void {
    if (this.size === this.words.length) {
      const [words, counts] = [this.words, this.counts];
      this.words = new Float64Array(words.length * 2);
      this.words.set(words);
      this.counts = new Float64Array(counts.length * 2);
      this.counts.set(counts);
    }
    this.words[this.size] = word;
    this.counts[this.size++] = count;
  }
}

function hashOf(word: number): number {
  hashNumber(word);
  return lanes[0]!;
}
