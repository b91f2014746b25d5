/** Indexes of everything events come from: topics, streams, labels, enrichments, anchors. */
import { showType } from '../../dsl/types.ts';
import { frameOfSource, reachable } from '../graph/graph.ts';
import type { AttributeNode, Graph, Node, NodeId, ScanNode } from '../graph/ir.ts';
import type { Slots } from './place-slots.ts';
import type { ScanField, ScanPlan, StreamPlan } from './plan.ts';

type NodeOf<K extends Node['kind']> = Node & { readonly kind: K };

/** A source's stream (the frame) and the filter on it. */
export type Filtered = { readonly frame: NodeId; readonly mask: NodeId | null };

export type PlacedTopic = {
  readonly topic: string;
  readonly streams: number[];
  readonly fields: Writable<ScanField>[];
};

export type PlacedAnchor = {
  readonly node: NodeId;
  readonly name: string;
  readonly stream: number;
  readonly source: Filtered;
};

export type Sources = {
  readonly topics: readonly PlacedTopic[];
  /** Scan nodes in stream order. */
  readonly scans: readonly NodeId[];
  /** Attribute nodes in label order. */
  readonly labels: readonly NodeId[];
  /** Attribute nodes whose accepted events are read, in stream order. */
  readonly labelStreams: readonly NodeId[];
  /** Enrich nodes in the order in which they run. */
  readonly enrichments: readonly NodeId[];
  readonly anchors: readonly PlacedAnchor[];
  /** plan.streams index of a scan or a read attribute node. */
  readonly stream: ReadonlyMap<NodeId, number>;
  readonly label: ReadonlyMap<NodeId, number>;
  readonly enrichment: ReadonlyMap<NodeId, number>;
  readonly anchor: ReadonlyMap<NodeId, number>;
};

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Finds and numbers all sources of a graph. */
export function surveySources(graph: Graph): Sources {
  const live = reachable(graph);
  const of = (kind: Node['kind']): NodeId[] => live.filter((id) => graph.nodes[id]!.kind === kind);
  const scan = (id: NodeId) => graph.nodes[id] as ScanNode;
  const scans = of('scan').sort((a, b) => (scan(a).stream < scan(b).stream ? -1 : 1));
  const labels = byDepth(graph, of('attribute'));
  const labelStreams = labels.filter((id) => isRead(graph, live, id));
  const enrichments = of('enrich').sort((a, b) => orderOf(graph, a) - orderOf(graph, b));
  const stream = indexOf([...scans, ...labelStreams]);
  const anchors = placeAnchors(graph, stream);
  return {
    topics: topicsOf(scans.map(scan)),
    scans,
    labels,
    labelStreams,
    enrichments,
    anchors,
    stream,
    label: indexOf(labels),
    enrichment: indexOf(enrichments),
    anchor: indexOf(anchors.map((anchor) => anchor.node)),
  };
}

/** The frame below a source, and the filter on the way. */
export function filteredOf(graph: Graph, source: NodeId): Filtered {
  const node = graph.nodes[source]!;
  return {
    frame: frameOfSource(graph.nodes, source),
    mask: node.kind === 'filter' ? node.where : null,
  };
}

export function placeScans(sources: Sources): readonly ScanPlan[] {
  return sources.topics;
}

/** Base streams by name, then the labels that something reads. */
export function placeStreams(at: {
  graph: Graph;
  sources: Sources;
  slots: Slots;
}): readonly StreamPlan[] {
  const { graph, sources, slots } = at;
  const bases = sources.scans.map((id) =>
    baseStream(id, { node: graph.nodes[id] as ScanNode, sources, slots }),
  );
  return [...bases, ...sources.labelStreams.map((id) => labelStream(graph, id, slots))];
}

function baseStream(
  id: NodeId,
  { node, sources, slots }: { node: ScanNode; sources: Sources; slots: Slots },
): StreamPlan {
  const scan = sources.topics.findIndex((topic) => topic.topic === node.topic);
  const fields = sources.topics[scan]!.fields;
  const find = (name: string | null) =>
    name === null ? -1 : fields.findIndex((field) => field.name === name);
  const idField = find(node.idField);
  const timeField = find(node.timeField);
  if (idField >= 0) fields[idField]!.hash = true;
  if (timeField >= 0) fields[timeField]!.value = true;
  const pii = node.fields.flatMap((field) => (field.pii === true ? [find(field.name)] : []));
  for (const field of pii) fields[field]!.hash ||= fields[field]!.type.kind === 'scalar';
  const dedupSlot = node.dedupGlobal ? slots.id(id, node.idField!, idField) : null;
  return {
    name: node.stream,
    kind: node.table ? 'table' : 'stream',
    scan,
    fields: node.fields.map((field) => find(field.name)),
    slots: slots.of(id),
    idField,
    timeField,
    ...timing(node),
    dedupMs: node.dedupMs,
    ...(dedupSlot === null ? {} : { dedupSlot }),
    malformedMax: node.malformedMax,
    ...(pii.length === 0 ? {} : { pii }),
    ...(node.retainMs === undefined ? {} : { retainMs: node.retainMs }),
  };
}

function timing(node: ScanNode) {
  const { lateMs, labelsLateMs, aheadMs, holdMs } = node;
  return { lateMs, labelsLateMs, aheadMs, holdMs };
}

/** A label's accepted events come when its events come. */
function labelStream(graph: Graph, id: NodeId, slots: Slots): StreamPlan {
  const label = graph.nodes[id] as AttributeNode;
  const events = graph.nodes[frameOfSource(graph.nodes, label.event)] as ScanNode;
  return {
    name: label.label,
    kind: 'label',
    scan: -1,
    fields: [],
    slots: slots.of(id),
    idField: -1,
    timeField: -1,
    ...timing(events),
    dedupMs: null,
    malformedMax: null,
  };
}

function topicsOf(scans: readonly ScanNode[]): readonly PlacedTopic[] {
  const names = [...new Set(scans.map((scan) => scan.topic))].sort();
  return names.map((topic) => {
    const streams = scans.flatMap((scan, index) => (scan.topic === topic ? [index] : []));
    const fields = new Map<string, Writable<ScanField>>();
    for (const index of streams) {
      for (const { name, type, timeFormat } of scans[index]!.fields) {
        const known = fields.get(name);
        // A topic has one type per field; where one of its streams allows nulls, the decoder does.
        const wins = known === undefined || showType(type).endsWith('?');
        if (wins) fields.set(name, { name, type, timeFormat, value: false, hash: false });
      }
    }
    return {
      topic,
      streams,
      fields: [...fields.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
    };
  });
}

function placeAnchors(graph: Graph, stream: ReadonlyMap<NodeId, number>): readonly PlacedAnchor[] {
  const anchors = new Map<NodeId, PlacedAnchor>();
  for (const root of graph.roots) {
    const example = graph.nodes[root] as NodeOf<'example'>;
    if (anchors.has(example.anchor)) continue;
    const source = filteredOf(graph, (graph.nodes[example.anchor] as NodeOf<'anchor'>).source);
    anchors.set(example.anchor, {
      node: example.anchor,
      name: example.anchorName,
      stream: stream.get(source.frame)!,
      source,
    });
  }
  return [...anchors.values()];
}

/** Parents before children, then by name. */
function byDepth(graph: Graph, labels: readonly NodeId[]): NodeId[] {
  const depths = new Map<NodeId, number>();
  const depth = (id: NodeId): number => {
    const known = depths.get(id);
    if (known !== undefined) return known;
    const parents = (graph.nodes[id] as AttributeNode).routes.flatMap((route) =>
      route.of === null ? [] : [route.of],
    );
    const found = Math.max(-1, ...parents.map(depth)) + 1;
    depths.set(id, found);
    return found;
  };
  const name = (id: NodeId) => (graph.nodes[id] as AttributeNode).label;
  return [...labels].sort((a, b) => depth(a) - depth(b) || (name(a) < name(b) ? -1 : 1));
}

/** Whether a child label, an aggregate or an enrichment reads the label's accepted events. */
function isRead(graph: Graph, live: readonly NodeId[], label: NodeId): boolean {
  return live.some((id) => {
    const node = graph.nodes[id]!;
    switch (node.kind) {
      case 'attribute':
        return node.routes.some((route) => route.of === label);
      case 'counter_store':
      case 'value_store':
        return node.frame === label;
      case 'enrich':
        return frameOfSource(graph.nodes, node.source) === label;
      default:
        return false;
    }
  });
}

function orderOf(graph: Graph, id: NodeId): number {
  return (graph.nodes[id] as NodeOf<'enrich'>).order;
}

function indexOf(ids: readonly NodeId[]): ReadonlyMap<NodeId, number> {
  return new Map(ids.map((id, index) => [id, index]));
}
