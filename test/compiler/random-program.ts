/** Random logical programs over the ad streams: every aggregate, window, filter and expression that the plan knows. */
import type {
  AggName,
  FeatureColumn,
  LExpr,
  LogicalProgram,
  Window,
} from '../../compiler/check/logical.ts';
import { list } from '../../dsl/types.ts';
import type { Rng } from '../random.ts';
import { adLabels, adStreams, isKind } from './ads-fixture.ts';
import {
  aggregate,
  by,
  call,
  column,
  DAY,
  examples,
  feature,
  field,
  HOUR,
  MINUTE,
  num,
  program,
  str,
} from './logical-fixture.ts';

const AGGS: readonly AggName[] = [
  'count',
  'sum',
  'mean',
  'min',
  'max',
  'stddev',
  'first',
  'last',
  'distinct',
  'topk',
  'quantile',
  'mode',
  'mode_share',
  'decayed_count',
  'decayed_sum',
];
const NUMBERS: Readonly<Record<string, readonly LExpr[]>> = {
  impression: [field('bid', 'float'), call('mul', [field('bid', 'float'), num(2)], 'float')],
  click: [field('ts', 'timestamp')],
  pixel: [field('value', 'float?'), call('add', [field('value', 'float?'), num(1)], 'float?')],
};
const TEXTS: Readonly<Record<string, readonly string[]>> = {
  impression: ['placement', 'ad_id', 'user_id'],
  click: ['ad_id'],
  pixel: ['kind', 'order_id'],
};

/** A program of `n` feature columns `f0` … and one example set that lists them all, numbers combined at random. */
export function randomProgram(random: Rng, n: number): LogicalProgram {
  const columns = Array.from({ length: n }, (_, i) => randomFeature(random, `f${i}`));
  return withFeatures(program({ streams: adStreams(), labels: adLabels() }), columns, random);
}

/** The program with these columns, all listed, and the ad labels where `random` likes. */
export function withFeatures(
  base: LogicalProgram,
  columns: readonly FeatureColumn[],
  random: Rng,
): LogicalProgram {
  const all = [...base.columns, ...columns].sort((a, b) => (a.name < b.name ? -1 : 1));
  const values = all.map((one): LExpr => ({ kind: 'column', name: one.name, type: one.type }));
  const labels = random.chance(0.5)
    ? [{ as: 'clicked', label: 'clicked', policy: { kind: 'wait_horizon' } as const }]
    : [];
  return { ...base, columns: all, examples: [examples('set', values, { labels })] };
}

export function randomFeature(random: Rng, name: string): FeatureColumn {
  const agg = random.pick(AGGS);
  const stream = random.pick(['impression', 'click', 'pixel']);
  const decayed = agg.startsWith('decayed');
  const text =
    ['first', 'last', 'distinct', 'topk', 'mode', 'mode_share'].includes(agg) && random.chance(0.7);
  const isCount = agg === 'count' || agg === 'decayed_count';
  const value = isCount
    ? null
    : text
      ? field(random.pick(TEXTS[stream]!), 'string?')
      : random.pick(NUMBERS[stream]!);
  const scalarType = text && ['first', 'last', 'mode'].includes(agg) ? 'string?' : 'float?';
  const keys = stream === 'pixel' ? ['user_id'] : ['user_id', 'ad_id'];
  const k =
    agg === 'topk'
      ? 1 + random.below(5)
      : agg === 'last' && random.chance(0.5)
        ? 1 + random.below(9)
        : null;
  const isList = k !== null;
  return feature(
    name,
    aggregate(
      agg,
      { kind: 'stream', stream, where: random.chance(0.4) ? randomFilter(random, stream) : null },
      {
        value,
        where: random.chance(0.3) ? randomFilter(random, stream) : null,
        by: random.chance(0.3) ? by(...keys) : by(random.pick(keys)),
        window: decayed ? { kind: 'all' } : randomWindow(random),
        k,
        q: agg === 'quantile' ? random.pick([0.5, 0.9]) : null,
        halfLifeMs: decayed ? random.pick([HOUR, DAY]) : null,
        headMs: random.chance(0.1) ? 1000 : 0,
        fallback: !isList && scalarType === 'float?' && random.chance(0.2) ? 0 : null,
      },
    ),
    isList ? list(text ? 'string' : 'float') : scalarType,
  );
}

function randomWindow(random: Rng): Window {
  switch (random.below(8)) {
    case 0:
      return { kind: 'rows', rows: 1 + random.below(20) };
    case 1:
      return { kind: 'session', gapMs: 30 * MINUTE };
    case 2:
      return { kind: 'all' };
    case 3:
      return { kind: 'time', ms: 7 * DAY, hopMs: HOUR, atMostRows: 50 };
    default:
      return random.pick<Window>([
        { kind: 'time', ms: 5 * MINUTE, hopMs: 15_000, atMostRows: null },
        { kind: 'time', ms: HOUR, hopMs: 5 * MINUTE, atMostRows: null },
        { kind: 'time', ms: HOUR, hopMs: 1, atMostRows: null },
        { kind: 'time', ms: DAY, hopMs: HOUR, atMostRows: null },
      ]);
  }
}

/** Nested `and`, `or`, `not` and comparisons, with constants among them. */
export function randomFilter(random: Rng, stream: string, depth = 3): LExpr {
  const inner = () => randomFilter(random, stream, depth - 1);
  if (depth > 0 && random.chance(0.6)) {
    const fn = random.pick(['and', 'or', 'not']);
    return call(fn, fn === 'not' ? [inner()] : [inner(), inner()]);
  }
  const number = random.pick(NUMBERS[stream]!);
  const options: readonly LExpr[] = [
    stream === 'pixel'
      ? isKind(random.pick(['purchase', 'refund']))
      : call('eq', [str('a'), field(TEXTS[stream]![0]!)]),
    call(
      random.pick(['lt', 'le', 'gt', 'ge', 'eq', 'ne']),
      random.chance(0.5) ? [number, num(random.below(3))] : [num(random.below(3)), number],
    ),
    call('is_null', [number]),
    {
      kind: 'const',
      value: random.chance(0.5),
      type: { kind: 'scalar', name: 'bool', unit: null, nullable: false, category: false },
    },
  ];
  return random.pick(options);
}

/** A feature that combines two numeric columns. */
export function combined(random: Rng, name: string, names: readonly string[]): FeatureColumn {
  const expr = call(
    random.pick(['add', 'mul', 'sub', 'div']),
    [column(random.pick(names)), column(random.pick(names))],
    'float?',
  );
  return feature(name, { kind: 'expression', expr });
}
