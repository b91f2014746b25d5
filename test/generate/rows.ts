/** Random rows for generated programs: ties, edges, nulls, late ones, copies, wrong clocks, broken lines. */
import type { Rng } from '../random.ts';
import type { InputPartition } from '../reference/events.ts';
import { VALUES } from './vocabulary.ts';

/** All times are near it: 2023-11-14 22:13:20 UTC, and a bit, so that hops do not divide it. */
const START = 1_700_000_000_000;

type Clock = { now: number };

type Source = {
  readonly stream: 'imp' | 'clk' | 'pix' | 'prod';
  readonly partition: number;
  readonly clock: Clock;
  readonly ids: string[];
  readonly rows: unknown[];
};

type About = {
  readonly seconds: boolean;
  readonly span: number;
  /** Newest last. */
  readonly impressions: string[];
  /** Few of them: labels meet more often. */
  readonly users: readonly string[];
};

/** Rows of all streams of the vocabulary, whether a program has them or not. */
export function generateRows(random: Rng): InputPartition[] {
  const shared: Clock | null = random.chance(0.6) ? { now: START } : null;
  const sources: Source[] = [];
  for (const stream of ['imp', 'clk', 'pix', 'prod'] as const) {
    const partitions = stream === 'prod' ? 1 : 1 + random.below(3);
    for (let partition = 0; partition < partitions; partition++) {
      if (random.chance(0.04)) continue;
      sources.push({ stream, partition, clock: shared ?? { now: START }, ids: [], rows: [] });
    }
  }
  const about: About = {
    seconds: random.chance(0.4),
    span: random.pick([2, 20, 200, 3000]),
    impressions: [],
    users: VALUES.user.slice(0, 1 + random.below(VALUES.user.length)),
  };
  const count = sources.length * random.pick([4, 10, 30]);
  for (let i = 0; i < count; i++) {
    const source = random.pick(sources);
    source.rows.push(line(random, source, about));
  }
  const input = sources.map(({ stream, partition, rows }) => ({ stream, partition, rows }));
  return [...input, { stream: 'site', partition: 0, rows: siteRows(random) }];
}

function line(random: Rng, source: Source, about: About): unknown {
  if (random.chance(0.02)) {
    return random.pick(['{"ts":', '[]', '12', 'null', '"x"', '{"ts":1}x', '{}']);
  }
  const time = timeOf(random, source.clock, about);
  const id = idOf(random, source);
  const row = rowOf(random, source.stream, { id, time, about });
  if (source.stream === 'imp') about.impressions.push(id);
  if (random.chance(0.98)) return row;
  return { ...row, [random.pick(Object.keys(row))]: random.pick([null, {}, true, -1, '?']) };
}

/** Mostly onwards, often at the same time, now and then back or far ahead. */
function timeOf(random: Rng, clock: Clock, { seconds, span }: About): number {
  const unit = seconds ? 1000 : 1;
  const step = random.pick([0, 0, 0, 1, 1, 2, 5, span]);
  clock.now += step * unit * (seconds ? 1 : random.pick([1, 7, 250, 500]));
  if (random.chance(0.12)) {
    return clock.now - random.pick([1, 2, 10, 40]) * unit * random.pick([1, 10]);
  }
  if (random.chance(0.02)) return clock.now + random.pick([20_000, 90_000_000, 4_000_000]);
  return clock.now;
}

/** Ids differ between partitions; now and then one comes again. */
function idOf(random: Rng, { stream, partition, ids }: Source): string {
  if (ids.length > 0 && random.chance(0.06)) return random.pick(ids);
  const id = `${stream[0]}${partition}.${ids.length}`;
  ids.push(id);
  return id;
}

function rowOf(
  random: Rng,
  stream: Source['stream'],
  { id, time, about }: { id: string; time: number; about: About },
): Record<string, unknown> {
  const maybe = <T>(value: T) => (random.chance(0.12) ? null : value);
  const whole = () => random.below(4);
  const fraction = () => random.pick([0, 0.1, 1.5, -2.25, 3, 1e-7, 1 / 3]);
  const user = random.pick(about.users);
  switch (stream) {
    case 'imp':
      return {
        iid: id,
        ts: time,
        user,
        ad: maybe(random.pick(VALUES.ad)),
        peer: maybe(random.pick(VALUES.peer)),
        slot: maybe(whole()),
        cost: maybe(fraction()),
        price: maybe(whole() * 1_000_000),
        flag: maybe(random.chance(0.5)),
        tags: maybe(Array.from({ length: whole() }, () => random.pick(['s', 't', 'a']))),
      };
    case 'clk':
      return {
        cid: id,
        ts: time / 1000,
        iid: impressionOf(random, about),
        user,
        dwell: maybe(whole()),
        mood: maybe(random.pick(VALUES.mood)),
      };
    case 'pix':
      return {
        pid: id,
        at: time,
        user,
        ad: maybe(random.pick(VALUES.ad)),
        kind: random.pick(VALUES.kind),
        order_id: maybe(random.pick(VALUES.order_id)),
        value: maybe(fraction()),
      };
    case 'prod':
      return {
        ad: random.pick(VALUES.ad),
        ts: time,
        brand: maybe(random.pick(VALUES.brand)),
        grade: maybe(whole()),
      };
  }
}

function impressionOf(random: Rng, { impressions }: About): string {
  return impressions.length === 0
    ? 'i0.0'
    : random.pick(impressions.slice(-random.pick([2, 8, 100])));
}

function siteRows(random: Rng): unknown[] {
  return Array.from({ length: random.below(5) }, () => ({
    slot: random.below(4),
    region: random.pick([null, ...VALUES.region]),
    weight: random.pick([null, 0.5, 2]),
  }));
}
