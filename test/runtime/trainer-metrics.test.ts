import { describe, expect, test } from 'vitest';
import type { Value } from '../../operators/column/column.ts';
import { hashFeature } from '../../runtime/trainer/feature-hash.ts';
import { HourlySeries } from '../../runtime/trainer/hourly-series.ts';
import { LabelMetrics } from '../../runtime/trainer/label-metrics.ts';
import { PendingScores } from '../../runtime/trainer/pending-scores.ts';
import { RowEncoder } from '../../runtime/trainer/row-encoder.ts';
import { rng } from '../random.ts';

type Scored = { readonly score: number; readonly value: number; readonly weight: number };

function draw(seed: number, count: number): Scored[] {
  const { next, chance, below } = rng(seed);
  return Array.from({ length: count }, () => {
    // Rounded, so that there are ties.
    const score = (1 + Math.floor(next() * 60)) / 64;
    return { score, value: chance(score) ? 1 : 0, weight: 1 + below(10) };
  });
}

function metricsOf(rows: readonly Scored[]): LabelMetrics {
  const metrics = new LabelMetrics();
  for (const { score, value, weight } of rows) metrics.add(score, value, weight);
  return metrics;
}

/** By its definition: the chance that a positive outranks a negative, ties half. */
function aucByPairs(rows: readonly Scored[]): number {
  let [won, pairs] = [0, 0];
  for (const a of rows) {
    if (a.value === 0) continue;
    for (const b of rows) {
      if (b.value === 1) continue;
      pairs += a.weight * b.weight;
      won += a.weight * b.weight * (a.score > b.score ? 1 : a.score === b.score ? 0.5 : 0);
    }
  }
  return won / pairs;
}

/** By its definition: precision at each positive's threshold, averaged over the positives' weight. */
function averagePrecision(rows: readonly Scored[]): number {
  const positives = rows.filter(({ value }) => value === 1);
  const all = positives.reduce((sum, { weight }) => sum + weight, 0);
  const precision = (score: number) => {
    const above = rows.filter((row) => row.score >= score);
    const weightOf = (list: readonly Scored[]) => list.reduce((sum, { weight }) => sum + weight, 0);
    return weightOf(above.filter(({ value }) => value === 1)) / weightOf(above);
  };
  return positives.reduce((sum, { score, weight }) => sum + weight * precision(score), 0) / all;
}

describe('metrics', () => {
  test.each([1, 2, 3])('equal their definitions (seed %i)', (seed) => {
    const rows = draw(seed, 900);
    const values = metricsOf(rows).values();
    const weight = rows.reduce((sum, row) => sum + row.weight, 0);
    const rate = rows.reduce((sum, row) => sum + row.weight * row.value, 0) / weight;
    const loss = rows.reduce(
      (sum, { score, value, weight: w }) => sum - w * Math.log(value === 1 ? score : 1 - score),
      0,
    );
    const entropy = -rate * Math.log(rate) - (1 - rate) * Math.log(1 - rate);
    const expected = rows.reduce((sum, row) => sum + row.weight * row.score, 0);
    expect(values.logLoss).toBeCloseTo(loss / weight, 12);
    expect(values.normalisedEntropy).toBeCloseTo(loss / weight / entropy, 12);
    expect(values.calibration).toBeCloseTo((rate * weight) / expected, 12);
    expect(values.auc).toBeCloseTo(aucByPairs(rows), 12);
    expect(values.prAuc).toBeCloseTo(averagePrecision(rows), 12);
  });

  test('AUC by bins is near the exact one', () => {
    const rows = draw(9, 5_000);
    expect(metricsOf(rows).values().auc).toBeCloseTo(aucByPairs(rows), 4);
    expect(metricsOf(rows).values().prAuc).toBeCloseTo(averagePrecision(rows), 3);
  });

  test('a weight counts as so many rows', () => {
    const rows = draw(4, 100);
    const copies = rows.flatMap((row) =>
      Array.from({ length: row.weight }, () => ({ ...row, weight: 1 })),
    );
    const [weighted, copied] = [metricsOf(rows).values(), metricsOf(copies).values()];
    for (const name of ['logLoss', 'normalisedEntropy', 'calibration', 'auc'] as const) {
      expect(weighted[name]).toBeCloseTo(copied[name]!, 12);
    }
  });

  test('a negative weight takes a row back', () => {
    const rows = draw(5, 200);
    const extra = { score: 0.37, value: 1, weight: 3 };
    const returned = metricsOf([...rows, extra, { ...extra, weight: -3 }]).values();
    const without = metricsOf(rows).values();
    expect(returned.logLoss).toBeCloseTo(without.logLoss!, 12);
    expect(returned.auc).toBeCloseTo(without.auc!, 12);
    expect(returned.calibration).toBeCloseTo(without.calibration!, 12);
  });

  test('deciles hold a tenth each and add up', () => {
    const { next, chance } = rng(6);
    const rows = Array.from({ length: 20_000 }, () => {
      const score = 0.01 + next() * 0.3;
      return { score, value: chance(score * 1.5) ? 1 : 0, weight: 1 };
    });
    const { deciles, weight, observed, expected } = metricsOf(rows).values();
    expect(deciles.length).toBe(10);
    for (const decile of deciles) {
      expect(decile.weight / weight).toBeCloseTo(0.1, 2);
      expect(decile.ratio).toBeGreaterThan(1.05);
      expect(decile.ratio).toBeLessThan(2.2);
    }
    expect(deciles.reduce((sum, decile) => sum + decile.weight, 0)).toBeCloseTo(weight, 6);
    expect(deciles.reduce((sum, decile) => sum + decile.observed, 0)).toBeCloseTo(observed, 6);
    expect(deciles.reduce((sum, decile) => sum + decile.expected, 0)).toBeCloseTo(expected, 6);
  });

  test('what cannot be said is null, and a score of 0 or 1 costs a finite loss', () => {
    const none = new LabelMetrics().values();
    expect(none).toMatchObject({ logLoss: null, normalisedEntropy: null, auc: null, deciles: [] });
    const wrong = metricsOf([
      { score: 0, value: 1, weight: 1 },
      { score: 1, value: 0, weight: 1 },
    ]).values();
    expect(Number.isFinite(wrong.logLoss)).toBe(true);
    expect(wrong.auc).toBe(0);
    expect(metricsOf([{ score: 0.3, value: 0, weight: 1 }]).values().auc).toBeNull();
  });
});

describe('bounds', () => {
  test('pending scores: the oldest goes, and is counted', () => {
    const pending = new PendingScores(3);
    for (const key of ['a', 'b', 'c', 'd']) pending.put(key, [0.5]);
    expect(pending.size).toBe(3);
    expect(pending.dropped).toBe(1);
    expect(pending.take('a')).toBeNull();
    expect(pending.take('d')).toEqual([0.5]);
    expect(pending.take('d')).toBeNull();
    expect(pending.unmatched).toBe(2);
  });

  test('the series keeps the newest 92 days', () => {
    const series = new HourlySeries();
    for (let hour = 0; hour < 24 * 92 + 5; hour++) {
      series.add(hour * 3_600_000, { score: 0.5, value: 1, weight: 1 });
    }
    const points = series.points();
    expect(points.length).toBe(24 * 92);
    expect(points[0]!.hour).toBe(5 * 3_600_000);
  });
});

describe('encoding', () => {
  const encoder = new RowEncoder(
    [
      { name: 'ad', input: 'categorical' },
      { name: 'spend', input: 'dense' },
      { name: 'recent', input: 'ids' },
    ],
    { bits: 20, denseBins: false },
  );

  function encoded(features: readonly Value[]): Map<number, number> {
    encoder.encode(features);
    const pairs = Array.from(
      { length: encoder.count },
      (_, i) => [encoder.slots[i]!, encoder.values[i]!] as const,
    );
    const map = new Map(pairs);
    expect(map.size).toBe(encoder.count);
    return map;
  }

  test('dense: signed log1p and a presence bit of its own; null is neither', () => {
    const without = encoded(['a', null, []]);
    expect(without.size).toBe(2);
    expect(encoded(['a', 0, []]).size).toBe(3);
    // Slot 0 is the bias; the only dense column owns the two after it.
    const negative = encoded(['a', -9, []]);
    expect(negative.get(1)).toBeCloseTo(-Math.log1p(9), 14);
    expect(negative.get(2)).toBe(1);
    expect(encoded(['a', true, []]).get(1)).toBeCloseTo(Math.log(2), 14);
  });

  test('ids: one coordinate for each distinct id, none for an empty list', () => {
    const pair = encoded(['a', null, ['x', 'y', 'x']]);
    expect(pair.size).toBe(4);
    expect([...encoded(['a', null, ['y', 'x']]).keys()].sort()).toEqual([...pair.keys()].sort());
    expect(encoded(['a', null, null]).size).toBe(2);
  });

  test("categories: null is one, and a column never shares another one's hashes", () => {
    const categories = [null, '', 'a', '1', 1, true, false];
    const hashes = categories.map((value) => hashFeature(17, value));
    expect(new Set(hashes).size).toBe(categories.length);
    expect(hashFeature(18, 'a')).not.toBe(hashFeature(17, 'a'));
    expect(hashFeature(17, -0)).toBe(hashFeature(17, 0));
  });

  test('hashes spread: a hundred thousand ids collide as chance has it', () => {
    const size = 2 ** 20;
    const hit = new Set<number>();
    for (let i = 0; i < 100_000; i++) hit.add(hashFeature(17, `u${i}`) % size);
    const expected = size * (1 - (1 - 1 / size) ** 100_000);
    expect(Math.abs(hit.size - expected)).toBeLessThan(400);
  });
});
