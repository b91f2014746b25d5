import { describe, expect, it } from 'vitest';
import type { CounterColumn, CounterGroup, ViewPlan } from '../../compiler/plan/plan.ts';
import { Frame } from '../../operators/column/frame.ts';
import { Answers } from '../../operators/keyspace/answers.ts';
import { Keyspace } from '../../operators/keyspace/keyspace.ts';
import { SlabSet } from '../../operators/state/slab.ts';
import { windowStart } from '../../operators/time.ts';
import { type Rng, rng } from '../random.ts';
import {
  type Happening,
  inStepOrder,
  play,
  stepTime,
  type World,
  world,
} from './keyspace-world.ts';

const SCALE = 2 ** 20;

describe('counters', () => {
  it('see events in [floor(t - W, hop), t), never an equal time', () => {
    const of = world([{ delayMs: 0, headMs: 0 }], {
      counters: [
        {
          columns: [count(0)],
          windows: [
            { ms: 100, hopMs: 10 },
            { ms: null, hopMs: 1 },
          ],
        },
      ],
      values: [],
      probes: [{ anchor: 0, key: 0, views: [view(0, 0, 0), view(0, 0, 1)] }],
    });
    const at = (time: number) => happening(1, 1, time);
    const events = [
      happening(0, 1, 7),
      happening(0, 1, 10),
      at(10),
      at(11),
      at(109),
      at(119),
      at(120),
    ];
    expect(play(of, inStepOrder(of, events), { codegen: true, cuts: [] })).toEqual([
      [1, 1],
      [2, 2],
      [2, 2],
      [1, 2],
      [0, 2],
    ]);
  });

  it('answer 0 for keys never seen and null for null keys', () => {
    const of = world([{ delayMs: 0, headMs: 0 }], {
      counters: [{ columns: [count(0)], windows: [{ ms: 100, hopMs: 10 }] }],
      values: [],
      probes: [{ anchor: 0, key: 0, views: [view(0, 0, 0)] }],
    });
    const events = [happening(0, 0, 1), happening(0, 1, 1), happening(1, 0, 5), happening(1, 2, 5)];
    for (const codegen of [true, false]) {
      expect(play(of, events, { codegen, cuts: [] })).toEqual([[null], [0]]);
    }
  });

  it('sum exactly beyond 2^53', () => {
    const sum: CounterColumn = { ...count(0), value: 2, scale: 1 };
    const of = world([{ delayMs: 0, headMs: 0 }], {
      counters: [
        {
          columns: [sum],
          windows: [
            { ms: 100, hopMs: 10 },
            { ms: null, hopMs: 1 },
          ],
        },
      ],
      values: [],
      probes: [{ anchor: 0, key: 0, views: [view(0, 0, 0), view(0, 0, 1)] }],
    });
    const big = 2 ** 53 - 1;
    const values = [big, big, big, -big, 1, 3];
    const events = values.map((value, i) => happening(0, 1, i * 40, [true, value]));
    const probes = values.map((_, i) => happening(1, 1, i * 40 + 1));
    const expected = values.map((_, i) => {
      const seen = values.map((value, j) => ({ value, time: j * 40 })).slice(0, i + 1);
      const sumOf = (list: typeof seen) => Number(list.reduce((s, e) => s + BigInt(e.value), 0n));
      const from = windowStart(i * 40 + 1, 100, 10);
      return [sumOf(seen.filter((e) => e.time >= from)), sumOf(seen)];
    });
    expect(play(of, inStepOrder(of, [...events, ...probes]), { codegen: true, cuts: [] })).toEqual(
      expected,
    );
  });

  it('stay bounded by slots on a busy key', () => {
    const windows = [
      { ms: 300_000, hopMs: 15_000 },
      { ms: 3_600_000, hopMs: 300_000 },
      { ms: 86_400_000, hopMs: 3_600_000 },
    ];
    const of = world([{ delayMs: 0, headMs: 0 }], {
      counters: [{ columns: [{ ...count(0), mask: null }], windows }],
      values: [],
      probes: [{ anchor: 0, key: 0, views: windows.map((_, w) => view(0, 0, w)) }],
    });
    const slabs = new SlabSet();
    const keyspace = new Keyspace(of.plan, 0, slabs, 0, { codegen: true });
    const n = 40_000;
    const time = Float64Array.from({ length: n }, (_, i) => i * 10_000);
    const frame = new Frame({
      n,
      time,
      step: time,
      labelOnly: null,
      partition: new Int32Array(n),
      offset: time,
      columns: [{ kind: 'hash', lo: new Int32Array(n).fill(5), hi: new Int32Array(n).fill(7) }],
    });
    const steps = {
      n,
      time,
      participant: new Int32Array(n),
      row: Int32Array.from({ length: n }, (_, i) => i),
    };
    keyspace.run(steps, [frame], [null], new Answers(of.keyspace, [0]));
    // 21 + 12 + 24 slots of two words, in a block at most half empty, plus the blocks it outgrew.
    expect(slabs.open('k0.logs').used).toBeLessThan(64 + 4 * 2 * 59 * 2);
  });

  it('are whole again from dirty pages alone, cut after every few steps', () => {
    const sum = { ...count(0), value: 2, scale: SCALE };
    const of = world([{ delayMs: 0, headMs: 0 }], {
      counters: [
        {
          columns: [count(0), sum],
          windows: [
            { ms: 900, hopMs: 1 },
            { ms: 3000, hopMs: 1 },
          ],
        },
      ],
      values: [],
      probes: [{ anchor: 0, key: 0, views: [0, 1].flatMap((c) => [view(0, c, 0), view(0, c, 1)]) }],
    });
    const happenings = Array.from({ length: 4000 }, (_, i) =>
      happening(i % 4 === 3 ? 1 : 0, 1 + (i % 5), i, [i % 3 !== 0, i]),
    );
    const ordered = inStepOrder(of, happenings);
    const cuts = Array.from({ length: 400 }, (_, i) => 2000 + i * 5);
    const whole = play(of, ordered, { codegen: false, cuts: [] });
    expect(play(of, ordered, { codegen: true, cuts, restoreAt: new Set(cuts) })).toEqual(whole);
    expect(play(of, ordered, { codegen: false, cuts, restoreAt: new Set(cuts) })).toEqual(whole);
  });

  it.each(Array.from({ length: 8 }, (_, seed) => seed))(
    'stay exact while slices are coarsened, seed %i',
    (seed) => {
      const random = rng(seed + 9000);
      const windows = [
        { ms: 300, hopMs: 15 },
        { ms: 1200, hopMs: 60 },
        { ms: 3600, hopMs: 300 },
        { ms: 7200, hopMs: 300 },
        { ms: 20_000, hopMs: 1800 },
      ];
      const columns = [
        { ...count(0), mask: null },
        count(1),
        { ...count(0), mask: null, value: 2, scale: SCALE },
      ];
      const feeds = seed % 2 === 0 ? [0, 0] : [250, 250];
      const of = world(
        feeds.map((headMs, i) => ({ delayMs: i === 0 || seed % 4 > 1 ? 0 : 700, headMs })),
        {
          counters: [{ columns, windows }],
          values: [],
          probes: [
            {
              anchor: 0,
              key: 0,
              views: columns.flatMap((_, c) => windows.map((_, w) => view(0, c, w))),
            },
          ],
        },
      );
      let time = 0;
      const happenings = Array.from({ length: 2000 }, () => {
        time += random.below(random.chance(0.01) ? 3000 : 60);
        const participant = random.chance(0.2) ? 2 : random.below(2);
        return happening(participant, 1 + random.below(2), time, [
          random.chance(0.8),
          random.below(1000) / 8,
        ]);
      });
      const ordered = inStepOrder(of, happenings);
      const expected = bruteForce(of, ordered);
      expect(play(of, ordered, { codegen: false, cuts: [] })).toEqual(expected);
      const cuts = Array.from({ length: 60 }, (_, i) => i * 33);
      const restoreAt = new Set(cuts.filter(() => random.chance(0.2)));
      expect(play(of, ordered, { codegen: true, cuts, restoreAt })).toEqual(expected);
    },
  );

  it.each(Array.from({ length: 60 }, (_, seed) => seed))('equal brute force, seed %i', (seed) => {
    const random = rng(seed + 1000);
    const of = randomWorld(random);
    const happenings = randomHappenings(of, random);
    const expected = bruteForce(of, happenings);
    const cuts = Array.from({ length: random.below(12) }, () =>
      random.below(happenings.length),
    ).sort((a, b) => a - b);
    expect(play(of, happenings, { codegen: false, cuts: [] })).toEqual(expected);
    expect(play(of, happenings, { codegen: true, cuts: [] })).toEqual(expected);
    const restoreAt = new Set(cuts.filter(() => random.chance(0.5)));
    expect(play(of, happenings, { codegen: true, cuts, restoreAt })).toEqual(expected);
  });
});

function count(feed: number): CounterColumn {
  return { state: '', feed, mask: 1, value: null, scale: 1, square: false };
}

function view(group: number, column: number, window: number): ViewPlan {
  return { kind: 'counter', group, column, window };
}

function happening(
  participant: number,
  key: number,
  time: number,
  slots: Happening['slots'] = [true, 1],
): Happening {
  return { participant, key, time, slots };
}

const WINDOWS = [
  { ms: 50, hopMs: 1 },
  { ms: 60, hopMs: 5 },
  { ms: 300, hopMs: 25 },
  { ms: 300, hopMs: 30 },
  { ms: 600, hopMs: 50 },
  { ms: 1000, hopMs: 100 },
  { ms: 2400, hopMs: 200 },
  { ms: 2500, hopMs: 7 },
  { ms: 5000, hopMs: 400 },
];

function randomWorld(random: Rng): World {
  const feeds = Array.from({ length: 1 + random.below(3) }, () => ({
    delayMs: random.pick([0, 0, 0, 40, 333]),
    headMs: random.pick([0, 0, 0, 50, 100]),
  }));
  const counters = Array.from({ length: 1 + random.below(2) }, (): CounterGroup => {
    const timed = WINDOWS.filter(() => random.chance(0.4));
    const all = timed.length === 0 || random.chance(0.4) ? [{ ms: null, hopMs: 1 }] : [];
    return {
      columns: Array.from({ length: 1 + random.below(4) }, () =>
        randomColumn(random, feeds.length),
      ),
      windows: [...timed, ...all],
    };
  });
  const probes = Array.from({ length: 1 + random.below(2) }, (_, anchor) => ({
    anchor,
    key: 0,
    views: counters.flatMap((group, g) =>
      group.columns.flatMap((_, c) =>
        group.windows.flatMap((_, w) => (random.chance(0.7) ? [view(g, c, w)] : [])),
      ),
    ),
  }));
  return world(feeds, { counters, values: [], probes });
}

function randomColumn(random: Rng, feeds: number): CounterColumn {
  const value = random.chance(0.5) ? null : 2;
  return {
    state: '',
    feed: random.below(feeds),
    mask: random.chance(0.5) ? null : 1,
    value,
    scale: value === null ? 1 : random.pick([1, SCALE, SCALE]),
    square: value !== null && random.chance(0.3),
  };
}

function randomHappenings(of: World, random: Rng): Happening[] {
  const participants = of.keyspace.feeds.length + of.keyspace.probes.length;
  const keys = random.pick([1, 3, 40]);
  let gap = random.pick([2, 20, 200]);
  const huge = random.chance(0.3);
  // Sums are exact below 2^105; squares reach that sooner.
  const squares = of.keyspace.counters.some((group) =>
    group.columns.some((column) => column.square),
  );
  const magnitude = squares ? 18 : 43;
  let time = random.pick([0, -500, 1_730_000_000_000]);
  const happenings = Array.from({ length: 600 }, () => {
    time += random.chance(0.3) ? 0 : random.below(gap);
    if (random.chance(0.01)) time += 3000;
    // Bursts after pauses: logs fill up while their oldest slice lies in the middle of the block.
    if (random.chance(0.03)) time += random.below(1500);
    if (random.chance(0.03)) gap = random.pick([2, 20, 200]);
    const number = huge
      ? (random.next() - 0.5) * 2 ** (20 + random.below(magnitude))
      : Math.round(random.next() * 1e6) / 1e3;
    const value = random.chance(0.2) ? null : number;
    const mask = random.pick([true, true, false, null]);
    return happening(random.below(participants), random.below(keys + 1), time, [mask, value]);
  });
  return inStepOrder(of, happenings);
}

function bruteForce(of: World, happenings: readonly Happening[]) {
  const feeds = of.keyspace.feeds.length;
  return happenings
    .filter((h) => h.participant >= feeds)
    .map((probe) =>
      of.keyspace.probes[probe.participant - feeds]!.views.map((plan) => {
        if (plan.kind !== 'counter') throw new Error('counters only');
        if (probe.key === 0) return null;
        const group = of.keyspace.counters[plan.group]!;
        const column = group.columns[plan.column]!;
        const { ms, hopMs } = group.windows[plan.window]!;
        const from = ms === null ? Number.NEGATIVE_INFINITY : windowStart(probe.time, ms, hopMs);
        const seen = happenings.filter(
          (h) =>
            h.participant === column.feed &&
            h.key === probe.key &&
            stepTime(of, h) < probe.time &&
            h.time >= from &&
            (column.mask === null || h.slots[0] === true),
        );
        return exactSum(column, seen);
      }),
    );
}

function exactSum(column: CounterColumn, events: readonly Happening[]): number {
  if (column.value === null) return events.length;
  let sum = 0n;
  for (const { slots } of events) {
    const value = slots[1];
    if (typeof value !== 'number') continue;
    sum += BigInt(Math.round(column.square ? value * value * column.scale : value * column.scale));
  }
  return Number(sum) / column.scale;
}
