import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { EmittedLabel, ExampleRow } from '../../runtime/block/example-row.ts';
import { Fault } from '../../runtime/fault.ts';
import {
  type FtrlConfig,
  FtrlTrainer,
  type ScoredLabel,
} from '../../runtime/trainer/ftrl-trainer.ts';
import { readSnapshot, writeSnapshot } from '../../runtime/trainer/snapshot-file.ts';
import { type Rng, rng } from '../random.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-trainer-'));
afterAll(() => rmSync(folder, { recursive: true }));

const HOUR_MS = 3_600_000;
const config: FtrlConfig = {
  columns: [
    { name: 'ad_id', input: 'categorical' },
    { name: 'spend', input: 'dense' },
    { name: 'recent', input: 'ids' },
  ],
  labels: ['clicked', 'bought'],
  bits: 14,
};

function label(value: number | null, kind = 'observed'): EmittedLabel {
  return { value, kind, deadline: 0, elapsed: 0 };
}

function row(id: number, more: Partial<ExampleRow>): ExampleRow {
  return {
    set: 'ads',
    id: `i${id}`,
    time: id * 1_000,
    emitted: id * 1_000,
    labels: {},
    features: ['a1', null, []],
    sampleRate: 1,
    ...more,
  };
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

/** Clicks depend on the ad, on log spend, and on having seen that ad lately. */
function worldRow(random: Rng, id: number): { row: ExampleRow; p: number } {
  const ad = random.below(30);
  const spend = random.chance(0.3) ? null : random.below(1_000);
  const recent = random.chance(0.5) ? [`a${ad}`, `a${random.below(30)}`] : [`a${random.below(30)}`];
  const again = recent.includes(`a${ad}`) && ad < 5 ? 1 : 0;
  const p = sigmoid(-3 + (ad % 7) * 0.4 + 0.15 * Math.log1p(spend ?? 0) + again);
  const clicked = random.chance(p) ? 1 : 0;
  const bought = clicked && random.chance(0.3) ? 1 : 0;
  const labels = { clicked: label(clicked), bought: label(bought) };
  return { row: row(id, { labels, features: [`a${ad}`, spend, recent] }), p };
}

function worldRows(seed: number, count: number): ExampleRow[] {
  const random = rng(seed);
  return Array.from({ length: count }, (_, id) => worldRow(random, id).row);
}

/** Observed over expected in the second half of the rows, when the start is forgotten. */
function lateCalibration(trainer: FtrlTrainer, rows: readonly ExampleRow[]): number {
  const half = rows.length >> 1;
  trainer.consume(rows.slice(0, half));
  let [expected, observed] = [0, 0];
  trainer.consume(rows.slice(half), ({ score, value, weight }) => {
    expected += score * weight;
    observed += value * weight;
  });
  return observed / expected;
}

describe('learning', () => {
  test('one step of Algorithm 1 by hand', () => {
    const rates = { alpha: 0.5, beta: 1, l1: 0.1, l2: 2 };
    const only: FtrlConfig = { columns: [], labels: ['y'], rates, bits: 10 };
    const trainer = new FtrlTrainer(only);
    const positive = row(0, { features: [], labels: { y: label(1) } });
    trainer.consume([positive]);
    // p = 1/2, g = -1/2, sigma·w = 0: z = -1/2, n = 1/4.
    const first = (0.5 - 0.1) / ((1 + 0.5) / 0.5 + 2);
    expect(trainer.score([])[0]).toBeCloseTo(sigmoid(first), 14);
    trainer.consume([positive]);
    const g = sigmoid(first) - 1;
    const n = 0.25 + g * g;
    const z = -0.5 + g - ((Math.sqrt(n) - 0.5) / 0.5) * first;
    const second = -(z + 0.1) / ((1 + Math.sqrt(n)) / 0.5 + 2);
    expect(trainer.score([])[0]).toBeCloseTo(sigmoid(second), 14);
  });

  test('l1 keeps what was hardly seen at zero', () => {
    const rows = worldRows(1, 3_000);
    const dense = new FtrlTrainer({ ...config, rates: { l1: 0 } });
    const sparse = new FtrlTrainer({ ...config, rates: { l1: 30 } });
    dense.consume(rows);
    sparse.consume(rows);
    expect(dense.nonZeroWeights()[0]).toBeGreaterThan(70);
    expect(sparse.nonZeroWeights()[0]).toBeGreaterThan(0);
    expect(sparse.nonZeroWeights()[0]).toBeLessThan(10);
    expect(sparse.score(['a1', null, []])[0]).toBe(sparse.score(['never seen', null, []])[0]);
  });

  test.each([1, 2, 3])('comes near the true probabilities (seed %i)', (seed) => {
    const random = rng(seed);
    const trainer = new FtrlTrainer(config);
    let [loss, ideal] = [0, 0];
    for (let id = 0; id < 40_000; id++) {
      const { row: next, p } = worldRow(random, id);
      const [score] = trainer.score(next.features);
      if (id >= 20_000) {
        const value = next.labels.clicked!.value!;
        loss -= Math.log(value === 1 ? score! : 1 - score!);
        ideal -= Math.log(value === 1 ? p : 1 - p);
      }
      trainer.consume([next]);
    }
    expect(loss / ideal).toBeLessThan(1.03);
    const { clicked } = trainer.metrics().labels;
    expect(clicked!.emissions.calibration).toBeCloseTo(1, 1);
    expect(clicked!.emissions.normalisedEntropy).toBeLessThan(0.95);
  });

  test('a sampled row weighs as the rows it stands for', () => {
    const all = new FtrlTrainer({ ...config, columns: [], labels: ['y'] });
    const sampled = new FtrlTrainer({ ...config, columns: [], labels: ['y'] });
    const random = rng(5);
    const rows: ExampleRow[] = [];
    for (let id = 0; id < 60_000; id++) {
      const value = random.chance(0.05) ? 1 : 0;
      const next = row(id, { features: [], labels: { y: label(value) } });
      all.consume([next]);
      const sampleRate = value === 1 ? 1 : 0.1;
      if (random.chance(sampleRate)) rows.push({ ...next, sampleRate });
    }
    const calibration = lateCalibration(sampled, rows);
    expect(Math.abs(calibration - 1)).toBeLessThan(0.06);
    expect(all.score([])[0]).toBeCloseTo(0.05, 2);
    expect(sampled.score([])[0]).toBeCloseTo(0.05, 2);
    const { emissions } = sampled.metrics().labels.y!;
    expect(Math.abs(emissions.weight / 60_000 - 1)).toBeLessThan(0.05);
  });
});

describe('labels with an age', () => {
  /** Shares: 30 % turn, half of those after the wait; a third of all turned are refunded. */
  function delayedRows(seed: number, refunds: boolean): { rows: ExampleRow[]; rate: number } {
    const random = rng(seed);
    const rows: ExampleRow[] = [];
    let positives = 0;
    const count = 80_000;
    for (let id = 0; id < count; id++) {
      const turns = random.chance(0.03);
      const seenAtWait = turns && random.chance(0.5);
      const refunded = turns && refunds && random.chance(1 / 3);
      if (turns && !refunded) positives++;
      const emit = (value: number, kind: string) =>
        rows.push(row(id, { features: [], labels: { y: label(value, kind) } }));
      emit(seenAtWait ? 1 : 0, 'observed');
      if (turns && !seenAtWait) emit(1, 'late_positive');
      if (refunded) emit(0, 'cancelled');
    }
    return { rows, rate: positives / count };
  }

  test.each(['none', 'fake_negative'] as const)(
    'late positives: %s finds the final rate',
    (kind) => {
      const { rows, rate } = delayedRows(11, false);
      const trainer = new FtrlTrainer({ columns: [], labels: ['y'], weighting: { y: kind } });
      const calibration = lateCalibration(trainer, rows);
      expect(Math.abs(trainer.score([])[0]! / rate - 1)).toBeLessThan(0.06);
      expect(Math.abs(calibration - 1)).toBeLessThan(0.06);
    },
  );

  test('every anchor at once then late positives: only fake_negative finds a high rate', () => {
    const random = rng(12);
    const rows: ExampleRow[] = [];
    for (let id = 0; id < 40_000; id++) {
      rows.push(row(id, { features: [], labels: { y: label(0) } }));
      if (random.chance(0.4))
        rows.push(row(id, { features: [], labels: { y: label(1, 'late_positive') } }));
    }
    const corrected = new FtrlTrainer({
      columns: [],
      labels: ['y'],
      weighting: { y: 'fake_negative' },
    });
    const plain = new FtrlTrainer({ columns: [], labels: ['y'] });
    corrected.consume(rows);
    plain.consume(rows);
    expect(corrected.score([])[0]).toBeCloseTo(0.4, 1);
    expect(plain.score([])[0]).toBeCloseTo(0.4 / 1.4, 1);
  });

  test('a cancelled positive is taken back', () => {
    const { rows, rate } = delayedRows(13, true);
    const trainer = new FtrlTrainer({
      columns: [],
      labels: ['y'],
      weighting: { y: 'fake_negative' },
    });
    const calibration = lateCalibration(trainer, rows);
    expect(Math.abs(trainer.score([])[0]! / rate - 1)).toBeLessThan(0.08);
    expect(Math.abs(calibration - 1)).toBeLessThan(0.06);
    const { kinds } = trainer.metrics().labels.y!;
    expect(kinds.cancelled).toBeGreaterThan(500);
  });

  test('unknown, absent and missing labels train nothing', () => {
    const trainer = new FtrlTrainer(config);
    const masked = { clicked: label(null, 'unknown'), bought: label(null, 'absent') };
    trainer.consume([row(1, { labels: masked }), row(2, {})]);
    expect(trainer.nonZeroWeights()).toEqual([0, 0]);
    const { clicked, bought } = trainer.metrics().labels;
    expect(clicked!.emissions.rows).toBe(0);
    expect(clicked!.kinds).toEqual({ unknown: 1 });
    expect(bought!.kinds).toEqual({ absent: 1 });
  });

  test('a row scores before it trains, and the hearer is told so', () => {
    const trainer = new FtrlTrainer(config);
    const heard: ScoredLabel[] = [];
    const rows = worldRows(3, 50);
    const before = rows.map((next) => {
      const [score] = trainer.score(next.features);
      trainer.consume([next], (scored) => heard.push(scored));
      return score;
    });
    const clicked = heard.filter((scored) => scored.label === 'clicked');
    expect(clicked.map(({ score }) => score)).toEqual(before);
    expect(new Set(before).size).toBeGreaterThan(10);
  });

  test('audit: the score when shown meets the final label', () => {
    const trainer = new FtrlTrainer(config);
    const random = rng(4);
    const shown = worldRow(random, 900).row;
    trainer.consume(worldRows(8, 500));
    const [then] = trainer.score(shown.features);
    trainer.consume([{ ...shown, kind: 'shown', labels: {} }]);
    trainer.consume(worldRows(9, 500));
    expect(trainer.metrics().audits).toEqual({ pending: 1, unmatched: 0, dropped: 0 });
    const heard: ScoredLabel[] = [];
    const final = { clicked: label(1, 'audit'), bought: label(null, 'unknown') };
    trainer.consume([{ ...shown, kind: 'audit', labels: final }], (scored) => heard.push(scored));
    trainer.consume([row(901, { kind: 'audit', labels: final })]);
    expect(heard).toMatchObject([{ label: 'clicked', score: then, value: 1, source: 'audit' }]);
    const metrics = trainer.metrics();
    expect(metrics.labels.clicked!.audit.logLoss).toBeCloseTo(-Math.log(then!), 12);
    expect(metrics.audits).toEqual({ pending: 0, unmatched: 1, dropped: 0 });
    expect(metrics.labels.bought!.audit.rows).toBe(0);
  });

  test('the series has an hour for each hour of emission', () => {
    const trainer = new FtrlTrainer(config);
    const rows = worldRows(6, 400).map((next, i) => ({ ...next, emitted: i * HOUR_MS * 0.01 }));
    trainer.consume(rows);
    const { series, emissions } = trainer.metrics().labels.clicked!;
    expect(series.map(({ hour }) => hour)).toEqual([0, 1, 2, 3].map((hour) => hour * HOUR_MS));
    expect(series.map((point) => point.rows)).toEqual([100, 100, 100, 100]);
    const mean = series.reduce((sum, point) => sum + point.logLoss! / 4, 0);
    expect(mean).toBeCloseTo(emissions.logLoss!, 12);
  });
});

describe('snapshots', () => {
  test.each([1, 2, 3])('restored is as if never stopped, bit for bit (seed %i)', (seed) => {
    const random = rng(seed);
    const rows = worldRows(seed, 6_000).map((next): ExampleRow => {
      if (random.chance(0.1)) return { ...next, kind: 'shown' };
      return random.chance(0.05) ? { ...next, kind: 'audit', id: `i${random.below(6_000)}` } : next;
    });
    const whole = new FtrlTrainer(config);
    whole.consume(rows);
    const cut = random.below(rows.length);
    const path = join(folder, `seed${seed}`);
    const first = new FtrlTrainer(config);
    first.consume(rows.slice(0, cut));
    first.snapshot(path, { ads: cut, more: ['opaque', null, 1.5] });
    const { trainer, offsets } = FtrlTrainer.restore(path);
    expect(offsets).toEqual({ ads: cut, more: ['opaque', null, 1.5] });
    for (const next of rows.slice(cut)) trainer.consume([next]);
    whole.snapshot(join(folder, 'whole'), null);
    trainer.snapshot(join(folder, 'resumed'), null);
    const resumed = readFileSync(join(folder, 'resumed'));
    expect(resumed.equals(readFileSync(join(folder, 'whole'))), `seed ${seed}`).toBe(true);
    expect(trainer.metrics()).toEqual(whole.metrics());
    expect(readdirSync(folder).filter((name) => name.endsWith('.writing'))).toEqual([]);
  });

  test('a cut, altered, missing or foreign file is a fault that says so', () => {
    const path = join(folder, 'damaged');
    const trainer = new FtrlTrainer(config);
    trainer.consume(worldRows(1, 200));
    trainer.snapshot(path, 7);
    const sound = readFileSync(path);
    const random = rng(21);
    for (let i = 0; i < 30; i++) {
      writeFileSync(path, sound.subarray(0, random.below(sound.length)));
      expect(() => FtrlTrainer.restore(path)).toThrow(Fault);
      const altered = Buffer.from(sound);
      altered[random.below(sound.length)]! ^= 1 << random.below(8);
      writeFileSync(path, altered);
      expect(faultOf(() => FtrlTrainer.restore(path)).kind).toBe('snapshot_corrupt');
    }
    const missing = faultOf(() => FtrlTrainer.restore(join(folder, 'missing')));
    expect(missing).toMatchObject({ kind: 'snapshot_unreadable', retriable: false });
    writeSnapshot(path, { state: { format: 99 }, arrays: [] });
    expect(faultOf(() => FtrlTrainer.restore(path)).kind).toBe('snapshot_format');
  });

  test('a failed write leaves the old snapshot', () => {
    const path = join(folder, 'kept');
    writeSnapshot(path, { state: 'old', arrays: [Float64Array.of(Number.NaN, -0, 0.1)] });
    const unwritable = join(folder, 'absent', 'snapshot');
    expect(faultOf(() => writeSnapshot(unwritable, { state: 'new', arrays: [] }))).toMatchObject({
      kind: 'snapshot_unwritable',
      retriable: true,
    });
    const { state, arrays } = readSnapshot(path);
    expect(state).toBe('old');
    expect(Object.is(arrays[0]![1], -0)).toBe(true);
    expect(arrays[0]).toEqual(Float64Array.of(Number.NaN, -0, 0.1));
  });

  function faultOf(act: () => unknown): Fault {
    try {
      act();
    } catch (error) {
      if (error instanceof Fault) return error;
      throw error;
    }
    throw new Error('no fault was raised');
  }
});
