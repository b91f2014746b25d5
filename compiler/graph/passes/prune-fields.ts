import { rewrite } from '../graph.ts';
import type { Graph, NodeId } from '../ir.ts';

/**
 * Scans keep the fields that something reads, their id, their time and those tagged `pii`; the rest is never decoded.
 * In: any graph. Out: each other field of a scan has a reader.
 */
export function pruneFields(graph: Graph): Graph {
  const read = new Map<NodeId, Set<string>>();
  for (const node of graph.nodes) {
    if (node.kind !== 'field') continue;
    const names = read.get(node.frame) ?? new Set();
    read.set(node.frame, names.add(node.name));
  }
  return rewrite(graph, (node, builder, old) => {
    if (node.kind !== 'scan') return builder.add(node);
    const names = read.get(old) ?? new Set();
    const kept = node.fields.filter(
      ({ name, pii }) =>
        names.has(name) || name === node.idField || name === node.timeField || pii === true,
    );
    return builder.add({ ...node, fields: kept });
  });
}
