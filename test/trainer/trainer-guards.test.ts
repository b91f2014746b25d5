import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ModelPlan } from '../../compiler/check/model-plan.ts';
import type { ExampleRow } from '../../runtime/block/example-row.ts';
import { deepConfig } from '../../runtime/trainer/deep-config.ts';
import { DeepTrainer } from '../../runtime/trainer/deep-trainer.ts';
import { FtrlTrainer } from '../../runtime/trainer/ftrl-trainer.ts';
import { ModelGates } from '../../runtime/trainer/model-gates.ts';
import { openDevice, type TensorDevice } from '../../runtime/trainer/tensor-device.ts';
import { trainerConfig } from '../../runtime/trainer/trainer-config.ts';
import { renderStale } from '../../runtime/training/training-report.ts';
import { rng } from '../random.ts';
import { MODEL, rowsOf, SET } from './deep-world.ts';

let device: TensorDevice;
beforeAll(async () => {
  device = (await openDevice('wasm')).device!;
});

async function trained(
  rows: readonly ExampleRow[],
  more: Partial<ModelPlan> = {},
): Promise<DeepTrainer> {
  const config = deepConfig({ ...MODEL, ...more }, SET);
  const trainer = new DeepTrainer({ config, set: SET, device });
  for (const row of rows) {
    if (!trainer.offer(row)) continue;
    await trainer.step();
    if (trainer.isPublishDue) await trainer.publish();
  }
  await trainer.step();
  return trainer;
}

/** The same rows after their click stream dried up. */
function withoutClicks(row: ExampleRow): ExampleRow {
  const labels = Object.entries(row.labels).map(([name, label]) => [name, { ...label, value: 0 }]);
  return { ...row, labels: Object.fromEntries(labels) };
}

describe('a label whose positives stop', () => {
  it('is not learnt from any more, and is again once they come back', async () => {
    const rows = rowsOf(4_000);
    const cut = rows.length / 2;
    const probe = rows.slice(0, 50);
    const fresh = await trained(rows.slice(0, cut));
    const before = await fresh.score(probe);
    const dried = await trained([...rows.slice(0, cut), ...rows.slice(cut).map(withoutClicks)]);
    const after = await dried.score(probe);
    const mean = (scores: Float64Array) => scores.reduce((a, b) => a + b) / scores.length;
    expect(mean(after)).toBeGreaterThan(mean(before) * 0.5);
    const { clicked } = dried.counts().freshness;
    expect(clicked!.staleSince).not.toBe(null);
    expect(clicked!.skipped).toBeGreaterThan(1_000);

    const back = await trained([
      ...rows.slice(0, cut),
      ...rows.slice(cut, cut + 1_000).map(withoutClicks),
      ...rows.slice(cut + 1_000),
    ]);
    expect(back.counts().freshness.clicked!.staleSince).toBe(null);
  });
});

describe('the baseline, of a label whose positives stop', () => {
  it('does not learn that nobody clicks, says so, and goes on from a snapshot alike', () => {
    const rows = rowsOf(4_000).filter(({ kind }) => kind === undefined);
    const cut = rows.length / 2;
    const dried = [...rows.slice(0, cut), ...rows.slice(cut).map(withoutClicks)];
    const trainer = new FtrlTrainer(trainerConfig(SET));
    trainer.consume(rows.slice(0, cut));
    const mean = () =>
      rows.slice(0, 50).reduce((sum, { features }) => sum + trainer.score(features)[0]!, 0) / 50;
    const before = mean();
    trainer.consume(dried.slice(cut));
    expect(mean()).toBeGreaterThan(before * 0.5);
    expect(trainer.freshness().clicked!.skipped).toBeGreaterThan(1_000);
    expect(renderStale(trainer.freshness())[0]).toMatch(/^clicked is stale since 2023-11-14T/);
    const path = join(mkdtempSync(join(tmpdir(), 'millrace-stale-')), 'model');
    trainer.snapshot(path, {});
    const { trainer: restored } = FtrlTrainer.restore(path);
    expect(restored.freshness()).toEqual(trainer.freshness());
    trainer.consume(rows.slice(cut));
    expect(renderStale(trainer.freshness())[0]).toMatch(/^1,\d+ stale labels of clicked were not/);
    rmSync(dirname(path), { recursive: true });
  });
});

describe('a label whose rate falls at once', () => {
  /** Nineteen of twenty clicks are lost on their way: too many come for the label to be stale. */
  function mostClicksLost(row: ExampleRow, i: number): ExampleRow {
    return i % 20 === 0 ? row : withoutClicks(row);
  }

  it('is not stale, but its gate holds the model back and then stops training', async () => {
    const rows = rowsOf(9_000);
    const cut = 3_000;
    const thinned = [...rows.slice(0, cut), ...rows.slice(cut).map(mostClicksLost)];
    const gate = { kind: 'rate', label: 'clicked', min: 0.05, max: 0.5 } as const;
    const before = await trained(rows.slice(0, cut), { gates: [gate] });
    expect(before.counts()).toMatchObject({ refusals: 0 });
    expect(before.counts().publishes).toBeGreaterThan(0);
    await expect(trained(thinned, { gates: [gate] })).rejects.toThrow(
      /failed its gates 3 times in a row.*rate\(clicked\) is 0\.0\d+, may be 0\.05 to 0\.5/,
    );
    const ungated = await trained(thinned.slice(0, cut + 2_000));
    expect(ungated.counts().freshness.clicked!.staleSince).toBe(null);
  });
});

describe('audits', () => {
  it('meet their scores whether the final labels come before the next step or after it', async () => {
    const rows = rowsOf(3_000);
    const audited = async (batch: number) => {
      const trainer = await trained(rows, { batch });
      await trainer.publish();
      const { audits, labels } = trainer.metrics();
      expect(audits.pending).toBe(0);
      return labels.clicked!.audit;
    };
    // Only what was shown before the first publish (after 360 rows, or 1,024) has no score; final labels come 200 rows later.
    expect((await audited(32)).rows).toBeGreaterThan(250);
    expect((await audited(512)).rows).toBeGreaterThan(180);
  });
});

describe('late heads', () => {
  it('are the baseline’s: it is weighed as the deep model is', () => {
    const policy = { kind: 'wait_then_late', waitMs: 60_000 } as const;
    const set = { ...SET, labels: SET.labels.map((label) => ({ ...label, policy })) };
    const config = deepConfig(MODEL, set, { bought: 'es_dfm' });
    const { baseline } = new DeepTrainer({ config, set, device });
    expect(baseline.config.weighting).toEqual({ clicked: 'take_back', bought: 'es_dfm' });
  });
});

describe('numbers that are none', () => {
  it('a step whose loss is no number is left out; three in a row stop training', async () => {
    const rows = rowsOf(400).filter(({ kind }) => kind === undefined);
    const bad = rows.map((row) => ({ ...row, sampleRate: 0 }));
    await expect(trained([...rows.slice(0, 64), ...bad])).rejects.toThrow(/3 steps in a row/);
    const trainer = await trained([
      ...rows.slice(0, 64),
      ...bad.slice(0, 32),
      ...rows.slice(96, 192),
    ]);
    expect(trainer.counts()).toMatchObject({ badSteps: 1, steps: 6 });
    expect((await trainer.score(rows.slice(0, 5))).every(Number.isFinite)).toBe(true);
  });
});

describe('gates', () => {
  const gate = { kind: 'ne', label: 'clicked', max: 1, baseline: true } as const;

  function fed(gates: ModelGates, n: number, better: number, seed: number): ModelGates {
    const random = rng(seed);
    for (let i = 0; i < n; i++) {
      const rate = random.chance(0.5) ? 0.3 : 0.05;
      const value = Number(random.chance(rate));
      const towards = (share: number) => 0.175 + (rate - 0.175) * share;
      const scored = { score: towards(better), baseline: towards(0.5), value, weight: 1 };
      gates.add('clicked', scored);
    }
    return gates;
  }

  it('wait for rows, pass a model better than the baseline, refuse a worse one', () => {
    expect(fed(new ModelGates([gate]), 500, 1, 1).judge().verdict).toBe('waits');
    expect(fed(new ModelGates([gate]), 4_000, 1, 1).judge().verdict).toBe('passed');
    const refused = fed(new ModelGates([gate]), 4_000, -1, 1).judge();
    expect(refused.verdict).toBe('failed');
    expect(refused.findings[0]).toMatch(/^ne\(clicked\) is 1\.\d+, may be at most 0\.9\d+$/);
  });

  it('of a rate need rows, not positives, look at the newest, and forgive what chance may do', () => {
    const rate = { kind: 'rate', label: 'clicked', min: 0.01, max: 0.5 } as const;
    const gates = new ModelGates([rate]);
    const add = (n: number, isClicked: (i: number) => boolean) => {
      for (let i = 0; i < n; i++) {
        const scored = { score: 0.1, baseline: 0.1, value: Number(isClicked(i)), weight: 1 };
        gates.add('clicked', scored);
      }
      return gates.judge().verdict;
    };
    expect(add(1_000, (i) => i % 10 === 0)).toBe('waits');
    expect(add(40_000, (i) => i % 10 === 0)).toBe('passed');
    // 0.8 % of 2,000 may be 1 %; none of 2,000 may not, however many clicks there were before.
    expect(add(2_000, (i) => i % 125 === 0)).toBe('passed');
    expect(add(2_000, () => false)).toBe('failed');
  });

  it('judge a failure again only by new rows, and go on from a snapshot alike', () => {
    const gates = fed(new ModelGates([gate]), 4_000, -1, 1);
    gates.judge();
    expect(gates.judge().verdict).toBe('waits');
    const restored = new ModelGates([gate]);
    restored.restore(JSON.parse(JSON.stringify(fed(gates, 1_000, 1, 2).toJSON())));
    expect(fed(gates, 2_000, 1, 3).judge()).toEqual(fed(restored, 2_000, 1, 3).judge());
  });
});
