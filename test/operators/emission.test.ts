import { describe, expect, it } from 'vitest';
import type { PolicyPlan } from '../../compiler/plan/plan.ts';
import { type Column, valueAt } from '../../operators/column/column.ts';
import { Emission } from '../../operators/emission/emission.ts';
import { type EmissionBatch, LABEL_KINDS } from '../../operators/emission/emission-batch.ts';
import { Outcomes } from '../../operators/label/attribute-outcomes.ts';
import { SlabSet } from '../../operators/state/slab.ts';
import { rng } from '../random.ts';
import { randomChoice } from './label-choices.ts';
import { columnIn, columnOf, frameOf, inStepOrder, type Row } from './label-fixture.ts';
import { type Ending, emissions } from './label-model.ts';
import {
  adPlan,
  buy,
  type Choice,
  canonical,
  click,
  impression,
  randomRows,
  refund,
  run,
  show,
} from './label-world.ts';

const FOREVER: Ending = {
  labelFrontier: [0, 0, 0].map(() => Number.POSITIVE_INFINITY),
  reached: Number.POSITIVE_INFINITY,
};

const base: Choice = {
  click: { withinMs: 30, credit: { kind: 'last' } },
  buy: { credit: { kind: 'last' }, ofClicked: null, ofAnchor: 100, unlessMs: 200 },
  labels: [],
  clickLateMs: null,
  pixelLateMs: 40,
  sampleNegatives: 1,
  audit: 0,
};

/** What impression `a` at 100 emits for `purchased` under a policy. */
function emitted(
  policy: PolicyPlan,
  pixels: readonly Row[],
  more: { choice?: Partial<Choice>; ending?: Ending } = {},
): string[] {
  const choice = { ...base, labels: [{ name: 'purchased', policy } as const], ...more.choice };
  const rows = [[impression('a', 100, 1)], [], inStepOrder(pixels)];
  const how = { cuts: [], shards: 1, ending: more.ending ?? FOREVER, random: null };
  return run(adPlan(choice), rows, how).rows.map((row) => {
    const label = row.labels.purchased;
    const what = label === undefined ? row.kind : `${label.value} ${label.kind}`;
    return `${row.emitted}: ${what}`;
  });
}

describe('the emission table', () => {
  it('wait w: observed at t + w', () => {
    const wait: PolicyPlan = { kind: 'wait', waitMs: 30 };
    expect(emitted(wait, [])).toEqual(['130: 0 observed']);
    expect(emitted(wait, [buy(1, 130)])).toEqual(['130: 1 observed']);
    expect(emitted(wait, [buy(1, 131)])).toEqual(['130: 0 observed']);
    expect(emitted(wait, [buy(1, 99)])).toEqual(['130: 0 observed']);
    expect(emitted(wait, [buy(1, 110, null, 131)])).toEqual(['130: 0 observed']);
  });

  it('wait horizon: observed at D, events in [t, D]', () => {
    const horizon: PolicyPlan = { kind: 'wait_horizon' };
    expect(emitted(horizon, [buy(1, 200)])).toEqual(['200: 1 observed']);
    expect(emitted(horizon, [buy(1, 201)])).toEqual(['200: 0 observed']);
    expect(emitted(horizon, [buy(1, 100)])).toEqual(['200: 1 observed']);
  });

  it('now then late positives: 0 at t, 1 once when it comes', () => {
    const now: PolicyPlan = { kind: 'now_then_late' };
    expect(emitted(now, [])).toEqual(['100: 0 observed']);
    expect(emitted(now, [buy(1, 150), buy(1, 160)])).toEqual([
      '100: 0 observed',
      '150: 1 late_positive',
    ]);
    expect(emitted(now, [buy(1, 100)])).toEqual(['100: 0 observed', '100: 1 late_positive']);
    expect(emitted(now, [buy(1, 199, null, 235)])).toEqual([
      '100: 0 observed',
      '235: 1 late_positive',
    ]);
  });

  it('wait w then late positives', () => {
    const late: PolicyPlan = { kind: 'wait_then_late', waitMs: 30 };
    expect(emitted(late, [buy(1, 120), buy(1, 150)])).toEqual(['130: 1 observed']);
    expect(emitted(late, [buy(1, 150), buy(1, 160)])).toEqual([
      '130: 0 observed',
      '150: 1 late_positive',
    ]);
    expect(emitted(late, [buy(1, 120, null, 131)])).toEqual([
      '130: 0 observed',
      '131: 1 late_positive',
    ]);
  });

  it('wait w then everything: and what it came to at D', () => {
    const all: PolicyPlan = { kind: 'wait_then_everything', waitMs: 30 };
    expect(emitted(all, [])).toEqual(['130: 0 observed', '200: 0 confirmed_negative']);
    expect(emitted(all, [buy(1, 120)])).toEqual(['130: 1 observed', '200: 1 matured']);
    expect(emitted(all, [buy(1, 150)])).toEqual(['130: 0 observed', '150: 1 late_positive']);
    expect(emitted(all, [buy(1, 190, null, 220)])).toEqual([
      '130: 0 observed',
      '200: 0 confirmed_negative',
      '220: 1 late_positive',
    ]);
  });

  it('a refund: 0 before the emission, one cancelled 0 after it, then nothing', () => {
    const late: PolicyPlan = { kind: 'wait_then_late', waitMs: 30 };
    expect(emitted(late, [buy(1, 110, 7), refund(7, 120)])).toEqual(['130: 0 observed']);
    expect(emitted(late, [buy(1, 110, 7), refund(7, 310)])).toEqual([
      '130: 1 observed',
      '310: 0 cancelled',
    ]);
    expect(emitted(late, [buy(1, 110, 7), refund(7, 311)])).toEqual(['130: 1 observed']);
    expect(emitted(late, [buy(1, 110, 7), refund(7, 150), buy(1, 160)])).toEqual([
      '130: 1 observed',
      '150: 0 cancelled',
    ]);
    expect(emitted(late, [buy(1, 110, 7), buy(1, 115, 8), refund(7, 150)])).toEqual([
      '130: 1 observed',
    ]);
    // The purchase is applied after its refund.
    expect(emitted(late, [buy(1, 140, 7, 170), refund(7, 150)])).toEqual(['130: 0 observed']);
  });

  it('silence is not a no: held, then unknown; pending where event time ends first', () => {
    const wait: PolicyPlan = { kind: 'wait', waitMs: 30 };
    const silent = (reached: number) => ({
      ending: { labelFrontier: [Infinity, Infinity, 125], reached },
    });
    expect(emitted(wait, [], silent(Number.POSITIVE_INFINITY))).toEqual(['190: null unknown']);
    expect(emitted(wait, [], silent(190))).toEqual([]);
    expect(emitted(wait, [], silent(191))).toEqual(['190: null unknown']);
    const known = { ending: { labelFrontier: [Infinity, Infinity, 131], reached: 131 } };
    expect(emitted(wait, [], known)).toEqual(['130: 0 observed']);
  });

  it('audit: shown at t, audit when nothing can change any more', () => {
    const wait: PolicyPlan = { kind: 'wait', waitMs: 30 };
    const choice = { audit: 1 };
    expect(emitted(wait, [buy(1, 150, 7)], { choice })).toEqual([
      '100: shown',
      '130: 0 observed',
      '350: 1 audit',
    ]);
    expect(emitted(wait, [], { choice })).toEqual([
      '100: shown',
      '130: 0 observed',
      '200: 0 audit',
    ]);
  });

  it('a chained label waits from each accepted parent event; labels due together share a row', () => {
    const choice: Choice = {
      ...base,
      buy: { ...base.buy, ofClicked: 100, ofAnchor: null, unlessMs: null },
      labels: [
        { name: 'clicked', policy: { kind: 'wait_horizon' } },
        { name: 'purchased', policy: { kind: 'wait_horizon' } },
      ],
    };
    const how = { cuts: [], shards: 1, ending: FOREVER, random: null };
    const of = (clicks: Row[], pixels: Row[]) =>
      run(adPlan(choice), [[impression('a', 100, 1)], clicks, pixels], how).rows.map(show);
    expect(of([], [])).toEqual([
      '130 a@100 example x1 {clicked 0 observed by 130 after 30, purchased 0 observed by 130 after 30}',
    ]);
    expect(of([click('a', 120, 1)], [buy(1, 220)])).toEqual([
      '130 a@100 example x1 {clicked 1 observed by 130 after 30}',
      '220 a@100 example x1 {purchased 1 observed by 220 after 120}',
    ]);
  });
});

describe('between batches', () => {
  const plan = adPlan({
    ...base,
    labels: [{ name: 'purchased', policy: { kind: 'wait', waitMs: 30 } }],
  });
  const columns = [
    columnOf('text', ['a']),
    columnOf('hash', ['a']),
    columnOf('f64', [5]),
    columnOf('list_text', [['x']]),
  ];
  const none = [new Outcomes(), new Outcomes()];
  const anchor = () => frameOf([impression('a', 100, 1)], plan.streams[0], 0, 1000);
  const shown = (batch: EmissionBatch) =>
    Array.from(
      { length: batch.n },
      (_, i) => `${batch.emitted[i]} ${LABEL_KINDS[batch.labels[0].kind[i]]}`,
    );

  it('lets a held label go when its stream speaks again', () => {
    const emission = new Emission(plan, 0, [new SlabSet()]);
    const accept = (frontier: number, pixels: number) =>
      shown(
        emission.accept(frontier === 110 ? anchor() : null, (slot) => columns[slot], none, {
          frontier,
          reached: frontier,
          labelFrontier: () => pixels,
        }),
      );
    expect(accept(110, 110)).toEqual([]);
    expect(accept(150, 120)).toEqual([]);
    expect(emission.pending().labels).toEqual([{ name: 'purchased', anchors: 1 }]);
    expect(accept(160, 125)).toEqual([]);
    expect(accept(170, 180)).toEqual(['160 observed']);
    expect(emission.pending().labels).toEqual([{ name: 'purchased', anchors: 0 }]);
    expect(emission.live).toBe(0);
  });

  it('frees everything it held: state does not grow with time', () => {
    const slabs = [new SlabSet()];
    const emission = new Emission(plan, 0, slabs);
    for (let t = 0; t < 30_000; t += 100) {
      const rows = Array.from({ length: 100 }, (_, i) => impression(`i${t + i}`, t + i, 1));
      const frame = frameOf(rows, plan.streams[0], t, t + 100);
      const slots = [3, 0, 4, 5].map((slot) => frame!.columns[slot]!);
      emission.accept(frame, (slot) => slots[slot], none, {
        frontier: t + 100,
        reached: t + 100,
        labelFrontier: () => t + 100,
      });
      expect(emission.live).toBeLessThanOrEqual(30);
    }
    expect(emission.counters.anchors).toBe(30_000);
    expect(slabs[0].bytes).toBe(3 * 65_536);
  });

  it('takes no anchor without an id and none that is label-only', () => {
    const rows = [
      { ...impression('a', 100, 1), values: [null, 1, true, null, 1, null] },
      { ...impression('b', 90, 1), step: 105 },
    ];
    const got = run(plan, [rows, [], []], { cuts: [], shards: 1, ending: FOREVER, random: null });
    expect(got.rows).toEqual([]);
  });
});

/** Streams that fall silent at some time, and where event time ends. */
function randomEnding(
  random: ReturnType<typeof rng>,
  span: number,
  rows: readonly (readonly Row[])[],
): Ending {
  const reached = random.chance(0.5) ? Number.POSITIVE_INFINITY : span;
  const labelFrontier = rows.map((list) => {
    if (random.chance(0.6)) return reached;
    const last = Math.max(0, ...list.map((row) => row.step));
    return Math.min(reached, last + 1 + random.below(30));
  });
  return { labelFrontier, reached };
}

it('agrees with the model: every policy, credit and route, however cut, sharded and restored', () => {
  for (let seed = 1; seed <= 600; seed++) {
    const random = rng(seed);
    const choice = randomChoice(random);
    const plan = adPlan(choice);
    const span = 60 + random.below(300);
    const rows = randomRows(choice, random, span);
    const ending = random.chance(0.6) ? FOREVER : randomEnding(random, span + 50, rows);
    const cuts = Array.from({ length: random.below(15) }, () => random.below(span)).sort(
      (a, b) => a - b,
    );
    const got = run(plan, rows, { cuts, shards: 1 + random.below(4), ending, random });
    const want = canonical(emissions(plan, 0, rows, ending));
    expect(got.rows.map(show), `seed ${seed}`).toEqual(want);
    got.rows.forEach((row, i) => {
      expect(got.features[i], `seed ${seed}`).toEqual([row.time / 2, [row.id, 'x']]);
    });
    if (ending === FOREVER) {
      expect(got.live, `seed ${seed}: anchors left`).toBe(0);
      expect(got.pending.labels.every(({ anchors }) => anchors === 0)).toBe(true);
    }
  }
});

it('gives the same for many anchors whatever the cuts, shards and restores', () => {
  const random = rng(7);
  const choice: Choice = {
    ...randomChoice(random),
    labels: [{ name: 'purchased', policy: { kind: 'wait_then_everything', waitMs: 30 } }],
    sampleNegatives: 0.3,
    audit: 0.1,
  };
  const plan = adPlan(choice);
  const impressions = Array.from({ length: 6000 }, (_, i) =>
    impression(`i${i}`, Math.floor(i / 3), i % 500, { offset: i }),
  );
  const clicks = impressions
    .filter((_, i) => i % 7 === 0)
    .map((row, i) => ({ ...click(row.values[0], row.time + (i % 25), row.values[1]), offset: i }));
  const pixels = clicks
    .filter((_, i) => i % 5 === 0)
    .map((row, i) => ({ ...buy(row.values[1], row.time + (i % 60), i), offset: i }));
  const rows = [impressions, clicks, pixels].map(inStepOrder);
  const once = run(plan, rows, { cuts: [], shards: 1, ending: FOREVER, random: null });
  const cuts = Array.from({ length: 40 }, (_, i) => i * 53);
  const often = run(plan, rows, { cuts, shards: 3, ending: FOREVER, random });
  expect(often.rows.map(show)).toEqual(once.rows.map(show));
  expect(often.features).toEqual(once.features);
  expect(once.rows.length).toBeGreaterThan(4000);
});

describe('a set without labels', () => {
  const choice = { ...base, labels: [] };
  const rows = [5, 6, 6, 6, 9].map((time, i) => impression(`i${9 - i}`, time, 1, { offset: i }));

  it('passes its columns through, equal times in the order of ids', () => {
    const plan = adPlan(choice);
    const got = run(plan, [rows, [], []], { cuts: [6], shards: 3, ending: FOREVER, random: null });
    expect(got.rows.map(({ emitted: at, id }) => `${at} ${id}`)).toEqual([
      '5 i9',
      '6 i6',
      '6 i7',
      '6 i8',
      '9 i5',
    ]);
    const slabs = [new SlabSet()];
    const frame = frameOf([rows[0]], plan.streams[0], 0, 6);
    const columns: Column[] = [4, 5].map((slot) => columnIn(0, frame!, slot));
    const slots = [columnOf('text', ['i9']), columnOf('hash', ['i9']), ...columns];
    const batch = new Emission(plan, 0, slabs).accept(frame, (slot) => slots[slot], [], {
      frontier: 6,
      reached: 6,
      labelFrontier: () => 6,
    });
    expect(batch.features.at(0)).toBe(columns[0]);
    expect(valueAt(batch.id, 0)).toBe('i9');
    expect([...slabs[0].all()]).toEqual([]);
  });

  it('keeps its sample', () => {
    const plan = adPlan({ ...choice, sampleNegatives: 0.5 });
    const many = Array.from({ length: 400 }, (_, i) => impression(`i${i}`, i, 1));
    const got = run(plan, [many, [], []], { cuts: [], shards: 1, ending: FOREVER, random: null });
    expect(got.rows.length).toBeGreaterThan(150);
    expect(got.rows.length).toBeLessThan(250);
    expect(got.rows.every(({ rate }) => rate === 0.5)).toBe(true);
  });
});
