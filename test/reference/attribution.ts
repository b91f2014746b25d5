/** Which anchors each label's events are credited to, and which credits are taken back (S13). */
import type { LabelRoute, LogicalLabel } from '../../compiler/check/logical.ts';
import { sharesOf } from './credit-shares.ts';
import type { StreamEvent } from './events.ts';
import { passes } from './expression.ts';
import { eventScope, type History } from './history.ts';
import { sameKey, type Value } from './value.ts';

/** A label's event, credited to an anchor. */
export type Credit = {
  readonly event: StreamEvent;
  readonly anchor: StreamEvent;
  /** The parent's credit it is chained to; null: it came by a route from the anchor. */
  readonly parent: Credit | null;
  /** The label that `parent` is of. */
  readonly parentLabel: string | null;
  /** Its part of the event, in millionths. */
  readonly share: number;
  /** When a refund took it back, ms; null: never. */
  readonly cancelled: number | null;
};

/** By label, in the order of the events' steps, then of their candidates. */
export function attribute(history: History): ReadonlyMap<string, readonly Credit[]> {
  const credits = new Map<string, readonly Credit[]>();
  for (const label of history.program.labels) {
    const events = eventsOf(history, label.stream).filter((e) =>
      passes(label.where, eventScope(e)),
    );
    const found = events.flatMap((event) => creditsOf(event, { label, history, credits }));
    credits.set(
      label.name,
      found.map((credit) => ({ ...credit, cancelled: cancelledAt(credit, label, history) })),
    );
  }
  return credits;
}

function eventsOf(history: History, stream: string): readonly StreamEvent[] {
  return history.events.get(stream) ?? [];
}

type Context = {
  readonly label: LogicalLabel;
  readonly history: History;
  readonly credits: ReadonlyMap<string, readonly Credit[]>;
};

/** The first route with any candidate has the event. */
function creditsOf(event: StreamEvent, context: Context): Credit[] {
  for (const route of context.label.routes) {
    const candidates = candidatesOf(event, route, context);
    if (candidates.length > 0) {
      const { credit } = context.label;
      const touches = credited(candidates, credit);
      const shares = sharesOf(
        credit,
        touches.map(({ time }) => event.time - time),
      );
      return touches
        .map(({ anchor, parent }, i) => ({
          ...{ event, anchor, parent, parentLabel: route.of },
          share: shares[i]!,
          cancelled: null,
        }))
        .filter(({ share }) => share > 0);
    }
  }
  return [];
}

type Candidate = {
  readonly anchor: StreamEvent;
  readonly parent: Credit | null;
  readonly time: number;
};

/** Oldest first: by own time, then in step order. */
function candidatesOf(event: StreamEvent, route: LabelRoute, context: Context): Candidate[] {
  const all: Candidate[] =
    route.of === null
      ? anchorsOf(context).map((anchor) => ({ anchor, parent: null, time: anchor.time }))
      : (context.credits.get(route.of) ?? []).map((parent) => ({
          anchor: parent.anchor,
          parent,
          time: parent.event.time,
        }));
  const key = route.on.map((pair) => event.fields.get(pair.event) ?? null);
  return all
    .filter(
      (each) =>
        each.time <= event.time &&
        event.time <= each.time + route.withinMs &&
        (each.parent?.event.step ?? each.time) <= event.step &&
        sameKey(
          key,
          route.on.map((pair) => targetOf(each, pair)),
        ),
    )
    .sort((a, b) => a.time - b.time);
}

function anchorsOf({ label, history }: Context): readonly StreamEvent[] {
  const { stream, where } = label.anchor;
  return eventsOf(history, stream).filter((e) => !e.labelOnly && passes(where, eventScope(e)));
}

function targetOf({ anchor, parent }: Candidate, pair: LabelRoute['on'][number]): Value {
  const of = pair.from === 'parent_event' ? parent?.event : anchor;
  return of?.fields.get(pair.target) ?? null;
}

function credited(candidates: readonly Candidate[], credit: LogicalLabel['credit']): Candidate[] {
  if (credit.kind === 'first') return candidates.slice(0, 1);
  if (credit.kind === 'last') return candidates.slice(-1);
  return candidates.filter(
    ({ anchor }, i) => candidates.findLastIndex((other) => other.anchor === anchor) === i,
  );
}

/** The first refund that takes the credit back: applied when both it and the event are. */
function cancelledAt({ event }: Credit, { unless }: LogicalLabel, history: History): number | null {
  if (unless === null) return null;
  const key = unless.on.map((pair) => event.fields.get(pair.event) ?? null);
  const times = eventsOf(history, unless.stream)
    .filter(
      (refund) =>
        passes(unless.where, eventScope(refund)) &&
        event.time <= refund.time &&
        refund.time <= event.time + unless.withinMs &&
        sameKey(
          key,
          unless.on.map((pair) => refund.fields.get(pair.refund) ?? null),
        ),
    )
    .map((refund) => Math.max(refund.step, event.step));
  return times.length === 0 ? null : Math.min(...times);
}
