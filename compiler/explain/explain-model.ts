/** What `explain` tells, as plain data: the text, the JSON and the graph are made of it. */
import type { Span } from '../../dsl/ast.ts';
import { positionAt } from '../../dsl/span.ts';
import { showType } from '../../dsl/types.ts';
import { checkText } from '../check/check-text.ts';
import { creditText } from '../check/credit.ts';
import type { LogicalCheck, LogicalProgram } from '../check/logical.ts';
import { featureNames, onlyFeature, ownerOf, setsOf } from '../check/restrict.ts';
import { frameOfSource, reachable } from '../graph/graph.ts';
import type { Graph } from '../graph/ir.ts';
import { lower } from '../graph/lower.ts';
import { optimise } from '../graph/optimise.ts';
import { place } from '../plan/place.ts';
import type { Plan, StateId } from '../plan/plan.ts';
import { type HopExplanation, hopsOf } from './explain-hops.ts';
import { costText, type StoreCost } from './store-cost.ts';
import { type StoreUse, storesOf } from './store-use.ts';

export type Explanation = {
  readonly digest: string;
  readonly topics: readonly {
    readonly topic: string;
    readonly streams: readonly string[];
    readonly fields: readonly {
      readonly name: string;
      readonly as: 'value' | 'hash' | 'value, hash';
    }[];
    /** Declared, and read by nothing: never decoded. */
    readonly skipped: readonly string[];
  }[];
  /** Streams and tables that nothing reads: their topics are not needed for them. */
  readonly unread: readonly string[];
  readonly keyspaces: readonly {
    readonly name: string;
    readonly stores: number;
    /** Streams that write, and anchors that read: one look-up an event each. */
    readonly writers: readonly string[];
    readonly readers: readonly string[];
    readonly cost: string;
  }[];
  readonly lookups: readonly { readonly stream: string; readonly perEvent: number }[];
  /** Where there is more than one shard. */
  readonly hops: readonly HopExplanation[];
  readonly features: readonly FeatureExplanation[];
  readonly labels: readonly {
    readonly name: string;
    readonly anchor: string;
    readonly event: string;
    readonly credit: string;
    readonly state: StateId;
    /** Labels matched in the same rings. */
    readonly sharesRings: readonly string[];
    readonly waitsFor: readonly string[];
    readonly place: string;
  }[];
  readonly examples: readonly {
    readonly name: string;
    readonly anchor: string;
    readonly home: string | null;
    readonly columns: number;
    readonly labels: readonly string[];
    readonly checks: { readonly rows: readonly string[]; readonly buckets: readonly string[] };
    readonly place: string;
  }[];
};

export type FeatureExplanation = {
  readonly name: string;
  readonly place: string;
  readonly columns: readonly string[];
  readonly type: string;
  readonly sets: readonly string[];
  readonly scans: readonly string[];
  readonly stores: readonly StoreExplanation[];
  /** What the program would save without this feature. */
  readonly marginal: {
    readonly stores: number;
    readonly windows: number;
    readonly fixedBytes: number;
  };
};

export type StoreExplanation = {
  readonly state: StateId;
  readonly text: string;
  readonly keyspace: string;
  readonly windows: readonly { readonly text: string; readonly error: string | null }[];
  readonly error: string | null;
  readonly cost: string;
  readonly sharedWith: readonly { readonly feature: string; readonly place: string }[];
};

/** Explains a checked program. `texts`: the files, for line numbers. */
export function explanation(
  program: LogicalProgram,
  texts: ReadonlyMap<string, string>,
): Explanation {
  const graph = optimise(lower(program));
  const plan = place(graph);
  const placeOf = (span: Span) => placeText(span, texts);
  const { hops, homes } = hopsOf(plan);
  return {
    digest: plan.digest,
    topics: topicsOf(program, plan),
    unread: program.streams
      .filter(({ name }) => plan.streams.every((one) => one.name !== name))
      .map(({ name }) => name),
    keyspaces: keyspacesOf(plan, storesOf(graph)),
    lookups: lookupsOf(plan),
    hops,
    features: featuresOf(program, placeOf),
    labels: plan.labels.map((label) => ({
      name: label.name,
      anchor: plan.streams[label.anchor.stream]!.name,
      event: plan.streams[label.event.stream]!.name,
      credit: creditText(label.credit),
      state: label.state,
      sharesRings: plan.labels
        .filter((other) => other.rings === label.rings && other !== label)
        .map(({ name }) => name),
      waitsFor: label.waitsFor.map((stream) => plan.streams[stream]!.name),
      place: placeOf(program.labels.find((one) => one.name === label.name)!.span),
    })),
    examples: plan.examples.map((set, index) => ({
      name: set.name,
      anchor: plan.anchors[set.anchor]!.name,
      home: homes[plan.anchors[set.anchor]!.stream]!,
      columns: set.features.length,
      labels: set.labels.map((label) => label.name),
      checks: checksOf(program.examples[index]!.checks),
      place: placeOf(program.examples[index]!.span),
    })),
  };
}

/** Those that judge a row by itself, and those for which rows wait until their bucket is complete. */
function checksOf(checks: readonly LogicalCheck[]) {
  const own: readonly string[] = ['range', 'size', 'freshness'];
  const of = (isOwn: boolean) =>
    checks.filter(({ kind }) => own.includes(kind) === isOwn).map(checkText);
  return { rows: of(true), buckets: of(false) };
}

function placeText(span: Span, texts: ReadonlyMap<string, string>): string {
  const text = texts.get(span.file);
  return text === undefined ? span.file : `${span.file}:${positionAt(text, span.start).line}`;
}

function topicsOf(program: LogicalProgram, plan: Plan): Explanation['topics'] {
  return plan.scans.map((scan) => {
    const streams = scan.streams.map((stream) => plan.streams[stream]!.name);
    const declared = program.streams
      .filter((stream) => streams.includes(stream.name))
      .flatMap((stream) =>
        stream.fields.filter((field) => field.enriched === null).map((field) => field.name),
      );
    const fields = scan.fields.map(({ name, value, hash }) => ({
      name,
      as: value && hash ? ('value, hash' as const) : hash ? ('hash' as const) : ('value' as const),
    }));
    const read = new Set(fields.map((field) => field.name));
    return {
      topic: scan.topic,
      streams,
      fields,
      skipped: [...new Set(declared)].filter((name) => !read.has(name)).sort(),
    };
  });
}

function keyspacesOf(plan: Plan, stores: readonly StoreUse[]): Explanation['keyspaces'] {
  return plan.keyspaces.map((keyspace) => {
    const mine = stores.filter((store) => store.keyspace === keyspace.name);
    const writers = keyspace.feeds.map(({ feed }) => plan.streams[plan.feeds[feed]!.stream]!.name);
    const readers = keyspace.probes.map((probe) => plan.anchors[probe.anchor]!.name);
    return {
      name: keyspace.name,
      stores: mine.length,
      writers: [...new Set(writers)],
      readers: [...new Set(readers)],
      cost: costText(totalCost(mine)),
    };
  });
}

function totalCost(stores: readonly StoreUse[]): StoreCost {
  const fixedBytes = stores.reduce((sum, { cost }) => sum + cost.fixedBytes, 0);
  const unbounded = stores.some(({ cost }) => cost.entriesMax === null);
  const entries = stores.reduce((sum, { cost }) => sum + (cost.entriesMax ?? 0), 0);
  return { fixedBytes, entryBytes: 16, entriesMax: unbounded ? null : entries };
}

/** One look-up per (event, key): writing and reading under one key is the same one. */
function lookupsOf(plan: Plan): Explanation['lookups'] {
  return plan.streams.flatMap((stream, index) => {
    const keys = plan.keyspaces.map((keyspace) => {
      const written = keyspace.feeds
        .filter(({ feed }) => plan.feeds[feed]!.stream === index)
        .map(({ key }) => key);
      const read = keyspace.probes.flatMap((probe) => {
        const anchor = plan.anchors[probe.anchor]!;
        const { op } = anchor.slots[probe.key]!;
        return anchor.stream === index && op.kind === 'stream' ? [op.slot] : [];
      });
      return new Set([...written, ...read]).size;
    });
    const perEvent = keys.reduce((sum, n) => sum + n, 0);
    return perEvent === 0 ? [] : [{ stream: stream.name, perEvent }];
  });
}

function featuresOf(
  program: LogicalProgram,
  placeOf: (span: Span) => string,
): readonly FeatureExplanation[] {
  const names = featureNames(program);
  const graphs = new Map<string, Graph | null>();
  for (const name of names) {
    const only = onlyFeature(program, name);
    graphs.set(name, only && optimise(lower(only)));
  }
  const stores = new Map(
    [...graphs].map(([name, graph]) => [name, graph === null ? [] : storesOf(graph)]),
  );
  const spanOf = (name: string) => program.columns.find((column) => ownerOf(column) === name)!.span;
  return names.map((name) => {
    const columns = program.columns.filter((column) => ownerOf(column) === name);
    const others = [...stores].filter(([other]) => other !== name);
    const using = (state: StateId) =>
      others.filter(([, uses]) => uses.some((use) => use.state === state)).map(([other]) => other);
    const mine = stores.get(name)!;
    return {
      name,
      place: placeOf(columns[0]!.span),
      columns: columns.map((column) => column.name),
      type: showType(columns[0]!.type),
      sets: setsOf(program, name).map((set) => set.name),
      scans: scansOf(graphs.get(name) ?? null),
      stores: mine.map(({ parts: _, cost, ...store }) => ({
        ...store,
        cost: costText(cost),
        sharedWith: using(store.state).map((feature) => ({
          feature,
          place: placeOf(spanOf(feature)),
        })),
      })),
      marginal: marginalOf(
        mine,
        others.flatMap(([, uses]) => uses),
      ),
    };
  });
}

/** What only these stores' feature needs: whole stores, and windows of stores that others read too. */
function marginalOf(
  mine: readonly StoreUse[],
  others: readonly StoreUse[],
): FeatureExplanation['marginal'] {
  const total = { stores: 0, windows: 0, fixedBytes: 0 };
  for (const store of mine) {
    const rest = others.filter((other) => other.state === store.state);
    if (rest.length === 0) {
      total.stores += 1;
      total.fixedBytes += store.cost.fixedBytes;
      continue;
    }
    const there = new Set(rest.flatMap((other) => other.windows.map((window) => window.text)));
    const extra = store.windows.filter((window) => !there.has(window.text)).length;
    total.windows += extra;
    total.fixedBytes += 8 * extra;
  }
  return total;
}

function scansOf(graph: Graph | null): readonly string[] {
  const names = (graph === null ? [] : reachable(graph)).flatMap((id) => {
    const node = graph!.nodes[id]!;
    if (node.kind === 'counter_store' || node.kind === 'value_store') {
      const frame = graph!.nodes[frameOfSource(graph!.nodes, node.frame)]!;
      return frame.kind === 'scan'
        ? [frame.stream]
        : frame.kind === 'attribute'
          ? [frame.label]
          : [];
    }
    return [];
  });
  return [...new Set(names)].sort();
}

/** For `explain NAME`: everything it can be asked about. */
export function explainableNames(program: LogicalProgram): readonly string[] {
  const names = [
    ...featureNames(program),
    ...program.labels.map((one) => one.name),
    ...program.examples.map((one) => one.name),
  ];
  return [...new Set([...names, ...program.columns.map((one) => one.name)])];
}
