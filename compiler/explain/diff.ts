/**
 * What a change of the program does to what is running. States are compared by name (StateId): an equal name is taken up
 * as it is, with its windows filling where they are new; a state whose definition changed starts empty under another name.
 */

import { showType } from '../../dsl/types.ts';
import { creditText } from '../check/credit.ts';
import type { LogicalProgram } from '../check/logical.ts';
import { durationText } from '../duration-text.ts';
import { signatures } from '../graph/digest.ts';
import { frameOfSource, reachable } from '../graph/graph.ts';
import type { ExampleNode, Graph } from '../graph/ir.ts';
import { lower } from '../graph/lower.ts';
import { optimise } from '../graph/optimise.ts';
import { frameText } from '../plan/expression-text.ts';
import type { StateId } from '../plan/plan.ts';
import { diffExamples, type ExamplesDiff } from './diff-examples.ts';
import { type StorePart, type StoreUse, storesOf } from './store-use.ts';

export type StateChange = {
  readonly change: 'reused' | 'rebuilt' | 'new' | 'dropped';
  readonly state: StateId;
  /** `count(click) by user_id`, `label clicked`, `enrich click`. */
  readonly text: string;
  /** Why it is rebuilt, or what a reused one gains or loses; empty: nothing to say. */
  readonly reasons: readonly string[];
};

export type ProgramDiff = {
  readonly states: readonly StateChange[];
  readonly examples: readonly ExamplesDiff[];
};

/** Compares two checked programs, state by state and column by column. */
export function diff(before: LogicalProgram, after: LogicalProgram): ProgramDiff {
  const [old, now] = [optimise(lower(before)), optimise(lower(after))];
  return {
    states: [...diffStores(storesOf(old), storesOf(now)), ...diffJoins(joinsOf(old), joinsOf(now))],
    examples: diffExamples(exampleSets(old), exampleSets(now)),
  };
}

/** The comparison as text; `same program` when nothing differs. */
export function diffText(before: LogicalProgram, after: LogicalProgram): string {
  const { states, examples } = diff(before, after);
  const changed = states.filter(({ change, reasons }) => change !== 'reused' || reasons.length > 0);
  const same = states.length - changed.length;
  const setLines = examples.flatMap(exampleLines);
  if (changed.length === 0 && setLines.length === 0)
    return 'the same program: every state and column is reused\n';
  const lines = changed.flatMap(({ change, state, text, reasons }) => [
    `${change.padEnd(7)}  ${state}  ${text}`,
    ...reasons.map((reason) => `         ${reason}`),
  ]);
  const rest = same === 0 ? [] : [`reused   ${same} more, unchanged`];
  return `${['state', ...indent([...lines, ...rest]), '', 'examples', ...indent(setLines.length === 0 ? ['unchanged'] : setLines)].join('\n')}\n`;
}

function indent(lines: readonly string[]): readonly string[] {
  return lines.map((line) => `  ${line}`);
}

function exampleLines(set: ExamplesDiff): readonly string[] {
  if (set.change === 'unchanged') return [];
  const columns = set.columns.map(
    ({ change, name, reason }) => `  ${change} ${name}${reason === null ? '' : `: ${reason}`}`,
  );
  return [`${set.change} ${set.name}`, ...set.reasons.map((reason) => `  ${reason}`), ...columns];
}

function diffStores(old: readonly StoreUse[], now: readonly StoreUse[]): readonly StateChange[] {
  const before = new Map(old.map((store) => [store.state, store]));
  const after = new Set(now.map((store) => store.state));
  const dropped = old.filter((store) => !after.has(store.state));
  const replaced = new Set<StateId>();
  const changes = now.map((store): StateChange => {
    const { state, text } = store;
    const same = before.get(state);
    if (same !== undefined)
      return { change: 'reused', state, text, reasons: reuseReasons(same, store) };
    const like = nearest(
      store,
      dropped.filter((one) => !replaced.has(one.state)),
    );
    if (like === null) return { change: 'new', state, text, reasons: fillReasons(store) };
    replaced.add(like.state);
    return {
      change: 'rebuilt',
      state,
      text,
      reasons: [...partReasons(like, store), ...fillReasons(store)],
    };
  });
  const gone = dropped.filter((store) => !replaced.has(store.state));
  return [
    ...changes,
    ...gone.map(
      ({ state, text }): StateChange => ({
        change: 'dropped',
        state,
        text,
        reasons: ['nothing reads it any more'],
      }),
    ),
  ];
}

/** What the same state keeps more or less of. */
function reuseReasons(old: StoreUse, now: StoreUse): readonly string[] {
  const had = new Set(old.windows.map((window) => window.text));
  const has = new Set(now.windows.map((window) => window.text));
  const added = [...has].filter((text) => !had.has(text));
  const removed = [...had].filter((text) => !has.has(text));
  const moved =
    old.keyspace === now.keyspace
      ? []
      : [`moves from the records of ${old.keyspace} to those of ${now.keyspace}`];
  return [
    ...added.map((text) => `gains window ${text}: full once that much was seen`),
    ...removed.map((text) => `loses window ${text}`),
    ...(old.text === now.text || added.length + removed.length > 0
      ? []
      : [`was read as ${old.text}`]),
    ...moved,
  ];
}

function fillReasons(store: StoreUse): readonly string[] {
  const longest = store.windows[store.windows.length - 1];
  return longest === undefined
    ? []
    : [`starts empty: ${longest.text} is full once that much was seen`];
}

const PARTS: readonly StorePart[] = [
  'aggregate',
  'source',
  'key',
  'value',
  'filter',
  'delay',
  'head',
  'half-life',
];

/** The dropped store of the same aggregate and source that differs in the fewest parts. */
function nearest(store: StoreUse, dropped: readonly StoreUse[]): StoreUse | null {
  let best: { readonly store: StoreUse; readonly differences: number } | null = null;
  for (const candidate of dropped) {
    if (
      candidate.parts.aggregate !== store.parts.aggregate ||
      candidate.parts.source !== store.parts.source
    )
      continue;
    const differences = PARTS.filter((part) => candidate.parts[part] !== store.parts[part]).length;
    if (differences <= REBUILT_PARTS_MAX && differences < (best?.differences ?? Infinity))
      best = { store: candidate, differences };
  }
  return best?.store ?? null;
}

/** A store that differs in more parts than this is another one, not the same one rebuilt. */
const REBUILT_PARTS_MAX = 2;

function partReasons(old: StoreUse, now: StoreUse): readonly string[] {
  const changed = PARTS.filter((part) => old.parts[part] !== now.parts[part]);
  if (changed.length === 0) return ['what it is computed from changed'];
  return changed.map((part) => `its ${part} was ${old.parts[part]}, is ${now.parts[part]}`);
}

type Join = { readonly state: StateId; readonly text: string; readonly definition: string };

/** Labels and enrichments. */
function joinsOf(graph: Graph): readonly Join[] {
  const names = signatures(graph.nodes);
  return reachable(graph).flatMap((id) => {
    const node = graph.nodes[id]!;
    const state = names[id]!;
    if (node.kind === 'attribute') {
      const routes = node.routes
        .map((route) => `within ${durationText(route.withinMs)}`)
        .join(' else ');
      return [
        {
          state,
          text: `label ${node.label}`,
          definition: `${routes} credit ${creditText(node.credit)}`,
        },
      ];
    }
    if (node.kind !== 'enrich') return [];
    const [event, source] = [node.event, node.source].map((id) =>
      frameText(graph.nodes, frameOfSource(graph.nodes, id)),
    );
    return [
      {
        state,
        text: `enrich ${event} from ${source}`,
        definition: `within ${durationText(node.withinMs)}`,
      },
    ];
  });
}

function diffJoins(old: readonly Join[], now: readonly Join[]): readonly StateChange[] {
  const states = new Set(now.map((one) => one.state));
  const changes = now.map(({ state, text, definition }): StateChange => {
    if (old.some((one) => one.state === state))
      return { change: 'reused', state, text, reasons: [] };
    const like = old.find((one) => one.text === text);
    if (like === undefined) return { change: 'new', state, text, reasons: [] };
    const reason =
      like.definition === definition
        ? 'its streams, keys or filters changed'
        : `was ${like.definition}, is ${definition}`;
    return { change: 'rebuilt', state, text, reasons: [reason] };
  });
  const names = new Set(now.map((one) => one.text));
  const gone = old.filter((one) => !states.has(one.state) && !names.has(one.text));
  return [
    ...changes,
    ...gone.map(
      ({ state, text }): StateChange => ({ change: 'dropped', state, text, reasons: [] }),
    ),
  ];
}

/** Example sets with what each column computes, by signature. */
function exampleSets(graph: Graph) {
  const names = signatures(graph.nodes);
  return graph.roots.map((root) => {
    const node = graph.nodes[root] as ExampleNode;
    return {
      name: node.name,
      settings: {
        anchor: node.anchorName,
        topic: node.topic ?? 'none',
        'sample negatives': String(node.sampleNegatives),
        audit: String(node.audit),
      },
      anchor: names[node.anchor]!,
      columns: node.features.map(({ as, value, type }) => ({
        name: as,
        type: showType(type),
        value: names[value]!,
      })),
      labels: node.labels.map(({ as, label, policy }) => ({
        name: as,
        type: JSON.stringify(policy),
        value: names[label]!,
      })),
      checks: JSON.stringify(node.checks),
    };
  });
}
