/** The stores of a graph as people think of them: what goes in, which windows are read, what it costs. */

import { durationText } from '../duration-text.ts';
import { signatures } from '../graph/digest.ts';
import { reachable } from '../graph/graph.ts';
import type { CounterStoreNode, Graph, Node, ValueStoreNode, ViewNode } from '../graph/ir.ts';
import { expressionText, frameText, storeText, windowText } from '../plan/expression-text.ts';
import { keyspaceTitle } from '../plan/keyspace-of.ts';
import type { StateId } from '../plan/plan.ts';
import { familyError, type StoreCost, storeCost, sumError, windowError } from './store-cost.ts';

export type StoreUse = {
  readonly state: StateId;
  readonly text: string;
  readonly keyspace: string;
  readonly windows: readonly { readonly text: string; readonly error: string | null }[];
  /** Beyond what the windows say; null: exact. */
  readonly error: string | null;
  readonly cost: StoreCost;
  /** What its state is named after, part by part, in words. */
  readonly parts: Readonly<Record<StorePart, string>>;
};

export type StorePart =
  | 'aggregate'
  | 'source'
  | 'filter'
  | 'key'
  | 'value'
  | 'delay'
  | 'head'
  | 'half-life';

type StoreNode = CounterStoreNode | ValueStoreNode;

/** All stores of an optimised graph. */
export function storesOf(graph: Graph): readonly StoreUse[] {
  const names = signatures(graph.nodes);
  const live = reachable(graph).map((id) => ({ id, node: graph.nodes[id]! }));
  const views = live
    .map(({ node }) => node)
    .filter((node): node is ViewNode => node.kind === 'view');
  return live.flatMap(({ id, node }) => {
    if (node.kind !== 'counter_store' && node.kind !== 'value_store') return [];
    const reads = views.filter((view) => view.store === id).map((view) => view.read.fn);
    const more = node.kind === 'value_store' && node.family === 'last' ? `, ${node.k}` : '';
    return [
      {
        state: names[id]!,
        text: storeText(graph.nodes, id, { read: [...new Set(reads)].sort().join('+'), more }),
        keyspace: keyspaceTitle(node.keyspace),
        windows: windowsOf(node.windows),
        error: node.kind === 'value_store' ? familyError(node.family, reads) : sumError(node.scale),
        cost: storeCost(node),
        parts: partsOf(graph.nodes, node),
      },
    ];
  });
}

function partsOf(nodes: readonly Node[], store: StoreNode): StoreUse['parts'] {
  const counter = store.kind === 'counter_store';
  const values = counter ? (store.value === null ? [] : [store.value]) : store.values;
  const sum = counter && store.value !== null;
  const isTable = !counter && store.family === 'latest';
  return {
    aggregate: counter ? (sum ? (store.square ? 'sum of squares' : 'sum') : 'count') : store.family,
    source: frameText(nodes, store.frame),
    filter: store.mask === null ? 'none' : expressionText(nodes, store.mask),
    key: expressionText(nodes, store.key),
    // A table's store is one state whichever columns are read.
    value: isTable ? 'row' : values.map((value) => expressionText(nodes, value)).join(', '),
    delay: durationText(store.delayMs),
    head: durationText(store.headMs),
    'half-life': counter ? '0ms' : durationText(store.halfLifeMs),
  };
}

type AnyWindow = Parameters<typeof windowError>[0];

function windowsOf(windows: readonly AnyWindow[]): StoreUse['windows'] {
  return windows.map((window) => {
    if ('kind' in window) return { text: windowText(window), error: windowError(window) };
    const { ms, hopMs } = window;
    const plain =
      ms === null ? ({ kind: 'all' } as const) : ({ kind: 'time', ms, hopMs, rows: null } as const);
    return { text: windowText(plain), error: windowError(window) };
  });
}
