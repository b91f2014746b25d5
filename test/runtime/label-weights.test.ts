import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { PolicyPlan } from '../../compiler/plan/plan.ts';
import type { EmittedLabel, ExampleRow } from '../../runtime/block/example-row.ts';
import { FtrlTrainer } from '../../runtime/trainer/ftrl-trainer.ts';
import {
  headsOf,
  headTarget,
  type LabelStep,
  labelSteps,
  labelWeights,
  servedScore,
  type Weighting,
} from '../../runtime/trainer/label-weights.ts';
import { chooseWeighting, WEIGHTS } from '../../runtime/trainer/weightings.ts';
import { rng } from '../random.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-weights-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** How often a policy emits a positive and a negative, of rate p and late share s. */
const emitted: Record<'now' | 'late' | 'everything', (p: number, s: number) => [number, number]> = {
  now: (p) => [p, 1],
  late: (p, s) => [p, 1 - p + p * s],
  everything: (p, s) => [2 * p - p * s, 2 * (1 - p) + p * s],
};
const carried = [
  ['fake_negative', 'now'],
  ['fnw', 'now'],
  ['elapsed', 'late'],
  ['es_dfm', 'late'],
  ['defer', 'everything'],
] as const;

/** What perfect heads say. */
function headValues(weighting: Weighting, p: number, s: number): number[] {
  const of = { delayed_positive: p * s, real_negative: (1 - p) / (1 - p + p * s) };
  return headsOf[weighting].map((head) => of[head]);
}

describe('the true rate is the fixed point', () => {
  it.each(carried)('%s under the emissions of `%s`', (weighting, policy) => {
    for (const p of [0.002, 0.05, 0.3, 0.8]) {
      for (const s of [0, 0.1, 0.5, 0.95]) {
        const [positives, negatives] = emitted[policy](p, s);
        const slope = (f: number) => {
          const weights = labelWeights(weighting, f, headValues(weighting, p, s));
          return positives * weights.positive * (f - 1) + negatives * weights.negative * f;
        };
        expect(Math.abs(slope(p)), `p ${p}, s ${s}`).toBeLessThan(1e-12);
        // Below it the loss pushes up, above it down.
        expect(slope(p * 0.9)).toBeLessThan(0);
        expect(slope(p * 1.1)).toBeGreaterThan(0);
      }
    }
  });

  it('fnc finds the rate seen, p / (1 + p), and serves p', () => {
    for (const p of [0.002, 0.3, 0.8]) expect(servedScore('fnc', p / (1 + p))).toBeCloseTo(p, 12);
    expect(servedScore('fnc', 0.7)).toBeLessThan(1);
    expect(servedScore('defer', 0.7)).toBe(0.7);
  });
});

describe('heads', () => {
  const label = (value: number | null, kind: string, atWait?: number): EmittedLabel => ({
    ...{ value, kind, deadline: 0, elapsed: 0 },
    ...(atWait === undefined ? {} : { atWait, ever: value }),
  });

  it('learn from audit rows: what the label came to, beside what it was at the wait', () => {
    const rows: [EmittedLabel, (0 | 1 | null)[]][] = [
      [label(1, 'audit', 0), [1, 0]],
      [label(1, 'audit', 1), [0, null]],
      [label(0, 'audit', 0), [0, 1]],
      [label(null, 'unknown'), [null, null]],
    ];
    for (const [of, targets] of rows) {
      const heads = ['delayed_positive', 'real_negative'] as const;
      expect(heads.map((head) => headTarget(head, of))).toEqual(targets);
    }
  });

  it('a positive is taken back with the weight it came with', () => {
    const weights = labelWeights('es_dfm', 0.2, [0.1, 0.9]);
    expect(labelSteps(label(1, 'late_positive'), 'es_dfm', weights)).toEqual([
      { value: 1, weight: 1.1 },
    ]);
    expect(labelSteps(label(0, 'cancelled'), 'es_dfm', weights)).toEqual([
      { value: 1, weight: -1.1 },
    ]);
    expect(labelSteps(label(null, 'unknown'), 'es_dfm', weights)).toEqual([]);
  });

  it('a fraction v leaves a positive of weight v and a negative of weight 1 - v; a refund of it leaves a negative', () => {
    const weights = labelWeights('take_back', 0.3, []);
    const sums = (rows: readonly EmittedLabel[], weighting: 'take_back' | 'take_back_again') => {
      const steps = rows.flatMap((row) => labelSteps(row, weighting, weights));
      const sum = (of: 0 | 1) =>
        steps.reduce((all, { value, weight }) => all + (value === of ? weight : 0), 0);
      return [sum(0), sum(1)];
    };
    const late = [label(0, 'observed'), label(0.25, 'late_positive')];
    const cancelled = { ...label(0, 'cancelled'), was: 0.25 };
    expect(sums([label(0.25, 'observed')], 'take_back')).toEqual([0.75, 0.25]);
    expect(sums(late, 'take_back')).toEqual([0.75, 0.25]);
    expect(sums(late, 'take_back_again')).toEqual([1.5, 0.5]);
    expect(sums([...late, cancelled], 'take_back')).toEqual([1, 0]);
  });

  it('take-back leaves, of every course of a label, exactly its final value once (twice with `everything`)', () => {
    const courses: [boolean, [number, string][], Partial<Record<0 | 1, number>>][] = [
      [false, [[0, 'observed']], { 0: 1 }],
      [false, [[1, 'observed']], { 1: 1 }],
      [
        false,
        [
          [0, 'observed'],
          [1, 'late_positive'],
        ],
        { 1: 1 },
      ],
      [
        false,
        [
          [1, 'observed'],
          [0, 'cancelled'],
        ],
        { 0: 1 },
      ],
      [
        false,
        [
          [0, 'observed'],
          [1, 'late_positive'],
          [0, 'cancelled'],
        ],
        { 0: 1 },
      ],
      [
        true,
        [
          [0, 'observed'],
          [0, 'confirmed_negative'],
        ],
        { 0: 2 },
      ],
      [
        true,
        [
          [1, 'observed'],
          [1, 'matured'],
        ],
        { 1: 2 },
      ],
      [
        true,
        [
          [0, 'observed'],
          [1, 'late_positive'],
        ],
        { 1: 2 },
      ],
    ];
    const weights = labelWeights('take_back', 0.3, []);
    for (const [again, rows, left] of courses) {
      const steps = rows.flatMap(([value, kind]) =>
        labelSteps(label(value, kind), again ? 'take_back_again' : 'take_back', weights),
      );
      const sum = (of: 0 | 1) =>
        steps.reduce(
          (total, { value, weight }: LabelStep) => total + (value === of ? weight : 0),
          0,
        );
      expect([sum(0), sum(1)], rows.join(' ')).toEqual([left[0] ?? 0, left[1] ?? 0]);
    }
  });
});

/** Two groups with their own rates and late shares, as the policy emits them, audits as they settle. */
function stream(
  seed: number,
  policy: 'now' | 'late' | 'everything',
  anchors: number,
): ExampleRow[] {
  const random = rng(seed);
  const rows: ExampleRow[] = [];
  for (let id = 0; id < anchors; id++) {
    const group = random.below(2);
    const turns = random.chance(RATES[group]!);
    const late = turns && random.chance(LATE[group]!);
    const base = { set: 's', id: `i${id}`, time: id, sampleRate: 1, features: [`g${group}`] };
    const emit = (after: number, value: number, kind: string, more: Partial<ExampleRow> = {}) => {
      const label = { value, kind, deadline: 0, elapsed: after };
      rows.push({ ...base, emitted: id + after, labels: { y: label }, ...more });
    };
    const atWait = turns && !late ? 1 : 0;
    emit(policy === 'now' ? 0 : 10, policy === 'now' ? 0 : atWait, 'observed');
    if (policy === 'now' ? turns : late) emit(20 + random.below(3000), 1, 'late_positive');
    if (policy === 'everything' && !late)
      emit(4000, atWait, atWait ? 'matured' : 'confirmed_negative');
    if (!random.chance(0.2)) continue;
    const final = { value: turns ? 1 : 0, kind: 'audit', deadline: 0, elapsed: 4000 };
    const labels = { y: { ...final, atWait, ever: final.value } };
    rows.push({ ...base, emitted: id + 4000, kind: 'audit', labels });
  }
  return rows.sort((a, b) => a.emitted - b.emitted);
}
const RATES = [0.1, 0.3];
const LATE = [0.8, 0.4];

describe('a trainer finds each group’s rate', () => {
  const columns = [{ name: 'group', input: 'categorical' }] as const;
  const calibrations = (weighting: Weighting, policy: 'now' | 'late' | 'everything') => {
    const trainer = new FtrlTrainer({
      ...{ columns, labels: ['y'], bits: 10, weighting: { y: weighting } },
    });
    const rows = stream(7, policy, 60_000);
    // What is emitted after the last anchors is late positives only: no steady state.
    trainer.consume(rows.filter(({ emitted }) => emitted < 60_000));
    return RATES.map((rate, group) => trainer.score([`g${group}`])[0]! / rate);
  };

  it.each([
    ...carried,
    ['fnc', 'now'],
    ['take_back', 'now'],
    ['take_back', 'late'],
    ['take_back_again', 'everything'],
  ] as const)('%s under `%s`', (weighting, policy) => {
    for (const ratio of calibrations(weighting, policy)) {
      expect(ratio).toBeGreaterThan(0.9);
      expect(ratio).toBeLessThan(1.1);
    }
  });

  it.each(['now', 'late', 'everything'] as const)('and without weights does not (%s)', (policy) => {
    expect(calibrations('none', policy)[1]).toBeLessThan(0.9);
  });

  it('take_back where negatives are sampled: in expectation what was left out is taken back too', () => {
    const random = rng(9);
    const kept = new Set(
      Array.from({ length: 60_000 }, (_, id) => id).filter(() => random.chance(0.2)),
    );
    const rows = stream(9, 'late', 60_000).flatMap((row) => {
      if (row.kind === 'audit' || row.labels.y!.value === 1) return [row];
      return kept.has(Number(row.id.slice(1))) ? [{ ...row, sampleRate: 0.2 }] : [];
    });
    const trainer = new FtrlTrainer({
      ...{ columns, labels: ['y'], bits: 10, weighting: { y: 'take_back' } },
    });
    trainer.consume(rows.filter(({ emitted }) => emitted < 60_000));
    for (const [group, rate] of RATES.entries()) {
      expect(Math.abs(trainer.score([`g${group}`])[0]! / rate - 1)).toBeLessThan(0.15);
    }
  });

  it('heads survive a snapshot, bit for bit', () => {
    const rows = stream(8, 'late', 3_000);
    const config = { columns, labels: ['y'], bits: 10, weighting: { y: 'es_dfm' } } as const;
    const whole = new FtrlTrainer(config);
    whole.consume(rows);
    const first = new FtrlTrainer(config);
    first.consume(rows.slice(0, 2_500));
    first.snapshot(join(folder, 'cut'), null);
    const { trainer } = FtrlTrainer.restore(join(folder, 'cut'));
    trainer.consume(rows.slice(2_500));
    whole.snapshot(join(folder, 'whole'), null);
    trainer.snapshot(join(folder, 'resumed'), null);
    const bytes = (name: string) => readFileSync(join(folder, name));
    expect(bytes('resumed').equals(bytes('whole'))).toBe(true);
  });
});

describe('choosing', () => {
  const policies: PolicyPlan[] = [
    { kind: 'wait', waitMs: 1 },
    { kind: 'wait_horizon' },
    { kind: 'now_then_late' },
    { kind: 'wait_then_late', waitMs: 1 },
    { kind: 'wait_then_everything', waitMs: 1 },
  ];

  it('auto needs no audit; every published form fits one policy', () => {
    const auto = policies.map((policy) => chooseWeighting('auto', policy, 0).weighting);
    expect(auto).toEqual(['none', 'none', 'take_back', 'take_back', 'take_back_again']);
    const fits = WEIGHTS.map((name) => {
      return policies.filter((policy) => chooseWeighting(name, policy, 0.1).weighting).length;
    });
    expect(Object.fromEntries(WEIGHTS.map((name, i) => [name, fits[i]]))).toEqual({
      ...{ auto: 5, none: 5, 'take-back': 3, 'fake-negative': 1, fnw: 1, fnc: 1 },
      ...{ elapsed: 1, 'es-dfm': 1, defer: 1 },
    });
  });

  it('says what a policy can carry, and what an audit is for', () => {
    expect(chooseWeighting('fnw', policies[3]!, 0.1).why).toBe(
      'its policy `wait … then late positives` takes take-back, elapsed, es-dfm, none',
    );
    expect(chooseWeighting('defer', policies[4]!, 0).why).toBe(
      'defer learns from audit rows, and the set has none: add `audit 2%` to it, or take take-back, which needs none',
    );
  });
});
