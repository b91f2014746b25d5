/** Logical programs by hand, for tests of what comes after the checker. */
import type {
  AggName,
  AggregateDef,
  EventSource,
  FeatureColumn,
  LExpr,
  LogicalExamples,
  LogicalField,
  LogicalLabel,
  LogicalProgram,
  LogicalStream,
  Window,
} from '../../compiler/check/logical.ts';
import { scalar, type Type } from '../../dsl/types.ts';

export const span = { file: 'test.feat', start: 0, end: 0 };

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

const text = scalar('string');

/** `stream('click', { click_id: 'string', ts: 'timestamp' })`: the first field is the id, `ts` the time. */
export function stream(
  name: string,
  fields: Readonly<Record<string, string>>,
  more: Partial<LogicalStream> = {},
): LogicalStream {
  return {
    kind: 'stream',
    name,
    topic: `topic.${name}`,
    isStatic: false,
    fields: Object.entries(fields).map(([field, type]) => ({
      name: field,
      type: typeOf(type),
      timeFormat: type === 'timestamp' ? 'ms' : null,
      pii: false,
      enriched: null,
    })),
    idField: Object.keys(fields)[0]!,
    timeField: 'ts',
    keyField: null,
    lateMs: 30_000,
    labelsLateMs: null,
    aheadMs: HOUR,
    delayMs: 0,
    retainMs: null,
    dedupMs: null,
    dedupGlobal: false,
    holdMs: 6 * HOUR,
    malformedMax: null,
    span,
    ...more,
  };
}

export function typeOf(text: string): Type {
  const nullable = text.endsWith('?');
  const name = nullable ? text.slice(0, -1) : text;
  return scalar(name as 'string', { nullable });
}

export function enrichedField(name: string, type: string, enriched: number): LogicalField {
  return { name, type: typeOf(type), timeFormat: null, pii: false, enriched };
}

export const field = (name: string, type = 'string'): LExpr => ({
  kind: 'field',
  name,
  type: typeOf(type),
});
export const anchorField = (name: string, type = 'string'): LExpr => ({
  kind: 'anchor',
  name,
  type: typeOf(type),
});
export const column = (name: string, type = 'float?'): LExpr => ({
  kind: 'column',
  name,
  type: typeOf(type),
});
export const num = (value: number): LExpr => ({ kind: 'const', value, type: scalar('float') });
export const str = (value: string): LExpr => ({ kind: 'const', value, type: text });
export const call = (fn: string, args: readonly LExpr[], type = 'bool'): LExpr => ({
  kind: 'call',
  fn,
  args,
  type: typeOf(type),
});

export const over = (ms: number, hopMs = 1): Window => ({
  kind: 'time',
  ms,
  hopMs,
  atMostRows: null,
});

export function from(stream: string, where: LExpr | null = null): EventSource {
  return { kind: 'stream', stream, where };
}

export function aggregate(
  agg: AggName,
  source: EventSource,
  more: Partial<AggregateDef> & { readonly by?: AggregateDef['by'] },
): AggregateDef {
  return {
    kind: 'aggregate',
    agg,
    source,
    value: null,
    where: null,
    by: by('user_id'),
    window: over(HOUR, 5 * MINUTE),
    k: null,
    q: null,
    halfLifeMs: null,
    headMs: 0,
    fallback: null,
    ...more,
  };
}

export function by(...names: readonly string[]): AggregateDef['by'] {
  return names.map((name) => {
    const [event, anchor] = name.split(' as ') as [string, string | undefined];
    return { event, anchor: anchor ?? event, type: text };
  });
}

export function feature(
  name: string,
  def: FeatureColumn['def'],
  type: string | Type = 'float?',
): FeatureColumn {
  return {
    name,
    feature: name.replace(/\[.*/, ''),
    type: typeof type === 'string' ? typeOf(type) : type,
    anchor: null,
    def,
    span,
  };
}

/** One column per duration, `name[5m]` … */
export function family(
  name: string,
  windows: Readonly<Record<string, Window>>,
  def: AggregateDef,
  type = 'int',
): FeatureColumn[] {
  return Object.entries(windows).map(([key, window]) =>
    feature(`${name}[${key}]`, { ...def, window }, type),
  );
}

export function label(
  name: string,
  more: Partial<LogicalLabel> & Pick<LogicalLabel, 'stream' | 'routes'>,
): LogicalLabel {
  return {
    name,
    where: null,
    anchor: { name: 'impression', stream: 'impression', where: null },
    credit: { kind: 'last' },
    unless: null,
    span,
    ...more,
  };
}

export function examples(
  name: string,
  features: readonly (string | LExpr)[],
  more: Partial<LogicalExamples> = {},
): LogicalExamples {
  return {
    name,
    anchor: { name: 'impression', stream: 'impression', where: null },
    topic: null,
    features: features.map((one) => {
      const value = typeof one === 'string' ? column(one) : one;
      const as = value.kind === 'column' || value.kind === 'anchor' ? value.name : 'x';
      return { as, value, type: value.type };
    }),
    labels: [],
    sampleNegatives: 1,
    audit: 0,
    checks: [],
    span,
    ...more,
  };
}

export function program(parts: Partial<LogicalProgram>): LogicalProgram {
  const sorted = <T extends { readonly name: string }>(items: readonly T[]) =>
    [...items].sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    enrichments: [],
    labels: [],
    examples: [],
    models: [],
    tests: [],
    ...parts,
    streams: sorted(parts.streams ?? []),
    columns: sorted(parts.columns ?? []),
  };
}
