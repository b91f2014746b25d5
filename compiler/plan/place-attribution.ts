/** Enrichments and labels: keys and masks as slots, parents and streams as indexes. */
import type { AttributeNode, EnrichNode, Graph, NodeId, ScanNode } from '../graph/ir.ts';
import type { Slots } from './place-slots.ts';
import { type Filtered, filteredOf, type Sources } from './place-sources.ts';
import type { EnrichPlan, LabelPlan } from './plan.ts';

type At = {
  readonly graph: Graph;
  readonly sources: Sources;
  readonly slots: Slots;
  readonly names: readonly string[];
};

/** All enrichments, with the fields that slots have asked for. Call it when no slot is made any more. */
export function placeEnrichments(at: At): readonly EnrichPlan[] {
  const { graph, sources, slots, names } = at;
  const keyed = sources.enrichments.map((id) => {
    const node = graph.nodes[id] as EnrichNode;
    const event = filteredOf(graph, node.event);
    const source = filteredOf(graph, node.source);
    return {
      id,
      state: names[id]!,
      stream: sources.stream.get(event.frame)!,
      mask: maskOf(at, event),
      key: slots.hash(event.frame, node.eventKey),
      source: sources.stream.get(source.frame)!,
      sourceMask: maskOf(at, source),
      sourceKey: slots.hash(source.frame, node.sourceKey),
      withinMs: node.withinMs,
    };
  });
  // A key or mask may itself be an enriched field: fields are complete only now.
  return keyed.map(({ id, ...plan }) => ({ ...plan, fields: slots.enrichedBy(id) }));
}

export function placeLabels(at: At): readonly LabelPlan[] {
  const placed: LabelPlan[] = [];
  for (const id of at.sources.labels) {
    const label = labelPlan(at, id, placed);
    const first = placed.findIndex((other) => sameRings(other, label));
    placed.push(first < 0 ? label : { ...label, rings: first });
  }
  return placed;
}

/** Whether the same rows would lie in the rings of both, and the same events look for them. */
function sameRings(a: LabelPlan, b: LabelPlan): boolean {
  const shape = ({ anchor, event, routes }: LabelPlan) =>
    JSON.stringify([anchor, event, routes.map(({ withinMs: _, ...keys }) => keys)]);
  return shape(a) === shape(b);
}

/** `parents`: the labels placed before it. */
function labelPlan(at: At, id: NodeId, parents: readonly LabelPlan[]): LabelPlan {
  const { graph, sources, slots, names } = at;
  const node = graph.nodes[id] as AttributeNode;
  const anchor = filteredOf(graph, node.anchor);
  const event = filteredOf(graph, node.event);
  const routes = node.routes.map((route) => ({
    withinMs: route.withinMs,
    of: route.of === null ? null : sources.label.get(route.of)!,
    eventKey: slots.hash(event.frame, route.eventKey),
    targetKey: slots.hash(route.of ?? anchor.frame, route.targetKey),
  }));
  const unless = unlessPlan(at, node, event);
  const above = routes.flatMap((route) => (route.of === null ? [] : [parents[route.of]!]));
  const own = [sources.stream.get(event.frame)!, ...(unless === null ? [] : [unless.stream])];
  const waitsFor = [...new Set([...own, ...above.flatMap((label) => label.waitsFor)])].sort(
    (a, b) => a - b,
  );
  return {
    state: names[id]!,
    name: node.label,
    anchor: {
      stream: sources.stream.get(anchor.frame)!,
      mask: maskOf(at, anchor),
      id: slots.hash(anchor.frame, node.anchorId),
    },
    event: { stream: sources.stream.get(event.frame)!, mask: maskOf(at, event) },
    routes,
    rings: parents.length,
    credit: node.credit,
    unless,
    labelStream: sources.stream.get(id) ?? -1,
    graceMs: Math.max(
      ...waitsFor.map(
        (stream) => (graph.nodes[sources.scans[stream]!] as ScanNode).labelsLateMs ?? 0,
      ),
    ),
    waitsFor,
  };
}

function unlessPlan(at: At, node: AttributeNode, event: Filtered): LabelPlan['unless'] {
  if (node.unless === null) return null;
  const refund = filteredOf(at.graph, node.unless.refund);
  return {
    stream: at.sources.stream.get(refund.frame)!,
    mask: maskOf(at, refund),
    refundKey: at.slots.hash(refund.frame, node.unless.refundKey),
    eventKey: at.slots.hash(event.frame, node.unless.eventKey),
    withinMs: node.unless.withinMs,
  };
}

function maskOf({ slots }: At, { frame, mask }: Filtered): number | null {
  return mask === null ? null : slots.value(frame, mask);
}
