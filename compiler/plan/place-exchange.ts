/** Spreads a plan over shards: its operators as nodes, and the channels between them (exchange-plan.ts). */

import { idSlot, Placing } from './exchange-placing.ts';
import type { ExchangePlan } from './exchange-plan.ts';
import { placeHome, placeKeyspace } from './place-feature-channels.ts';
import { placeLabel } from './place-label-channels.ts';
import type { Plan } from './plan.ts';

/** The same for the same plan; throws for what the compiler cannot have made. */
export function placeExchange(plan: Plan): ExchangePlan {
  const placing = new Placing(plan);
  for (const e of plan.enrichments.keys()) enrichSource(placing, e);
  for (const l of plan.labels.keys()) placeLabel(placing, l);
  for (const k of plan.keyspaces.keys()) placeKeyspace(placing, k);
  for (const a of plan.anchors.keys()) placeHome(placing, a);
  // What an enrichment passes on is known once all who read its stream are placed.
  for (let e = plan.enrichments.length - 1; e >= 0; e--) enrichEvent(placing, e);
  const homes = placing.homes.home.map((key, stream) => {
    const id = idSlot(plan, stream);
    return id < 0 ? null : { key, id };
  });
  return { nodes: placing.nodes, channels: placing.channels, homes };
}

function enrichSource(at: Placing, e: number): void {
  const { source, sourceMask, sourceKey, fields } = at.plan.enrichments[e];
  at.stream({
    name: `${at.name(source)} -> enrichment ${e} as source`,
    node: at.node((node) => node.kind === 'enrich' && node.enrichment === e),
    input: { kind: 'source' },
    stream: source,
    slots: [sourceKey, ...fields.map((field) => field.from)],
    mask: sourceMask,
    late: false,
    route: { by: 'key', slot: sourceKey, required: sourceKey },
  });
}

function enrichEvent(at: Placing, e: number): void {
  const { stream, mask, key } = at.plan.enrichments[e];
  const reach = at.reach(stream);
  const depth = reach.chain.indexOf(e);
  const later = at.readBeyond(stream, depth);
  const own = mask === null ? [key] : [key, mask];
  const slots = reach.travels([...own, ...later], depth);
  at.channel({
    name: `${at.name(stream)} -> enrichment ${e}`,
    from: at.producers(stream, depth),
    node: at.node((node) => node.kind === 'enrich' && node.enrichment === e),
    input: { kind: 'event' },
    stream,
    slots,
    extra: [],
    mask: null,
    late: true,
    route: { by: 'key_or_any', slot: key },
  });
  at.reads(stream, depth, slots);
}
