import { rewrite } from '../graph.ts';
import type { Graph } from '../ir.ts';
import { Canonicaliser } from './canonical-call.ts';

/**
 * Computes what is constant and brings every call into its canonical form.
 * In: any graph. Out: equal expressions are equal nodes, however they were written.
 */
export function foldConstants(graph: Graph): Graph {
  let canonical: Canonicaliser | null = null;
  return rewrite(graph, (node, builder) => {
    canonical ??= new Canonicaliser(builder);
    return node.kind === 'call' ? canonical.add(node) : builder.add(node);
  });
}
