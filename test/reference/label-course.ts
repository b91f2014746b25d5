/** What became of one label of one anchor over time, and when it is settled (S13, S15). */
import type { LogicalLabel, LogicalProgram } from '../../compiler/check/logical.ts';
import type { Credit } from './attribution.ts';
import type { StreamEvent } from './events.ts';

/** How far time has come at the end of the run. */
export type Ends = {
  /** By stream: up to when its labels are known. */
  readonly labels: ReadonlyMap<string, number>;
  /** Of all streams. */
  readonly reached: number;
};

export class LabelCourse {
  readonly label: LogicalLabel;
  readonly #time: number;
  readonly #credits: readonly Credit[];
  readonly #parents: readonly { readonly course: LabelCourse; readonly withinMs: number }[];
  readonly #program: LogicalProgram;

  constructor(
    program: LogicalProgram,
    label: LogicalLabel,
    anchor: StreamEvent,
    credits: ReadonlyMap<string, readonly Credit[]>,
  ) {
    this.label = label;
    this.#program = program;
    this.#time = anchor.time;
    this.#credits = (credits.get(label.name) ?? []).filter((credit) => credit.anchor === anchor);
    this.#parents = label.routes.flatMap(({ of, withinMs }) => {
      const parent = program.labels.find(({ name }) => name === of);
      if (parent === undefined) return [];
      return [{ course: new LabelCourse(program, parent, anchor, credits), withinMs }];
    });
  }

  /** Whether its credit is divided. */
  get isFraction(): boolean {
    return ['linear', 'position', 'decay'].includes(this.label.credit.kind);
  }

  /** Times at which its value may change, ms. */
  changes(): number[] {
    return this.#credits.flatMap(({ event, cancelled }) =>
      cancelled === null ? [event.step] : [event.step, cancelled],
    );
  }

  /** Whether an event that was not taken back is applied at `at`. */
  isOne(at: number): boolean {
    return this.#credits.some(
      ({ event, cancelled }) => event.step <= at && !(cancelled !== null && cancelled <= at),
    );
  }

  /**
   * Its value at `at`: the share of the event that turned it positive (the greatest, if several did at once), for as long as any
   * of its events stands.
   */
  value(at: number): number {
    let share = 0;
    for (const x of [...new Set(this.changes())].sort((a, b) => a - b)) {
      if (x > at) break;
      const came = this.#credits.filter(({ event }) => event.step === x).map((c) => c.share);
      if (!this.isOne(x)) share = 0;
      else if (share === 0) share = Math.max(...came);
    }
    return share / 1_000_000;
  }

  /** Whether an event is credited exactly at `at`. */
  isCredited(at: number): boolean {
    return this.#credits.some(({ event }) => event.step === at);
  }

  /** Own time of the newest event that is credited by `at`; -infinity. */
  newest(at: number): number {
    const times = this.#credits.filter(({ event }) => event.step <= at).map((c) => c.event.time);
    return Math.max(Number.NEGATIVE_INFINITY, ...times);
  }

  /** The deadline as it is known at `at`, ms. */
  deadline(at: number): number {
    const roots = this.label.routes.filter(({ of }) => of === null);
    return Math.max(
      ...roots.map(({ withinMs }) => this.#time + withinMs),
      ...this.#parents.flatMap(({ course, withinMs }) => [
        course.deadline(at),
        course.newest(at) + withinMs,
      ]),
    );
  }

  /** Streams whose silence holds it. */
  waitsFor(): readonly string[] {
    const { stream, unless } = this.label;
    const own = unless === null ? [stream] : [stream, unless.stream];
    return [...own, ...this.#parents.flatMap(({ course }) => course.waitsFor())];
  }

  isComplete(due: number, ends: Ends): boolean {
    return this.#silent(due, ends).length === 0;
  }

  /** When it goes out as unknown, if it is held at `due`; null: not in this run. */
  heldUntil(due: number, ends: Ends): number | null {
    const holds = this.#silent(due, ends).map(
      (stream) => this.#program.streams.find(({ name }) => name === stream)?.holdMs ?? 0,
    );
    const until = due + Math.max(0, ...holds);
    return until < ends.reached ? until : null;
  }

  #silent(due: number, ends: Ends): readonly string[] {
    return this.waitsFor().filter(
      (stream) => (ends.labels.get(stream) ?? Number.NEGATIVE_INFINITY) <= due,
    );
  }
}

/** The first time x with due(x) <= x, where `due` only ever grows. */
export function firstDue(due: (at: number) => number): number {
  let at = due(Number.NEGATIVE_INFINITY);
  for (let next = due(at); next > at; next = due(at)) at = next;
  return at;
}
