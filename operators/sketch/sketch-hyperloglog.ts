/**
 * HyperLogLog (Flajolet, Fusy, Gandouet & Meunier 2007) with 4,096 registers of one byte over 64-bit hashes: 12 bits
 * choose the register, the leading zeros of 32 others are its rank. Estimates are Ertl's improved raw estimator (2017,
 * "New cardinality estimation algorithms for HyperLogLog sketches", algorithm 6): unbiased from 0 on, without the
 * tables of Heule et al. or a switch to linear counting. It reads only how many registers have each rank, which is kept.
 *
 * Header, one word: block of the registers (int32, 0: none), block of the ranks' counts (int32). Merging takes the greater
 * of each register: associative, commutative, idempotent.
 */
import { assert } from '../assert.ts';
import type { BlockRef } from '../state/block-ref.ts';
import { PAGE_SHIFT, type Slab } from '../state/slab.ts';

/** Words of the header. */
export const HLL_WORDS = 1;
/** The standard error is 1.04 / sqrt(4,096). */
export const HLL_STANDARD_ERROR = 1.04 / 64;

const REGISTERS = 4096;
/** 512 words of registers. */
const REGISTERS_CLASS = 9;
/** 64 counts of 32 bits. */
const RANKS_CLASS = 5;
/** A rank is one more than the leading zeros among 32 bits. */
const RANK_MAX = 33;
const ALPHA = 1 / (2 * Math.LN2);

export class HyperLogLog {
  readonly #home: Slab;
  readonly #blocks: Slab;

  /** Headers lie in `home`, registers in `blocks` (another slab). */
  constructor(home: Slab, blocks: Slab) {
    assert(home !== blocks, 'headers and registers lie in different slabs');
    this.#home = home;
    this.#blocks = blocks;
  }

  /** The blocks of a sketch whose header lies `words` words into its section. */
  refsAt(words: number): BlockRef[] {
    return [REGISTERS_CLASS, RANKS_CLASS].map((sizeClass, i) => ({
      slab: this.#blocks,
      address: words * 2 + i,
      size: { kind: 'class', sizeClass },
      inner: null,
    }));
  }

  /** Takes in a value by the lanes of its hash. */
  add(at: number, lo: number, hi: number): void {
    if (this.#home.i32[at * 2] === 0) this.#open(at);
    const block = this.#home.i32[at * 2]!;
    // The lanes of a number depend on each other (for whole ones lo ^ hi is the same for all): mix them anew.
    const a = mix(Math.imul(lo, 0x9e3779b1) ^ hi);
    const b = mix(Math.imul(hi, 0x85ebca77) + a);
    this.#raise(block, this.#home.i32[at * 2 + 1]!, b >>> 20, Math.clz32(a) + 1);
  }

  /** Merges the sketch with its header at `from` of `other` into the one at `at`. */
  merge(at: number, other: HyperLogLog, from: number): void {
    const source = other.#home.i32[from * 2]!;
    if (source === 0) return;
    if (this.#home.i32[at * 2] === 0) this.#open(at);
    const block = this.#home.i32[at * 2]!;
    const ranks = this.#home.i32[at * 2 + 1]!;
    const bytes = other.#blocks.u8;
    const mine = this.#blocks.u8;
    for (let i = 0; i < REGISTERS; i++) {
      const rank = bytes[source * 8 + i]!;
      if (rank > mine[block * 8 + i]!) this.#raise(block, ranks, i, rank);
    }
  }

  /** How many different values went in, about; a whole number. */
  estimate(at: number): number {
    const ranks = this.#home.i32[at * 2 + 1]!;
    if (ranks === 0) return 0;
    const counts = this.#blocks.i32;
    const m = REGISTERS;
    let z = m * tau(1 - counts[ranks * 2 + RANK_MAX]! / m);
    for (let rank = RANK_MAX - 1; rank >= 1; rank--) z = 0.5 * (z + counts[ranks * 2 + rank]!);
    z += m * sigma(counts[ranks * 2]! / m);
    return Math.round((ALPHA * m * m) / z);
  }

  /** Empties it and gives its blocks back. */
  release(at: number): void {
    const { i32, dirty } = this.#home;
    if (i32[at * 2] === 0) return;
    this.#blocks.free(i32[at * 2]!, REGISTERS_CLASS);
    this.#blocks.free(i32[at * 2 + 1]!, RANKS_CLASS);
    i32[at * 2] = 0;
    i32[at * 2 + 1] = 0;
    dirty[at >> PAGE_SHIFT] = 1;
  }

  #open(at: number): void {
    const registers = this.#blocks.alloc(REGISTERS_CLASS);
    const ranks = this.#blocks.alloc(RANKS_CLASS);
    this.#blocks.i32[ranks * 2] = REGISTERS;
    const { i32, dirty } = this.#home;
    i32[at * 2] = registers;
    i32[at * 2 + 1] = ranks;
    dirty[at >> PAGE_SHIFT] = 1;
  }

  #raise(block: number, ranks: number, register: number, rank: number): void {
    const { u8, i32, dirty } = this.#blocks;
    const at = block * 8 + register;
    const before = u8[at]!;
    if (rank <= before) return;
    u8[at] = rank;
    i32[ranks * 2 + before]! -= 1;
    i32[ranks * 2 + rank]! += 1;
    dirty[at >> (PAGE_SHIFT + 3)] = 1;
    dirty[ranks >> PAGE_SHIFT] = 1;
  }
}

/** The finisher of MurmurHash3 (Appleby 2011). */
function mix(h: number): number {
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** Ertl 2017, algorithm 5: what registers of the greatest rank stand for. */
function tau(x: number): number {
  if (x === 0 || x === 1) return 0;
  let y = 1;
  let z = 1 - x;
  for (;;) {
    x = Math.sqrt(x);
    const before = z;
    y *= 0.5;
    z -= (1 - x) * (1 - x) * y;
    if (z === before) return z / 3;
  }
}

/** Ertl 2017, algorithm 5: what registers that are still 0 stand for. */
function sigma(x: number): number {
  if (x === 1) return Number.POSITIVE_INFINITY;
  let y = 1;
  let z = x;
  for (;;) {
    x *= x;
    const before = z;
    z += x * y;
    y += y;
    if (z === before) return z;
  }
}
