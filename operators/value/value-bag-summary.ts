/**
 * Summaries and unions of bags. A summary counts its values one by one up to its bound. Beyond it, where counts are read
 * it is a Space-Saving summary; where only `distinct` is, registers of a HyperLogLog take its place; where both are, it
 * has both.
 *
 * A union is the sum of its summaries' counts: what a summary does not hold any more adds nothing. Each is off by at most
 * (values in the slice) / SLICE_ENTRIES_MAX, up or down, so the sum by (values in the window) / SLICE_ENTRIES_MAX, and
 * adding is associative and can be undone (compare Agarwal et al. 2012, "Mergeable summaries", where pruning cannot).
 *
 * Summary: map of counts; how many values; registers; 1 beyond the bound. Union: map; how many values; registers; candidates.
 */

import { lanes } from '../hash.ts';
import { COUNT_MAP_WORDS, CountMap, type CountSink } from '../sketch/sketch-count-map.ts';
import {
  SUMMARY_WORDS,
  type Summaries,
  UNION_WORDS,
  type Unions,
} from '../sketch/sketch-family.ts';
import { HLL_WORDS, HyperLogLog } from '../sketch/sketch-hyperloglog.ts';
import type { BlockRef } from '../state/block-ref.ts';
import { PAGE_SHIFT, type Slab } from '../state/slab.ts';
import type { BagAnswering } from './value-bag-answer.ts';
import type { BagCell } from './value-bag-cell.ts';
import { TopCandidates } from './value-bag-top.ts';

const TOTAL = COUNT_MAP_WORDS;
const REGISTERS = TOTAL + 1;
/** In a summary. */
const BEYOND = REGISTERS + HLL_WORDS;
/** In a union. */
const CANDIDATES = REGISTERS + HLL_WORDS;

/** What is read of a bag. */
export type BagReads = {
  /** topk, mode or mode_share. */
  readonly counts: boolean;
  readonly distinct: boolean;
};

export type BagParts = {
  readonly cell: BagCell;
  readonly reads: BagReads;
  readonly answering: BagAnswering;
  /** Where maps and registers go. */
  readonly blocks: Slab;
};

/** A map of counts by value; slots go by the content's hash. */
function countMap({ cell, blocks }: BagParts, home: Slab): CountMap {
  return new CountMap(home, blocks, (word) => {
    cell.hash(word);
    return lanes[0]!;
  });
}

export class BagSummaries implements Summaries, CountSink {
  readonly refs: readonly BlockRef[];
  readonly #home: Slab;
  readonly #cell: BagCell;
  readonly #reads: BagReads;
  readonly #answering: BagAnswering;
  readonly #entriesMax: number;
  readonly #map: CountMap;
  readonly #registers: HyperLogLog;
  /** The unions these summaries are parts of; null: of none. */
  #unions: BagUnions | null = null;
  /** Whose registers are being filled. */
  #filling = 0;

  constructor(parts: BagParts, home: Slab, entriesMax: number) {
    this.#home = home;
    this.#cell = parts.cell;
    this.#reads = parts.reads;
    this.#answering = parts.answering;
    this.#entriesMax = entriesMax;
    this.#map = countMap(parts, home);
    this.#registers = new HyperLogLog(home, parts.blocks);
    this.refs = [this.#map.refAt(0), ...this.#registers.refsAt(REGISTERS)];
  }

  /** For those who merge them. */
  get registers(): HyperLogLog {
    return this.#registers;
  }

  joinedBy(unions: BagUnions): void {
    this.#unions = unions;
  }

  init(at: number): void {
    this.#home.f64.fill(0, at, at + SUMMARY_WORDS);
    this.#home.mark(at, SUMMARY_WORDS);
  }

  add(at: number, word: number, weight: number, union: number): void {
    this.#home.f64[at + TOTAL]! += weight;
    this.#home.dirty[(at + TOTAL) >> PAGE_SHIFT] = 1;
    const unions = union === 0 ? null : this.#unions;
    const keepsCounts = this.isExact(at) || this.#reads.counts;
    if (keepsCounts && this.#map.add(at, word, weight, this.#entriesMax)) {
      unions?.count(union, word, weight);
    } else {
      if (this.isExact(at)) this.#goBeyond(at);
      if (this.#reads.counts) {
        this.#map.replaceLeast(at, word, weight);
        const { evictedWord, evictedCount } = this.#map;
        unions?.count(union, evictedWord, -evictedCount);
        unions?.count(union, word, weight + evictedCount);
      }
    }
    if (unions !== null) unions.taken(union, word, weight);
    if (this.#reads.distinct && !this.isExact(at)) {
      this.#cell.hash(word);
      this.#registers.add(at + REGISTERS, lanes[0]!, lanes[1]!);
    }
  }

  size(at: number): number {
    return this.#map.size(at);
  }

  isExact(at: number): boolean {
    return this.#home.f64[at + BEYOND] === 0;
  }

  /** How many values went in. */
  total(at: number): number {
    return this.#home.f64[at + TOTAL]!;
  }

  collect(at: number): void {
    const isExact = this.isExact(at);
    const distinct = isExact ? this.#map.size(at) : this.#registers.estimate(at + REGISTERS);
    this.#answering.take(this.total(at), distinct);
    if (this.#reads.counts) this.#map.visit(at, this.#answering.top);
  }

  visit(at: number, sink: CountSink): void {
    this.#map.visit(at, sink);
  }

  release(at: number): void {
    this.#map.release(at);
    this.#registers.release(at + REGISTERS);
    this.init(at);
  }

  /** Takes a value that the map holds into the registers. */
  offer(word: number): void {
    this.#cell.hash(word);
    this.#registers.add(this.#filling + REGISTERS, lanes[0]!, lanes[1]!);
  }

  #goBeyond(at: number): void {
    this.#home.f64[at + BEYOND] = 1;
    this.#home.dirty[(at + BEYOND) >> PAGE_SHIFT] = 1;
    if (!this.#reads.distinct) return;
    this.#filling = at;
    this.#map.visit(at, this);
    if (!this.#reads.counts) this.#map.release(at);
  }
}

export class BagUnions implements Unions, CountSink {
  readonly refs: readonly BlockRef[];
  readonly #home: Slab;
  readonly #cell: BagCell;
  readonly #reads: BagReads;
  readonly #answering: BagAnswering;
  readonly #slices: BagSummaries;
  readonly #map: CountMap;
  readonly #registers: HyperLogLog;
  readonly #candidates: TopCandidates;
  /** Which union `offer` works on, and whether it takes out of it. */
  #at = 0;
  #leaving = false;

  constructor(parts: BagParts, home: Slab, slices: BagSummaries) {
    this.#home = home;
    this.#cell = parts.cell;
    this.#reads = parts.reads;
    this.#answering = parts.answering;
    this.#slices = slices;
    this.#map = countMap(parts, home);
    this.#registers = new HyperLogLog(home, parts.blocks);
    this.#candidates = new TopCandidates(
      { home, blocks: parts.blocks, cell: parts.cell, map: this.#map },
      parts.answering.top.most,
    );
    this.refs = [
      this.#map.refAt(0),
      ...this.#registers.refsAt(REGISTERS),
      this.#candidates.refAt(CANDIDATES),
    ];
    slices.joinedBy(this);
  }

  init(at: number): void {
    this.#home.f64.fill(0, at, at + UNION_WORDS);
    this.#home.mark(at, UNION_WORDS);
  }

  /** A summary's count of a value changed. */
  count(at: number, word: number, by: number): void {
    if (!this.#reads.counts) return;
    this.#map.add(at, word, by, Number.POSITIVE_INFINITY);
    const { lastCount } = this.#map;
    if (by > 0) this.#candidates.rose(at + CANDIDATES, word, lastCount - by, lastCount);
  }

  /** A value went into a summary, whatever became of its count. */
  taken(at: number, word: number, weight: number): void {
    this.#addTotal(at, weight);
    if (this.#reads.distinct) this.#see(at, word);
  }

  leave(at: number, summary: number): void {
    this.#addTotal(at, -this.#slices.total(summary));
    if (!this.#reads.counts) return;
    this.#at = at;
    this.#leaving = true;
    this.#slices.visit(summary, this);
  }

  restart(at: number): void {
    this.#registers.release(at + REGISTERS);
  }

  join(at: number, summary: number): void {
    if (!this.#reads.distinct) return;
    if (!this.#slices.isExact(summary)) {
      this.#registers.merge(at + REGISTERS, this.#slices.registers, summary + REGISTERS);
      return;
    }
    this.#at = at;
    this.#leaving = false;
    this.#slices.visit(summary, this);
  }

  /** An entry of a summary that leaves, or whose value is to be seen. */
  offer(word: number, count: number): void {
    if (this.#leaving) this.#map.add(this.#at, word, -count, Number.POSITIVE_INFINITY);
    else this.#see(this.#at, word);
  }

  release(at: number): void {
    this.#map.release(at);
    this.#candidates.release(at + CANDIDATES);
    this.#registers.release(at + REGISTERS);
    this.init(at);
  }

  collect(at: number): void {
    const distinct = this.#registers.estimate(at + REGISTERS);
    this.#answering.take(this.#home.f64[at + TOTAL]!, distinct);
    if (this.#reads.counts) this.#candidates.collect(at + CANDIDATES, at, this.#answering.top);
  }

  #see(at: number, word: number): void {
    this.#cell.hash(word);
    this.#registers.add(at + REGISTERS, lanes[0]!, lanes[1]!);
  }

  #addTotal(at: number, by: number): void {
    this.#home.f64[at + TOTAL]! += by;
    this.#home.dirty[(at + TOTAL) >> PAGE_SHIFT] = 1;
  }
}
