import { describe, expect, it } from 'vitest';
import type { ReadOp, WindowPlan } from '../../compiler/plan/plan.ts';
import { BUCKET_ACCURACY } from '../../operators/sketch/sketch-buckets.ts';
import { type Rng, rng } from '../random.ts';
import { inWindow, nearestRank, SketchWorld } from './sketch-world.ts';

const HOUR = 3_600_000;
const WINDOWS: readonly WindowPlan[] = [
  { kind: 'time', ms: HOUR, hopMs: 300_000, rows: null },
  { kind: 'time', ms: 24 * HOUR, hopMs: HOUR, rows: null },
  { kind: 'time', ms: HOUR, hopMs: 1, rows: null },
  { kind: 'time', ms: HOUR, hopMs: 1, rows: 2000 },
  { kind: 'rows', rows: 3000 },
  { kind: 'all' },
  { kind: 'session', gapMs: 20_000 },
];
/** Hops of the windows once sketched: `exact` over an hour falls back to 72 slices. */
const SLICE_MS = [300_000, HOUR, 50_000, 1, 1, 1, 1];
const READS = [0, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1].map((q): ReadOp => ({ fn: 'quantile', q }));
const ASKS = WINDOWS.flatMap((_, window) => READS.map((read) => ({ window, read })));
const SHAPES = ['uniform', 'prices', 'two signs', 'all magnitudes', 'few', 'bursts'] as const;
const EVENTS = 24_000;

type Event = { readonly time: number; readonly value: number };

describe('sketched quantiles', () => {
  it.each(SHAPES)('are within 1 %%, %s', (shape) => {
    const random = rng(21);
    const events = makeEvents(random, shape);
    const of = new SketchWorld('quantile', 'f64', WINDOWS, ASKS);
    for (let from = 0; from < EVENTS; from += EVENTS / 8) {
      const part = events.slice(from, from + EVENTS / 8);
      addAll(of, part);
      const time = part[part.length - 1]!.time + 1;
      WINDOWS.forEach((plan, window) => {
        const values = inWindow(events.slice(0, from + EVENTS / 8), plan, time, SLICE_MS[window]);
        for (const read of READS) {
          if (read.fn !== 'quantile') continue;
          const truth = nearestRank(values, read.q)!;
          const isExact = 'rows' in plan && plan.rows !== null;
          const bound = isExact ? 0 : Math.abs(truth) * (BUCKET_ACCURACY + 1e-9);
          const got = Number(of.readOne(time, window, read));
          expect(
            Math.abs(got - truth),
            `window ${window}, q ${read.q}, ${truth}`,
          ).toBeLessThanOrEqual(bound);
        }
      });
    }
  });

  it.each([0, 1, 2, 3, 4, 5])(
    'go on from pages saved anywhere, and whoever looks, seed %i',
    (seed) => {
      const random = rng(seed + 400);
      const events = makeEvents(random, random.pick(SHAPES)).slice(0, 9000);
      const straight = new SketchWorld('quantile', 'f64', WINDOWS, ASKS);
      const cut = new SketchWorld('quantile', 'f64', WINDOWS, ASKS);
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

  it('answer alike whatever other windows there are', () => {
    const random = rng(22);
    const events = makeEvents(random, 'prices');
    const time = events[events.length - 1]!.time + 1;
    const together = new SketchWorld('quantile', 'f64', WINDOWS, ASKS);
    addAll(together, events);
    WINDOWS.forEach((plan, window) => {
      const alone = new SketchWorld(
        'quantile',
        'f64',
        [plan],
        READS.map((read) => ({ window: 0, read })),
      );
      addAll(alone, events);
      expect(alone.read(time)).toEqual(READS.map((read) => together.readOne(time, window, read)));
    });
  });

  it('are exact again when they have calmed down, and give their room back', () => {
    const random = rng(23);
    const plan = WINDOWS[0]!;
    const of = new SketchWorld(
      'quantile',
      'f64',
      [plan],
      READS.map((read) => ({ window: 0, read })),
    );
    const used: number[] = [];
    for (let round = 0; round < 6; round++) {
      const events: Event[] = [];
      for (let i = 0; i < 30_000; i++) {
        events.push({ time: round * 30 * HOUR + i * 20, value: random.next() * 100 });
      }
      for (let i = 1; i <= 40; i++) {
        events.push({ time: round * 30 * HOUR + 600_000 + i * 200_000, value: random.next() });
      }
      addAll(of, events);
      const time = events[events.length - 1]!.time + 1;
      const values = inWindow(events, plan, time);
      expect(of.read(time)).toEqual(
        READS.map((read) => nearestRank(values, 'q' in read ? read.q : 0)),
      );
      used.push(of.used);
    }
    expect(used[5]).toBe(used[1]);
  });
});

function addAll(of: SketchWorld, events: readonly Event[]): void {
  of.add(
    events.map(({ time }) => time),
    events.map(({ value }) => value),
  );
}

function makeEvents(random: Rng, shape: (typeof SHAPES)[number]): Event[] {
  let time = 1_730_000_000_000;
  return Array.from({ length: EVENTS }, (_, i) => {
    time += random.below(shape === 'bursts' ? 50 : 1000);
    if (shape === 'bursts' && i % 4000 === 3999)
      time += random.pick([600_000, 2 * HOUR, 30 * HOUR]);
    return { time, value: drawn(random, shape) };
  });
}

function drawn(random: Rng, shape: (typeof SHAPES)[number]): number {
  switch (shape) {
    case 'uniform':
    case 'bursts':
      return random.next() * 1000;
    case 'prices':
      return Math.round(Math.exp(random.next() + random.next() + random.next() + 3)) / 100;
    case 'two signs':
      return (random.next() - 0.5) * 10 ** random.below(6);
    case 'all magnitudes':
      return (random.chance(0.5) ? 1 : -1) * 10 ** (random.next() * 25.9 - 9);
    case 'few':
      return random.below(5);
  }
}
