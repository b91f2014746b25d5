/** Stores into keyspaces: who writes, who reads, and which running sums sit side by side. */

import { canonicalJson } from '../graph/canonical-json.ts';
import { reachable } from '../graph/graph.ts';
import type {
  CounterStoreNode,
  CounterWindow,
  Graph,
  NodeId,
  ValueStoreNode,
  ViewNode,
} from '../graph/ir.ts';
import { counterWindow } from '../graph/passes/choose-tiers.ts';
import type { Slots } from './place-slots.ts';
import type { Sources } from './place-sources.ts';
import type { CounterGroup, FeedPlan, KeyspacePlan, ValueStore, ViewPlan } from './plan.ts';

export type PlacedStores = {
  readonly feeds: readonly FeedPlan[];
  readonly keyspaces: readonly KeyspacePlan[];
};

type StoreNode = CounterStoreNode | ValueStoreNode;

type At = {
  readonly graph: Graph;
  readonly sources: Sources;
  readonly slots: Slots;
  /** State ids by node. */
  readonly names: readonly string[];
};

/** Places all stores. Probes and their views are added as the example sets' slots ask for them. */
export function placeStores(at: At): PlacedStores {
  const { graph, slots, names, sources } = at;
  const isStore = (id: NodeId) =>
    graph.nodes[id]!.kind === 'counter_store' || graph.nodes[id]!.kind === 'value_store';
  const stores = reachable(graph)
    .filter(isStore)
    .sort((a, b) => (names[a]! < names[b]! ? -1 : 1));
  const node = (id: NodeId) => graph.nodes[id] as StoreNode;
  const feeds = feedsOf(at, stores.map(node));
  const titles = [...new Set(stores.map((id) => node(id).keyspace))].sort();
  const placed = titles.map(
    (title) =>
      new PlacedKeyspace(at, {
        title,
        feeds,
        stores: stores.filter((id) => node(id).keyspace === title),
      }),
  );
  slots.setViews((id, view, keySlot) => {
    const keyspace = titles.indexOf(node(view.store).keyspace);
    const anchor = sources.anchor.get(view.frame)!;
    return { keyspace, ...placed[keyspace]!.read(id, { anchor, key: keySlot }) };
  });
  return { feeds, keyspaces: placed };
}

/** Every (stream, delay, head) that some store is fed with. */
function feedsOf(at: At, stores: readonly StoreNode[]): readonly FeedPlan[] {
  const feeds = new Map(
    stores.map((store) => [canonicalJson(feedOf(at, store)), feedOf(at, store)]),
  );
  return [...feeds.values()].sort(
    (a, b) => a.stream - b.stream || a.delayMs - b.delayMs || a.headMs - b.headMs,
  );
}

function feedOf({ sources }: At, store: StoreNode): FeedPlan {
  return { stream: sources.stream.get(store.frame)!, delayMs: store.delayMs, headMs: store.headMs };
}

class PlacedKeyspace implements KeyspacePlan {
  readonly name: string;
  readonly feeds: { feed: number; key: number }[] = [];
  readonly probes: { anchor: number; key: number; views: ViewPlan[] }[] = [];
  readonly counters: CounterGroup[] = [];
  readonly values: ValueStore[] = [];
  readonly #at: At;
  readonly #counterIds: NodeId[][] = [];
  readonly #valueIds: readonly NodeId[];
  /** Views by probe and plan. */
  readonly #known = new Map<string, number>();

  constructor(
    at: At,
    has: { title: string; feeds: readonly FeedPlan[]; stores: readonly NodeId[] },
  ) {
    this.#at = at;
    this.name = has.title;
    const { nodes } = at.graph;
    this.#valueIds = has.stores.filter((id) => nodes[id]!.kind === 'value_store');
    this.feeds.push(...this.#writers(has.stores, has.feeds));
    for (const ids of byWindows(at, has.stores)) {
      this.#counterIds.push(ids);
      const { windows } = nodes[ids[0]!] as CounterStoreNode;
      this.counters.push({ columns: ids.map((id) => this.#column(id, has.feeds)), windows });
    }
    this.values.push(...this.#valueIds.map((id) => this.#value(id, has.feeds)));
  }

  /** The probe of an anchor's key and the view in it, added when new. */
  read(
    id: NodeId,
    by: { readonly anchor: number; readonly key: number },
  ): { probe: number; view: number } {
    let probe = this.probes.findIndex(({ anchor, key }) => anchor === by.anchor && key === by.key);
    if (probe < 0) probe = this.probes.push({ ...by, views: [] }) - 1;
    const { views } = this.probes[probe]!;
    const plan = this.#view(id);
    const text = `${probe} ${canonicalJson(plan)}`;
    const known = this.#known.get(text);
    if (known !== undefined) return { probe, view: known };
    const view = views.push(plan) - 1;
    this.#known.set(text, view);
    return { probe, view };
  }

  #writers(stores: readonly NodeId[], feeds: readonly FeedPlan[]) {
    const writers = stores.map((id) => this.#writer(this.#at.graph.nodes[id] as StoreNode, feeds));
    const distinct = new Map(writers.map((writer) => [`${writer.feed} ${writer.key}`, writer]));
    return [...distinct.values()].sort((a, b) => a.feed - b.feed || a.key - b.key);
  }

  #writer(store: StoreNode, feeds: readonly FeedPlan[]) {
    const text = canonicalJson(feedOf(this.#at, store));
    const feed = feeds.findIndex((one) => canonicalJson(one) === text);
    return { feed, key: this.#at.slots.hash(store.frame, store.key) };
  }

  #feed(store: StoreNode, feeds: readonly FeedPlan[]): number {
    const { feed, key } = this.#writer(store, feeds);
    return this.feeds.findIndex((one) => one.feed === feed && one.key === key);
  }

  #column(id: NodeId, feeds: readonly FeedPlan[]) {
    const { slots, names, graph } = this.#at;
    const store = graph.nodes[id] as CounterStoreNode;
    return {
      state: names[id]!,
      feed: this.#feed(store, feeds),
      mask: store.mask === null ? null : slots.value(store.frame, store.mask),
      value: store.value === null ? null : slots.value(store.frame, store.value),
      scale: store.scale,
      square: store.square,
    };
  }

  #value(id: NodeId, feeds: readonly FeedPlan[]): ValueStore {
    const { slots, names, graph } = this.#at;
    const store = graph.nodes[id] as ValueStoreNode;
    const { family, windows, k, scale, halfLifeMs } = store;
    return {
      state: names[id]!,
      family,
      feed: this.#feed(store, feeds),
      mask: store.mask === null ? null : slots.value(store.frame, store.mask),
      slots: store.values.map((value) =>
        store.hashed ? slots.hash(store.frame, value) : slots.value(store.frame, value),
      ),
      physical: store.values.map((value) => (store.hashed ? 'hash' : slots.physical(value))),
      windows,
      k,
      scale,
      halfLifeMs,
    };
  }

  #view(id: NodeId): ViewPlan {
    const { graph, slots } = this.#at;
    const view = graph.nodes[id] as ViewNode;
    const store = graph.nodes[view.store] as StoreNode;
    if (store.kind === 'counter_store') {
      const group = this.#counterIds.findIndex((ids) => ids.includes(view.store));
      const window = indexOf<CounterWindow>(store.windows, counterWindow(view.window));
      return {
        kind: 'counter',
        group,
        column: this.#counterIds[group]!.indexOf(view.store),
        window,
      };
    }
    if (view.read.fn === 'total') throw new Error('a value store has no total');
    const read =
      view.read.fn === 'latest'
        ? ({ fn: 'latest', slot: store.values.indexOf(view.read.column) } as const)
        : view.read;
    return {
      kind: 'value',
      store: this.#valueIds.indexOf(view.store),
      window: indexOf(store.windows, view.window),
      read,
      physical: slots.physical(id),
    };
  }
}

/** Counter stores with equal windows share their slices. Shortest windows first. */
function byWindows(at: At, stores: readonly NodeId[]): readonly NodeId[][] {
  const groups = new Map<string, NodeId[]>();
  for (const id of stores) {
    const node = at.graph.nodes[id]!;
    if (node.kind !== 'counter_store') continue;
    const text = canonicalJson(node.windows);
    groups.set(text, [...(groups.get(text) ?? []), id]);
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, ids]) => ids);
}

function indexOf<T>(items: readonly T[], item: T): number {
  const text = canonicalJson(item);
  return items.findIndex((one) => canonicalJson(one) === text);
}
