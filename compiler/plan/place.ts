/**
 * The graph as a physical plan: indexes for names, slots for expressions, keyspaces for stores. Slots are made when
 * something asks for them, after those that they read; what nobody asks for has none.
 */

import { planDigest, signatures } from '../graph/digest.ts';
import type { Graph } from '../graph/ir.ts';
import { keyspaceTitle } from './keyspace-of.ts';
import { placeEnrichments, placeLabels } from './place-attribution.ts';
import { placeExamples } from './place-examples.ts';
import { Slots } from './place-slots.ts';
import { placeScans, placeStreams, surveySources } from './place-sources.ts';
import { placeStores } from './place-stores.ts';
import { PLAN_VERSION, type Plan } from './plan.ts';
import { verifyPlan } from './verify-plan.ts';

/** The plan of an optimised graph, without its models; verified. */
export function place(graph: Graph): Plan {
  const sources = surveySources(graph);
  const slots = new Slots(graph, sources);
  const names = signatures(graph.nodes);
  const stores = placeStores({ graph, sources, slots, names });
  const labels = placeLabels({ graph, sources, slots, names });
  const examples = placeExamples({ graph, sources, slots, stores });
  const enrichments = placeEnrichments({ graph, sources, slots, names });
  const plan = {
    version: PLAN_VERSION,
    scans: placeScans(sources),
    streams: placeStreams({ graph, sources, slots }),
    enrichments,
    labels,
    feeds: stores.feeds,
    anchors: sources.anchors.map((anchor) => ({
      name: anchor.name,
      stream: anchor.stream,
      mask:
        anchor.source.mask === null ? null : slots.value(anchor.source.frame, anchor.source.mask),
      slots: slots.of(anchor.node),
    })),
    keyspaces: stores.keyspaces.map((keyspace) => ({
      ...keyspace,
      name: keyspaceTitle(keyspace.name),
    })),
    examples,
  } satisfies Omit<Plan, 'digest'>;
  const whole: Plan = { ...plan, digest: planDigest(plan) };
  verifyPlan(whole);
  return whole;
}
