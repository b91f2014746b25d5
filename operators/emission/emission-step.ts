/**
 * One step of one anchor: everything that is due for it at one time, after the outcomes of that time are in. Labels due
 * together share a row. A label that is due twice at one time (`now` and a late positive, a wait that ends at the
 * deadline) has its second value in a second row.
 *
 * A label whose streams are silent is held: it goes out alone when they speak again, or as `unknown` after `hold`.
 */
import type { Plan } from '../../compiler/plan/plan.ts';
import type { Slab } from '../state/slab.ts';
import { LABEL_WORDS, RECORD_WORDS } from './emission-anchors.ts';
import {
  LABEL_CANCELLED,
  LABEL_CONFIRMED_NEGATIVE,
  LABEL_LATE_POSITIVE,
  LABEL_MATURED,
  LABEL_OBSERVED,
  LABEL_UNKNOWN,
} from './emission-batch.ts';
import { deadlines } from './emission-deadlines.ts';
import {
  AT_WAIT,
  CLOSED,
  CREDITED,
  DEADLINE_HELD,
  DEADLINE_PENDING,
  EVER,
  LATE,
  POSITIVE,
  SHARE_BIT,
  STANDS,
  WAIT_HELD,
  WAIT_PENDING,
} from './emission-flags.ts';
import type { EmissionRules } from './emission-rules.ts';

/** Later than anything that is due: a timer at it is not taken. */
export const NEVER = Number.MAX_VALUE;

export type Frontiers = {
  /** Every row with a step time below it is in; +infinity once every partition has ended. */
  readonly frontier: number;
  /**
   * How far event time has come: the frontier; less once every partition has ended where the last of them ended, and
   * the same from then on. What is held beyond it stays pending: the end of a file does not elapse waits.
   */
  readonly reached: number;
  /** How far a stream's labels are known (S15); +infinity where it ended for good. */
  readonly labelFrontier: (stream: number) => number;
};

export class EmissionStep {
  /** What the step emits, in order: label, value (1: positive, 2: none), kind, row (0 or 1) and share of each entry. */
  entries = 0;
  readonly label: Int32Array;
  readonly value: Uint8Array;
  readonly kind: Uint8Array;
  readonly row: Uint8Array;
  /** Millionths of a positive, and of the one that is taken back where one is cancelled. */
  readonly share: Int32Array;
  /** Of the followed labels, as of this step. */
  readonly deadlines: Float64Array;
  readonly #rules: EmissionRules;
  readonly #holdMs: readonly number[];
  readonly #streamFrontier: Float64Array;
  /** Nothing that is held beyond it goes out. */
  #holdsEnd = Number.POSITIVE_INFINITY;
  readonly #waitsFor: readonly number[];
  readonly #used: Uint8Array;
  // Of the step, and of the label it is at.
  #at = 0;
  #time = 0;
  #flags = 0;
  #isOne = false;

  constructor(plan: Plan, rules: EmissionRules) {
    const entries = rules.emitted * 3;
    this.label = new Int32Array(entries);
    this.value = new Uint8Array(entries);
    this.kind = new Uint8Array(entries);
    this.row = new Uint8Array(entries);
    this.share = new Int32Array(entries);
    this.deadlines = new Float64Array(rules.labels.length);
    this.#rules = rules;
    this.#holdMs = plan.streams.map((stream) => stream.holdMs);
    this.#streamFrontier = new Float64Array(plan.streams.length).fill(Number.NaN);
    this.#waitsFor = [...new Set(rules.labels.flatMap((label) => label.waitsFor))];
    this.#used = new Uint8Array(rules.emitted);
  }

  /** Takes the frontiers of a batch; true: a stream that was silent at `before` may speak again. */
  advance(frontiers: Frontiers, before: number): boolean {
    const { frontier, reached } = frontiers;
    this.#holdsEnd = reached < frontier ? reached : Number.POSITIVE_INFINITY;
    let woke = false;
    for (const stream of this.#waitsFor) {
      const now = frontiers.labelFrontier(stream);
      const was = this.#streamFrontier[stream];
      // NaN: the first batch of this run, what held labels were held by is not known.
      if (Number.isNaN(was) || (was < before && now > was)) woke = true;
      this.#streamFrontier[stream] = now;
    }
    return woke;
  }

  /** Runs the labels of `record` at time `at`; what is emitted is then in `entries`. */
  run(slab: Slab, record: number, at: number): void {
    this.entries = 0;
    this.#used.fill(0);
    this.#at = at;
    this.#time = slab.f64[record + 2];
    deadlines(this.#rules, slab, record, this.deadlines);
    for (let l = 0; l < this.#rules.emitted; l++) {
      const word = record + RECORD_WORDS + l * LABEL_WORDS;
      this.#flags = slab.i32[word * 2 + 1];
      this.#isOne = slab.i32[word * 2] > 0;
      this.#label(slab, word, l);
      if (this.#isOne) this.#flags |= STANDS;
      else this.#flags &= (1 << SHARE_BIT) - 1 - STANDS;
      slab.i32[word * 2 + 1] = this.#flags;
    }
  }

  /** Works out `deadlines` alone. */
  findDeadlines(slab: Slab, record: number): void {
    deadlines(this.#rules, slab, record, this.deadlines);
  }

  /** Whether the label's streams have passed `deadline`. */
  isComplete(l: number, deadline: number): boolean {
    for (const stream of this.#rules.labels[l].waitsFor) {
      if (this.#streamFrontier[stream] <= deadline) return false;
    }
    return true;
  }

  /**
   * Until when the label is held at `deadline`: as long as the most patient of its silent streams says, NEVER where
   * event time does not get there. The deadline itself where the label is complete.
   */
  heldUntil(l: number, deadline: number): number {
    let hold = -1;
    for (const stream of this.#rules.labels[l].waitsFor) {
      if (this.#streamFrontier[stream] <= deadline) hold = Math.max(hold, this.#holdMs[stream]);
    }
    if (hold < 0) return deadline;
    return deadline + hold < this.#holdsEnd ? deadline + hold : NEVER;
  }

  /** When the label's `everything` row is due: at its deadline, and not before its wait. */
  settledAt(l: number, time: number): number {
    return Math.max(this.deadlines[l], time + (this.#rules.labels[l].waitMs ?? 0));
  }

  #label(slab: Slab, word: number, l: number): void {
    const rule = this.#rules.labels[l];
    const isOne = this.#isOne;
    const rose = isOne && this.#has(CREDITED);
    this.#flags &= ~CREDITED;
    if (isOne) this.#flags |= EVER;
    if (this.#has(CLOSED)) return;
    const waits = this.#has(WAIT_PENDING);
    this.#wait(slab, word, l);
    // A `now` label that has just been emitted may be 1 at the same instant; others have said so in their first row.
    const mayRise = waits ? rule.isNow && isOne : rose;
    if (rule.emitsLate && mayRise && !this.#has(POSITIVE)) {
      this.#emit(l, 1, LABEL_LATE_POSITIVE);
      this.#flags |= POSITIVE | LATE;
    }
    if (this.#has(POSITIVE) && !isOne) {
      this.#emit(l, 0, LABEL_CANCELLED);
      this.#flags |= CLOSED;
      this.#flags &= ~(WAIT_HELD | DEADLINE_PENDING | DEADLINE_HELD);
      return;
    }
    this.#deadline(slab, word, l);
  }

  /** The emission at the wait, or when what held it is over. */
  #wait(slab: Slab, word: number, l: number): void {
    if (this.#has(WAIT_PENDING)) {
      const due = this.waitDue(l, this.#time);
      if (due > this.#at) return;
      this.#flags &= ~WAIT_PENDING;
      const { isNow } = this.#rules.labels[l];
      if (this.#isOne && !isNow) this.#flags |= AT_WAIT;
      if (isNow || this.isComplete(l, due)) {
        this.#observe(l);
        return;
      }
      slab.f64[word + 2] = due;
      this.#flags |= WAIT_HELD;
    } else if (this.#has(WAIT_HELD)) {
      const due = slab.f64[word + 2];
      const isComplete = this.isComplete(l, due);
      if (!isComplete && this.#at < this.heldUntil(l, due)) return;
      this.#flags &= ~WAIT_HELD;
      if (isComplete) this.#observe(l);
      else this.#emit(l, 2, LABEL_UNKNOWN);
    }
  }

  /** The value at the wait, 0 if it was taken back since. */
  #observe(l: number): void {
    const positive = this.#has(AT_WAIT) && this.#isOne;
    this.#emit(l, positive ? 1 : 0, LABEL_OBSERVED);
    if (positive) this.#flags |= POSITIVE;
  }

  /** `everything`: the emission at the deadline, or when what held it is over. */
  #deadline(slab: Slab, word: number, l: number): void {
    if (this.#has(DEADLINE_PENDING)) {
      const due = this.settledAt(l, this.#time);
      if (due > this.#at) return;
      this.#flags &= ~DEADLINE_PENDING;
      if (this.#has(LATE)) return;
      if (this.isComplete(l, due)) {
        this.#settle(l);
        return;
      }
      slab.f64[word + 3] = due;
      this.#flags |= DEADLINE_HELD;
    } else if (this.#has(DEADLINE_HELD)) {
      const due = slab.f64[word + 3];
      const isComplete = this.isComplete(l, due);
      if (!this.#has(LATE) && !isComplete && this.#at < this.heldUntil(l, due)) return;
      this.#flags &= ~DEADLINE_HELD;
      if (this.#has(LATE)) return;
      if (isComplete) this.#settle(l);
      else this.#emit(l, 2, LABEL_UNKNOWN);
    }
  }

  #settle(l: number): void {
    this.#emit(l, this.#isOne ? 1 : 0, this.#isOne ? LABEL_MATURED : LABEL_CONFIRMED_NEGATIVE);
    if (this.#isOne) this.#flags |= POSITIVE;
  }

  #has(flag: number): boolean {
    return (this.#flags & flag) !== 0;
  }

  /** When the first emission is due; a chained `wait horizon` may move later. */
  waitDue(l: number, time: number): number {
    const { waitMs } = this.#rules.labels[l];
    return waitMs === null ? this.deadlines[l] : time + waitMs;
  }

  #emit(l: number, value: number, kind: number): void {
    const entry = this.entries++;
    this.label[entry] = l;
    this.value[entry] = value;
    this.kind[entry] = kind;
    this.row[entry] = this.#used[l]++;
    const hasShare = value === 1 || kind === LABEL_CANCELLED;
    this.share[entry] = hasShare ? this.#flags >>> SHARE_BIT : 0;
  }
}
