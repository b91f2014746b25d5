import { describe, expect, test } from 'vitest';
import { TEST_SET_PREFIX, withTestExamples } from '../../compiler/check/test-examples.ts';
import { planDigest } from '../../compiler/graph/digest.ts';
import type { Plan } from '../../compiler/plan/plan.ts';
import { lowerToPlan } from '../../compiler/plan/to-plan.ts';
import { PlanError, verifyPlan } from '../../compiler/plan/verify-plan.ts';
import { rng } from '../random.ts';
import { adsProgram } from './ads-fixture.ts';
import { goldenText, planOf, programOf } from './programs.ts';
import { combined, randomProgram, withFeatures } from './random-program.ts';

const seeds = Array.from({ length: 80 }, (_, i) => i + 1);

describe('the plan of the ads program', () => {
  const plan = planOf(goldenText('ads.feat'));
  const scan = (topic: string) => plan.scans.find((one) => one.topic === topic)!;
  const keyspace = (name: string) => plan.keyspaces.find((one) => one.name === name)!;

  test('reads each topic once, decodes only what is used, and keeps no text for keys', () => {
    expect(plan.scans.map((one) => one.topic)).toEqual([
      'ads.clicks',
      'ads.impressions',
      'pixel.events',
    ]);
    const fields = scan('ads.impressions').fields.map(
      ({ name, value, hash }) => `${name}${value ? ' value' : ''}${hash ? ' hash' : ''}`,
    );
    expect(fields).toEqual([
      'ad_id value hash',
      'bid value',
      'campaign_id value hash',
      'impression_id value hash',
      'placement value',
      'ts value',
      'user_id hash',
    ]);
    expect(scan('pixel.events').fields.find((one) => one.name === 'order_id')).toMatchObject({
      value: false,
      hash: true,
    });
  });

  test('one record a user: counters of equal windows side by side, sums with their non-null count', () => {
    const user = keyspace('user_id');
    expect(user.counters.map((group) => group.columns.length)).toEqual([2, 2]);
    expect(user.counters[0]!.windows.map((one) => one.ms)).toEqual([
      300_000, 3_600_000, 86_400_000, 604_800_000,
    ]);
    const spend = user.counters[1]!.columns;
    expect(spend.map(({ value, scale }) => [value === null, scale])).toEqual(
      expect.arrayContaining([
        [true, 1],
        [false, 2 ** 20],
      ]),
    );
    expect(new Set(spend.map((one) => one.mask)).size).toBe(2);
    expect(user.values.map(({ family, k }) => [family, k])).toEqual([['last', 20]]);
    expect(user.probes).toHaveLength(1);
  });

  test('counting different users takes their hashes', () => {
    expect(keyspace('campaign_id').values).toMatchObject([{ family: 'bag', physical: ['hash'] }]);
  });

  test('a chained label hangs on its parent, waits for both streams, and feeds a feature by the click’s ad', () => {
    const [clicked, purchased] = plan.labels;
    expect(purchased).toMatchObject({
      routes: [{ of: 0, withinMs: 604_800_000 }],
      waitsFor: [0, 2],
      graceMs: 172_800_000,
    });
    expect(clicked!.graceMs).toBe(0);
    const stream = plan.streams[purchased!.labelStream]!;
    expect(stream).toMatchObject({
      kind: 'label',
      slots: [{ name: 'ad_id', physical: 'hash', op: { kind: 'parent', label: 0 } }],
    });
    const feed = plan.feeds.findIndex((one) => one.stream === purchased!.labelStream);
    expect(keyspace('ad_id').feeds.some((one) => one.feed === feed)).toBe(true);
  });

  test('columns in their order, with how a model takes them in', () => {
    const [set] = plan.examples;
    expect(set!.features.map((one) => one.name).slice(0, 5)).toEqual([
      'user_imps[5m]',
      'user_imps[1h]',
      'user_imps[24h]',
      'user_imps[7d]',
      'user_ctr[5m]',
    ]);
    const input = (name: string) => set!.features.find((one) => one.name === name)!.input;
    expect([
      input('spend'),
      input('recent_ads'),
      input('hour'),
      input('ad_id'),
      input('bid'),
    ]).toEqual(['dense', 'ids', 'categorical', 'categorical', 'dense']);
    expect(set!.checks).toMatchObject([
      { kind: 'rate', label: 0 },
      { kind: 'missing', column: set!.features.findIndex((one) => one.name === 'spend') },
    ]);
  });

  test('does not depend on the order of declarations or files', () => {
    const blocks = goldenText('ads.feat').split(/\n\n(?=[a-z/])/);
    expect(blocks.length).toBeGreaterThan(5);
    expect(lowerToPlan(programOf(...[...blocks].reverse())).digest).toBe(plan.digest);
  });

  test('built by hand it is the same program as its text but for topics', () => {
    const byHand = lowerToPlan(adsProgram());
    expect(byHand.keyspaces.map((one) => one.name)).toEqual(plan.keyspaces.map((one) => one.name));
    expect(byHand.anchors[0]!.slots.map((one) => one.physical).sort()).toEqual(
      plan.anchors[0]!.slots.map((one) => one.physical).sort(),
    );
  });
});

test.each(seeds)(
  'random programs: the plan verifies, survives JSON, and has one digest, seed %i',
  (seed) => {
    const random = rng(seed);
    const base = randomProgram(random, 1 + random.below(12));
    const numeric = base.columns
      .filter((one) => one.type.kind === 'scalar' && one.type.name === 'float')
      .map((one) => one.name);
    const made =
      numeric.length === 0
        ? base
        : withFeatures(
            base,
            [combined(random, 'x', numeric), combined(random, 'y', [...numeric, 'x'])],
            random,
          );
    const plan = lowerToPlan(made);
    const back = JSON.parse(JSON.stringify(plan)) as Plan;
    expect(back).toEqual(plan);
    verifyPlan(back);
    expect(planDigest(back)).toBe(plan.digest);
    expect(lowerToPlan(made).digest).toBe(plan.digest);
  },
);

test('deep chains of features compile', () => {
  const chain = Array.from({ length: 300 }, (_, i) => `feature f${i + 1} = f${i} * 2 + f${i}`).join(
    '\n',
  );
  const plan = planOf(
    `${SMALL}feature f0 = anchor.x\n${chain}\nexamples set for s { features f300; label again wait horizon }`,
  );
  expect(plan.anchors[0]!.slots.length).toBeGreaterThan(300);
  const line = Array.from({ length: 300 }, (_, i) => `feature g${i + 1} = g${i} + ${i + 1}`).join(
    '\n',
  );
  const fused = planOf(
    `${SMALL}feature g0 = anchor.x\n${line}\nexamples set for s { features g300; label again wait horizon }`,
  );
  expect(fused.anchors[0]!.slots.length).toBeLessThan(20);
});

const SMALL = `stream s from "s" { id i : string; time ts : timestamp; u : string; x : float }
label again = s on u within 1h
`;

test('a plan that breaks a promise is refused, with the place', () => {
  const plan = planOf(goldenText('ads.feat'));
  const copy = () => JSON.parse(JSON.stringify(plan)) as { -readonly [K in keyof Plan]: Plan[K] };
  const breaks: readonly [RegExp, (plan: ReturnType<typeof copy>) => unknown][] = [
    [/label 0 .* event key/, (p) => Object.assign(p.labels[0]!.routes[0]!, { eventKey: 2 })],
    [
      /keyspace 3 .*mask/,
      (p) => Object.assign(p.keyspaces[3]!.counters[1]!.columns[0]!, { mask: 3 }),
    ],
    [/windows do not ascend/, (p) => (p.keyspaces[3]!.counters[0]!.windows as unknown[]).reverse()],
    [/it is kept twice/, (p) => Object.assign(p.labels[0]!, { state: p.labels[1]!.state })],
    [
      /examples ads_ctr .*index 99/,
      (p) => Object.assign(p.examples[0]!.features[0]!, { slot: 99 }),
    ],
    [/does not decode it/, (p) => Object.assign(p.scans[0]!.fields[0]!, { value: false })],
    [/answers f64/, (p) => Object.assign(p.anchors[0]!.slots[1]!, { physical: 'text' })],
  ];
  for (const [message, breakIt] of breaks) {
    const broken = copy();
    breakIt(broken);
    expect(() => verifyPlan(broken)).toThrow(PlanError);
    expect(() => verifyPlan(broken)).toThrow(message);
  }
});

describe('example sets for tests', () => {
  const program = withTestExamples(programOf(goldenText('ads.feat')));
  const set = program.examples.find((one) => one.name === `${TEST_SET_PREFIX}impression`)!;

  test('hold what expectations name, wait for the horizon and drop nothing', () => {
    expect(set.features.map((one) => one.as)).toEqual(['user_clicks[5m]']);
    expect(set.labels).toEqual([
      { as: 'clicked', label: 'clicked', policy: { kind: 'wait_horizon' } },
    ]);
    expect([set.sampleNegatives, set.audit, set.checks]).toEqual([1, 0, []]);
  });

  test('make fields that rows leave out nullable, ids and times not', () => {
    const fields = program.streams.find((one) => one.name === 'click')!.fields;
    const nullable = fields
      .filter((one) => one.type.kind === 'scalar' && one.type.nullable)
      .map((one) => one.name);
    expect(nullable).toEqual(['impression_id', 'user_id', 'ad_id', 'advertiser_id']);
    expect(lowerToPlan(program).examples).toHaveLength(2);
  });
});
