/**
 * What a column used to look like: the bins of the set's own earlier buckets that landed, each day counting half as much as
 * the next. So a slow change is followed and a sudden one is not; a change that is meant is released by a person, and is the
 * reference from then on.
 *
 * Block: word 0 sum of weights, 1 of squared weights, 2 emission time of the last change (ms); then a word for each bin.
 */
import type { Slab } from '../state/slab.ts';
import { BINS } from './bins.ts';

const HEADER_WORDS = 3;
const BLOCK_CLASS = Math.ceil(Math.log2(BINS + HEADER_WORDS));
const HALF_LIFE_MS = 86_400_000;

/** One column of one bucket: weights by bin. */
export type BinWeights = {
  readonly bins: Float64Array;
  readonly weight: number;
  readonly squares: number;
};

/** Kish's effective number of rows. */
export function effectiveRows({ weight, squares }: Omit<BinWeights, 'bins'>): number {
  return weight === 0 ? 0 : (weight * weight) / squares;
}

export class DriftReference {
  readonly #slab: Slab;
  readonly #at: number;

  /** `pointer`: the word that holds the block's place; 0: there is none yet. */
  constructor(slab: Slab, pointer: number) {
    this.#slab = slab;
    if (slab.f64[pointer] === 0) {
      const block = slab.alloc(BLOCK_CLASS);
      slab.f64[pointer] = block;
      slab.mark(pointer, 1);
    }
    this.#at = slab.f64[pointer];
  }

  /** As a view of the slab: read it before anything is allocated. */
  weights(): BinWeights {
    const { f64 } = this.#slab;
    const from = this.#at + HEADER_WORDS;
    const bins = f64.subarray(from, from + BINS);
    return { bins, weight: f64[this.#at], squares: f64[this.#at + 1] };
  }

  /** Adds a bucket that landed, or was released, at emission time `at`. */
  add(bucket: BinWeights, at: number): void {
    const { f64 } = this.#slab;
    const block = this.#at;
    const elapsed = Math.max(0, at - f64[block + 2]);
    const keep = f64[block] === 0 ? 0 : 2 ** (-elapsed / HALF_LIFE_MS);
    f64[block] = f64[block] * keep + bucket.weight;
    // The weights of old rows shrink, so their squares shrink twice.
    f64[block + 1] = f64[block + 1] * keep * keep + bucket.squares;
    f64[block + 2] = Math.max(f64[block + 2], at);
    for (let bin = 0; bin < BINS; bin++) {
      const word = block + HEADER_WORDS + bin;
      f64[word] = f64[word] * keep + bucket.bins[bin];
    }
    this.#slab.mark(block, HEADER_WORDS + BINS);
  }
}
