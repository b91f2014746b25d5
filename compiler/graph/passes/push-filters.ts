import { rewrite } from '../graph.ts';
import type { Graph } from '../ir.ts';
import { Canonicaliser } from './canonical-call.ts';

/**
 * Filters of filters become one filter right above the source, with its conditions in canonical order; a filter that
 * lets everything through is dropped. In: folded. Out: every filter's input is a scan or an attribute node.
 */
export function pushFilters(graph: Graph): Graph {
  let canonical: Canonicaliser | null = null;
  return rewrite(graph, (node, builder) => {
    canonical ??= new Canonicaliser(builder);
    if (node.kind !== 'filter') return builder.add(node);
    const inner = builder.node(node.input);
    const below = inner.kind === 'filter' ? inner : null;
    const input = below?.input ?? node.input;
    const where = canonical.every(input, below === null ? [node.where] : [below.where, node.where]);
    return where === null ? input : builder.add({ kind: 'filter', input, where });
  });
}
