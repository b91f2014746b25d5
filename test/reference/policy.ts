/** The emission table of the design: what one label of one anchor emits, and when (S14, S15). */
import type { Policy } from '../../compiler/check/logical.ts';
import { type Ends, firstDue, type LabelCourse } from './label-course.ts';

export type Emitted = {
  readonly at: number;
  readonly value: number | null;
  readonly kind: string;
  /** What is taken back of a label that is a fraction. */
  readonly was?: number;
};

export type PolicyCourse = {
  /** In order; of equal times the first goes to the first row of that time, the next to the next. */
  readonly emitted: readonly Emitted[];
  /** Whether something is due that this run does not come to. */
  readonly pending: boolean;
  /** When the wait ends, ms. */
  readonly wait: number;
};

/** Emissions of a label under a policy for an anchor at `t`. */
export function emissionsOf(
  policy: Policy,
  course: LabelCourse,
  t: number,
  ends: Ends,
): PolicyCourse {
  const isNow = policy.kind === 'now_then_late';
  const isLate = policy.kind !== 'wait' && policy.kind !== 'wait_horizon';
  const wait = waitOf(policy, course, t);
  const settled =
    policy.kind === 'wait_then_everything'
      ? firstDue((at) => Math.max(course.deadline(at), t + policy.waitMs))
      : null;
  const first = due(wait, isNow || course.isComplete(wait, ends), course, ends);
  const last =
    settled === null ? null : due(settled, course.isComplete(settled, ends), course, ends);
  const times = [first.at, last?.at ?? null, ...course.changes()].filter((at) => at !== null);
  const emitted: Emitted[] = [];
  const hasLate = () => emitted.some(({ kind }) => kind === 'late_positive');
  const isPositive = () => emitted.some(({ value }) => value !== null && value > 0);
  for (const at of [...new Set(times)].sort((a, b) => a - b)) {
    const isOne = course.isOne(at);
    const value = course.value(at);
    const emit = (value: number | null, kind: string) => emitted.push({ at, value, kind });
    if (at === first.at) {
      if (first.held) emit(null, 'unknown');
      else emit(isNow ? 0 : value, 'observed');
    }
    const wasPositive = isPositive();
    const isAfterWait = isNow ? at >= wait : at > wait;
    if (isLate && isAfterWait && !wasPositive && isOne && course.isCredited(at)) {
      emit(value, 'late_positive');
    }
    if (isPositive() && !isOne) {
      const was = emitted.findLast((each) => (each.value ?? 0) > 0)?.value ?? 0;
      emitted.push({ at, value: 0, kind: 'cancelled', ...(course.isFraction ? { was } : {}) });
      break;
    }
    if (last !== null && at === last.at && !hasLate()) {
      if (last.held) emit(null, 'unknown');
      else emit(value, isOne ? 'matured' : 'confirmed_negative');
    }
  }
  const isClosed = emitted.at(-1)?.kind === 'cancelled';
  const lastPending = last !== null && last.at === null && !hasLate();
  return { emitted, pending: !isClosed && (first.at === null || lastPending), wait };
}

/** When an emission goes out: when it is due, or when the hold is over; null: not in this run. */
function due(
  at: number,
  isComplete: boolean,
  course: LabelCourse,
  ends: Ends,
): { readonly at: number | null; readonly held: boolean } {
  return isComplete ? { at, held: false } : { at: course.heldUntil(at, ends), held: true };
}

function waitOf(policy: Policy, course: LabelCourse, t: number): number {
  switch (policy.kind) {
    case 'now_then_late':
      return t;
    case 'wait_horizon':
      return firstDue((at) => course.deadline(at));
    default:
      return t + policy.waitMs;
  }
}
