/**
 * Runs a new kernel over made-up keys before it meets real ones. V8 compiles a function for what it has seen it do, and
 * again whenever it does something new; a kernel has many paths (a key becomes busy, a window empties, a sum needs a
 * second word) that real events take one by one, each at the price of compiling all of it anew.
 */

import type { Participants } from '../keyspace/participants.ts';
import { Slab } from '../state/slab.ts';
import { CounterChains } from './counter-chains.ts';
import type { CounterLayout } from './counter-layout.ts';

/** What a rehearsal plays with: the arguments of the kernel's functions. */
export type Rehearsal = {
  readonly chains: CounterChains;
  readonly n: number;
  readonly participant: Int32Array;
  readonly row: Int32Array;
  readonly records: Int32Array;
  readonly time: Float64Array;
  readonly mask: Uint8Array;
  readonly value: Float64Array;
  readonly output: Float64Array;
};

/** Steps of a rehearsal: enough that rare paths are taken some times, few enough to cost a millisecond or two. */
const STEPS = 1024;
const KEYS = 6;
/** Values of all kinds: null, small, too much for a quiet key, too much for one word. */
const VALUES = [1, 2.5, Number.NaN, -3, 1, 2 ** 31, 2, -(2 ** 40), 0.5, 2 ** 60];

/** Steps of every participant over keys that come and go, null and unknown ones among them. Always the same. */
export function rehearsal(layout: CounterLayout, participants: Participants): Rehearsal {
  const chains = new CounterChains(layout, new Slab('records'), new Slab('busy'), new Slab('logs'));
  const first = chains.records.bump(KEYS * layout.end);
  const leaps = leapsOf(layout);
  let seed = 1;
  const below = (n: number) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
    return Math.floor(((seed >>> 8) / 2 ** 24) * n);
  };
  const time = new Float64Array(STEPS);
  let now = 1_700_000_000_000;
  for (let i = 0; i < STEPS; i++) {
    now += below(8) < 7 ? below(leaps[0]!) : leaps[below(leaps.length)]!;
    time[i] = now;
  }
  const key = () => {
    const k = below(KEYS + 2) - 2;
    return k < 0 ? k + 1 : first + k * layout.end;
  };
  const participant = Int32Array.from(time, () => below(participants.feed.length));
  return {
    chains,
    n: STEPS,
    participant,
    row: Int32Array.from(time, (_, i) => i),
    records: Int32Array.from(participant, (who) => {
      const record = key();
      return record === 0 && participants.feed[who]! >= 0 ? -1 : record;
    }),
    time,
    mask: Uint8Array.from(time, () => (below(4) === 0 ? 0 : 1)),
    value: Float64Array.from(time, () => VALUES[below(VALUES.length)]!),
    output: new Float64Array(STEPS),
  };
}

/** Steps of time from one event to the next: within a slice, to the next slices, out of each window. */
function leapsOf({ chains }: CounterLayout): number[] {
  const windows = chains.flatMap((chain) => chain.windows);
  const leaps = windows.flatMap(({ ms, hopMs }) => [hopMs, ms]).sort((a, b) => a - b);
  return leaps.length === 0 ? [1] : [Math.max(1, leaps[0]! / 2), ...leaps];
}
