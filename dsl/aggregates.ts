/** The aggregates of the language, as data: what they take, what they give. Their meaning is the engine's. */
import { list, type ScalarName, type ScalarType, scalar, showType, type Type } from './types.ts';

export type AggregateName =
  | 'count'
  | 'sum'
  | 'mean'
  | 'min'
  | 'max'
  | 'stddev'
  | 'first'
  | 'last'
  | 'distinct'
  | 'topk'
  | 'quantile'
  | 'mode'
  | 'mode_share'
  | 'decayed_count'
  | 'decayed_sum';

export type AggregateSignature = {
  /** `events`: a stream or label alone; `value`: an expression over its fields. */
  readonly of: 'events' | 'value';
  /** The scalars it takes; empty for `events`. */
  readonly takes: readonly ScalarName[];
  /** The one further positional argument: a whole number k >= 1, or a share q in [0, 1]. */
  readonly arg: { readonly name: 'k' | 'q'; readonly required: boolean } | null;
  /** Named arguments; all are required. */
  readonly named: readonly 'half_life'[];
  /** `all`: takes `over all` (or no window) only. */
  readonly window: 'any' | 'all';
  readonly usage: string;
  readonly doc: string;
};

const QUANTITIES = ['int', 'float', 'money', 'duration'] as const;
const ORDERED = [...QUANTITIES, 'timestamp'] as const;
const SCALARS = [...ORDERED, 'string', 'bool'] as const;

const value = (
  takes: readonly ScalarName[],
  usage: string,
  doc: string,
  more: Partial<AggregateSignature> = {},
): AggregateSignature => ({
  of: 'value',
  takes,
  arg: null,
  named: [],
  window: 'any',
  usage,
  doc,
  ...more,
});

/** Every aggregate. Nulls of the value are ignored. */
export const AGGREGATES: Readonly<Record<AggregateName, AggregateSignature>> = {
  count: value([], 'count(click)', 'how many events', { of: 'events' }),
  sum: value(QUANTITIES, 'sum(buy.value)', 'the sum'),
  mean: value(QUANTITIES, 'mean(buy.value)', 'the arithmetic mean'),
  min: value(ORDERED, 'min(buy.value)', 'the smallest value'),
  max: value(ORDERED, 'max(buy.value)', 'the largest value'),
  stddev: value(
    QUANTITIES,
    'stddev(buy.value)',
    'the standard deviation of all values (not of a sample)',
  ),
  first: value(SCALARS, 'first(click.ad_id)', 'the oldest value'),
  last: value(SCALARS, 'last(click.ad_id, 20)', 'the newest value, or the newest k, newest first', {
    arg: { name: 'k', required: false },
  }),
  distinct: value(SCALARS, 'distinct(click.user_id)', 'how many different values'),
  topk: value(SCALARS, 'topk(click.ad_id, 10)', 'the k most frequent values, ties smaller first', {
    arg: { name: 'k', required: true },
  }),
  quantile: value(QUANTITIES, 'quantile(buy.value, 0.9)', 'the value below which a share q lies', {
    arg: { name: 'q', required: true },
  }),
  mode: value(SCALARS, 'mode(click.ad_id)', 'the most frequent value, ties smaller first'),
  mode_share: value(SCALARS, 'mode_share(click.ad_id)', 'the share of the most frequent value'),
  decayed_count: value([], 'decayed_count(click, half_life: 1d)', 'a count that halves over time', {
    of: 'events',
    named: ['half_life'],
    window: 'all',
  }),
  decayed_sum: value(
    QUANTITIES,
    'decayed_sum(buy.value, half_life: 1d)',
    'a sum that halves over time',
    {
      named: ['half_life'],
      window: 'all',
    },
  ),
};

/** The names, for suggestions. */
export const AGGREGATE_NAMES = Object.keys(AGGREGATES) as readonly AggregateName[];

/** The aggregate of a name, or null. */
export function aggregateNamed(name: string): AggregateName | null {
  return AGGREGATE_NAMES.find((each) => each === name) ?? null;
}

/**
 * The type of an aggregate over values of `of` (null: over events); `hasK`: `last` with a number of entries.
 * A string is the reason why there is none. Counts and lists are never null, all others are when empty.
 */
export function aggregateResult(
  name: AggregateName,
  of: Type | null,
  hasK: boolean,
): Type | string {
  const signature = AGGREGATES[name];
  if (signature.of === 'events') {
    return name === 'count' ? scalar('int', { unit: 'count' }) : scalar('float');
  }
  if (of === null) return `\`${name}\` needs a value, as in \`${signature.usage}\``;
  if (of.kind === 'error') return of;
  if (of.kind === 'list') return `\`${name}\` takes single values, not the list ${showType(of)}`;
  if (!signature.takes.includes(of.name)) {
    return `\`${name}\` takes ${orList(signature.takes)}, not ${showType(of)}`;
  }
  return resultOf(name, of, hasK);
}

function resultOf(name: AggregateName, of: ScalarType, hasK: boolean): Type {
  const same = { ...of, nullable: true };
  // A mean or a sketch of whole numbers lies between them.
  const between = of.name === 'int' ? scalar('float', { nullable: true }) : same;
  switch (name) {
    case 'count':
    case 'distinct':
      return scalar('int', { unit: 'count' });
    case 'decayed_count':
      return scalar('float');
    case 'sum':
    case 'min':
    case 'max':
    case 'first':
    case 'mode':
      return same;
    case 'mean':
    case 'stddev':
    case 'quantile':
    case 'decayed_sum':
      return between;
    case 'last':
      return hasK ? list(of.name) : same;
    case 'topk':
      return list(of.name);
    case 'mode_share':
      return scalar('float', { unit: 'rate', nullable: true });
  }
}

function orList(names: readonly string[]): string {
  return `${names.slice(0, -1).join(', ')} or ${names[names.length - 1]}`;
}
