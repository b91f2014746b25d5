/** The emission table of the design: what one label of one anchor emits, and when (S14, S15). */
import type { Policy } from '../../compiler/logical.ts';
import { type Ends, firstDue, type LabelCourse } from './label-course.ts';

export type Emitted = { readonly at: number; readonly value: 0 | 1 | null; readonly kind: string };

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
  const has = (value: 0 | 1, kind: string) =>
    emitted.some((each) => each.value === value && each.kind === kind);
  for (const at of [...new Set(times)].sort((a, b) => a - b)) {
    const isOne = course.isOne(at);
    const emit = (value: 0 | 1 | null, kind: string) => emitted.push({ at, value, kind });
    if (at === first.at) {
      if (first.held) emit(null, 'unknown');
      else emit(!isNow && isOne ? 1 : 0, 'observed');
    }
    const wasPositive = emitted.some(({ value }) => value === 1);
    const isAfterWait = isNow ? at >= wait : at > wait;
    if (isLate && isAfterWait && !wasPositive && isOne && course.isCredited(at)) {
      emit(1, 'late_positive');
    }
    if (emitted.some(({ value }) => value === 1) && !isOne) {
      emit(0, 'cancelled');
      break;
    }
    if (last !== null && at === last.at && !has(1, 'late_positive')) {
      if (last.held) emit(null, 'unknown');
      else emit(isOne ? 1 : 0, isOne ? 'matured' : 'confirmed_negative');
    }
  }
  const isClosed = emitted.at(-1)?.kind === 'cancelled';
  const lastPending = last !== null && last.at === null && !has(1, 'late_positive');
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
