import { describe, expect, it } from 'vitest';
import type { ReadOp, ValueStore, ViewPlan, WindowPlan } from '../../compiler/plan/plan.ts';
import type { Physical } from '../../dsl/types.ts';
import type { Value } from '../../operators/column/column.ts';
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
const KINDS: readonly Physical[] = ['bool', 'f64', 'text'];
const WINDOWS: readonly WindowPlan[] = [
  { kind: 'all' },
  { kind: 'time', ms: 60, hopMs: 1, rows: null },
  { kind: 'time', ms: 500, hopMs: 50, rows: null },
  { kind: 'time', ms: 3000, hopMs: 70, rows: null },
  { kind: 'time', ms: 500, hopMs: 50, rows: 4 },
  { kind: 'time', ms: 4000, hopMs: 1, rows: 7 },
  { kind: 'rows', rows: 1 },
  { kind: 'rows', rows: 5 },
  { kind: 'session', gapMs: 30 },
  { kind: 'session', gapMs: 200 },
];

describe('value stores', () => {
  it('list the newest first, and the later of equal times before the earlier', () => {
    const of = oneStore({ ...store('last', 3, 'text'), k: 2, windows: [{ kind: 'all' }] }, [
      [{ fn: 'last', k: 2 }, 'list_text'],
      [{ fn: 'last', k: null }, 'text'],
    ]);
    const events = [put(1, 'a'), put(2, 'b'), put(2, ''), put(3, null), look(2), look(4), look(1)];
    expect(run(of, events)).toEqual([
      [[], null],
      [['a'], 'a'],
      [['', 'b'], ''],
    ]);
  });

  it('answer the empty answer for unknown keys and null for null keys', () => {
    const of = oneStore({ ...store('last', 3, 'text'), k: 2, windows: [{ kind: 'all' }] }, [
      [{ fn: 'last', k: 2 }, 'list_text'],
      [{ fn: 'last', k: null }, 'text'],
    ]);
    const events: Happening[] = [
      { ...look(4), key: 9 },
      { ...look(4), key: 0 },
    ];
    expect(run(of, events)).toEqual([
      [[], null],
      [null, null],
    ]);
  });

  it('end a session after a gap longer than its own', () => {
    const windows: WindowPlan[] = [{ kind: 'session', gapMs: 10 }];
    const of = oneStore({ ...store('tally', 2, 'f64'), windows }, [
      [{ fn: 'count' }, 'f64'],
      [{ fn: 'sum' }, 'f64'],
    ]);
    const at = [0, 10, 20, 31];
    const events = [
      ...at.map((time) => put(time, 'x', time + 1)),
      look(21),
      look(30),
      look(31),
      look(32),
      look(42),
    ];
    expect(run(of, events)).toEqual([
      [3, 33],
      [3, 33],
      [0, 0],
      [1, 32],
      [0, 0],
    ]);
  });

  it('keep the nulls of a table row', () => {
    const latest: ValueStore = {
      ...store('latest', 2, 'f64'),
      slots: [1, 2, 3],
      physical: [...KINDS],
      windows: [{ kind: 'all' }],
    };
    const of = oneStore(
      latest,
      KINDS.map((kind, slot) => [{ fn: 'latest', slot }, kind]),
    );
    expect(
      run(of, [
        look(0),
        put(1, 'a', 5),
        look(1),
        look(2),
        { ...put(3, null, 6), slots: [null, 6, null] },
        look(4),
      ]),
    ).toEqual([
      [null, null, null],
      [null, null, null],
      [true, 5, 'a'],
      [null, 6, null],
    ]);
  });

  it.each(Array.from({ length: 80 }, (_, seed) => seed))('equal brute force, seed %i', (seed) => {
    const random = rng(seed + 5000);
    const of = randomWorld(random);
    const happenings = randomHappenings(of, random);
    const expected = bruteForce(of, happenings);
    const cuts = Array.from({ length: random.below(12) }, () =>
      random.below(happenings.length),
    ).sort((a, b) => a - b);
    expect(play(of, happenings, { codegen: true, cuts: [] })).toEqual(expected);
    const restoreAt = new Set(cuts.filter(() => random.chance(0.5)));
    expect(play(of, happenings, { codegen: true, cuts, restoreAt })).toEqual(expected);
  });
});

function store(family: ValueStore['family'], slot: number, physical: Physical): ValueStore {
  return {
    state: '',
    family,
    feed: 0,
    mask: null,
    slots: [slot],
    physical: [physical],
    windows: [],
    k: 0,
    scale: 1,
    halfLifeMs: 0,
  };
}

function oneStore(of: ValueStore, reads: readonly (readonly [ReadOp, Physical])[]): World {
  const views = reads.map(
    ([read, physical]): ViewPlan => ({ kind: 'value', store: 0, window: 0, read, physical }),
  );
  return world(
    [{ delayMs: 0, headMs: 0 }],
    { counters: [], values: [of], probes: [{ anchor: 0, key: 0, views }] },
    KINDS,
  );
}

function put(time: number, text: string | null, value: number | null = null): Happening {
  return { participant: 0, key: 1, time, slots: [true, value, text] };
}

function look(time: number): Happening {
  return { participant: 1, key: 1, time, slots: [true, 0, 'x'] };
}

function run(of: World, happenings: readonly Happening[]): Value[][] {
  return play(of, inStepOrder(of, happenings), { codegen: true, cuts: [] });
}

function randomWorld(random: Rng): World {
  const feeds = Array.from({ length: 1 + random.below(2) }, () => ({
    delayMs: random.pick([0, 0, 40]),
    headMs: random.pick([0, 0, 100]),
  }));
  const values = Array.from({ length: 1 + random.below(4) }, () =>
    randomStore(random, feeds.length),
  );
  const probes = Array.from({ length: 1 + random.below(2) }, (_, anchor) => ({
    anchor,
    key: 0,
    views: values.flatMap((of, index) =>
      of.windows.flatMap((_, window) => randomViews(random, of, index, window)),
    ),
  }));
  return world(feeds, { counters: [], values, probes }, KINDS);
}

function randomStore(random: Rng, feeds: number): ValueStore {
  const family = random.pick([
    'last',
    'last',
    'first',
    'min',
    'max',
    'tally',
    'tally',
    'latest',
    'decayed',
  ] as const);
  const slot = family === 'last' || family === 'first' ? 1 + random.below(3) : 2;
  const base: ValueStore = {
    ...store(family, slot, KINDS[slot - 1]!),
    feed: random.below(feeds),
    mask: random.chance(0.5) ? null : 1,
    k: family === 'last' ? 1 + random.below(6) : 0,
    scale: SCALE,
    halfLifeMs: 100,
  };
  if (family === 'latest')
    return { ...base, slots: [1, 2, 3], physical: [...KINDS], windows: [{ kind: 'all' }] };
  if (family === 'decayed')
    return { ...base, slots: random.chance(0.5) ? [] : [2], windows: [{ kind: 'all' }] };
  const windows = WINDOWS.filter(() => random.chance(0.35));
  const noSlot = family === 'tally' && random.chance(0.3);
  return {
    ...base,
    slots: noSlot ? [] : base.slots,
    windows: windows.length === 0 ? [WINDOWS[4]!] : windows,
  };
}

function randomViews(random: Rng, of: ValueStore, index: number, window: number): ViewPlan[] {
  const physical = of.physical[0]!;
  const view = (read: ReadOp, kind: Physical): ViewPlan => ({
    kind: 'value',
    store: index,
    window,
    read,
    physical: kind,
  });
  switch (of.family) {
    case 'last':
      return [
        view(
          { fn: 'last', k: 1 + random.below(of.k) },
          physical === 'text' ? 'list_text' : 'list_f64',
        ),
        view({ fn: 'last', k: null }, physical),
      ];
    case 'tally':
      return [
        view({ fn: 'count' }, 'f64'),
        view({ fn: 'sum' }, 'f64'),
        view({ fn: 'sum_squares' }, 'f64'),
      ];
    case 'latest':
      return KINDS.map((kind, slot) => view({ fn: 'latest', slot }, kind));
    case 'decayed':
      return [view({ fn: of.slots.length === 0 ? 'decayed_count' : 'decayed_sum' }, 'f64')];
    case 'first':
    case 'min':
    case 'max':
      return [view({ fn: of.family }, physical)];
    default:
      throw new Error(`no views for ${of.family}`);
  }
}

function randomHappenings(of: World, random: Rng): Happening[] {
  const participants = of.keyspace.feeds.length + of.keyspace.probes.length;
  const keys = random.pick([1, 3, 30]);
  const gap = random.pick([2, 20, 100]);
  let time = random.pick([0, -500, 1_730_000_000_000]);
  const happenings = Array.from({ length: 500 }, (): Happening => {
    time += random.chance(0.3) ? 0 : random.below(gap);
    if (random.chance(0.01)) time += 5000;
    const number = random.chance(0.2)
      ? null
      : random.chance(0.5)
        ? random.below(6)
        : (random.next() - 0.5) * 1e6;
    const text = random.chance(0.2) ? null : 'é'.repeat(random.below(3)) + random.below(20);
    const slots = [random.pick([true, true, false, null]), number, text];
    return { participant: random.below(participants), key: random.below(keys + 1), time, slots };
  });
  return inStepOrder(of, happenings);
}

function bruteForce(of: World, happenings: readonly Happening[]): Value[][] {
  const feeds = of.keyspace.feeds.length;
  return happenings
    .filter((h) => h.participant >= feeds)
    .map((probe) =>
      of.keyspace.probes[probe.participant - feeds]!.views.map((view) => {
        if (view.kind !== 'value') throw new Error('values only');
        if (probe.key === 0) return null;
        const plan = of.keyspace.values[view.store]!;
        const seen = happenings.filter(
          (h) =>
            h.participant === plan.feed &&
            h.key === probe.key &&
            stepTime(of, h) < probe.time &&
            (plan.mask === null || h.slots[0] === true),
        );
        return answer(
          plan,
          view.read,
          within(seen, plan.windows[view.window]!, probe.time),
          probe.time,
        );
      }),
    );
}

/** The events of a window, oldest first. */
function within(seen: readonly Happening[], window: WindowPlan, time: number): Happening[] {
  switch (window.kind) {
    case 'all':
      return [...seen];
    case 'rows':
      return seen.slice(-window.rows);
    case 'time': {
      const from = windowStart(time, window.ms, window.hopMs);
      return seen.filter((h) => h.time >= from).slice(-(window.rows ?? seen.length + 1));
    }
    case 'session': {
      let first = seen.length;
      let next = time;
      while (first > 0 && next - seen[first - 1]!.time <= window.gapMs) next = seen[--first]!.time;
      return seen.slice(first);
    }
  }
}

function answer(plan: ValueStore, read: ReadOp, events: readonly Happening[], time: number): Value {
  if (read.fn === 'latest') return events[events.length - 1]?.slots[read.slot] ?? null;
  const slot = plan.slots[0];
  const values = events
    .map((h) => (slot === undefined ? 1 : h.slots[slot - 1]!))
    .filter((v) => v !== null);
  const numbers = values as number[];
  switch (read.fn) {
    case 'last': {
      const newest = values.reverse();
      return read.k === null ? (newest[0] ?? null) : newest.slice(0, read.k).map(listed);
    }
    case 'first':
      return values[0] ?? null;
    case 'min':
      return values.length === 0 ? null : Math.min(...numbers);
    case 'max':
      return values.length === 0 ? null : Math.max(...numbers);
    case 'count':
      return values.length;
    case 'sum':
      return slot === undefined
        ? 0
        : exact(numbers.map((x) => Math.round(x * plan.scale))) / plan.scale;
    case 'sum_squares':
      return slot === undefined ? 0 : exact(numbers.map((x) => Math.round(x * x * SCALE))) / SCALE;
    case 'decayed_count':
    case 'decayed_sum':
      return decayed(plan, events, time);
    default:
      throw new Error(`no brute force for ${read.fn}`);
  }
}

function listed(value: Value): string | number {
  return typeof value === 'string' ? value : Number(value);
}

function exact(values: readonly number[]): number {
  return Number(values.reduce((sum, x) => sum + BigInt(x), 0n));
}

function decayed(plan: ValueStore, events: readonly Happening[], time: number): number | null {
  let value = 0;
  let last: number | null = null;
  for (const event of events) {
    const x = plan.slots.length === 0 ? 1 : event.slots[plan.slots[0]! - 1];
    if (typeof x !== 'number') continue;
    value = last === null ? x : value * 2 ** (-(event.time - last) / plan.halfLifeMs) + x;
    last = event.time;
  }
  if (last === null) return plan.slots.length === 0 ? 0 : null;
  return value * 2 ** (-(time - last) / plan.halfLifeMs);
}
