/**
 * Which values say who a person is. A field tagged `pii` taints what is made of it, through enrichments, tables, features of
 * features and labels' events, until so many people share an answer that it names nobody: a count, a comparison, a
 * bucket. The answer is the first tagged field that shows through, for the message.
 */
import type { ShownPii } from '../../dsl/messages-examples.ts';
import type { FieldEntry } from './fields.ts';
import type { ItemContext } from './items.ts';
import type { AggregateDef, EventSource, LExpr } from './logical.ts';
import type { StreamView } from './streams.ts';

/** With more buckets than this a bucket is as good as a name. */
export const PII_BUCKETS_MAX = 1_048_576;

/** The tagged field whose values a column of an example set would show; null: none. */
export function shownPii(value: LExpr, anchor: StreamView, context: ItemContext): ShownPii | null {
  return shown(value, { anchor, event: null, context, seen: new Set() });
}

type Place = {
  readonly anchor: StreamView;
  /** Inside an aggregate: the events it is over. */
  readonly event: Events | null;
  readonly context: ItemContext;
  /** Columns looked into already, which showed nothing: features of features may share them at every step. */
  readonly seen: Set<string>;
};

type Events = { readonly name: string; readonly fields: ReadonlyMap<string, FieldEntry> };

/** Aggregates whose answer is a number of events or values, whoever they are of. */
const COUNTS: ReadonlySet<AggregateDef['agg']> = new Set([
  'count',
  'distinct',
  'mode_share',
  'decayed_count',
]);

/** Functions with few answers: those of their arguments are not to be had back from them. */
const FEW_ANSWERS: ReadonlySet<string> = new Set([
  'is_null',
  'bucketize',
  'size',
  'count_of',
  'hour_of_day',
  'day_of_week',
]);
const COMPARISONS: ReadonlySet<string> = new Set([
  'eq',
  'ne',
  'lt',
  'le',
  'gt',
  'ge',
  'in',
  'starts_with',
  'contains',
]);

function shown(expr: LExpr, at: Place): ShownPii | null {
  switch (expr.kind) {
    case 'const':
    case 'list':
      return null;
    case 'anchor':
      return tagged(at.anchor, expr.name, false);
    case 'field':
      return at.event === null ? null : tagged(at.event, expr.name, true);
    case 'table': {
      const table = at.context.streams.bases.get(expr.table);
      return table === undefined
        ? null
        : tagged({ name: expr.table, fields: table.fields }, expr.column, false);
    }
    case 'column':
      return shownByColumn(expr.name, at);
    case 'call':
      return shownByCall(expr, at);
  }
}

function shownByColumn(name: string, at: Place): ShownPii | null {
  if (at.seen.has(name)) return null;
  at.seen.add(name);
  const { columns, roles } = at.context;
  const def = (columns.get(name) ?? roles.get(name))?.def;
  if (def === undefined) return null;
  if (def.kind === 'expression') return shown(def.expr, at);
  if (def.value === null || COUNTS.has(def.agg)) return null;
  return shown(def.value, { ...at, event: eventsOf(def.source, at.context) });
}

function shownByCall(expr: Extract<LExpr, { kind: 'call' }>, at: Place): ShownPii | null {
  const { fn, args } = expr;
  if (FEW_ANSWERS.has(fn) || isBucket(expr)) return null;
  for (const arg of args) {
    // Of true and false a comparison gives away everything, of other values next to nothing.
    const isBool = arg.type.kind === 'scalar' && arg.type.name === 'bool';
    if (COMPARISONS.has(fn) && !isBool) continue;
    const found = shown(arg, at);
    if (found !== null) return found;
  }
  return null;
}

/** `hash(x, buckets: n)` is a remainder of a hash. One of the value itself shows a small one as it is. */
function isBucket({ fn, args }: Extract<LExpr, { kind: 'call' }>): boolean {
  const [of, by] = args;
  const isOfHash = of?.kind === 'call' && (of.fn === 'hash' || of.fn === 'cross');
  if (fn !== 'mod' || !isOfHash || by?.kind !== 'const' || typeof by.value !== 'number')
    return false;
  return by.value >= 1 && by.value <= PII_BUCKETS_MAX;
}

function tagged({ name, fields }: Events, field: string, isAggregated: boolean): ShownPii | null {
  return fields.get(field)?.field.pii === true ? { field: `${name}.${field}`, isAggregated } : null;
}

function eventsOf(source: EventSource, { streams, labels }: ItemContext): Events | null {
  if (source.kind === 'stream') {
    const base = streams.bases.get(source.stream);
    return base === undefined ? null : { name: source.stream, fields: base.fields };
  }
  const label = labels.logical.find(({ name }) => name === source.label);
  return label === undefined ? null : labels.view(label);
}
