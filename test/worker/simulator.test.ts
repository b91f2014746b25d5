/** The worker over a simulated cluster: what is committed never depends on what went wrong. */
import { describe, expect, it } from 'vitest';
import { type Outcome, simulate } from './simulator/simulate.ts';
import type { Canary } from './simulator/simulated-cluster.ts';

const SEEDS = 40;
const UNITS_SEEDS = 10;
const CANARY_SEEDS = 150;
const TEST_MS = 120_000;

describe('workers on a simulated cluster', () => {
  it(
    'commit what the engine gives, whatever the weather',
    async () => {
      const first = Date.now() % 1e6;
      const outcomes: Outcome[] = [];
      for (let seed = first; seed < first + SEEDS; seed++) {
        const outcome = await simulate(seed);
        expect(outcome.wrong, `seed ${seed}`).toBeNull();
        outcomes.push(outcome);
      }
      const sum = (of: (outcome: Outcome) => number) =>
        outcomes.reduce((total, outcome) => total + of(outcome), 0);
      expect(sum(({ kills }) => kills)).toBeGreaterThan(SEEDS);
      expect(sum(({ lives }) => lives)).toBeGreaterThan(2 * SEEDS);
      expect(sum(({ floors }) => floors)).toBeGreaterThan(SEEDS);
      expect(sum(({ verdicts }) => verdicts)).toBeGreaterThan(SEEDS);
    },
    TEST_MS,
  );

  it(
    'commit the same with several units and an exchange between them',
    async () => {
      const first = Date.now() % 1e6;
      for (let seed = first; seed < first + UNITS_SEEDS; seed++) {
        const units = 2 + (seed % 2);
        const { wrong } = await simulate(seed, 'none', units);
        expect(wrong, `seed ${seed}, ${units} units`).toBeNull();
      }
    },
    TEST_MS,
  );

  it.each<[Canary, number]>([
    ['no_fence', 1],
    ['stale_progress', 1],
    ['hopeful_commit', 1],
    ['greedy_truncation', 3],
  ])(
    'finds the canary %s',
    async (canary, units) => {
      for (let seed = 0; seed < CANARY_SEEDS; seed++) {
        if ((await simulate(seed, canary, units)).wrong !== null) return;
      }
      throw new Error(`${canary} was not found in ${CANARY_SEEDS} seeds`);
    },
    TEST_MS,
  );

  it('says the same of the same seed', async () => {
    expect(await simulate(17)).toEqual(await simulate(17));
  });
});
