/**
 * What the emissions of one example set follow, as numbers: its labels, then the labels those are chained to, which are
 * not emitted but whose accepted events move deadlines.
 */
import type { ExamplePlan, LabelPlan, Plan, PolicyPlan } from '../../compiler/plan/plan.ts';
import { dividesCredit } from '../../dsl/credit.ts';
import { LANES_MAX } from './timer-queue.ts';

export type TrackedLabel = {
  /** Index of plan.labels. */
  readonly label: number;
  /** Null: followed for its accepted events only. */
  readonly policy: PolicyPlan | null;
  /** `wait w`: w; `now`: 0; `wait horizon`: null. */
  readonly waitMs: number | null;
  readonly isNow: boolean;
  /** `then late positives` and `then everything`. */
  readonly emitsLate: boolean;
  /** `then everything`. */
  readonly emitsAtDeadline: boolean;
  /** The longest route from the anchor itself; null: none. */
  readonly horizonMs: number | null;
  /** Routes from a parent's accepted events. */
  readonly parents: readonly { readonly tracked: number; readonly withinMs: number }[];
  /** Null: credits are never taken back. */
  readonly unlessMs: number | null;
  /** How long after its deadline an event may still be applied. */
  readonly graceMs: number;
  readonly waitsFor: readonly number[];
  /** Whether its value is a fraction. */
  readonly divides: boolean;
};

export type EmissionRules = {
  /** The set's labels in their order, then those that are only followed. */
  readonly labels: readonly TrackedLabel[];
  readonly emitted: number;
  /** Indexes of `labels`, parents first. */
  readonly order: readonly number[];
  /** Constants from an anchor's time to its usual timers, ms; one lane of the timer queue each. */
  readonly offsetsMs: readonly number[];
};

export function emissionRules(plan: Plan, example: ExamplePlan): EmissionRules {
  const followed = followedLabels(plan, example);
  const index = (label: number) => followed.findIndex((entry) => entry.label === label);
  const labels = followed.map(({ label, policy }) => {
    const of = plan.labels[label];
    const roots = of.routes.filter((route) => route.of === null);
    return {
      label,
      policy,
      waitMs: waitOf(policy),
      isNow: policy?.kind === 'now_then_late',
      emitsLate: policy !== null && policy.kind !== 'wait' && policy.kind !== 'wait_horizon',
      emitsAtDeadline: policy?.kind === 'wait_then_everything',
      horizonMs: roots.length === 0 ? null : Math.max(...roots.map((route) => route.withinMs)),
      parents: of.routes.flatMap((route) =>
        route.of === null ? [] : [{ tracked: index(route.of), withinMs: route.withinMs }],
      ),
      unlessMs: of.unless?.withinMs ?? null,
      graceMs: graceOf(plan, of),
      waitsFor: of.waitsFor,
      divides: dividesCredit(of.credit),
    };
  });
  // The plan lists parents before their children.
  const order = labels.map((_, i) => i).sort((a, b) => labels[a].label - labels[b].label);
  return {
    labels,
    emitted: example.labels.length,
    order,
    offsetsMs: offsets(labels, order, example.labels.length),
  };
}

function followedLabels(
  plan: Plan,
  example: ExamplePlan,
): { label: number; policy: PolicyPlan | null }[] {
  const followed: { label: number; policy: PolicyPlan | null }[] = example.labels.map(
    ({ label, policy }) => ({ label, policy }),
  );
  for (let i = 0; i < followed.length; i++) {
    for (const { of } of plan.labels[followed[i].label].routes) {
      if (of !== null && !followed.some((entry) => entry.label === of)) {
        followed.push({ label: of, policy: null });
      }
    }
  }
  return followed;
}

/** A parent that is applied late moves its children's deadlines as late. */
function graceOf(plan: Plan, label: LabelPlan): number {
  return Math.max(
    label.graceMs,
    ...label.routes.map((route) => (route.of === null ? 0 : graceOf(plan, plan.labels[route.of]))),
  );
}

function waitOf(policy: PolicyPlan | null): number | null {
  switch (policy?.kind) {
    case 'wait':
    case 'wait_then_late':
    case 'wait_then_everything':
      return policy.waitMs;
    case 'now_then_late':
      return 0;
    default:
      return null;
  }
}

function offsets(
  labels: readonly TrackedLabel[],
  order: readonly number[],
  emitted: number,
): number[] {
  const deadline: number[] = [];
  for (const l of order) {
    const { horizonMs, parents } = labels[l];
    deadline[l] = Math.max(horizonMs ?? 0, ...parents.map(({ tracked }) => deadline[tracked]));
  }
  const all = new Set<number>();
  labels.slice(0, emitted).forEach((label, l) => {
    all.add(label.waitMs ?? deadline[l]);
    if (label.emitsAtDeadline) all.add(deadline[l]);
    if (label.emitsLate) all.add(deadline[l] + label.graceMs);
  });
  return [...all].sort((a, b) => a - b).slice(0, LANES_MAX);
}
