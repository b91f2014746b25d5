import type { WindowPlan } from '../../plan/plan.ts';
import { signatures } from '../digest.ts';
import { rewrite } from '../graph.ts';
import type { CounterWindow, Graph, Node, NodeId, ViewNode } from '../ir.ts';

/**
 * Each store gets the windows that its views read, ascending, so that they share slices; a `last` keeps the greatest k
 * that is read, a table's store the columns that are read. None of this renames a store.
 * In: stores without windows. Out: every view's window is in its store.
 */
export function chooseTiers(graph: Graph): Graph {
  const readers = viewsByStore(graph);
  const names = signatures(graph.nodes);
  const renamed = new Map<NodeId, NodeId>();
  const columns = (id: NodeId) => latestColumns(readers.get(id) ?? []);
  return rewrite(
    graph,
    (node, builder, old) => {
      const id = builder.add(
        withReads(node, readers.get(old) ?? [], { names, renamed, nodes: builder.nodes }),
      );
      renamed.set(old, id);
      return id;
    },
    columns,
  );
}

type Renaming = {
  readonly names: readonly string[];
  readonly renamed: ReadonlyMap<NodeId, NodeId>;
  /** Of the graph being built. */
  readonly nodes: readonly Node[];
};

function viewsByStore(graph: Graph): ReadonlyMap<NodeId, readonly ViewNode[]> {
  const readers = new Map<NodeId, ViewNode[]>();
  for (const node of graph.nodes) {
    if (node.kind !== 'view') continue;
    const views = readers.get(node.store);
    if (views === undefined) readers.set(node.store, [node]);
    else views.push(node);
  }
  return readers;
}

function withReads(node: Node, views: readonly ViewNode[], renaming: Renaming): Node {
  if (node.kind === 'counter_store') {
    return {
      ...node,
      windows: distinct(views.map((view) => counterWindow(view.window))).sort(byLength),
    };
  }
  if (node.kind !== 'value_store') return node;
  const windows = distinct(views.map((view) => view.window)).sort(byReach);
  const k = Math.max(0, ...views.map((view) => (view.read.fn === 'last' ? (view.read.k ?? 1) : 0)));
  const counted = node.family === 'bag' && views.every((view) => view.read.fn === 'distinct');
  const hashed = counted && node.values.every((value) => isText(renaming.nodes[value]!));
  return { ...node, windows, k, hashed, values: columnsRead(views, renaming) ?? node.values };
}

function isText(node: Node): boolean {
  return 'type' in node && node.type.kind === 'scalar' && node.type.name === 'string';
}

/** A table's columns by what they are, not by who asked first; null for other stores. */
function columnsRead(
  views: readonly ViewNode[],
  { names, renamed }: Renaming,
): readonly NodeId[] | null {
  const columns = latestColumns(views);
  if (columns.length === 0) return null;
  const sorted = [...columns].sort((a, b) => (names[a]! < names[b]! ? -1 : 1));
  return sorted.map((column) => renamed.get(column)!);
}

function latestColumns(views: readonly ViewNode[]): readonly NodeId[] {
  const columns = views.flatMap((view) => (view.read.fn === 'latest' ? [view.read.column] : []));
  return [...new Set(columns)];
}

/** A counter's window; `over all` never expires, so that its hop says nothing. */
export function counterWindow(window: WindowPlan): CounterWindow {
  if (window.kind === 'time') return { ms: window.ms, hopMs: window.hopMs };
  if (window.kind === 'all') return { ms: null, hopMs: 1 };
  throw new Error(`a ${window.kind} window has no running sum`);
}

function byLength(a: CounterWindow, b: CounterWindow): number {
  return (a.ms ?? Infinity) - (b.ms ?? Infinity) || a.hopMs - b.hopMs || 0;
}

const KINDS: readonly WindowPlan['kind'][] = ['time', 'rows', 'session', 'all'];

function byReach(a: WindowPlan, b: WindowPlan): number {
  if (a.kind !== b.kind) return KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind);
  const reach = (window: WindowPlan): readonly number[] => {
    switch (window.kind) {
      case 'time':
        return [window.ms, window.hopMs, window.rows ?? Number.MAX_VALUE];
      case 'rows':
        return [window.rows];
      case 'session':
        return [window.gapMs];
      case 'all':
        return [];
    }
  };
  const [x, y] = [reach(a), reach(b)];
  for (let i = 0; i < x.length; i++) if (x[i] !== y[i]) return x[i]! - y[i]!;
  return 0;
}

function distinct<T>(items: readonly T[]): T[] {
  return [...new Map(items.map((item) => [JSON.stringify(item), item])).values()];
}
