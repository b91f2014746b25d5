/** Random rows for generated programs: ties, edges, nulls, late ones, copies, wrong clocks, broken lines. */
import type { Rng } from '../random.ts';
import type { InputPartition } from '../reference/events.ts';
import { VALUES } from './vocabulary.ts';

/** All times are near it: 2023-11-14 22:13:20 UTC, and a bit, so that hops do not divide it. */
const START = 1_700_000_000_000;

type Clock = { now: number; readonly id: () => string; readonly ids: string[] };

export function generateRows(random: Rng): InputPartition[] {
  const size = random.pick([6, 20, 60]);
  const seconds = random.chance(0.5);
  const impressions: string[] = [];
  const input: InputPartition[] = [];
  const span = random.pick([20, 200, 3000]);
  for (const stream of ['imp', 'clk', 'pix', 'prod'] as const) {
    const partitions = 1 + random.below(stream === 'prod' ? 1 : 3);
    for (let partition = 0; partition < partitions; partition++) {
      if (random.chance(0.04)) continue;
      const n = random.below(stream === 'prod' ? size >> 1 : size) + 1;
      const prefix = `${stream[0]}${partition}.`;
      let count = 0;
      const clock: Clock = { now: START, id: () => `${prefix}${count++}`, ids: [] };
      const rows = Array.from({ length: n }, () => {
        const row = line(random, stream, clock, { seconds, span, impressions });
        return row;
      });
      input.push({ stream, partition, rows });
    }
  }
  input.push({ stream: 'site', partition: 0, rows: siteRows(random) });
  return input;
}

type About = { readonly seconds: boolean; readonly span: number; readonly impressions: string[] };

function line(
  random: Rng,
  stream: 'imp' | 'clk' | 'pix' | 'prod',
  clock: Clock,
  about: About,
): unknown {
  if (random.chance(0.02))
    return random.pick(['{"ts":', '[]', '12', 'null', '"x"', '{"ts":1}x', '{}']);
  const time = timeOf(random, clock, about);
  const id = idOf(random, clock);
  const row = rowOf(random, stream, { id, time, about });
  if (stream === 'imp') about.impressions.push(id);
  if (random.chance(0.02))
    return { ...row, [random.pick(Object.keys(row))]: random.pick([null, {}, true, -1, '?']) };
  return row;
}

/** Mostly onwards, often at the same time, now and then back or far ahead. */
function timeOf(random: Rng, clock: Clock, { seconds, span }: About): number {
  const unit = seconds ? 1000 : 1;
  const step = random.pick([0, 0, 0, 1, 1, 2, 5, span]);
  clock.now += step * unit * (seconds ? 1 : random.pick([1, 7, 250, 500]));
  if (random.chance(0.12))
    return clock.now - random.pick([1, 2, 10, 40]) * unit * random.pick([1, 10]);
  if (random.chance(0.02)) return clock.now + random.pick([20_000, 90_000_000, 4_000_000]);
  return clock.now;
}

function idOf(random: Rng, clock: Clock): string {
  if (clock.ids.length > 0 && random.chance(0.06)) return random.pick(clock.ids);
  const id = clock.id();
  clock.ids.push(id);
  return id;
}

function rowOf(
  random: Rng,
  stream: 'imp' | 'clk' | 'pix' | 'prod',
  { id, time, about }: { id: string; time: number; about: About },
): Record<string, unknown> {
  const maybe = <T>(value: T) => (random.chance(0.12) ? null : value);
  const whole = () => random.below(4);
  const fraction = () => random.pick([0, 0.1, 1.5, -2.25, 3, 1e-7, 1 / 3]);
  const user = random.pick(VALUES.user);
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
        iid: about.impressions.length > 0 ? random.pick(about.impressions) : 'i0.0',
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

function siteRows(random: Rng): unknown[] {
  return Array.from({ length: random.below(5) }, () => ({
    slot: random.below(4),
    region: random.pick([null, ...VALUES.region]),
    weight: random.pick([null, 0.5, 2]),
  }));
}
