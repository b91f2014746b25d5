/**
 * What became of one label of one anchor over time, worked out from the events that were credited to it: its value at any
 * time, its deadline as it was known at any time, and how long silence holds it.
 */
import type { LabelPlan, Plan } from '../../compiler/plan/plan.ts';
import { WHOLE_CREDIT } from '../../dsl/credit.ts';
import type { Reached } from './replay.ts';

/** An event credited to the anchor. Times in ms, the share in millionths. */
export type CourseCredit = {
  readonly time: number;
  readonly step: number;
  readonly share: number;
  /** When a refund took it back. */
  readonly takenBack: number | null;
};

export class LabelCourse {
  readonly #plan: Plan;
  readonly #label: LabelPlan;
  readonly #time: number;
  readonly #credits: readonly CourseCredit[];
  readonly #parents: readonly { readonly course: LabelCourse; readonly withinMs: number }[];

  /** `credits`: by label, of it and of those it is chained to. */
  constructor(
    plan: Plan,
    label: number,
    anchorTime: number,
    credits: ReadonlyMap<number, readonly CourseCredit[]>,
  ) {
    this.#plan = plan;
    this.#label = plan.labels[label];
    this.#time = anchorTime;
    this.#credits = credits.get(label) ?? [];
    this.#parents = this.#label.routes.flatMap(({ of, withinMs }) =>
      of === null ? [] : [{ course: new LabelCourse(plan, of, anchorTime, credits), withinMs }],
    );
  }

  /** Times at which its value may change. */
  changes(): number[] {
    return this.#credits.flatMap(({ step, takenBack }) =>
      takenBack === null ? [step] : [step, takenBack],
    );
  }

  /** Whether a credit stands at `at`. */
  isOne(at: number): boolean {
    return this.#credits.some(
      ({ step, takenBack }) => step <= at && !(takenBack !== null && takenBack <= at),
    );
  }

  /** Its value at `at`: the share of the event that turned it positive, while any of its events stands. */
  value(at: number): number {
    let share = 0;
    for (const time of [...new Set(this.changes())].sort((a, b) => a - b)) {
      if (time > at) break;
      const came = this.#credits.filter(({ step }) => step === time).map((each) => each.share);
      if (!this.isOne(time)) share = 0;
      else if (share === 0) share = Math.max(...came);
    }
    return share / WHOLE_CREDIT;
  }

  isCredited(at: number): boolean {
    return this.#credits.some(({ step }) => step === at);
  }

  /** The deadline as it is known at `at`: a chained horizon runs from the parent's newest event. */
  deadline(at: number): number {
    const roots = this.#label.routes.filter(({ of }) => of === null);
    return Math.max(
      ...roots.map(({ withinMs }) => this.#time + withinMs),
      ...this.#parents.flatMap(({ course, withinMs }) => [
        course.deadline(at),
        course.#newest(at) + withinMs,
      ]),
    );
  }

  /** Streams that had not come so far when the inputs ended. */
  silent(due: number, { streams }: Reached): readonly number[] {
    return this.#label.waitsFor.filter((stream) => streams[stream] <= due);
  }

  /** When it goes out as unknown, if it is held at `due`; null: not in this run. */
  heldUntil(due: number, reached: Reached): number | null {
    const holds = this.silent(due, reached).map((stream) => this.#plan.streams[stream].holdMs);
    const until = due + Math.max(0, ...holds);
    return until < reached.all ? until : null;
  }

  /** Own time of the newest event credited by `at`. */
  #newest(at: number): number {
    const times = this.#credits.filter(({ step }) => step <= at).map(({ time }) => time);
    return Math.max(Number.NEGATIVE_INFINITY, ...times);
  }
}
