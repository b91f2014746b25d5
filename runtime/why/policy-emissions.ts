/** The emission table of the policies: what a label says of an anchor, when, and what makes it say so. */
import type { PolicyPlan } from '../../compiler/plan/plan.ts';
import type { LabelCourse } from './label-course.ts';
import type { Reached } from './replay.ts';

/** What an emission goes back to. */
export type EmissionCause = 'at once' | 'wait' | 'deadline' | 'held' | 'event' | 'refund';

export type PolicyEmission = {
  readonly at: number;
  /** Null: unknown. */
  readonly value: number | null;
  readonly kind: string;
  readonly cause: EmissionCause;
  /** What a cancelled positive was. */
  readonly was: number | null;
};

export type PolicyCourse = {
  /** In order; of equal times the first goes to the first row of that time. */
  readonly emissions: readonly PolicyEmission[];
  /** What is due and does not come within these inputs, ms. */
  readonly pending: readonly { readonly due: number; readonly silent: readonly number[] }[];
  readonly deadline: number;
};

/** Of a label whose anchor is at `t`. */
export function policyEmissions(
  policy: PolicyPlan,
  course: LabelCourse,
  t: number,
  reached: Reached,
): PolicyCourse {
  const isNow = policy.kind === 'now_then_late';
  const isLate = policy.kind !== 'wait' && policy.kind !== 'wait_horizon';
  const wait = waitOf(policy, course, t);
  const settles = policy.kind === 'wait_then_everything';
  const first = isNow ? outAt(wait) : dueOf(wait, course, reached);
  const last = settles
    ? dueOf(
        firstDue((at) => Math.max(course.deadline(at), wait)),
        course,
        reached,
      )
    : null;
  const emissions: PolicyEmission[] = [];
  const emit = (at: number, value: number | null, kind: string, cause: EmissionCause) =>
    emissions.push({ at, value, kind, cause, was: null });
  const hasLate = () => emissions.some(({ kind }) => kind === 'late_positive');
  const positive = () => emissions.findLast(({ value }) => value !== null && value > 0);
  const times = [first.at, last?.at ?? null, ...course.changes()].filter((at) => at !== null);
  for (const at of [...new Set(times)].sort((a, b) => a - b)) {
    const isOne = course.isOne(at);
    const value = course.value(at);
    if (at === first.at && first.isHeld) emit(at, null, 'unknown', 'held');
    else if (at === first.at) emit(at, isNow ? 0 : value, 'observed', isNow ? 'at once' : 'wait');
    const isAfterWait = isNow ? at >= wait : at > wait;
    if (isLate && isAfterWait && positive() === undefined && isOne && course.isCredited(at)) {
      emit(at, value, 'late_positive', 'event');
    }
    const was = positive();
    if (was !== undefined && !isOne) {
      emissions.push({ at, value: 0, kind: 'cancelled', cause: 'refund', was: was.value });
      break;
    }
    if (last === null || at !== last.at || hasLate()) continue;
    if (last.isHeld) emit(at, null, 'unknown', 'held');
    else emit(at, value, isOne ? 'matured' : 'confirmed_negative', 'deadline');
  }
  const isClosed = emissions.at(-1)?.kind === 'cancelled';
  const dues = isClosed ? [] : [first, ...(last === null || hasLate() ? [] : [last])];
  return {
    emissions,
    pending: dues.flatMap(({ at, due, silent }) => (at === null ? [{ due, silent }] : [])),
    deadline: firstDue((at) => course.deadline(at)),
  };
}

/** `at` null: not within these inputs. */
type Due = {
  readonly at: number | null;
  readonly due: number;
  readonly isHeld: boolean;
  readonly silent: readonly number[];
};

function outAt(due: number): Due {
  return { at: due, due, isHeld: false, silent: [] };
}

/** When it is due, or when the hold is over. */
function dueOf(due: number, course: LabelCourse, reached: Reached): Due {
  const silent = course.silent(due, reached);
  if (silent.length === 0) return outAt(due);
  return { at: course.heldUntil(due, reached), due, isHeld: true, silent };
}

function waitOf(policy: PolicyPlan, course: LabelCourse, t: number): number {
  switch (policy.kind) {
    case 'now_then_late':
      return t;
    case 'wait_horizon':
      return firstDue((at) => course.deadline(at));
    default:
      return t + policy.waitMs;
  }
}

/** The first time that is not before what is due as known then; `due` only ever grows. */
function firstDue(due: (at: number) => number): number {
  let at = due(Number.NEGATIVE_INFINITY);
  for (let next = due(at); next > at; next = due(at)) at = next;
  return at;
}
