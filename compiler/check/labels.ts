/** Labels, resolved for each kind of anchor they are used with. */
import type { LabelDecl, Name } from '../../dsl/ast.ts';
import { CREDIT_FIELD } from '../../dsl/credit.ts';
import * as say from '../../dsl/messages-labels.ts';
import * as sayNames from '../../dsl/messages-names.ts';
import * as sayStreams from '../../dsl/messages-streams.ts';
import { scalar } from '../../dsl/types.ts';
import { showDuration } from '../show-duration.ts';
import { checkLabelEvents } from './check-label.ts';
import { retainOf } from './check-window.ts';
import { orderByDependency } from './cycles.ts';
import type { EventView } from './event-scope.ts';
import type { FieldEntry } from './fields.ts';
import { type LabelAnchors, labelAnchors, parentsOf } from './label-anchors.ts';
import { resolveLabel } from './label-routes.ts';
import type { LogicalLabel } from './logical.ts';
import type { Report } from './report.ts';
import type { Streams } from './streams.ts';
import type { Symbols } from './symbols.ts';

export type Labels = {
  /** Parents first, then by name. */
  readonly logical: readonly LogicalLabel[];
  /** The label for the anchors of a stream; null where it could not be resolved (and that is reported). */
  readonly forAnchor: (label: string, anchor: string) => LogicalLabel | null;
  /**
   * The label whose events an aggregate counts, or whose values a test expects, where no anchor is named: its only
   * one, else the one whose anchors include all others. Reports where there is none.
   */
  readonly counted: (name: Name) => LogicalLabel | null;
  /** Accepted events as an aggregate sees them: their own fields, else the parent event's, else the anchor's. */
  readonly view: (label: LogicalLabel) => EventView;
  /** The longest time from the anchor to the deadline, in ms. */
  readonly horizonMs: (label: LogicalLabel) => number;
};

/** Checks every label by itself and with every anchor, and gives access to what came of it. */
export function resolveLabels(streams: Streams, symbols: Symbols, report: Report): Labels {
  const order = labelOrder(symbols, report);
  const sound = order.filter((label) => checkLabelEvents(label, { streams, symbols, report }));
  const soundNames = new Set(sound.map((label) => label.name.text));
  const usable = sound.filter((l) => parentsOf(l, symbols).every((p) => soundNames.has(p)));
  const anchors = labelAnchors(usable, streams, symbols);
  const found = new Map<string, LogicalLabel>();
  for (const label of usable) {
    const mine = anchors.of.get(label.name.text)!;
    for (const anchor of mine) {
      const name = labelName(label.name.text, anchor, anchors);
      const parentName = (parent: string) => labelName(parent, anchor, anchors);
      const resolved = resolveLabel(label, { name, anchor, parentName, streams, symbols, report });
      if (resolved !== null) found.set(name, resolved);
    }
  }
  const forAnchor = (label: string, anchor: string) =>
    found.get(labelName(label, anchor, anchors)) ?? null;
  for (const label of found.values()) {
    const retain = retainOf(label.anchor.stream, streams);
    const ms = horizonMs(label, found) + (label.unless?.withinMs ?? 0);
    if (retain === null || ms <= retain.ms) continue;
    const what = `\`${label.name.split('@')[0]}\` is settled after ${showDuration(ms)}, which`;
    report.add(sayStreams.longerThanRetain(label.span, what, retain));
  }
  return {
    logical: sortLabels(found),
    forAnchor,
    counted: (name) => counted(name, { anchors, forAnchor, streams, report }),
    view: (label) => attributedView(label, found, streams),
    horizonMs: (label) => horizonMs(label, found),
  };
}

/** `clicked`, or `clicked@impression` where it is resolved for several anchors. */
function labelName(label: string, anchor: string, anchors: LabelAnchors): string {
  return (anchors.of.get(label)?.length ?? 0) > 1 ? `${label}@${anchor}` : label;
}

/** Parents first; labels on a cycle are reported and left out. */
function labelOrder(symbols: Symbols, report: Report): LabelDecl[] {
  const decls = new Map<string, LabelDecl>();
  for (const [name, decl] of symbols.values) if (decl.kind === 'label') decls.set(name, decl);
  const names = [...decls.keys()].sort();
  const { order, cycles } = orderByDependency(names, (n) => parentsOf(decls.get(n)!, symbols));
  for (const members of cycles) {
    const first = decls.get(members[0]!)!;
    report.add(sayNames.cycle('labels are chained', first.name.span, members));
  }
  const onCycle = new Set(cycles.flat());
  return order.filter((name) => !onCycle.has(name)).map((name) => decls.get(name)!);
}

function sortLabels(found: ReadonlyMap<string, LogicalLabel>): LogicalLabel[] {
  const names = [...found.keys()].sort();
  const parents = (name: string) => found.get(name)!.routes.flatMap((r) => r.of ?? []);
  return orderByDependency(names, parents).order.map((name) => found.get(name)!);
}

type Counting = {
  readonly anchors: LabelAnchors;
  readonly forAnchor: Labels['forAnchor'];
  readonly streams: Streams;
  readonly report: Report;
};

function counted(
  name: Name,
  { anchors, forAnchor, streams, report }: Counting,
): LogicalLabel | null {
  const mine = anchors.of.get(name.text);
  if (mine === undefined) return null;
  if (mine.length === 0) {
    const could = anchors.candidates.get(name.text) ?? [];
    report.add(say.anchorUnknown(name.span, name.text, could));
    return null;
  }
  const widest = mine.find((a) => mine.every((b) => streams.views.get(b)!.chain.includes(a)));
  if (widest === undefined) {
    report.add(say.anchorUnknown(name.span, name.text, mine));
    return null;
  }
  return forAnchor(name.text, widest);
}

function attributedView(
  label: LogicalLabel,
  found: ReadonlyMap<string, LogicalLabel>,
  streams: Streams,
): EventView {
  const name = label.name.split('@')[0]!;
  const fields = new Map<string, FieldEntry>(streams.bases.get(label.stream)!.fields);
  const parents = new Set(label.routes.map((route) => route.of));
  // With several kinds of route an event may have no such parent, and then not its fields either.
  const sure = parents.size === 1;
  for (const parent of parents) {
    const stream = parent === null ? undefined : found.get(parent)?.stream;
    if (stream === undefined) continue;
    for (const [field, entry] of streams.bases.get(stream)!.fields) {
      if (!fields.has(field)) fields.set(field, sure ? entry : asNullable(entry));
    }
  }
  for (const [field, entry] of streams.bases.get(label.anchor.stream)!.fields) {
    if (!fields.has(field)) fields.set(field, entry);
  }
  if (!fields.has(CREDIT_FIELD)) fields.set(CREDIT_FIELD, creditEntry(label));
  return { name, qualifiers: [name], fields, broken: false };
}

/** The share of an event that the anchor has; every label's events have it. */
function creditEntry({ name, span }: LogicalLabel): FieldEntry {
  const type = scalar('float');
  return {
    field: { name: CREDIT_FIELD, type, timeFormat: null, pii: false, enriched: null },
    name: { text: name, span },
    clash: null,
  };
}

function asNullable(entry: FieldEntry): FieldEntry {
  const { type } = entry.field;
  if (type.kind === 'error') return entry;
  return { ...entry, field: { ...entry.field, type: { ...type, nullable: true } } };
}

function horizonMs(label: LogicalLabel, found: ReadonlyMap<string, LogicalLabel>): number {
  const reaches = label.routes.map((route) => {
    const parent = route.of === null ? undefined : found.get(route.of);
    return route.withinMs + (parent === undefined ? 0 : horizonMs(parent, found));
  });
  return Math.max(0, ...reaches);
}
