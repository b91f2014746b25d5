/**
 * Example sets of a new plan over those of an old one. A set that says the same goes on. Where anything changed, the set
 * switches at an anchor's time: anchors before it keep the set they froze under, which is *closed* and emits what they wait
 * for with its own columns; anchors from it on go to a set of the next generation, `ads_ctr.2`.
 */
import type { ExamplePlan, Plan } from '../../compiler/plan/plan.ts';
import { sameLabel } from './copy-labels.ts';
import type { Draft, PlanDraft } from './draft.ts';
import { Meaning } from './meaning.ts';
import { falseSlot, nullSlot } from './quiet-slots.ts';

/** Sets of the old plan that go on under their name, and those that take no anchors any more. */
export type SetsKept = {
  readonly going: ReadonlySet<ExamplePlan>;
  readonly closing: readonly ExamplePlan[];
};

/** `now`: as compiled. */
export function setsKept(old: Plan, now: Plan): SetsKept {
  const [before, after] = [new Meaning(old), new Meaning(now)];
  const going = old.examples.filter((was) => {
    const set = now.examples.find(({ name }) => name === nameOf(was));
    return set !== undefined && !was.closed && says(old, was, before) === says(now, set, after);
  });
  return { going: new Set(going), closing: old.examples.filter((set) => !going.includes(set)) };
}

/** Rewrites the example sets of `draft`, whose labels are in place. */
export function keepSets(old: Plan, draft: PlanDraft, { going, closing }: SetsKept): void {
  const { generation } = draft.takenOver!;
  const renamed = new Map<string, string>();
  for (const set of draft.examples) {
    const earlier = old.examples.filter((each) => nameOf(each) === set.name);
    // A set of the same name as one before has files and state of its own.
    const other = earlier.length === 0 ? set.name : `${set.name}.${generation}`;
    const name = earlier.find((each) => going.has(each))?.name ?? other;
    renamed.set(set.name, name);
    if (name !== set.name) Object.assign(set, { name, set: set.name });
  }
  for (const model of draft.models ?? []) model.from = renamed.get(model.from) ?? model.from;
  for (const set of closing) {
    const labels = set.labels.map((label) => ({
      ...label,
      label: sameLabel(draft, old.labels[label.label]!),
    }));
    draft.examples.push(closedSet(old, draft, set, labels));
  }
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
