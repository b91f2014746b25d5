/**
 * Labels of a new plan over the state of an old one.
 *
 *   kept    equal state: its rings go on, and their rows hold what they held; what nobody reads of them any more is null
 *   new     its rings begin at `since`, and have seen no anchor before
 *   copied  of the old plan, since anchors of a closed set wait for it                                copy-labels.ts
 *   twin    a kept label whose credited events nobody read before, and features do now: another beside it makes them, in
 *           rings of its own that carry what features want, from `since` on
 */
import type { LabelPlan, Plan } from '../../compiler/plan/plan.ts';
import { carries, sharedCarries } from '../label/attribute-carry.ts';
import { stateName } from '../state/state-name.ts';
import { copyLabels } from './copy-labels.ts';
import type { Draft, PlanDraft } from './draft.ts';
import { SlotsAgain } from './slots-again.ts';

export type LabelsKept = {
  readonly since: number;
  /** Labels (indexes) of the old plan that anchors of closed sets wait for. */
  readonly awaited: ReadonlySet<number>;
};

/** Rewrites the labels of `draft`; gives reasons why it cannot be done, none: it is done. */
export function keepLabels(old: Plan, draft: PlanDraft, { since, awaited }: LabelsKept): string[] {
  const reasons = copyLabels(old, draft, awaited);
  if (reasons.length > 0) return reasons;
  const groups = draft.labels.map(({ rings }) => `new ${rings}`);
  const slots = new SlotsAgain(old, draft);
  for (const [l, label] of [...draft.labels.entries()]) {
    const was = old.labels.findIndex(({ state, twin }) => state === label.state && !twin);
    if (was < 0) {
      label.since = since;
      continue;
    }
    Object.assign(label, sinceOf(old.labels[was]!));
    label.kept = keptRings(old, was, { label, slots, draft });
    groups[l] = label.kept.name;
    const missing = missingIn(draft, l);
    if (missing === null) continue;
    if (old.labels[was]!.labelStream >= 0) {
      reasons.push(
        `more is read of what label ${label.name} credits than its state holds: ${missing}`,
      );
      continue;
    }
    const twin = putTwin(old, draft, l, since);
    groups.push(twin.kept?.name ?? `twin ${l}`);
    const lacks = missingIn(draft, draft.labels.length - 1);
    if (lacks !== null)
      reasons.push(
        `more is read of what label ${label.name} credits than its state holds: ${lacks}`,
      );
  }
  parentsFirst(draft, groups);
  return reasons;
}

function sinceOf({ since }: LabelPlan): { since?: number } {
  return since === undefined ? {} : { since };
}

/** How the rings of an old label are laid out, in slots of the draft. */
function keptRings(
  old: Plan,
  index: number,
  to: { readonly label: Draft<LabelPlan>; readonly slots: SlotsAgain; readonly draft: PlanDraft },
): Draft<NonNullable<LabelPlan['kept']>> {
  const was = old.labels[index]!;
  const { label, slots, draft } = to;
  const carry = sharedCarries(old)[index]!;
  const sharers = old.labels.filter(({ rings }) => rings === was.rings);
  return {
    name: was.kept?.name ?? stateName(old.labels[was.rings]!),
    withinMs: was.routes.map(
      (_, r) =>
        was.kept?.withinMs[r] ?? Math.max(...sharers.map(({ routes }) => routes[r]!.withinMs)),
    ),
    anchorSlots: carry.anchorSlots.map((slot) =>
      slots.findOrNull({ from: was.anchor.stream, to: label.anchor.stream, slot }),
    ),
    parentSlots: carry.parentSlots.map((ofParent, r) =>
      ofParent.map((slot) =>
        slots.findOrNull({
          from: old.labels[was.routes[r]!.of!]!.labelStream,
          to: draft.labels[label.routes[r]!.of!]!.labelStream,
          slot,
        }),
      ),
    ),
  };
}

/** The name of a slot that is read of a label's rows and is not in them; null: there is none. */
function missingIn(draft: PlanDraft, index: number): string | null {
  const { kept, anchor, routes } = draft.labels[index]!;
  if (kept === undefined) return null;
  const plan = draft as Plan;
  const bare = plan.labels.map(({ kept: _, ...label }) => label);
  const wanted = carries({ ...plan, labels: bare })[index]!;
  const ofAnchor = wanted.anchorSlots.find((slot) => !kept.anchorSlots.includes(slot));
  if (ofAnchor !== undefined) return plan.streams[anchor.stream]!.slots[ofAnchor]!.name;
  for (const [r, slots] of wanted.parentSlots.entries()) {
    const slot = slots.find((each) => !kept.parentSlots[r]!.includes(each));
    if (slot === undefined) continue;
    return plan.streams[plan.labels[routes[r]!.of!]!.labelStream]!.slots[slot]!.name;
  }
  return null;
}

/** Whoever reads what the label credits reads it of the twin from now on. */
function putTwin(old: Plan, draft: PlanDraft, l: number, since: number): Draft<LabelPlan> {
  const label = draft.labels[l]!;
  const { kept: _, ...rest } = label;
  const was = old.labels.findIndex(({ state, twin }) => state === label.state && twin);
  const twin: Draft<LabelPlan> = { ...structuredClone(rest), since, twin: true };
  if (was >= 0) {
    Object.assign(twin, sinceOf(old.labels[was]!));
    twin.kept = keptRings(old, was, { label: twin, slots: new SlotsAgain(old, draft), draft });
  }
  const index = draft.labels.push(twin) - 1;
  label.labelStream = -1;
  for (const { routes } of draft.labels) {
    for (const route of routes) if (route.of === l) route.of = index;
  }
  for (const { slots } of draft.streams) {
    for (const { op } of slots) if (op.kind === 'parent' && op.label === l) op.label = index;
  }
  return twin;
}

/** Orders labels by how long their chain is, and tells each whose rings it is matched in. */
function parentsFirst(draft: PlanDraft, groups: readonly string[]): void {
  const before = [...draft.labels];
  const depth = (label: Draft<LabelPlan>): number =>
    Math.max(0, ...label.routes.map(({ of }) => (of === null ? 0 : 1 + depth(before[of]!))));
  const order = before.map((_, l) => l).sort((a, b) => depth(before[a]!) - depth(before[b]!));
  const to = before.map((_, l) => order.indexOf(l));
  draft.labels = order.map((l) => before[l]!);
  for (const [l, label] of draft.labels.entries()) {
    label.rings = order.findIndex((other) => groups[other] === groups[order[l]!]);
    for (const route of label.routes) if (route.of !== null) route.of = to[route.of]!;
  }
  for (const { slots } of draft.streams) {
    for (const { op } of slots) if (op.kind === 'parent') op.label = to[op.label]!;
  }
  for (const { labels } of draft.examples) for (const each of labels) each.label = to[each.label]!;
}
