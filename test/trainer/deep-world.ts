/** Small models over made-up examples, for tests of the deep trainer. */
import type { ModelPlan } from '../../compiler/check/model-plan.ts';
import type { ExamplePlan } from '../../compiler/plan/plan.ts';
import { list, scalar } from '../../dsl/types.ts';
import type { ExampleRow } from '../../runtime/block/example-row.ts';
import { type Rng, rng } from '../random.ts';

export const SET: ExamplePlan = {
  ...{ name: 'ctr', topic: null, anchor: 0, id: 0, idHash: 0 },
  features: [
    { name: 'ad', slot: 0, type: scalar('string'), input: 'categorical' },
    { name: 'recent', slot: 1, type: list('string'), input: 'ids' },
    { name: 'place', slot: 2, type: scalar('string'), input: 'categorical' },
    { name: 'bid', slot: 3, type: scalar('float', { nullable: true }), input: 'dense' },
  ],
  labels: [
    { name: 'clicked', label: 0, policy: { kind: 'wait_horizon' } },
    { name: 'bought', label: 1, policy: { kind: 'wait_horizon' } },
  ],
  ...{ sampleNegatives: 1, audit: 0.1, checks: [] },
};

export const MODEL: ModelPlan = {
  ...{ name: 'm', from: 'ctr' },
  tables: [
    {
      dim: 4,
      columns: [
        { name: 'ad', pool: { kind: 'one' } },
        { name: 'recent', pool: { kind: 'mean' } },
      ],
    },
    { dim: 4, columns: [{ name: 'place', pool: { kind: 'one' } }] },
  ],
  net: { kind: 'dcn', cross: 2, deep: [8, 6] },
  heads: { kind: 'esmm', labels: ['clicked', 'bought'], experts: 0 },
  ...{ publishMs: 180_000, fullMs: 3_600_000, gates: [] },
  ...{ batch: 32, admit: 2, rowsMax: 4096, expireMs: null, learnRows: 0.05, learnDense: 0.001 },
};

/** Rows in order of emission: every tenth anchor is audited; low ads are clicked more. */
export function rowsOf(n: number, seed = 1): ExampleRow[] {
  const random = rng(seed);
  const rows: ExampleRow[] = [];
  const audits: ExampleRow[] = [];
  for (let i = 0; i < n; i++) {
    const time = 1_700_000_000_000 + i * 500;
    while (audits.length > 0 && audits[0]!.emitted <= time) rows.push(audits.shift()!);
    const row = oneRow(i, time, random);
    if (i % 10 === 0) {
      rows.push({ ...row, kind: 'shown', labels: {} });
      audits.push({ ...row, kind: 'audit', emitted: time + 100_000 });
    }
    rows.push(row);
  }
  return [...rows, ...audits];
}

function oneRow(i: number, time: number, random: Rng): ExampleRow {
  const ad = random.below(40);
  const clicked = random.chance(ad < 10 ? 0.6 : 0.05);
  const bought = clicked && random.chance(ad % 2 === 0 ? 0.4 : 0.1);
  const due = { kind: 'observed', elapsed: 0, deadline: time };
  return {
    ...{ set: 'ctr', id: `i${i}`, time, emitted: time },
    labels: {
      clicked: { value: Number(clicked), ...due },
      ...(random.chance(0.1) ? {} : { bought: { value: Number(bought), ...due } }),
    },
    features: [
      `a${ad}`,
      Array.from({ length: random.below(4) }, () => `a${random.below(40)}`),
      random.chance(0.1) ? null : `p${random.below(3)}`,
      random.chance(0.2) ? null : random.below(1000) / 10,
    ],
    sampleRate: clicked ? 1 : 0.5,
  };
}
