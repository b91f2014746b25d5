/** Building and rewriting graphs. Equal nodes are one: `GraphBuilder.add` answers the id of the node that is there. */
import { canonicalJson } from './canonical-json.ts';
import type { AggregateNode, Graph, Node, NodeId, StoreNode, Tree, ViewRead } from './ir.ts';
import { nodeId } from './ir.ts';

/** Grows a graph; a node's inputs must be in it already. */
export class GraphBuilder {
  readonly nodes: Node[] = [];
  private readonly byText = new Map<string, NodeId>();

  /** The id of `node`, which is added if no equal one is there. */
  add(node: Node): NodeId {
    const text = canonicalJson(node);
    const found = this.byText.get(text);
    if (found !== undefined) return found;
    const id = nodeId(this.nodes.length);
    this.nodes.push(node);
    this.byText.set(text, id);
    return id;
  }

  node(id: NodeId): Node {
    return this.nodes[id]!;
  }

  finish(roots: readonly NodeId[]): Graph {
    return { nodes: this.nodes, roots };
  }
}

/**
 * Rebuilds what the roots reach, inputs first. `change` gets each node with its inputs already renamed and answers the
 * id that stands for it in the new graph; `builder.add(node)` leaves it as it is. `also`: see `reachable`.
 */
export function rewrite(
  graph: Graph,
  change: (node: Node, builder: GraphBuilder, old: NodeId) => NodeId,
  also?: (id: NodeId) => readonly NodeId[],
): Graph {
  const builder = new GraphBuilder();
  const renamed = new Map<NodeId, NodeId>();
  const rename = (id: NodeId): NodeId => renamed.get(id)!;
  for (const id of reachable(graph, also)) {
    renamed.set(id, change(mapInputs(graph.nodes[id]!, rename), builder, id));
  }
  return compact(builder.finish(graph.roots.map(rename)));
}

/** Drops what no root reaches. */
function compact(graph: Graph): Graph {
  const live = reachable(graph);
  if (live.length === graph.nodes.length) return graph;
  const builder = new GraphBuilder();
  const renamed = new Map<NodeId, NodeId>();
  const rename = (id: NodeId): NodeId => renamed.get(id)!;
  for (const id of live) renamed.set(id, builder.add(mapInputs(graph.nodes[id]!, rename)));
  return builder.finish(graph.roots.map(rename));
}

/**
 * The ids the roots reach, inputs before what reads them. `also` names further nodes that must come before one.
 * Walks with a stack of its own: features of features may nest deeper than calls can.
 */
export function reachable(
  graph: Graph,
  also?: (id: NodeId) => readonly NodeId[],
): readonly NodeId[] {
  const before = (id: NodeId) => [...inputs(graph.nodes[id]!), ...(also?.(id) ?? [])];
  const seen = new Set<NodeId>();
  const order: NodeId[] = [];
  const open: { readonly id: NodeId; readonly needs: readonly NodeId[]; next: number }[] = [];
  const enter = (id: NodeId) => {
    if (seen.has(id)) return;
    seen.add(id);
    open.push({ id, needs: before(id), next: 0 });
  };
  for (const root of graph.roots) {
    enter(root);
    while (open.length > 0) {
      const top = open[open.length - 1]!;
      if (top.next < top.needs.length) enter(top.needs[top.next++]!);
      else order.push(open.pop()!.id);
    }
  }
  return order;
}

/** What a node reads, in order, repeats included. */
export function inputs(node: Node): readonly NodeId[] {
  const found: NodeId[] = [];
  mapInputs(node, (id) => {
    found.push(id);
    return id;
  });
  return found;
}

type Rename = (id: NodeId) => NodeId;

/** The same node with every input renamed. */
function mapInputs(node: Node, rename: Rename): Node {
  switch (node.kind) {
    case 'scan':
    case 'const':
    case 'list':
      return node;
    case 'field':
    case 'label_credit':
      return { ...node, frame: rename(node.frame) };
    case 'enriched':
      return {
        ...node,
        frame: rename(node.frame),
        enrich: rename(node.enrich),
        input: rename(node.input),
      };
    case 'label_field': {
      const parent = maybe(node.parent, rename);
      return { ...node, frame: rename(node.frame), parent, input: rename(node.input) };
    }
    case 'anchor_field':
      return { ...node, frame: rename(node.frame), input: rename(node.input) };
    case 'call':
      return { ...node, frame: rename(node.frame), args: node.args.map(rename) };
    case 'key':
      return { ...node, frame: rename(node.frame), parts: node.parts.map(rename) };
    case 'compute':
      return { ...node, frame: rename(node.frame), tree: mapTree(node.tree, rename) };
    case 'filter':
    case 'enrich':
    case 'attribute':
    case 'anchor':
    case 'example':
      return mapSource(node, rename);
    default:
      return mapStore(node, rename);
  }
}

type SourceLike = Node & {
  readonly kind: 'filter' | 'enrich' | 'attribute' | 'anchor' | 'example';
};

function mapSource(node: SourceLike, rename: Rename): Node {
  switch (node.kind) {
    case 'filter':
      return { ...node, input: rename(node.input), where: rename(node.where) };
    case 'anchor':
      return { ...node, source: rename(node.source) };
    case 'enrich':
      return {
        ...node,
        event: rename(node.event),
        eventKey: rename(node.eventKey),
        source: rename(node.source),
        sourceKey: rename(node.sourceKey),
      };
    case 'attribute':
      return {
        ...node,
        anchor: rename(node.anchor),
        anchorId: rename(node.anchorId),
        event: rename(node.event),
        routes: node.routes.map((route) => ({
          ...route,
          of: maybe(route.of, rename),
          eventKey: rename(route.eventKey),
          targetKey: rename(route.targetKey),
        })),
        unless: node.unless && {
          ...node.unless,
          refund: rename(node.unless.refund),
          refundKey: rename(node.unless.refundKey),
          eventKey: rename(node.unless.eventKey),
        },
      };
    case 'example':
      return {
        ...node,
        anchor: rename(node.anchor),
        id: rename(node.id),
        features: node.features.map((column) => ({ ...column, value: rename(column.value) })),
        labels: node.labels.map((label) => ({ ...label, label: rename(label.label) })),
      };
  }
}

function mapStore(node: StoreNode | AggregateNode, rename: Rename): Node {
  const frame = rename(node.frame);
  const key = rename(node.key);
  switch (node.kind) {
    case 'counter_store':
      return {
        ...node,
        frame,
        mask: maybe(node.mask, rename),
        key,
        value: maybe(node.value, rename),
      };
    case 'value_store':
      return {
        ...node,
        frame,
        mask: maybe(node.mask, rename),
        key,
        values: node.values.map(rename),
      };
    case 'view':
      return { ...node, frame, key, store: rename(node.store), read: mapRead(node.read, rename) };
    case 'aggregate':
      return {
        ...node,
        frame,
        key,
        source: rename(node.source),
        sourceKey: rename(node.sourceKey),
        value: maybe(node.value, rename),
      };
  }
}

function maybe(id: NodeId | null, rename: Rename): NodeId | null {
  return id === null ? null : rename(id);
}

function mapRead(read: ViewRead, rename: (id: NodeId) => NodeId): ViewRead {
  return read.fn === 'latest' ? { fn: 'latest', column: rename(read.column) } : read;
}

function mapTree(tree: Tree, rename: (id: NodeId) => NodeId): Tree {
  return tree.kind === 'leaf'
    ? { kind: 'leaf', node: rename(tree.node) }
    : { ...tree, args: tree.args.map((arg) => mapTree(arg, rename)) };
}

/** The stream of events a source node stands for: the scan or attribute node under its filters. */
export function frameOfSource(nodes: readonly Node[], source: NodeId): NodeId {
  let id = source;
  for (;;) {
    const node = nodes[id]!;
    if (node.kind === 'filter') id = node.input;
    else if (node.kind === 'anchor') id = node.source;
    else return id;
  }
}
