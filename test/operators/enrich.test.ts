import { describe, expect, it } from 'vitest';
import { type Value, valueAt } from '../../operators/column/column.ts';
import { Enrich } from '../../operators/enrich.ts';
import { SlabSet } from '../../operators/state/slab.ts';
import { type Rng, rng } from '../random.ts';
import {
  columnIn,
  frameOf,
  inStepOrder,
  planOf,
  type Row,
  SavedPages,
  streamPlan,
} from './label-fixture.ts';

const WITHIN = 20;

const plan = planOf({
  streams: [
    streamPlan(
      'click',
      [
        ['key', 'hash'],
        ['masked', 'bool'],
        ['campaign', 'text', { kind: 'enriched', enrichment: 0, slot: 2 }],
        ['bid', 'f64', { kind: 'enriched', enrichment: 0, slot: 3 }],
      ],
      { labelsLateMs: 30 },
    ),
    streamPlan('impression', [
      ['key', 'hash'],
      ['masked', 'bool'],
      ['campaign', 'text'],
      ['bid', 'f64'],
    ]),
  ],
  enrichments: [
    {
      state: 'e0',
      stream: 0,
      mask: 1,
      key: 0,
      source: 1,
      sourceMask: 1,
      sourceKey: 0,
      withinMs: WITHIN,
      fields: [
        { from: 2, to: 2 },
        { from: 3, to: 3 },
      ],
    },
  ],
});

function row(time: number, offset: number, values: readonly Value[], step = time): Row {
  return { time, step, partition: 0, offset, values };
}

/** What the click takes: [campaign, bid]. */
function expected(click: Row, impressions: readonly Row[]): Value[] {
  const [key, masked] = click.values;
  if (key === null || masked !== true) return [null, null];
  const found = impressions.filter(
    (i) =>
      i.values[0] === key &&
      i.values[1] === true &&
      i.step === i.time &&
      i.time <= click.time &&
      i.time >= click.time - WITHIN,
  );
  const newest = found.at(-1);
  return newest === undefined ? [null, null] : [newest.values[2], newest.values[3]];
}

function run(
  clicks: readonly Row[],
  impressions: readonly Row[],
  cuts: readonly number[],
  shards: number,
  random: Rng | null,
): Value[][] {
  let slabs = Array.from({ length: shards }, () => new SlabSet());
  let enrich = new Enrich(plan, 0, slabs);
  const pages = new SavedPages();
  const out: Value[][] = [];
  let from = Number.NEGATIVE_INFINITY;
  for (const to of [...cuts, Number.POSITIVE_INFINITY]) {
    const click = frameOf(clicks, plan.streams[0], from, to);
    enrich.run(frameOf(impressions, plan.streams[1], from, to), click, columnIn);
    if (Number.isFinite(to)) enrich.expire(to);
    for (let i = 0; click !== null && i < click.n; i++) {
      out.push([valueAt(columnIn(0, click, 2), i), valueAt(columnIn(0, click, 3), i)]);
    }
    pages.save(slabs);
    if (random?.chance(0.3)) {
      slabs = pages.restore(shards);
      enrich = new Enrich(plan, 0, slabs);
    }
    from = to;
  }
  return out;
}

describe('an event takes fields of the newest source row with its key in [t - within, t]', () => {
  const impression = (time: number, offset: number, key: Value, campaign: string) =>
    row(time, offset, [key, true, campaign, offset]);
  const click = (time: number, key: Value, step = time) => row(time, time, [key, true], step);
  const answer = (clicks: Row[], impressions: Row[]) =>
    run(clicks, impressions, [], 1, null).map(([campaign]) => campaign);

  it('sees a source at its own time, and both ends of the range', () => {
    expect(answer([click(30, 1)], [impression(30, 0, 1, 'now')])).toEqual(['now']);
    expect(answer([click(30, 1)], [impression(10, 0, 1, 'edge')])).toEqual(['edge']);
    expect(answer([click(31, 1)], [impression(10, 0, 1, 'gone')])).toEqual([null]);
    expect(answer([click(9, 1)], [impression(10, 0, 1, 'later')])).toEqual([null]);
  });

  it('takes the later of equal times', () => {
    expect(answer([click(30, 1)], [impression(30, 0, 1, 'a'), impression(30, 1, 1, 'b')])).toEqual([
      'b',
    ]);
  });

  it('finds nothing under a null key', () => {
    expect(answer([click(30, null)], [impression(30, 0, null, 'a')])).toEqual([null]);
  });

  it('looks up at the own time of a label-only event', () => {
    const sources = [impression(10, 0, 1, 'old'), impression(35, 1, 1, 'new')];
    expect(answer([click(12, 1, 40)], sources)).toEqual(['old']);
  });
});

it('agrees with a scan over all rows, however cut, sharded and restored', () => {
  for (let seed = 1; seed <= 120; seed++) {
    const random = rng(seed);
    const span = 200 + random.below(400);
    const keys = [null, 1, 2, 3, 4, 5];
    const make = (n: number, late: boolean, source: boolean) =>
      inStepOrder(
        Array.from({ length: n }, (_, i) => {
          const step = random.below(span);
          const time = late && random.chance(0.2) ? Math.max(0, step - random.below(30)) : step;
          const values = [random.pick(keys), random.pick([true, true, false, null])];
          return row(
            time,
            i,
            source ? [...values, random.pick(['a', 'b', null, '']), i] : values,
            step,
          );
        }),
      );
    const impressions = make(random.below(150), random.chance(0.3), true);
    const clicks = make(random.below(100), true, false);
    const cuts = Array.from({ length: random.below(12) }, () => random.below(span)).sort(
      (a, b) => a - b,
    );
    const want = clicks.map((click) => expected(click, impressions));
    expect(run(clicks, impressions, cuts, 1 + random.below(4), random), `seed ${seed}`).toEqual(
      want,
    );
  }
});

it('frees rows that no event can see any more', () => {
  const impressions = Array.from({ length: 5000 }, (_, i) => row(i, i, [i % 7, true, 'c', i]));
  const slabs = [new SlabSet()];
  const enrich = new Enrich(plan, 0, slabs);
  for (let from = 0; from < 5000; from += 50) {
    enrich.run(frameOf(impressions, plan.streams[1], from, from + 50), null, columnIn);
    enrich.expire(from + 50);
    expect(enrich.size).toBeLessThanOrEqual(50 + WITHIN + 30 + 30);
  }
  expect(slabs[0].bytes).toBe(65536);
});
