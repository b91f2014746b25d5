/** What travels between shards, as `explain` tells it. */

import type { ChannelPlan, ExchangePlan } from '../plan/exchange-plan.ts';
import { placeExchange } from '../plan/place-exchange.ts';
import { streamSlot } from '../plan/place-homes.ts';
import type { Plan } from '../plan/plan.ts';

/** Rows that go from where they are made to the shard of a key. */
export type HopExplanation = {
  /** `impression -> user_id`. */
  readonly name: string;
  /** The key; `any` shard for rows without one. */
  readonly by: string;
  readonly columns: number;
  /** Made at the shard they go to: a call, nothing travels. */
  readonly stays: boolean;
};

export function hopsOf(plan: Plan): {
  readonly hops: readonly HopExplanation[];
  /** By plan.streams: the key at whose shard its anchors are put together; null: their id's, or it has none. */
  readonly homes: readonly (string | null)[];
} {
  const exchange = placeExchange(plan);
  const homes = exchange.homes.map((home, stream) =>
    home === null || home.key === null ? null : plan.streams[stream].slots[home.key].name,
  );
  const hops = exchange.channels
    .filter(({ input }) => input.kind !== 'clock')
    .map((channel) => ({
      name: channel.name,
      by: keyName(plan, homes, channel, exchange),
      columns: channel.physical.length,
      stays: staysAtHome(plan, exchange, channel),
    }));
  return { hops, homes };
}

function keyName(
  plan: Plan,
  homes: readonly (string | null)[],
  { route, stream, node }: ChannelPlan,
  { nodes }: ExchangePlan,
): string {
  if (route.by === 'key' || route.by === 'key_or_any') {
    const { name } = plan.streams[stream].slots[route.slot];
    return route.by === 'key' ? name : `${name} or any`;
  }
  const to = nodes[node];
  return (to.kind === 'home' ? homes[plan.anchors[to.anchor].stream] : null) ?? 'id';
}

/** Answers of a keyspace that is spread by the home's own key are made at home. */
function staysAtHome(plan: Plan, { channels, homes }: ExchangePlan, channel: ChannelPlan): boolean {
  if (channel.input.kind !== 'answers') return false;
  const { keyspace, probe } = channel.input;
  const { anchor, key } = plan.keyspaces[keyspace].probes[probe];
  const { stream } = plan.anchors[anchor];
  const [from] = channel.from;
  const visit = channels.find(
    (each) =>
      from.kind === 'node' &&
      each.node === from.node &&
      each.stream === stream &&
      each.route.by === 'key' &&
      each.route.required === streamSlot(plan, anchor, key),
  );
  return visit?.route.by === 'key' && visit.route.slot === homes[stream]?.key;
}
