/** Which anchors each label is resolved for: those of the example sets that use it, else what its routes say. */
import type { LabelDecl } from '../../dsl/ast.ts';
import { keysMatch } from './event-scope.ts';
import type { Streams } from './streams.ts';
import type { Symbols } from './symbols.ts';

export type LabelAnchors = {
  /** Names of anchor streams, sorted; empty where nothing says. */
  readonly of: ReadonlyMap<string, readonly string[]>;
  /** Where nothing says: the streams that could be meant, because they have the fields the label is matched on. */
  readonly candidates: ReadonlyMap<string, readonly string[]>;
};

/**
 * Anchors of every label of `order` (parents first). In turn: the example sets that list the label or a label chained
 * to it; `of stream` on a root route of it or of its parents; the anchors of its parents; the only stream other than
 * the label's own that has the fields it is matched on.
 */
export function labelAnchors(
  order: readonly LabelDecl[],
  streams: Streams,
  symbols: Symbols,
): LabelAnchors {
  const bySets = anchorsBySets(order, streams, symbols);
  const anchors = new Map(order.map((l) => [l.name.text, new Set(bySets.get(l.name.text))]));
  const candidates = new Map<string, readonly string[]>();
  const labels = new Map(order.map((l) => [l.name.text, l]));
  // Children first: a parent must exist for every anchor that a child is resolved for.
  for (const label of [...order].reverse()) {
    const mine = anchors.get(label.name.text)!;
    if (mine.size === 0) {
      const could = inferAnchors(label, { labels, bySets, streams });
      if (could.length === 1) mine.add(could[0]!);
      else candidates.set(label.name.text, could);
    }
    for (const parent of parentsOf(label, symbols)) {
      for (const anchor of mine) anchors.get(parent)?.add(anchor);
    }
  }
  const of = new Map([...anchors].map(([name, set]) => [name, [...set].sort()]));
  return { of, candidates };
}

/** The labels that a label's routes chain it to. */
export function parentsOf(label: LabelDecl, symbols: Symbols): string[] {
  const names = label.routes.map((route) => route.of?.text ?? '');
  return [...new Set(names)].filter((name) => symbols.values.get(name)?.kind === 'label');
}

/** The streams that a label's own routes name after `of`. */
export function namedAnchors(label: LabelDecl, streams: Streams): string[] {
  const names = label.routes.map((route) => route.of?.text ?? '');
  return [...new Set(names)].filter((name) => streams.views.get(name)?.kind === 'stream');
}

function anchorsBySets(
  order: readonly LabelDecl[],
  streams: Streams,
  symbols: Symbols,
): Map<string, Set<string>> {
  const found = new Map(order.map((label) => [label.name.text, new Set<string>()]));
  for (const set of symbols.examples.values()) {
    const view = streams.views.get(set.anchor.text);
    if (view === undefined || view.kind !== 'stream' || view.broken) continue;
    for (const { label } of set.labels) found.get(label.text)?.add(view.name);
  }
  for (const label of [...order].reverse()) {
    for (const parent of parentsOf(label, symbols)) {
      for (const anchor of found.get(label.name.text)!) found.get(parent)?.add(anchor);
    }
  }
  return found;
}

type Known = {
  readonly labels: ReadonlyMap<string, LabelDecl>;
  readonly bySets: ReadonlyMap<string, ReadonlySet<string>>;
  readonly streams: Streams;
};

function inferAnchors(label: LabelDecl, known: Known): string[] {
  const chain = ancestry(label, known.labels);
  const named = new Set(chain.flatMap((l) => namedAnchors(l, known.streams)));
  if (named.size > 0) return [...named].sort();
  const shared = new Set(chain.flatMap((l) => [...known.bySets.get(l.name.text)!]));
  if (shared.size > 0) return [...shared].sort();
  const roots = chain.filter((l) => l.routes.some((route) => route.of === null));
  const fitting = [...known.streams.bases.keys()].filter((name) =>
    roots.every((root) => hasKeys(name, root, known.streams)),
  );
  return fitting.sort();
}

/** A label, then its parents, theirs, and so on, each once. */
function ancestry(label: LabelDecl, labels: ReadonlyMap<string, LabelDecl>): LabelDecl[] {
  const found = new Set([label]);
  for (const member of found) {
    for (const route of member.routes) {
      const parent = labels.get(route.of?.text ?? '');
      if (parent !== undefined) found.add(parent);
    }
  }
  return [...found];
}

/** Whether a base stream, not the label's own, has the fields that the label's root routes match on. */
function hasKeys(name: string, label: LabelDecl, streams: Streams): boolean {
  const view = streams.views.get(name)!;
  const events = streams.views.get(label.stream.text);
  if (view.kind !== 'stream' || events === undefined || events.base === name) return false;
  return label.on.every((key) => {
    const target = view.fields.get((key.as ?? key.field).text);
    const event = events.fields.get(key.field.text);
    if (target === undefined) return false;
    return event === undefined || keysMatch(event.field.type, target.field.type);
  });
}
