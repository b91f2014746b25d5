import { describe, expect, it } from 'vitest';
import { rng } from '../random.ts';
import { randomChoice } from './label-choices.ts';
import { inStepOrder, type Row } from './label-fixture.ts';
import { attribute, labelValues } from './label-model.ts';
import {
  adPlan,
  buy,
  type Choice,
  CLICK,
  click,
  IMPRESSION,
  impression,
  PIXEL,
  randomRows,
  run,
} from './label-world.ts';

const ending = {
  labelFrontier: [0, 0, 0].map(() => Number.POSITIVE_INFINITY),
  reached: Number.POSITIVE_INFINITY,
};

const choice: Choice = {
  click: { withinMs: 30, credit: { kind: 'last' } },
  buy: { credit: { kind: 'last' }, ofClicked: 100, ofAnchor: null, unlessMs: null },
  labels: [{ name: 'clicked', policy: { kind: 'wait_horizon' } }],
  clickLateMs: 20,
  pixelLateMs: 20,
  sampleNegatives: 1,
  audit: 0,
};

/** Ids of the anchors that purchases are credited to, and the clicks they came by. */
function credited(
  rows: { impressions: Row[]; clicks: Row[]; pixels: Row[] },
  more: Partial<Choice['buy']> = {},
) {
  const plan = adPlan({ ...choice, buy: { ...choice.buy, ...more } });
  const streams: Row[][] = [];
  streams[IMPRESSION] = inStepOrder(rows.impressions);
  streams[CLICK] = inStepOrder(rows.clicks);
  streams[PIXEL] = inStepOrder(rows.pixels);
  const { labelRows } = run(plan, streams, { cuts: [], shards: 1, ending, random: null });
  return labelRows[1].map(({ values }) => `${values[1]} by ${values[2]}`);
}

describe('credit', () => {
  const impressions = [impression('a', 0, 1), impression('b', 1, 1)];
  const clicks = [click('a', 5, 1), click('b', 6, 1), click('a', 7, 1)];

  it('goes to the newest, the oldest, or each anchor once', () => {
    const rows = { impressions, clicks, pixels: [buy(1, 50)] };
    expect(credited(rows)).toEqual(['a by click 7']);
    expect(credited(rows, { credit: { kind: 'first' } })).toEqual(['a by click 5']);
    expect(credited(rows, { credit: { kind: 'every' } })).toEqual(['b by click 6', 'a by click 7']);
  });

  it('runs from the accepted event, both ends in', () => {
    expect(
      credited({ impressions, clicks: [click('a', 30, 1)], pixels: [buy(1, 30), buy(1, 130)] }),
    ).toEqual(['a by click 30', 'a by click 30']);
    expect(credited({ impressions, clicks: [click('a', 31, 1)], pixels: [buy(1, 50)] })).toEqual(
      [],
    );
    expect(
      credited({ impressions, clicks: [click('a', 30, 1)], pixels: [buy(1, 131), buy(1, 29)] }),
    ).toEqual([]);
  });

  it('takes the first route that has any candidate', () => {
    const both = { ofClicked: 100, ofAnchor: 60 };
    expect(
      credited({ impressions, clicks: [click('a', 5, 1)], pixels: [buy(1, 50)] }, both),
    ).toEqual(['a by click 5']);
    expect(credited({ impressions, clicks: [], pixels: [buy(1, 50)] }, both)).toEqual([
      'b by null',
    ]);
  });

  it('matches a label-only event by its own time, not by when it is applied', () => {
    const late = impression('c', 60, 1);
    const rows = {
      impressions: [...impressions, late],
      clicks: [],
      pixels: [buy(1, 50, null, 65)],
    };
    expect(credited(rows, { ofClicked: null, ofAnchor: 60 })).toEqual(['b by b']);
  });

  it('gives a null key to nobody', () => {
    const rows = { impressions: [impression('n', 0, null)], clicks: [], pixels: [buy(null, 5)] };
    expect(credited(rows, { ofClicked: null, ofAnchor: 60 })).toEqual([]);
  });
});

it('agrees with the model: accepted events and what they carry, however cut, sharded and restored', () => {
  for (let seed = 1; seed <= 250; seed++) {
    const random = rng(seed);
    const chosen = randomChoice(random);
    const plan = adPlan(chosen);
    const span = 60 + random.below(300);
    const rows = randomRows(chosen, random, span);
    const cuts = Array.from({ length: random.below(15) }, () => random.below(span)).sort(
      (a, b) => a - b,
    );
    const got = run(plan, rows, { cuts, shards: 1 + random.below(4), ending, random });
    const want = attribute(plan, rows).map((credits, l) =>
      credits.map((credit) => {
        // Hash columns come back as digests; the model's keys are plain: the user is checked by what it leads to.
        const values = labelValues(plan, plan.labels[l], credit);
        return { time: credit.event.time, step: credit.event.step, values };
      }),
    );
    const plain = got.labelRows.map((list, l) =>
      list.map((row, i) => ({
        ...row,
        values: l === 0 ? [want[0][i]?.values[0], ...row.values.slice(1)] : row.values,
      })),
    );
    expect(plain, `seed ${seed}`).toEqual(want);
  }
});
