/**
 * Which values travel with an attribution. An accepted event's label stream may read fields of the anchor, and so may
 * the labels chained to it; they are copied from the anchor when it enters the first ring and handed on from ring to
 * ring, since the anchor itself may be long gone by then.
 */
import type { LabelPlan, Plan } from '../../compiler/plan/plan.ts';
import type { Physical } from '../../dsl/types.ts';

export type Carry = {
  /** Slots of the anchor's stream that rows of this label carry. */
  readonly anchorSlots: readonly number[];
  readonly anchorPhysical: readonly Physical[];
  /** By route: the parent label; null: the anchor. */
  readonly parents: readonly (number | null)[];
  /** By route: the slots of the parent's label stream that the label's own stream reads. */
  readonly parentSlots: readonly (readonly number[])[];
  readonly parentPhysical: readonly (readonly Physical[])[];
};

/** For each label of the plan, by itself. */
export function carries(plan: Plan): Carry[] {
  return carriesOf(plan, (label) => [label]);
}

/** For each label of the plan what all that share its rings carry together. */
export function sharedCarries(plan: Plan): Carry[] {
  return carriesOf(plan, ({ rings }) => plan.labels.filter((other) => other.rings === rings));
}

function carriesOf(plan: Plan, sharing: (label: LabelPlan) => readonly LabelPlan[]): Carry[] {
  const slots = plan.labels.map(
    (label) => new Set(sharing(label).flatMap((each) => ownAnchorSlots(plan, each))),
  );
  // Children come after their parents: walking back hands each child's needs on to its parents.
  for (let l = plan.labels.length - 1; l >= 0; l--) {
    for (const route of plan.labels[l].routes) {
      if (route.of === null) continue;
      for (const parent of sharing(plan.labels[route.of])) {
        for (const slot of slots[l]) slots[plan.labels.indexOf(parent)].add(slot);
      }
    }
  }
  return plan.labels.map((label, l) => {
    const anchorSlots = label.kept?.anchorSlots ?? [...slots[l]].sort((a, b) => a - b);
    const parentSlots =
      label.kept?.parentSlots ??
      label.routes.map((route) => ownParentSlots(plan, sharing(label), route.of));
    return {
      anchorSlots,
      anchorPhysical: anchorSlots.map(
        (slot) => plan.streams[label.anchor.stream].slots[slot].physical,
      ),
      parents: label.routes.map((route) => route.of),
      parentSlots,
      parentPhysical: label.routes.map((route, r) =>
        parentSlots[r].map((slot) => parentStream(plan, route.of).slots[slot].physical),
      ),
    };
  });
}

function ownAnchorSlots(plan: Plan, label: LabelPlan): number[] {
  if (label.labelStream < 0) return [];
  return plan.streams[label.labelStream].slots.flatMap(({ op }) =>
    op.kind === 'anchor' ? [op.slot] : [],
  );
}

function ownParentSlots(plan: Plan, labels: readonly LabelPlan[], parent: number | null): number[] {
  const slots = labels.flatMap(({ labelStream }) => {
    if (parent === null || labelStream < 0) return [];
    return plan.streams[labelStream].slots.flatMap(({ op }) =>
      op.kind === 'parent' && op.label === parent ? [op.slot] : [],
    );
  });
  return [...new Set(slots)].sort((a, b) => a - b);
}

function parentStream(plan: Plan, parent: number | null) {
  return plan.streams[plan.labels[parent ?? 0].labelStream];
}
