import { describe, expect, it } from 'vitest';
import { binOf, binOfValue } from '../../operators/checks/bins.ts';
import type { ExampleRow } from '../../runtime/block/example-row.ts';
import { deepConfig } from '../../runtime/trainer/deep-config.ts';
import { DeepTrainer } from '../../runtime/trainer/deep-trainer.ts';
import { DriftMetrics, driftOf } from '../../runtime/trainer/drift-metrics.ts';
import { HourlySeries } from '../../runtime/trainer/hourly-series.ts';
import { LossSums } from '../../runtime/trainer/label-metrics.ts';
import { openDevice } from '../../runtime/trainer/tensor-device.ts';
import { printDeep } from '../../runtime/training/training-report.ts';
import { rng } from '../random.ts';
import { MODEL, rowsOf, SET } from './deep-world.ts';

const DAY_MS = 86_400_000;
const LABELS = ['clicked', 'bought'];

/** Rows of day `day`, as they are or with one column changed. */
function dayOf(day: number, change: (row: ExampleRow) => ExampleRow['features']): ExampleRow[] {
  return rowsOf(2_500, day + 1)
    .filter(({ kind }) => kind === undefined)
    .map((row) => ({ ...row, emitted: row.emitted + day * DAY_MS, features: change(row) }));
}

function fed(
  drift: DriftMetrics,
  rows: readonly ExampleRow[],
  rate: number,
  seed: number,
): DriftMetrics {
  const random = rng(seed);
  for (const row of rows) {
    drift.row(row);
    const score = rate * (0.5 + random.next());
    for (const head of LABELS.keys()) drift.score(row.emitted, head, { score, weight: 1 });
  }
  return drift;
}

const asIs = ({ features }: ExampleRow) => features;

describe('drift since the first day', () => {
  it('tells what moved from what chance moves, in columns and in scores, from a snapshot too', () => {
    const bidsDoubled = ({ features }: ExampleRow) => [
      ...features.slice(0, 3),
      features[3] === null ? null : Number(features[3]) * 2,
    ];
    const first = fed(new DriftMetrics(SET.features, LABELS), dayOf(0, asIs), 0.1, 1);
    expect(first.report()).toEqual([]);
    const still = fed(first, dayOf(1, asIs), 0.1, 2);
    expect(still.report().map(({ isLarge }) => isLarge)).toEqual(Array(6).fill(false));
    for (const { psi } of still.report()) expect(psi).toBeLessThan(0.05);

    const kept = new DriftMetrics(SET.features, LABELS, JSON.parse(JSON.stringify(still)));
    const later = dayOf(2, bidsDoubled);
    const moved = fed(still, later, 0.2, 3).report();
    expect(fed(kept, later, 0.2, 3).report()).toEqual(moved);
    const large = moved.filter(({ isLarge }) => isLarge).map(({ what }) => what);
    expect(large).toEqual(['clicked', 'bought', 'bid']);
    expect(Object.keys(driftOf(moved)).slice(0, 3)).toEqual([
      ...['scores of clicked', 'scores of bought', 'bid'],
    ]);

    // A day that has only begun says nothing: the one before it still counts.
    expect(fed(kept, dayOf(3, asIs).slice(0, 50), 0.1, 4).report()).toEqual(moved);
  });

  it('stands in the report beside the quality of each day', async () => {
    const { device } = await openDevice('wasm');
    const trainer = new DeepTrainer({ config: deepConfig(MODEL, SET), set: SET, device: device! });
    const sameBid = ({ features }: ExampleRow) => [...features.slice(0, 3), 5];
    for (const row of [...dayOf(0, asIs), ...dayOf(1, sameBid)]) {
      if (trainer.offer(row)) await trainer.step();
    }
    const said: string[] = [];
    const print = (text: string) => said.push(text);
    const out = { print, error: print, progress: { write: () => true } };
    printDeep(trainer, { verdict: 'passed', findings: [] }, out);
    expect(said.join('\n')).toMatch(/^clicked +2023-11-15 +[\d,]+( +\d\.\d{3}){3}$/m);
    expect(said.join('\n')).toMatch(
      /^Moved since the first day \(PSI; above 0\.1: .*bid.*\): scores of /m,
    );
  });

  it('bins plain values as columns are binned', () => {
    const numbers = [0, -0.3, 7, 1e9, Number.NaN, 12.5];
    const column = { kind: 'f64' as const, data: Float64Array.from(numbers) };
    for (const input of ['dense', 'categorical'] as const) {
      const bins = numbers.map((_, row) => binOf(column, row, input));
      expect(numbers.map((value) => binOfValue(value, input))).toEqual(bins);
    }
  });
});

describe('quality by day', () => {
  it('is that of the hours together', () => {
    const series = new HourlySeries();
    const sums = [new LossSums(), new LossSums()];
    const random = rng(9);
    for (let i = 0; i < 400; i++) {
      const scored = { score: 0.1 + 0.5 * random.next(), value: Number(random.chance(0.3)) };
      series.add(i * 432_000, { ...scored, weight: 2 });
      sums[Math.floor((i * 432_000) / DAY_MS)]!.add(scored.score, scored.value, 2);
    }
    const days = series.days();
    expect(days.map(({ day, rows }) => [day, rows])).toEqual([
      [0, 200],
      [DAY_MS, 200],
    ]);
    for (const [i, day] of days.entries()) {
      expect(day.normalisedEntropy).toBeCloseTo(sums[i]!.normalisedEntropy()!, 12);
      expect(day.calibration).toBeCloseTo(sums[i]!.calibration()!, 12);
    }
  });
});
