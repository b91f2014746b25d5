/**
 * `check freshness <= 1h`: at no time is a set's newest example older than that. Measured in emission time, so that a rerun
 * says the same; it raises an alarm and keeps nothing back, since there is nothing to keep.
 */
import type { ExamplePlan } from '../../compiler/plan/plan.ts';
import type { Slab } from '../state/slab.ts';

/** How often the newest example was too old, and the longest such time: from one example's emission to the next's, ms. */
export type Staleness = {
  readonly maxMs: number;
  readonly times: number;
  readonly from: number;
  readonly to: number;
};

/** Root words, from the one given: newest emission (0: none), times, start and end of the worst. */
const TIMES = 1;
const FROM = 2;
const TO = 3;
/** How many words those are. */
export const FRESHNESS_WORDS = 4;

export class Freshness {
  readonly #slab: Slab;
  readonly #root: number;
  /** Null: not asked for. */
  readonly #maxMs: number | null;

  constructor(plan: ExamplePlan, slab: Slab, root: number) {
    const bounds = plan.checks.flatMap((check) =>
      check.kind === 'freshness' ? [check.maxMs] : [],
    );
    this.#slab = slab;
    this.#root = root;
    this.#maxMs = bounds.length === 0 ? null : Math.min(...bounds);
  }

  get worst(): Staleness | null {
    const { f64 } = this.#slab;
    const times = f64[this.#root + TIMES];
    if (this.#maxMs === null || times === 0) return null;
    return { maxMs: this.#maxMs, times, from: f64[this.#root + FROM], to: f64[this.#root + TO] };
  }

  /** The next example, emitted at `emitted`. */
  see(emitted: number): void {
    if (this.#maxMs === null) return;
    const { f64, dirty } = this.#slab;
    const root = this.#root;
    const before = f64[root];
    f64[root] = emitted;
    dirty[0] = 1;
    if (before === 0 || emitted - before <= this.#maxMs) return;
    f64[root + TIMES]++;
    if (emitted - before <= f64[root + TO] - f64[root + FROM]) return;
    f64[root + FROM] = before;
    f64[root + TO] = emitted;
  }
}
