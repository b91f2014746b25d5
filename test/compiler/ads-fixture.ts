/** features/ads.feat as a logical program, by hand. */
import type {
  LExpr,
  LogicalLabel,
  LogicalProgram,
  LogicalStream,
} from '../../compiler/check/logical.ts';
import { scalar } from '../../dsl/types.ts';
import {
  aggregate,
  anchorField,
  by,
  call,
  column,
  DAY,
  examples,
  family,
  feature,
  field,
  from,
  HOUR,
  label,
  MINUTE,
  num,
  over,
  program,
  str,
  stream,
} from './logical-fixture.ts';

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
