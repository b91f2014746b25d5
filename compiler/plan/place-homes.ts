/**
 * Where anchors are put together: at the shard of the key that most of their look-ups use, so that those answers never
 * leave it. A keyspace of several key parts is spread by one of them where that puts it beside the anchors that read it.
 */
import type { Plan } from './plan.ts';
import { SlotReach } from './slot-reach.ts';

export type Homes = {
  /** By stream: a key hash slot that the scan itself can make; null: the anchor's id. */
  readonly home: readonly (number | null)[];
  /** By keyspace: which part of its key spreads it; null: all of it. */
  readonly part: readonly (number | null)[];
};

export function placeHomes(plan: Plan): Homes {
  const home = plan.streams.map((_, stream) => homeOf(plan, stream));
  const part = plan.keyspaces.map((keyspace, k) => {
    if (!isDivisible(plan, k)) return null;
    const wishes = keyspace.probes.flatMap((probe) => {
      const { stream } = plan.anchors[probe.anchor];
      const parts = keyParts(plan, stream, streamSlot(plan, probe.anchor, probe.key));
      const wish = home[stream] === null ? -1 : parts.indexOf(home[stream]);
      return wish < 0 ? [] : [wish];
    });
    return wishes[0] ?? null;
  });
  return { home, part };
}

/** The slot of the anchor's stream that an anchor slot shows. */
export function streamSlot(plan: Plan, anchor: number, slot: number): number {
  const { op } = plan.anchors[anchor].slots[slot];
  if (op.kind !== 'stream') throw new Error(`slot ${slot} of anchor ${anchor} is not its stream's`);
  return op.slot;
}

/** The slots of the parts of a key. */
export function keyParts(plan: Plan, stream: number, key: number): readonly number[] {
  const { op } = plan.streams[stream].slots[key];
  return op.kind === 'combine' ? op.slots : [key];
}

/** The part with most views under it; the last slot among equals. */
function homeOf(plan: Plan, stream: number): number | null {
  const reach = new SlotReach(plan, stream);
  const score = new Map<number, number>();
  for (const [k, keyspace] of plan.keyspaces.entries()) {
    for (const { anchor, key, views } of keyspace.probes) {
      if (plan.anchors[anchor].stream !== stream) continue;
      const slot = streamSlot(plan, anchor, key);
      const parts = isDivisible(plan, k) ? keyParts(plan, stream, slot) : [slot];
      for (const part of parts) score.set(part, (score.get(part) ?? 0) + views.length);
    }
  }
  let best: number | null = null;
  for (const [slot, views] of [...score].sort(([a], [b]) => a - b)) {
    if (reach.depth(slot) > 0) continue;
    if (best === null || views >= score.get(best)!) best = slot;
  }
  return best;
}

/** Whether every reader and writer of the keyspace has its key in the same number of parts, two at least. */
function isDivisible(plan: Plan, k: number): boolean {
  const { feeds, probes } = plan.keyspaces[k];
  const parts = [
    ...feeds.map(({ feed, key }) => keyParts(plan, plan.feeds[feed].stream, key).length),
    ...probes.map(
      ({ anchor, key }) =>
        keyParts(plan, plan.anchors[anchor].stream, streamSlot(plan, anchor, key)).length,
    ),
  ];
  return parts[0] > 1 && parts.every((n) => n === parts[0]);
}
