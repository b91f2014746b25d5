import type { Graph } from './ir.ts';
import { chooseTiers } from './passes/choose-tiers.ts';
import { foldConstants } from './passes/fold-constants.ts';
import { fuseStateless } from './passes/fuse-stateless.ts';
import { pruneFields } from './passes/prune-fields.ts';
import { pushFilters } from './passes/push-filters.ts';
import { shareStores } from './passes/share-stores.ts';
import { verify } from './verify.ts';

export type Pass = { readonly name: string; readonly run: (graph: Graph) => Graph };

/** In the order in which they run, each once: each one's output is what the next one states as its input. */
export const PASSES: readonly Pass[] = [
  { name: 'fold-constants', run: foldConstants },
  { name: 'push-filters', run: pushFilters },
  { name: 'share-stores', run: shareStores },
  { name: 'choose-tiers', run: chooseTiers },
  { name: 'fuse-stateless', run: fuseStateless },
  { name: 'prune-fields', run: pruneFields },
];

/** The graph after all passes; `seen` is told each one's result. Verified before the first and after each. */
export function optimise(graph: Graph, seen?: (pass: string, graph: Graph) => void): Graph {
  verify(graph, 'lower');
  let current = graph;
  for (const { name, run } of PASSES) {
    current = run(current);
    verify(current, name);
    seen?.(name, current);
  }
  return current;
}
