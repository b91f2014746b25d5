/**
 * Example sets of a new plan over those of an old one. A set that says the same goes on. Where anything changed, the set
 * switches at an anchor's time: anchors before it keep the set they froze under, which is *closed* and emits what they wait
 * for with its own columns; anchors from it on go to a set of the next generation, `ads_ctr.2`.
 */
import type { ExamplePlan, Plan } from '../../compiler/plan.ts';
import type { Draft, PlanDraft } from './draft.ts';
import { isNoTwin } from './keep-joins.ts';
import { Meaning } from './meaning.ts';
import { falseSlot, nullSlot } from './quiet-slots.ts';

/** How many anchors of a set of the old plan wait for something. */
export type Waiting = (set: string) => number;

/** Rewrites the example sets of `draft`; gives reasons why it cannot be done, none: it is done. */
export function keepSets(old: Plan, draft: PlanDraft, waiting: Waiting): string[] {
  const [before, after] = [new Meaning(old), new Meaning(draft as Plan)];
  const generation = draft.takenOver!.generation;
  const going = new Set<string>();
  const renamed = new Map<string, string>();
  for (const set of draft.examples) {
    const was = old.examples.find((each) => nameOf(each) === set.name && !each.closed);
    const same =
      was !== undefined &&
      says(old, was, before) === says(draft as Plan, set as ExamplePlan, after);
    if (same) going.add(was.name);
    // A set of the same name as one before has files and state of its own.
    const isTaken = old.examples.some((each) => nameOf(each) === set.name);
    const name = same ? was.name : isTaken ? `${set.name}.${generation}` : set.name;
    renamed.set(set.name, name);
    if (name !== set.name) Object.assign(set, { name, set: set.name });
  }
  for (const model of draft.models ?? []) model.from = renamed.get(model.from) ?? model.from;
  const reasons: string[] = [];
  for (const set of old.examples) {
    if (going.has(set.name)) continue;
    const labels = set.labels.map((label) => ({
      ...label,
      label: labelOf(draft, old, label.label),
    }));
    const lost = [...set.labels.entries()].filter(([i]) => labels[i]!.label < 0);
    const anchors = waiting(set.name);
    for (const [, { name }] of anchors === 0 ? [] : lost) {
      reasons.push(
        `label ${name} is gone or means something else, and ${anchors} anchors of ${set.name} wait for it`,
      );
    }
    if (lost.length === 0) draft.examples.push(closedSet(old, draft, set, labels));
  }
  return reasons;
}

/** The author's name of a set. */
export function nameOf({ name, set }: Pick<ExamplePlan, 'name' | 'set'>): string {
  return set ?? name;
}

/** Everything of a set that its readers notice, or that its state depends on. */
function says(plan: Plan, set: ExamplePlan, meaning: Meaning): string {
  const of = (slot: number) => meaning.anchor(set.anchor, slot);
  return JSON.stringify([
    meaning.anchorRows(set.anchor),
    set.topic,
    of(set.id),
    set.features.map(({ name, type, input, slot }) => [name, type, input, of(slot)]),
    set.labels.map(({ name, label, policy }) => [name, plan.labels[label]!.state, policy]),
    [set.sampleNegatives, set.audit, set.checks],
  ]);
}

function labelOf(draft: PlanDraft, old: Plan, label: number): number {
  const { state } = old.labels[label]!;
  return draft.labels.findIndex((each) => each.state === state && isNoTwin(each));
}

/** The old set over an anchor that no row is: what its anchors froze is in its state. */
function closedSet(
  old: Plan,
  draft: PlanDraft,
  set: ExamplePlan,
  labels: Draft<ExamplePlan['labels']>,
): Draft<ExamplePlan> {
  const { slots: frozen, stream: from } = old.anchors[set.anchor]!;
  const { name } = old.streams[from]!;
  const stream = Math.max(
    0,
    draft.streams.findIndex((each) => each.name === name),
  );
  const slots: PlanDraft['anchors'][number]['slots'] = [];
  const nothing = (slot: number) => nullSlot(slots, frozen[slot]!.physical);
  const id = nothing(set.id);
  const idHash = nothing(set.idHash);
  const features = set.features.map((column) => ({ ...column, slot: nothing(column.slot) }));
  const mask = falseSlot(draft.streams[stream]!.slots);
  const anchor = draft.anchors.push({ name: `${set.name} (closed)`, stream, mask, slots }) - 1;
  return structuredClone({
    ...set,
    closed: true,
    anchor,
    id,
    idHash,
    features,
    labels,
  }) as Draft<ExamplePlan>;
}
