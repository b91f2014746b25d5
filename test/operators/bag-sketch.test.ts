import { describe, expect, it } from 'vitest';
import type { ReadOp, WindowPlan } from '../../compiler/plan/plan.ts';
import type { Physical } from '../../dsl/types.ts';
import type { Value } from '../../operators/column/column.ts';
import { SLICE_ENTRIES_MAX } from '../../operators/sketch/sketch-family.ts';
import { HLL_STANDARD_ERROR } from '../../operators/sketch/sketch-hyperloglog.ts';
import { type Rng, rng } from '../random.ts';
import { inWindow, ranked, SketchWorld } from './sketch-world.ts';

const HOUR = 3_600_000;
const WINDOWS: readonly WindowPlan[] = [
  { kind: 'time', ms: HOUR, hopMs: 300_000, rows: null },
  { kind: 'time', ms: 24 * HOUR, hopMs: HOUR, rows: null },
  { kind: 'time', ms: HOUR, hopMs: 1, rows: null },
  { kind: 'all' },
  { kind: 'session', gapMs: 60_000 },
];
const READS: readonly ReadOp[] = [
  { fn: 'distinct' },
  { fn: 'topk', k: 20 },
  { fn: 'mode' },
  { fn: 'mode_share' },
];
const ASKS = WINDOWS.flatMap((_, window) => READS.map((read) => ({ window, read })));
/** Hops of the windows once sketched: `exact` over an hour falls back to 72 slices. */
const SLICE_MS = [300_000, HOUR, 50_000, 1, 1];
const EVENTS = 24_000;

type Event = { readonly time: number; readonly value: Value };

describe('sketched bags', () => {
  it.each(['uniform', 'zipf', 'all different', 'bursts'] as const)('err as stated, %s', (shape) => {
    const random = rng(11);
    const events = makeEvents(random, shape, 'f64');
    const of = new SketchWorld('bag', 'f64', WINDOWS, ASKS);
    for (let from = 0; from < EVENTS; from += EVENTS / 10) {
      const part = events.slice(from, from + EVENTS / 10);
      addAll(of, part);
      const time = part[part.length - 1]!.time + 1;
      WINDOWS.forEach((plan, window) => {
        const values = inWindow(events.slice(0, from + EVENTS / 10), plan, time, SLICE_MS[window]);
        checkErrors(of, { time, window, values });
      });
    }
  });

  it('keep texts apart as they keep numbers', () => {
    const random = rng(12);
    const events = makeEvents(random, 'zipf', 'text');
    const of = new SketchWorld('bag', 'text', WINDOWS, ASKS);
    addAll(of, events);
    const time = events[events.length - 1]!.time + 1;
    WINDOWS.forEach((plan, window) => {
      checkErrors(of, { time, window, values: inWindow(events, plan, time, SLICE_MS[window]) });
    });
  });

  it('count hashes where nothing else is asked', () => {
    const random = rng(13);
    const events = makeEvents(random, 'uniform', 'f64');
    const of = new SketchWorld(
      'bag',
      'hash',
      WINDOWS,
      WINDOWS.map((_, window) => ({ window, read: READS[0]! })),
    );
    addAll(of, events);
    const time = events[events.length - 1]!.time + 1;
    WINDOWS.forEach((plan, window) => {
      const truth = ranked(inWindow(events, plan, time, SLICE_MS[window])).length;
      expect(Math.abs(Number(of.readOne(time, window, READS[0]!)) - truth)).toBeLessThanOrEqual(
        4 * HLL_STANDARD_ERROR * truth,
      );
    });
  });

  it.each([0, 1, 2, 3, 4, 5])(
    'go on from pages saved anywhere, and whoever looks, seed %i',
    (seed) => {
      const random = rng(seed + 300);
      const physical = random.pick(['f64', 'text'] as const);
      const shape = random.pick(['uniform', 'zipf', 'all different', 'bursts'] as const);
      const events = makeEvents(random, shape, physical).slice(0, 9000);
      const straight = new SketchWorld('bag', physical, WINDOWS, ASKS);
      const cut = new SketchWorld('bag', physical, WINDOWS, ASKS);
      // A feed may be delayed: anchors are then ahead of the events that come.
      const ahead = random.pick([0, 400_000, 4_500_000]);
      for (let from = 0; from < events.length; from += 3000) {
        const part = events.slice(from, from + 3000);
        addAll(straight, part);
        for (let i = 0; i < part.length; ) {
          const next = i + 1 + random.below(700);
          addAll(cut, part.slice(i, next));
          if (random.chance(0.5)) cut.checkpoint();
          if (random.chance(0.7)) cut.read(part[Math.min(next, part.length) - 1]!.time + 1 + ahead);
          i = next;
        }
        const time = part[part.length - 1]!.time + 1 + ahead;
        expect(cut.read(time)).toEqual(straight.read(time));
      }
    },
  );

  it('answer alike whatever other windows and keys there are, and which text came first', () => {
    const random = rng(14);
    const events = makeEvents(random, 'zipf', 'text');
    const time = events[events.length - 1]!.time + 1;
    const together = new SketchWorld('bag', 'text', WINDOWS, ASKS);
    addAll(
      together,
      [...events].reverse().map((event, i) => ({ ...event, time: i })),
      1,
    );
    addAll(together, events);
    WINDOWS.forEach((plan, window) => {
      const alone = new SketchWorld(
        'bag',
        'text',
        [plan],
        READS.map((read) => ({ window: 0, read })),
      );
      addAll(alone, events);
      const mine = READS.map((read) => together.readOne(time, window, read));
      expect(alone.read(time)).toEqual(mine);
    });
  });

  it('are exact again when they have calmed down, and give their room back', () => {
    const random = rng(15);
    const plan = WINDOWS[0]!;
    const of = new SketchWorld(
      'bag',
      'f64',
      [plan],
      READS.map((read) => ({ window: 0, read })),
    );
    const events: Event[] = [];
    const used: number[] = [];
    for (let round = 0; round < 6; round++) {
      const from = events.length;
      for (let i = 0; i < 30_000; i++) {
        const time = round * 30 * HOUR + i * 20;
        events.push({ time, value: random.below(20_000) });
      }
      for (let i = 1; i <= 40; i++) {
        const time = round * 30 * HOUR + 600_000 + i * 200_000;
        events.push({ time, value: random.below(50) });
      }
      addAll(of, events.slice(from));
      const time = events[events.length - 1]!.time + 1;
      const order = ranked(inWindow(events.slice(from), plan, time));
      const total = order.reduce((sum, [, count]) => sum + count, 0);
      expect(total).toBeLessThan(30);
      const [mode, count] = order[0]!;
      const top = order.slice(0, 20).map(([value]) => value);
      expect(of.read(time)).toEqual([order.length, top, mode, count / total]);
      used.push(of.used);
    }
    expect(used[5]).toBe(used[1]);
  });
});

function checkErrors(
  of: SketchWorld,
  { time, window, values }: { time: number; window: number; values: readonly Value[] },
): void {
  const order = ranked(values);
  const n = values.filter((value) => value !== null).length;
  const [distinct, top, mode, share] = READS.map((read) => of.readOne(time, window, read));
  const exact = n <= 512;
  const truth = new Map(order);
  const slack = exact ? 0 : n / SLICE_ENTRIES_MAX;
  const label = `window ${window}, ${n} values`;
  const offBy = Math.abs(Number(distinct) - order.length);
  expect(offBy, label).toBeLessThanOrEqual(exact ? 0 : 4 * HLL_STANDARD_ERROR * order.length);
  const listed = Array.isArray(top) ? top : [];
  expect(listed.length, label).toBe(Math.min(20, order.length));
  listed.forEach((value, i) => {
    expect(truth.get(value) ?? 0, `${label}, rank ${i}`).toBeGreaterThanOrEqual(
      order[i]![1] - 2 * slack,
    );
  });
  expect(mode, label).toBe(listed[0] ?? null);
  if (n === 0) {
    expect(share).toBeNull();
    return;
  }
  expect(Math.abs(Number(share) * n - order[0]![1]), label).toBeLessThanOrEqual(slack + 1e-6);
}

function addAll(of: SketchWorld, events: readonly Event[], key = 0): void {
  of.add(
    events.map(({ time }) => time),
    events.map(({ value }) => value),
    key,
  );
}

function makeEvents(
  random: Rng,
  shape: 'uniform' | 'zipf' | 'all different' | 'bursts',
  physical: Physical,
): Event[] {
  let time = 1_730_000_000_000;
  return Array.from({ length: EVENTS }, (_, i) => {
    time += random.below(shape === 'bursts' ? 50 : 1000);
    if (shape === 'bursts' && i % 4000 === 3999)
      time += random.pick([600_000, 2 * HOUR, 30 * HOUR]);
    const number = drawn(random, shape, i);
    if (random.chance(0.05)) return { time, value: null };
    return { time, value: physical === 'text' ? `v${number}` : number };
  });
}

function drawn(random: Rng, shape: string, i: number): number {
  if (shape === 'zipf') return Math.floor(20_000 ** random.next());
  // Each value once, and again only when it must have been forgotten: the worst that can be done to counters.
  if (shape === 'all different') return i % 9000;
  return random.below(shape === 'uniform' ? 15_000 : 3000);
}
