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
} from '../../compiler/logical.ts';
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
  return { name, type: typeOf(type), timeFormat: null, enriched };
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
    credit: 'last',
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

/** The streams of features/ads.feat. */
export function adStreams(): LogicalStream[] {
  return [
    stream('impression', {
      impression_id: 'string',
      ts: 'timestamp',
      user_id: 'string',
      ad_id: 'string',
      campaign_id: 'string',
      advertiser_id: 'string',
      placement: 'string',
      bid: 'float',
    }),
    stream('click', {
      click_id: 'string',
      ts: 'timestamp',
      impression_id: 'string',
      user_id: 'string',
      ad_id: 'string',
      advertiser_id: 'string',
    }),
    stream(
      'pixel',
      {
        event_id: 'string',
        ts: 'timestamp',
        user_id: 'string',
        advertiser_id: 'string',
        kind: 'string',
        order_id: 'string?',
        value: 'float?',
      },
      { lateMs: 10 * MINUTE, labelsLateMs: 2 * DAY },
    ),
  ];
}

export const isKind = (kind: string): LExpr => call('eq', [field('kind'), str(kind)]);

/** The two labels of features/ads.feat. */
export function adLabels(): LogicalLabel[] {
  return [
    label('clicked', {
      stream: 'click',
      routes: [
        {
          withinMs: 30 * MINUTE,
          of: null,
          on: [{ event: 'impression_id', target: 'impression_id', from: 'anchor' }],
        },
      ],
    }),
    label('purchased', {
      stream: 'pixel',
      where: isKind('purchase'),
      routes: [
        {
          withinMs: 7 * DAY,
          of: 'clicked',
          on: [
            { event: 'user_id', target: 'user_id', from: 'parent_event' },
            { event: 'advertiser_id', target: 'advertiser_id', from: 'parent_event' },
          ],
        },
      ],
      unless: {
        stream: 'pixel',
        where: isKind('refund'),
        on: [{ refund: 'order_id', event: 'order_id' }],
        withinMs: 14 * DAY,
      },
    }),
  ];
}

const WINDOWS = {
  '5m': over(5 * MINUTE, 15_000),
  '1h': over(HOUR, 5 * MINUTE),
  '24h': over(DAY, HOUR),
  '7d': over(7 * DAY, 6 * HOUR),
};

/** features/ads.feat, as the checker makes it. */
export function adsProgram(): LogicalProgram {
  const smooth = (clicks: string, imps: string, weight: number) => ({
    kind: 'expression' as const,
    expr: call(
      'smooth',
      [column(clicks, 'int'), column(imps, 'int'), num(0.01), num(weight)],
      'float',
    ),
  });
  const day = over(DAY, HOUR);
  return program({
    streams: adStreams(),
    labels: adLabels(),
    columns: [
      ...family('user_imps', WINDOWS, aggregate('count', from('impression'), {})),
      ...family('user_clicks', WINDOWS, aggregate('count', from('click'), {})),
      ...Object.keys(WINDOWS).map((key) =>
        feature(
          `user_ctr[${key}]`,
          smooth(`user_clicks[${key}]`, `user_imps[${key}]`, 100),
          'float',
        ),
      ),
      feature(
        'ad_imps',
        aggregate('count', from('impression'), { by: by('ad_id'), window: day }),
        'int',
      ),
      feature(
        'ad_clicks',
        aggregate('count', from('click'), { by: by('ad_id'), window: day }),
        'int',
      ),
      feature('ad_ctr', smooth('ad_clicks', 'ad_imps', 1000), 'float'),
      feature(
        'pair_imps',
        aggregate('count', from('impression'), { by: by('user_id', 'campaign_id'), window: day }),
        'int',
      ),
      feature(
        'spend',
        aggregate('sum', from('pixel', isKind('purchase')), {
          value: field('value', 'float?'),
          window: over(30 * DAY, DAY),
        }),
      ),
      feature(
        'ad_buys',
        aggregate(
          'count',
          { kind: 'label', label: 'purchased', where: null },
          { by: by('ad_id'), window: WINDOWS['7d'] },
        ),
        'int',
      ),
      feature(
        'recent_ads',
        aggregate('last', from('click'), { value: field('ad_id'), k: 20, window: WINDOWS['7d'] }),
        { kind: 'list', of: 'string', nullable: false },
      ),
      feature(
        'reach',
        aggregate('distinct', from('impression'), {
          value: field('user_id'),
          by: by('campaign_id'),
          window: day,
        }),
        'int',
      ),
      feature(
        'hour',
        {
          kind: 'expression',
          expr: call('hour_of_day', [anchorField('ts', 'timestamp'), str('UTC')], 'int'),
        },
        scalar('int', { category: true }),
      ),
    ],
    examples: [
      examples(
        'ads_ctr',
        [
          ...Object.keys(WINDOWS).flatMap((key) => [`user_imps[${key}]`]),
          ...Object.keys(WINDOWS).flatMap((key) => [`user_ctr[${key}]`]),
          'spend',
          {
            kind: 'column',
            name: 'recent_ads',
            type: { kind: 'list', of: 'string', nullable: false },
          },
          'ad_ctr',
          'ad_buys',
          'pair_imps',
          'reach',
          'hour',
          anchorField('ad_id'),
          anchorField('campaign_id'),
          anchorField('placement'),
          anchorField('bid', 'float'),
        ],
        {
          topic: 'examples.ads_ctr',
          labels: [
            { as: 'clicked', label: 'clicked', policy: { kind: 'wait_horizon' } },
            {
              as: 'purchased',
              label: 'purchased',
              policy: { kind: 'wait_then_late', waitMs: 30 * MINUTE },
            },
          ],
          sampleNegatives: 0.1,
          audit: 0.02,
          checks: [
            { kind: 'rate', label: 'clicked', min: 0.001, max: 0.2 },
            { kind: 'missing', column: 'spend', min: 0, max: 0.99 },
          ],
        },
      ),
    ],
  });
}
