import { inputs, reachable, rewrite } from '../graph.ts';
import type { Graph, Node, NodeId, Tree } from '../ir.ts';

/**
 * Deepest tree in one computation, in calls. A deeper expression gets a column of its own in the middle, so that neither
 * generated code nor those who walk it nest without bound.
 */
export const FUSED_DEPTH_MAX = 40;

/**
 * A call that one other call reads becomes part of it: one loop, no column in between. What several read, or something
 * other than a call reads, is computed once into a column of its own.
 * In: any calls. Out: no calls, only compute nodes; keys and constants stay as they are.
 */
export function fuseStateless(graph: Graph): Graph {
  const fusible = singleReader(graph);
  const trees = new Map<NodeId, Tree>();
  return rewrite(graph, (node, builder, old) => {
    if (node.kind !== 'call') return builder.add(node);
    const original = graph.nodes[old] as Node & { readonly kind: 'call' };
    const args = node.args.map((arg, i): Tree => {
      const tree = fusible.has(original.args[i]!) ? trees.get(original.args[i]!) : undefined;
      return tree !== undefined && depth(tree) < FUSED_DEPTH_MAX - 1
        ? tree
        : { kind: 'leaf', node: arg };
    });
    const tree: Tree = { kind: 'call', fn: node.fn, args, type: node.type };
    trees.set(old, tree);
    return builder.add({ kind: 'compute', frame: node.frame, tree, type: node.type });
  });
}

/** Calls read by exactly one place, which is a call. */
function singleReader(graph: Graph): ReadonlySet<NodeId> {
  const reads = new Map<NodeId, number>();
  const elsewhere = new Set<NodeId>();
  for (const id of reachable(graph)) {
    const node = graph.nodes[id]!;
    for (const input of inputs(node)) {
      reads.set(input, (reads.get(input) ?? 0) + 1);
      if (node.kind !== 'call') elsewhere.add(input);
    }
  }
  return new Set([...reads].filter(([id, n]) => n === 1 && !elsewhere.has(id)).map(([id]) => id));
}

function depth(tree: Tree): number {
  return tree.kind === 'leaf' ? 0 : 1 + Math.max(0, ...tree.args.map(depth));
}
