import type { ExamplePlan } from '../../compiler/plan/plan.ts';
import { list, scalar } from '../../dsl/types.ts';
import type { Column } from '../../operators/column/column.ts';
import { ListBuilder, TextBuilder } from '../../operators/column/text-builder.ts';
import { type EmissionBatch, LABEL_KINDS } from '../../operators/emission/emission-batch.ts';
import type { Rng } from '../random.ts';

/** A set with a column of every kind and two labels; names need escaping. */
export const EVERYTHING: ExamplePlan = {
  name: 'every "thing"',
  topic: null,
  anchor: 0,
  id: 0,
  idHash: 0,
  features: [
    { name: 'count[5m]', slot: 0, type: scalar('int'), input: 'dense' },
    { name: 'rate "x"\n', slot: 1, type: scalar('float', { nullable: true }), input: 'dense' },
    { name: 'flag', slot: 2, type: scalar('bool', { nullable: true }), input: 'dense' },
    { name: 'place', slot: 3, type: scalar('string', { nullable: true }), input: 'categorical' },
    { name: 'numbers', slot: 4, type: list('float', true), input: 'ids' },
    { name: 'id', slot: 5, type: list('string', true), input: 'ids' },
  ],
  labels: [
    { name: 'clicked', label: 0, policy: { kind: 'wait_horizon' } },
    { name: 'bought', label: 1, policy: { kind: 'now_then_late' }, isFraction: true },
  ],
  sampleNegatives: 1,
  audit: 0.5,
  checks: [],
};

const TEXTS = [
  '',
  'feed',
  'a"b\\c',
  'tab\tnew\nline\u0001\u007f',
  'žluťoučký',
  '日本語',
  '🎈',
  ' '.repeat(40),
];

export function randomNumber(random: Rng): number {
  const kinds = [
    () => random.below(1000),
    () => -random.below(1000),
    () => Math.round(random.next() * 2 ** 53),
    () => -Math.round(random.next() * 2 ** 53),
    () => random.next(),
    () => (random.next() - 0.5) * 10 ** (random.below(40) - 20),
    () => Math.round(random.next() * 1e6) / 10 ** random.below(7),
    () => -Math.round(random.next() * 1e9) / 1e4,
    () => (1 + random.below(20)) / (100 + random.below(50)),
    () =>
      random.pick([
        0,
        -0,
        2 ** 31,
        2 ** 31 - 1,
        -(2 ** 31),
        2 ** 32,
        2 ** 53 - 1,
        1e21,
        1e-7,
        0.1,
        0.0001,
        1e100,
        5e-324,
        999999.9999,
        1e6,
        0.00009,
      ]),
  ];
  return random.pick(kinds)();
}

export function randomBatch(random: Rng, n: number): EmissionBatch {
  const text = (nullShare: number): Column => {
    const builder = new TextBuilder(n);
    for (let i = 0; i < n; i++) {
      if (random.chance(nullShare)) builder.addNull();
      else builder.addString(random.chance(0.3) ? `u${random.below(1e6)}` : random.pick(TEXTS));
    }
    return builder.finish();
  };
  const lists = (ofTexts: boolean): Column => {
    const builder = new ListBuilder(n);
    for (let i = 0; i < n; i++) {
      const isNull = random.chance(0.2);
      for (let j = isNull ? 0 : random.below(4); j > 0; j--) {
        const bytes = Buffer.from(random.pick(TEXTS));
        if (ofTexts) builder.addText(bytes, 0, bytes.length);
        else builder.addNumber(randomNumber(random));
      }
      builder.endRow(isNull);
    }
    return ofTexts ? builder.finishTexts() : builder.finishNumbers();
  };
  const flags = () => Uint8Array.from({ length: n }, () => random.below(3));
  const emitted = Float64Array.from(
    { length: n },
    () => 1_730_000_000_000 + random.below(1e6),
  ).sort();
  const kind = Uint8Array.from({ length: n }, () => random.below(3));
  const id = text(0);
  if (id.kind !== 'text') throw new Error('ids are texts');
  return {
    n,
    emitted,
    time: emitted.map((time) => time - random.below(1e5)),
    id,
    kind,
    labels: EVERYTHING.labels.map(({ isFraction }) => ({
      value: flags(),
      kind: Uint8Array.from(kind, () => random.below(LABEL_KINDS.length)),
      deadline: Float64Array.from(kind, () => random.below(1e9)),
      elapsed: Float64Array.from(kind, () => random.below(1e6)),
      credit: isFraction ? Int32Array.from(kind, () => random.below(1e6)) : null,
      audit: { atWait: flags(), ever: flags() },
    })),
    sampleRate: Float64Array.from(kind, () => random.pick([1, 0.1, 0.02])),
    features: [
      { kind: 'f64', data: Float64Array.from(kind, () => random.below(1e6)) },
      {
        kind: 'f64',
        data: Float64Array.from(kind, () =>
          random.chance(0.2) ? Number.NaN : randomNumber(random),
        ),
      },
      { kind: 'bool', data: flags() },
      text(0.3),
      lists(false),
      lists(true),
    ] satisfies Column[],
  };
}
