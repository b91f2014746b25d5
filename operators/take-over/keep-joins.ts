/**
 * Labels and enrichments of a new plan over the state of an old one. Rows in rings and enrichments hold what the old plan
 * read of them. Where more is read now, another join beside the old one gathers it from `since` on:
 *
 *   an enrichment  the same join once more, for the fields that are new
 *   a label        if no feature read its credited events before, a twin that makes nothing but those; else it is refused
 */
import type { EnrichPlan, LabelPlan, Plan } from '../../compiler/plan.ts';
import { type Carry, sharedCarries } from '../attribute-carry.ts';
import type { Draft, PlanDraft } from './draft.ts';
import { Meaning } from './meaning.ts';

/** Rewrites the labels and enrichments of `draft`; gives reasons why it cannot be done, none: it is done. */
export function keepJoins(old: Plan, draft: PlanDraft, since: number): string[] {
  keepEnrichments(old, draft, since);
  const reasons = keepRings(old, draft, since);
  twinLabels(old, draft, since);
  return [...reasons, ...changedRings(old, draft as Plan)];
}

function keepEnrichments(old: Plan, draft: PlanDraft, since: number): void {
  const [before, after] = [new Meaning(old), new Meaning(draft as Plan)];
  const field = (meaning: Meaning, of: EnrichPlan, from: number) => meaning.stream(of.source, from);
  const made: Draft<EnrichPlan>[] = [];
  for (const now of draft.enrichments) {
    const known = old.enrichments.filter(({ state }) => state === now.state);
    const rest = new Map(now.fields.map((each) => [field(after, now, each.from), each]));
    for (const was of known) {
      const slots = was.fields.map(({ from }) => field(before, was, from));
      if (!slots.some((slot) => rest.has(slot))) continue;
      // A field that is not read any more keeps its place in the rows: it fills a slot that nobody looks at.
      const fields = slots.map((slot, i) => rest.get(slot) ?? unread(draft, now, was, i));
      for (const slot of slots) rest.delete(slot);
      made.push({ ...now, ...(was.since === undefined ? {} : { since: was.since }), fields });
    }
    if (rest.size === 0 && known.length > 0) continue;
    made.push({ ...now, since, fields: [...rest.values()] });
  }
  const renumber = new Map(
    made.flatMap(({ stream, fields }, index) =>
      fields.map(({ to }) => [`${stream} ${to}`, index] as const),
    ),
  );
  draft.enrichments = made;
  for (const [s, { slots }] of draft.streams.entries()) {
    for (const [i, { op }] of slots.entries()) {
      if (op.kind === 'enriched') op.enrichment = renumber.get(`${s} ${i}`)!;
    }
  }
}

/** A source slot of the kind that the old rows hold, and a slot of the event's stream for it. */
function unread(draft: PlanDraft, now: EnrichPlan, was: EnrichPlan, i: number) {
  const source = draft.streams[now.source]!.slots;
  const { physical } = source[was.fields[i]!.from] ?? source[0]!;
  const { slots } = draft.streams[now.stream]!;
  const from = source.findIndex((slot) => slot.physical === physical);
  const to = slots.push({
    name: 'nothing',
    physical,
    op: { kind: 'enriched', enrichment: 0, slot: from },
  });
  return { from, to: to - 1 };
}

/** Labels that were matched together stay together, and those that are new have rings of their own. */
function keepRings(old: Plan, draft: PlanDraft, since: number): string[] {
  const reasons: string[] = [];
  const was = new Map(old.labels.filter(isNoTwin).map((label) => [label.state, label]));
  const groups = draft.labels.map(({ rings }) => rings);
  for (const [l, label] of draft.labels.entries()) {
    const before = was.get(label.state);
    if (before === undefined) label.since = since;
    else if (before.since !== undefined) label.since = before.since;
    const leader =
      before === undefined
        ? draft.labels.findIndex(
            ({ state }, other) => groups[other] === groups[l] && !was.has(state),
          )
        : draft.labels.findIndex(({ state }) => state === old.labels[before.rings]!.state);
    if (leader < 0 || leader > l) {
      const gone = old.labels[before!.rings]!.name;
      reasons.push(`label ${label.name} was matched together with label ${gone}, which changed`);
    } else label.rings = leader;
  }
  return reasons;
}

/** A twin has no refunds, and no example set follows it. */
export function isNoTwin({ twin }: Pick<LabelPlan, 'twin'>): boolean {
  return twin === undefined;
}

/** A label whose credited events nobody read has them from now on by a twin of its own. */
function twinLabels(old: Plan, draft: PlanDraft, since: number): void {
  const carries = sharedCarries(draft as Plan);
  for (const [l, label] of [...draft.labels.entries()]) {
    const before = old.labels.filter(({ state }) => state === label.state);
    const twin = before.find((each) => !isNoTwin(each));
    const was = before.find(isNoTwin);
    const isNew = was === undefined || was.labelStream >= 0 || label.labelStream < 0;
    if (isNew || carries[l]!.anchorSlots.length === 0) continue;
    draft.labels.push({
      ...label,
      rings: draft.labels.length,
      since: twin?.since ?? since,
      twin: true,
      unless: null,
    });
    label.labelStream = -1;
  }
}

function changedRings(old: Plan, now: Plan): string[] {
  const shapes = (plan: Plan) => {
    const meaning = new Meaning(plan);
    const carries = sharedCarries(plan);
    return plan.labels.map((label, l) => shapeOf(plan, label, carries[l]!, meaning));
  };
  const before = new Map(
    shapes(old).map((shape, l) => [`${old.labels[l]!.state} ${old.labels[l]!.since}`, shape]),
  );
  return shapes(now).flatMap((shape, l) => {
    const { name, state, since } = now.labels[l]!;
    const was = before.get(`${state} ${since}`);
    if (was === undefined || was.retention !== shape.retention) {
      return was === undefined
        ? []
        : [`label ${name} is kept as long as another label that changed`];
    }
    return was.carried === shape.carried
      ? []
      : [`features read other fields of what label ${name} credits than before`];
  });
}

/** What rows of a label's rings hold, and how long. */
function shapeOf(plan: Plan, label: LabelPlan, carry: Carry, meaning: Meaning) {
  const sharers = plan.labels.filter(({ rings }) => rings === label.rings);
  const retention = label.routes.map((_, r) =>
    Math.max(...sharers.map(({ routes }) => routes[r]!.withinMs)),
  );
  const carried = [
    carry.anchorSlots.map((slot) => meaning.stream(label.anchor.stream, slot)),
    carry.parentSlots.map((slots, r) => {
      const of = label.routes[r]!.of;
      return slots.map((slot) => meaning.stream(plan.labels[of!]!.labelStream, slot));
    }),
  ];
  return { retention: `${retention}`, carried: JSON.stringify(carried) };
}
