import { describe, expect, it } from 'vitest';
import {
  addToShare,
  emptyShare,
  psiThreshold,
  shareInterval,
} from '../../../operators/checks/interval.ts';
import { rng } from '../../random.ts';

describe('the interval of a share', () => {
  it('is Wilson’s where all rows weigh the same', () => {
    const share = emptyShare();
    for (let i = 0; i < 2000; i++) addToShare(share, 1, i < 20);
    const { p, low, high } = shareInterval(share)!;
    expect(p).toBe(0.01);
    // Wilson (1927) at z = 3.2905: centre (p + z²/2n) / (1 + z²/n).
    expect(low).toBeCloseTo(0.004875, 5);
    expect(high).toBeCloseTo(0.0204, 4);
  });

  it('says nothing of no rows, and is bounded where all say the same', () => {
    expect(shareInterval(emptyShare())).toBe(null);
    const share = emptyShare();
    for (let i = 0; i < 10; i++) addToShare(share, 1, false);
    const { p, low, high } = shareInterval(share)!;
    expect([p, low]).toEqual([0, 0]);
    expect(high).toBeGreaterThan(0.4);
    expect(high).toBeLessThan(0.6);
  });

  it('misses the true rate about once in a thousand, also where negatives are sampled (seeded)', () => {
    for (const sampled of [1, 0.1]) {
      const random = rng(11);
      const rate = 0.02;
      let missed = 0;
      for (let trial = 0; trial < 3000; trial++) {
        const share = emptyShare();
        for (let row = 0; row < 2000; row++) {
          const isPositive = random.chance(rate);
          if (!isPositive && !random.chance(sampled)) continue;
          addToShare(share, isPositive ? 1 : 1 / sampled, isPositive);
        }
        const { low, high } = shareInterval(share)!;
        if (rate < low || rate > high) missed++;
      }
      expect(missed, `sample ${sampled}`).toBeLessThan(15);
    }
  });
});

describe('the threshold of a stability index', () => {
  it('is exceeded about once in a thousand where nothing changed (seeded)', () => {
    const random = rng(12);
    let exceeded = 0;
    const groups = 10;
    const sample = (n: number) => {
      const counts = new Float64Array(groups);
      for (let i = 0; i < n; i++) counts[random.below(groups)]!++;
      return counts.map((count) => (count + 0.5) / (n + groups / 2));
    };
    for (let trial = 0; trial < 2000; trial++) {
      const now = sample(500);
      const before = sample(5000);
      const psi = now.reduce((sum, p, i) => sum + (p - before[i]!) * Math.log(p / before[i]!), 0);
      if (psi > psiThreshold(0, { rows: 500, rowsBefore: 5000, groups })) exceeded++;
    }
    expect(exceeded).toBeLessThan(10);
  });

  it('comes close to the bound with many rows', () => {
    const many = psiThreshold(0.2, { rows: 1e6, rowsBefore: 1e7, groups: 11 });
    expect(many).toBeGreaterThan(0.2);
    expect(many).toBeLessThan(0.203);
  });
});
