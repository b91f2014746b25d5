import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { check } from '../../compiler/check/check.ts';
import type { LExpr, LogicalProgram } from '../../compiler/check/logical.ts';
import { defaultHop } from '../../compiler/plan/hop.ts';
import { parseFile } from '../../dsl/parse.ts';
import { rng } from '../random.ts';

const ads = readFileSync(new URL('../../features/ads.feat', import.meta.url), 'utf8');

function program(source: string): LogicalProgram {
  const { file, diagnostics } = parseFile('p.feat', source);
  expect(diagnostics).toEqual([]);
  const checked = check([file]);
  expect(checked.diagnostics.filter((d) => d.severity === 'error')).toEqual([]);
  return checked.program!;
}

/** An expression as a reader would write it. */
function text(e: LExpr | null): string {
  if (e === null) return '-';
  if (e.kind === 'call') return `${e.fn}(${e.args.map(text).join(', ')})`;
  if (e.kind === 'const') return JSON.stringify(e.value);
  if (e.kind === 'list') return JSON.stringify(e.values);
  if (e.kind === 'table') return `${e.table}[${e.key}].${e.column}`;
  return `${e.kind} ${e.name}`;
}

const WORLD = `
stream impression from "i" {
  id impression_id : string
  time ts : timestamp
  user_id, owner_id, campaign_id, sku_id : string
  slot : int
}
stream click from "c" {
  id click_id : string
  time ts : timestamp
  impression_id, user_id : string
}
stream pixel from "p" {
  time ts : timestamp
  user_id, kind : string
  value : float?
  late 10m, labels 2d, delay 1m, retain 30d, dedup 1d, dedup global, hold 1h, malformed <= 1%
}
stream paid   = pixel where value > 0
stream buy    = paid where kind == "purchase"
table product from "t" {
  key sku_id : string
  time ts : timestamp
  brand : string
}
label clicked   = click on impression_id within 30m
label purchased = buy on user_id within 7d of clicked
feature clicks = count(click) by user_id over [5m, 1h]
feature imps   = count(impression) by user_id over [1h, 5m]
`;

describe('the logical program', () => {
  it('holds the sample program', () => {
    const p = program(ads);
    expect(p.columns.map((c) => c.name)).toEqual([
      ...['ad_buys', 'ad_clicks', 'ad_ctr', 'ad_imps', 'hour', 'pair_imps', 'reach', 'recent_ads'],
      ...['spend', 'user_clicks[1h]', 'user_clicks[24h]', 'user_clicks[5m]', 'user_clicks[7d]'],
      ...['user_ctr[1h]', 'user_ctr[24h]', 'user_ctr[5m]', 'user_ctr[7d]'],
      ...['user_imps[1h]', 'user_imps[24h]', 'user_imps[5m]', 'user_imps[7d]'],
    ]);
    expect(p.labels.map((l) => l.name)).toEqual(['clicked', 'purchased']);
    expect(p.labels[1]!.routes).toEqual([
      {
        withinMs: 7 * 86_400_000,
        of: 'clicked',
        on: [
          { event: 'user_id', target: 'user_id', from: 'parent_event' },
          { event: 'advertiser_id', target: 'advertiser_id', from: 'parent_event' },
        ],
      },
    ]);
    expect(p.examples[0]!.features.map((f) => f.as)).toEqual([
      ...['user_imps[5m]', 'user_imps[1h]', 'user_imps[24h]', 'user_imps[7d]'],
      ...['user_ctr[5m]', 'user_ctr[1h]', 'user_ctr[24h]', 'user_ctr[7d]', 'spend', 'recent_ads'],
      ...['ad_ctr', 'ad_buys', 'pair_imps', 'reach', 'hour'],
      ...['ad_id', 'campaign_id', 'placement', 'bid'],
    ]);
    expect(p.examples[0]!.labels).toEqual([
      { as: 'clicked', label: 'clicked', policy: { kind: 'wait_horizon' } },
      {
        as: 'purchased',
        label: 'purchased',
        policy: { kind: 'wait_then_late', waitMs: 1_800_000 },
      },
    ]);
    expect(p.examples[0]!.checks).toEqual([
      { kind: 'rate', label: 'clicked', min: 0.001, max: 0.2 },
      { kind: 'missing', column: 'spend', min: 0, max: 0.99 },
    ]);
    expect(p.examples[0]).toMatchObject({ sampleNegatives: 0.1, audit: 0.02 });
    expect(p.models[0]!.tables).toHaveLength(4);
    expect(JSON.parse(JSON.stringify(p))).toEqual(p);
  });

  it('knows the options of a stream and their defaults', () => {
    const streams = program(WORLD).streams;
    expect(streams.find((s) => s.name === 'pixel')).toMatchObject({
      ...{ lateMs: 600_000, labelsLateMs: 172_800_000, aheadMs: 3_600_000, delayMs: 60_000 },
      ...{ retainMs: 2_592_000_000, dedupMs: 86_400_000, dedupGlobal: true },
      ...{ holdMs: 3_600_000, malformedMax: 0.01, idField: null, timeField: 'ts' },
    });
    expect(streams.find((s) => s.name === 'click')).toMatchObject({
      ...{ lateMs: 0, labelsLateMs: null, aheadMs: 3_600_000, delayMs: 0, retainMs: null },
      ...{ dedupMs: null, dedupGlobal: false, holdMs: 21_600_000, malformedMax: null },
    });
  });

  it('joins the filters of derived streams, the innermost first', () => {
    const p = program(`${WORLD}
      feature spent = sum(buy.value * 2 where value < 9) by user_id over 1h default 0`);
    const def = p.columns.find((c) => c.name === 'spent')!.def;
    if (def.kind !== 'aggregate') throw new Error('spent is an aggregate');
    expect(def.source.kind === 'stream' && def.source.stream).toBe('pixel');
    expect(text(def.source.where)).toBe('and(gt(field value, 0), eq(field kind, "purchase"))');
    expect(text(def.value)).toBe('mul(field value, 2)');
    expect(text(def.where)).toBe('lt(field value, 9)');
    expect(def.fallback).toBe(0);
  });

  it('expands families by window, whatever the order they are written in', () => {
    const p = program(`${WORLD}
      feature top = max(impression.slot) by user_id over 1h
      feature ctr = clicks / imps + top default 0`);
    const exprs = p.columns
      .filter((c) => c.feature === 'ctr')
      .map((c) => `${c.name}: ${c.def.kind === 'expression' ? text(c.def.expr) : ''}`);
    const sum = (w: string) =>
      `ctr[${w}]: coalesce(add(div(column clicks[${w}], column imps[${w}]), column top), 0)`;
    expect(exprs).toEqual([sum('1h'), sum('5m')]);
  });

  it('looks a feature up in another role, with what it is made of', () => {
    const p = program(`${WORLD}
      feature ctr = clicks / imps
      examples e for impression {
        features ctr at owner_id as owner_ctr, clicks[5m] as recent, product.brand
        label clicked wait horizon
      }`);
    const owner = p.columns.find((c) => c.name === 'owner_ctr[1h]')!;
    expect(owner.def.kind === 'expression' && text(owner.def.expr)).toBe(
      'div(column clicks[1h] at owner_id, column imps[1h] at owner_id)',
    );
    const inner = p.columns.find((c) => c.name === 'clicks[1h] at owner_id')!.def;
    expect(inner.kind === 'aggregate' && inner.by).toMatchObject([
      { event: 'user_id', anchor: 'owner_id' },
    ]);
    expect(p.examples[0]!.features.map((f) => `${f.as} = ${text(f.value)}`)).toEqual([
      'owner_ctr[5m] = column owner_ctr[5m]',
      'owner_ctr[1h] = column owner_ctr[1h]',
      'recent = column clicks[5m]',
      'brand = product[sku_id].brand',
    ]);
  });

  it('carries fields through enrichments in the order they depend on', () => {
    const p = program(`${WORLD}
      enrich buy from click on user_id within 1h
      enrich click from impression on impression_id within 1d
      feature spent = sum(buy.value) by campaign_id over 1h`);
    expect(
      p.enrichments.map(
        (e) => `${e.stream} from ${e.source.kind === 'stream' ? e.source.stream : ''}`,
      ),
    ).toEqual(['click from impression', 'pixel from click']);
    expect(p.enrichments[0]!.fields).toEqual(['owner_id', 'campaign_id', 'sku_id', 'slot']);
    const field = p.streams.find((s) => s.name === 'pixel')!.fields.find((f) => f.name === 'slot')!;
    expect(field).toMatchObject({ enriched: 1, type: { name: 'int', nullable: true } });
  });

  it('resolves a label for each kind of anchor, and counts the widest', () => {
    const p = program(`${WORLD}
      stream premium = impression where slot == 1
      feature bought = count(purchased) by campaign_id over 7d
      examples e for impression {
        features bought
        label purchased wait horizon
      }
      examples f for premium {
        features bought
        label clicked wait horizon
      }`);
    expect(p.labels.map((l) => l.name)).toEqual([
      'clicked@impression',
      'clicked@premium',
      'purchased',
    ]);
    expect(p.labels[2]!.routes[0]!.of).toBe('clicked@impression');
    expect(text(p.labels[1]!.anchor.where)).toBe('eq(field slot, 1)');
    const { def } = p.columns.find((c) => c.name === 'bought')!;
    expect(def.kind === 'aggregate' && def.source).toEqual({
      ...{ kind: 'label', label: 'purchased', where: null },
    });
    expect(p.examples[1]!.labels[0]).toMatchObject({ as: 'clicked', label: 'clicked@premium' });
  });

  it('makes a column nullable where the anchor may lack its key', () => {
    const p = program(`${WORLD}
      enrich click from impression on impression_id within 1d
      feature by_campaign = count(impression) by campaign_id over 1h
      examples e for click {
        features by_campaign, imps[1h]
        label purchased wait 7d
      }`);
    const nullable = p.examples[0]!.features.map(
      (f) => f.type.kind === 'scalar' && f.type.nullable,
    );
    expect(nullable).toEqual([true, false]);
  });
});

describe('the default hop', () => {
  it('is at most a twelfth of the window', () => {
    const [m, h, d] = [60_000, 3_600_000, 86_400_000];
    expect([5 * m, h, d, 7 * d, 30 * d, 5, 12].map(defaultHop)).toEqual([
      ...[15_000, 5 * m, h, 6 * h, d, 1, 1],
    ]);
  });
});

describe('mutated programs', () => {
  it('never throw, and give a program iff there is no error', () => {
    const seed = 20_251;
    const random = rng(seed);
    const tokens = ads.match(/\w+|\s+|[^\w\s]/g)!;
    const words = [...new Set(tokens.filter((t) => /^\w/.test(t)))];
    for (let round = 0; round < 150; round++) {
      const mutated = [...tokens];
      for (let i = 0; i <= random.below(4); i++)
        mutated[random.below(mutated.length)] = random.pick(words);
      const { file } = parseFile('m.feat', mutated.join(''));
      const checked = check([file]);
      const failed = checked.diagnostics.some((d) => d.severity === 'error');
      expect(checked.program === null, `seed ${seed}, round ${round}`).toBe(failed);
    }
  });
});
