/**
 * The engine against the reference evaluator, on random programs over random rows: with and without generated code, at
 * one shard and several, in batches of any size, straight and restarted from its pages. `test/bench/search.ts` goes on
 * for as many seeds as one likes.
 */
import { describe, expect, it } from 'vitest';
import { difference, generateCase, showCase, shrink } from './generate/trial.ts';

const SEEDS = 150;
const PER_TEST = 15;

describe('engine and reference agree', () => {
  for (let from = 1; from <= SEEDS; from += PER_TEST) {
    it(`on seeds ${from} to ${from + PER_TEST - 1}`, () => {
      for (let seed = from; seed < from + PER_TEST; seed++) {
        const found = generateCase(seed);
        if (difference(found) !== null) expect.fail(showCase(shrink(found)));
      }
    });
  }
});
