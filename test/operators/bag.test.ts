import { describe, expect, it } from 'vitest';
import type { ReadOp, ValueStore, ViewPlan, WindowPlan } from '../../compiler/plan/plan.ts';
import type { Physical } from '../../dsl/types.ts';
import type { Value } from '../../operators/column/column.ts';
import { type Rng, rng } from '../random.ts';
import {
  type Happening,
  inStepOrder,
  play,
  stepTime,
  type World,
  world,
} from './keyspace-world.ts';
import { inWindow, nearestRank, ranked } from './sketch-world.ts';

const KINDS: readonly Physical[] = ['bool', 'f64', 'text'];
const WINDOWS: readonly WindowPlan[] = [
  { kind: 'all' },
  { kind: 'time', ms: 60, hopMs: 1, rows: null },
  { kind: 'time', ms: 500, hopMs: 50, rows: null },
  { kind: 'time', ms: 3000, hopMs: 70, rows: null },
  { kind: 'time', ms: 500, hopMs: 50, rows: 4 },
  { kind: 'time', ms: 4000, hopMs: 1, rows: 37 },
  { kind: 'rows', rows: 1 },
  { kind: 'rows', rows: 90 },
  { kind: 'session', gapMs: 30 },
  { kind: 'session', gapMs: 200 },
];

describe('bags and quantiles', () => {
  it('list the more frequent first, of ties the smaller', () => {
    const of = worldOf([{ ...store('bag', 3), windows: [{ kind: 'all' }] }], () => [
      [{ fn: 'topk', k: 3 }, 'list_text'],
      [{ fn: 'mode' }, 'text'],
      [{ fn: 'mode_share' }, 'f64'],
      [{ fn: 'distinct' }, 'f64'],
    ]);
    const texts = ['é', 'b', 'a', null, 'b', 'é', '', 'z'];
    const events = [look(0), ...texts.map((text, i) => put(i, text)), look(2), look(100)];
    expect(play(of, inStepOrder(of, events), { codegen: true, cuts: [] })).toEqual([
      [[], null, null, 0],
      [['b', 'é'], 'b', 0.5, 2],
      [['b', 'é', ''], 'b', 2 / 7, 5],
    ]);
  });

  it('take the nearest rank', () => {
    const qs = [0, 0.5, 0.9, 1];
    const of = worldOf([{ ...store('quantile', 2), windows: [{ kind: 'all' }] }], () =>
      qs.map((q) => [{ fn: 'quantile', q }, 'f64']),
    );
    const events = [4, 1, 3, 2].map((value, i) => put(i, null, value));
    expect(play(of, [look(0), ...events, look(9)], { codegen: true, cuts: [] })).toEqual([
      [null, null, null, null],
      [1, 2, 4, 4],
    ]);
  });

  it.each(Array.from({ length: 80 }, (_, seed) => seed))('equal brute force, seed %i', (seed) => {
    const random = rng(seed + 7000);
    const of = randomWorld(random);
    const happenings = randomHappenings(of, random);
    const expected = bruteForce(of, happenings);
    expect(play(of, happenings, { codegen: true, cuts: [] })).toEqual(expected);
    const cuts = Array.from({ length: 8 }, () => random.below(happenings.length)).sort(
      (a, b) => a - b,
    );
    const restoreAt = new Set(cuts.filter(() => random.chance(0.5)));
    expect(play(of, happenings, { codegen: true, cuts, restoreAt })).toEqual(expected);
  });
});

type Read = readonly [ReadOp, Physical];

function store(family: 'bag' | 'quantile', slot: number): ValueStore {
  const physical = [KINDS[slot - 1]!];
  const rest = { windows: [], k: 0, scale: 1, halfLifeMs: 0 };
  return { state: '', family, feed: 0, mask: null, slots: [slot], physical, ...rest };
}

function worldOf(values: readonly ValueStore[], reads: (of: ValueStore) => readonly Read[]): World {
  const views = values.flatMap((of, index) =>
    of.windows.flatMap((_, window) =>
      reads(of).map(
        ([read, physical]): ViewPlan => ({ kind: 'value', store: index, window, read, physical }),
      ),
    ),
  );
  const feeds = [{ delayMs: 0, headMs: 0 }];
  return world(feeds, { counters: [], values, probes: [{ anchor: 0, key: 0, views }] }, KINDS);
}

function put(time: number, text: string | null, value: number | null = null): Happening {
  return { participant: 0, key: 1, time, slots: [true, value, text] };
}

function look(time: number): Happening {
  return { participant: 1, key: 1, time, slots: [true, 0, 'x'] };
}

function randomWorld(random: Rng): World {
  const values = Array.from({ length: 1 + random.below(3) }, (): ValueStore => {
    const family = random.pick(['bag', 'bag', 'quantile'] as const);
    const windows = WINDOWS.filter(() => random.chance(0.4));
    const base = store(family, family === 'bag' ? 1 + random.below(3) : 2);
    const mask = random.chance(0.5) ? null : 1;
    return { ...base, mask, windows: windows.length === 0 ? [WINDOWS[2]!] : windows };
  });
  const chosen = new Map(values.map((of) => [of, readsOf(of, random)]));
  const of = worldOf(values, (each) => chosen.get(each)!);
  const delay = { stream: 0, delayMs: random.pick([0, 0, 40]), headMs: random.pick([0, 0, 100]) };
  return { ...of, plan: { ...of.plan, feeds: [delay] } };
}

function readsOf(of: ValueStore, random: Rng): readonly Read[] {
  if (of.family === 'quantile') {
    return [0, 0.5, random.next(), 1].map((q) => [{ fn: 'quantile', q }, 'f64']);
  }
  const kind = of.physical[0]!;
  const all: readonly Read[] = [
    [{ fn: 'distinct' }, 'f64'],
    [{ fn: 'topk', k: 1 + random.below(30) }, kind === 'text' ? 'list_text' : 'list_f64'],
    [{ fn: 'topk', k: 2 }, kind === 'text' ? 'list_text' : 'list_f64'],
    [{ fn: 'mode' }, kind],
    [{ fn: 'mode_share' }, 'f64'],
  ];
  const some = all.filter(() => random.chance(0.6));
  return some.length === 0 ? all : some;
}

function randomHappenings(of: World, random: Rng): Happening[] {
  const keys = random.pick([1, 3, 30]);
  const gap = random.pick([2, 20, 100]);
  const values = random.pick([3, 20, 400]);
  let time = random.pick([0, -500, 1_730_000_000_000]);
  const happenings = Array.from({ length: 500 }, (): Happening => {
    time += random.chance(0.3) ? 0 : random.below(gap);
    if (random.chance(0.01)) time += 5000;
    const number = random.chance(0.2) ? null : random.below(values) * random.pick([1, -1, 0.1]);
    const text = random.chance(0.2) ? null : 'é'.repeat(random.below(3)) + random.below(values);
    const slots = [random.pick([true, true, false, null]), number, text];
    return { participant: random.below(2), key: random.below(keys + 1), time, slots };
  });
  return inStepOrder(of, happenings);
}

function bruteForce(of: World, happenings: readonly Happening[]): Value[][] {
  return happenings
    .filter((h) => h.participant === 1)
    .map((probe) =>
      of.keyspace.probes[0]!.views.map((view) => {
        if (view.kind !== 'value') throw new Error('values only');
        if (probe.key === 0) return null;
        const plan = of.keyspace.values[view.store]!;
        const events = happenings
          .filter((h) => h.participant === 0 && h.key === probe.key)
          .filter(
            (h) => stepTime(of, h) < probe.time && (plan.mask === null || h.slots[0] === true),
          )
          .map((h) => ({ time: h.time, value: h.slots[plan.slots[0]! - 1]! }));
        return answer(view.read, inWindow(events, plan.windows[view.window]!, probe.time));
      }),
    );
}

function answer(read: ReadOp, values: readonly Value[]): Value {
  const present = values.filter((value) => value !== null);
  const order = ranked(values);
  switch (read.fn) {
    case 'distinct':
      return order.length;
    case 'topk':
      return order.slice(0, read.k).map(([value]) => value);
    case 'mode':
      if (order.length === 0) return null;
      return typeof present[0] === 'boolean' ? order[0]![0] === 1 : order[0]![0];
    case 'mode_share':
      return order.length === 0 ? null : order[0]![1] / present.length;
    case 'quantile':
      return nearestRank(present.map(Number), read.q);
    default:
      throw new Error(`no brute force for ${read.fn}`);
  }
}
