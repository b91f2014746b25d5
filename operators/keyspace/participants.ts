/**
 * Who takes part in a keyspace's steps: its feeds (updates), then its probes (look-ups), then *pairs*: a probe and a feed
 * of one stream under one key. Most anchors are counted themselves; where nothing comes between a row's look-up and its
 * update, one step of the pair does both, look-up first.
 */
import type { KeyspacePlan, Plan } from '../../compiler/plan/plan.ts';

export type Participants = {
  /** By participant: the feed that it updates from and the probe that it looks up for; -1: none. */
  readonly feed: Int32Array;
  readonly probe: Int32Array;
  /** The first pair: feeds and probes come before. */
  readonly firstPair: number;
};

/** The participants of a keyspace. */
export function participantsOf(plan: Plan, { feeds, probes }: KeyspacePlan): Participants {
  const feed = [...feeds.keys(), ...probes.map(() => -1)];
  const probe = [...feeds.map(() => -1), ...probes.keys()];
  const firstPair = feed.length;
  for (const [p, { anchor, key }] of probes.entries()) {
    for (const [f, writer] of feeds.entries()) {
      const { stream, delayMs, headMs } = plan.feeds[writer.feed]!;
      const anchorPlan = plan.anchors[anchor];
      if (anchorPlan?.stream !== stream || delayMs !== 0 || headMs !== 0) continue;
      const op = anchorPlan.slots[key]?.op;
      if (op?.kind !== 'stream' || op.slot !== writer.key) continue;
      feed.push(f);
      probe.push(p);
    }
  }
  return { feed: Int32Array.from(feed), probe: Int32Array.from(probe), firstPair };
}

/** The pair of a look-up by participant `lookUp` and an update by participant `update`; -1: they are none. */
export function pairOf({ feed, probe, firstPair }: Participants, lookUp: number, update: number) {
  for (let pair = firstPair; pair < feed.length; pair++) {
    if (feed[pair] === feed[update] && probe[pair] === probe[lookUp]) return pair;
  }
  return -1;
}
