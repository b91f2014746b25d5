import type { EmittedLabel } from '../example-row.ts';

/**
 * How a label's delay is corrected for:
 *
 * - `waits`: every emitted value counts 1. Right where the wait covers the horizon.
 * - `fake_negative`: for `… then late positives`. A negative may still turn, so it weighs 1 - f,
 *   a positive 1, where f is the model's own prediction, held fixed (Ktena et al., "Addressing
 *   delayed feedback for continuous training with neural networks in CTR prediction", 2019).
 *   Where a share f turns in the end, f·1·(1 - p) and (1 - f)·p balance at p = f. With a wait w
 *   that already shows most positives the negatives are weighed too low by a factor of about
 *   1 - (positives seen by w), which for rare labels is nothing.
 */
export type Correction = 'waits' | 'fake_negative';

/** What a row does to one label's model and metrics. */
export type LabelStep = {
  readonly value: 0 | 1;
  /**
   * Times 1 / sample rate. Negative: the positive that was learnt from is taken back, which
   * leaves the anchor's earlier negative row (or nothing), as if it had never turned.
   */
  readonly weight: number;
};

/** The step for an emitted label, given the model's score; null where there is none to take. */
export function labelStep(
  label: EmittedLabel,
  score: number,
  correction: Correction,
): LabelStep | null {
  if (label.value === null) return null;
  switch (label.kind) {
    case 'observed':
    case 'late_positive':
      return stepOf(label.value, score, correction);
    case 'matured':
    case 'confirmed_negative':
      // Final values: nothing is left to correct for.
      return stepOf(label.value, score, 'waits');
    case 'cancelled':
      return { value: 1, weight: -1 };
    default:
      return null;
  }
}

function stepOf(value: number, score: number, correction: Correction): LabelStep {
  if (value === 1) return { value: 1, weight: 1 };
  return { value: 0, weight: correction === 'fake_negative' ? 1 - score : 1 };
}
