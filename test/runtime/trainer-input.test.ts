import { expect, test } from 'vitest';
import type { ExamplePlan } from '../../compiler/plan/plan.ts';
import { scalar } from '../../dsl/types.ts';
import type { Column } from '../../operators/column/column.ts';
import {
  type EmissionBatch,
  LABEL_ABSENT,
  LABEL_AUDIT,
  LABEL_OBSERVED,
  LABEL_UNKNOWN,
} from '../../operators/emission/emission-batch.ts';
import { emissionRows } from '../../runtime/block/emission-row.ts';
import { FtrlTrainer } from '../../runtime/trainer/ftrl-trainer.ts';
import { trainerConfig } from '../../runtime/trainer/trainer-config.ts';

const set: ExamplePlan = {
  name: 'ads_ctr',
  topic: null,
  anchor: 0,
  id: 0,
  idHash: 1,
  features: [
    { name: 'ad_id', slot: 2, type: scalar('string'), input: 'categorical' },
    { name: 'spend', slot: 3, type: scalar('float', { nullable: true }), input: 'dense' },
  ],
  labels: [
    { name: 'clicked', label: 0, policy: { kind: 'wait_horizon' } },
    { name: 'purchased', label: 1, policy: { kind: 'wait_then_late', waitMs: 1_800_000 } },
  ],
  sampleNegatives: 0.1,
  audit: 0.02,
  checks: [],
};

/** Four rows of one anchor: an example, shown, audit, and one whose label stayed unknown. */
const batch: EmissionBatch = {
  n: 4,
  emitted: Float64Array.of(5, 6, 7, 8),
  time: Float64Array.of(1, 1, 1, 1),
  id: {
    kind: 'text',
    bytes: Buffer.from('i1a9'),
    start: Int32Array.of(0, 0, 0, 0),
    end: Int32Array.of(2, 2, 2, 2),
  },
  kind: Uint8Array.of(0, 1, 2, 0),
  labels: [
    {
      value: Uint8Array.of(1, 2, 1, 2),
      kind: Uint8Array.of(LABEL_OBSERVED, LABEL_ABSENT, LABEL_AUDIT, LABEL_UNKNOWN),
      deadline: Float64Array.of(5, Number.NaN, 5, 5),
      elapsed: Float64Array.of(4, Number.NaN, 6, 7),
      credit: null,
      audit: { atWait: Uint8Array.of(2, 2, 0, 2), ever: Uint8Array.of(2, 2, 1, 2) },
    },
    {
      value: Uint8Array.of(0, 2, 0, 2),
      kind: Uint8Array.of(LABEL_OBSERVED, LABEL_ABSENT, LABEL_AUDIT, LABEL_ABSENT),
      deadline: Float64Array.of(9, Number.NaN, 9, Number.NaN),
      elapsed: Float64Array.of(4, Number.NaN, 6, Number.NaN),
      credit: null,
      audit: null,
    },
  ],
  sampleRate: Float64Array.of(0.5, 0.02, 0.02, 1),
  features: [
    {
      kind: 'text',
      bytes: Buffer.from('i1a9'),
      start: Int32Array.of(2, 2, 2, 2),
      end: Int32Array.of(4, 4, 4, 4),
    },
    { kind: 'f64', data: Float64Array.of(3, Number.NaN, 3, 3) },
  ] satisfies Column[],
};

test('rows of a batch say what its columns say', () => {
  const rows = emissionRows(batch, set);
  const [example, shown, audit, unknown] = rows;
  expect(example).toEqual({
    set: 'ads_ctr',
    id: 'i1',
    time: 1,
    emitted: 5,
    labels: {
      clicked: { value: 1, kind: 'observed', deadline: 5, elapsed: 4 },
      purchased: { value: 0, kind: 'observed', deadline: 9, elapsed: 4 },
    },
    features: ['a9', 3],
    sampleRate: 0.5,
  });
  expect(shown).toMatchObject({ kind: 'shown', labels: {}, features: ['a9', null] });
  expect(audit!.kind).toBe('audit');
  expect(audit!.labels.clicked).toMatchObject({ value: 1, kind: 'audit', atWait: 0, ever: 1 });
  expect(unknown!.labels).toEqual({
    clicked: { value: null, kind: 'unknown', deadline: 5, elapsed: 7 },
  });
});

test('a trainer made from the plan takes the rows as they are', () => {
  const config = trainerConfig(set, { bits: 12, showAfterLabels: 1 });
  expect(config.weighting).toEqual({ clicked: 'none', purchased: 'take_back' });
  const trainer = new FtrlTrainer(config);
  trainer.consume(emissionRows(batch, set));
  const { rows, labels, audits } = trainer.metrics();
  expect(rows).toBe(4);
  expect(labels.clicked!.kinds).toEqual({ observed: 1, unknown: 1 });
  expect(labels.clicked!.audit).toMatchObject({ rows: 1, weight: 50, observed: 50 });
  expect(labels.purchased!.emissions).toMatchObject({ rows: 1, observed: 0 });
  expect(audits).toEqual({ pending: 0, unmatched: 0, dropped: 0 });
  const unready = new FtrlTrainer(trainerConfig(set, { bits: 12, showAfterLabels: 9 }));
  unready.consume(emissionRows(batch, set));
  expect(unready.metrics().audits).toEqual({ pending: 0, unmatched: 1, dropped: 0 });
});
