/**
 * Whether a label still comes. When its stream dries up, every row says 0, and a trainer that believes that learns that nobody
 * clicks. Since a label's last positive the model's own predictions say how many positives were due; none of 15 has a chance
 * of e⁻¹⁵. Then the label is stale: nothing is learnt from it, nothing measured by it, until a positive comes.
 */
const DUE_MAX = 15;
/** A label is judged once so many positives were learnt from: before, its predictions mean little. */
const POSITIVES_MIN = 20;

export type FreshnessState = {
  positives: number;
  /** Positives that were due since the last one. */
  due: number;
  /** Labels left out, in all. */
  skipped: number;
  /** Emission time from which the label is stale, ms; null: it is fresh. */
  staleSince: number | null;
};

export class LabelFreshness {
  readonly states: readonly FreshnessState[];

  /** `states`: those of a snapshot, else one for each head. */
  constructor(heads: number, states?: readonly FreshnessState[]) {
    this.states =
      states ??
      Array.from({ length: heads }, () => ({ positives: 0, due: 0, skipped: 0, staleSince: null }));
  }

  /** Whether to learn from this label of a row. */
  heed(
    head: number,
    label: { readonly value: number; readonly score: number; readonly weight: number },
    emittedMs: number,
  ): boolean {
    const state = this.states[head]!;
    const { value, score, weight } = label;
    if (value > 0) {
      if (weight > 0) state.positives++;
      state.due = 0;
      state.staleSince = null;
      return true;
    }
    state.due += score * weight;
    if (state.positives < POSITIVES_MIN || state.due <= DUE_MAX) return true;
    state.staleSince ??= emittedMs;
    state.skipped++;
    return false;
  }
}
