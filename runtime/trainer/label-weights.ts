import type { EmittedLabel } from '../block/example-row.ts';

/**
 * How the delay of a label is corrected for. Below, p is the true rate given the features, f the model's own prediction
 * (held fixed), p_dp = P(positive, but not yet at the wait), p_rn = (1 - p) / (1 - p + p_dp) the share of real negatives among
 * those seen at the wait. Each gives the weights (of a positive, of a negative), times 1 / sample rate; each but `none`
 * and `fnc` has f = p as its fixed point.
 *
 * - `none` (1, 1): for waits that cover the horizon.
 * - `take_back` (1, 1), and a late positive also takes its earlier negative back: a negative of weight -1 (`labelSteps`).
 *   Slopes f for the negative and then (f - 1) - f for the late positive add up to f - 1, so the sums are those of the final
 *   labels whatever the model is; nothing is estimated. A refund, too, leaves a negative.
 * - `take_back_again`: the same for `wait w then everything`: the rows at the deadline, and a late positive once more, are a
 *   second pass over the final labels.
 * - `fake_negative` (1, 1 - f): for `now then late positives`, where every anchor is a negative first. Positives come at
 *   rate p, negatives at 1: p·(1 - f) = f·(1 - f) balances at f = p.
 * - `fnw` (1 + f, (1 - f)·(1 + f)): the same as published, the fake-negative weighted loss of Ktena et al., "Addressing
 *   Delayed Feedback for Continuous Training with Neural Networks in CTR prediction" (RecSys 2019), by importance
 *   weights p/b, b = p / (1 + p) the rate seen. It also weighs x by 1 + f.
 * - `fnc` (1, 1), and the prediction is b / (1 - b): fake-negative calibration, same paper. See `servedScore`.
 * - `elapsed` (1, (1 - f) / (1 - f + p_dp)): for `wait w then late positives`, p_dp learnt from audit rows, clipped to f.
 * - `es_dfm` (1 + p_dp, (1 + p_dp)·p_rn): as published, both heads learnt from labels that are final: Yang et al.,
 *   "Capturing Delayed Feedback in Conversion Rate Prediction via Elapsed-Time Sampling" (AAAI 2021), importance weights
 *   of the elapsed-time sampling distribution, where x appears 1 + p_dp times.
 * - `defer` (f / (f - p_dp/2), (1 - f) / (1 - f + p_dp/2)): for `wait w then everything`, p_dp from audit rows, clipped to f:
 *   Gu et al., "Real Negatives Matter: Continuous Training with Real Negatives for Delayed Feedback Modeling" (KDD 2021).
 *   Every anchor appears twice, so the rate seen is p - p_dp/2 and x keeps its distribution: the published form is
 *   the design's own.
 */
export type Weighting =
  | 'none'
  | 'take_back'
  | 'take_back_again'
  | 'fake_negative'
  | 'fnw'
  | 'fnc'
  | 'elapsed'
  | 'es_dfm'
  | 'defer';

/**
 * What a weighting must know beside f, each predicted by a model of its own that learns from audit rows:
 *
 * - `delayed_positive`: p_dp: final 1 and 0 at the wait;
 * - `real_negative`: p_rn: final 0, among those that were 0 at the wait.
 */
export type Head = 'delayed_positive' | 'real_negative';

/** The heads that each weighting reads. */
export const headsOf: Readonly<Record<Weighting, readonly Head[]>> = {
  none: [],
  take_back: [],
  take_back_again: [],
  fake_negative: [],
  fnw: [],
  fnc: [],
  elapsed: ['delayed_positive'],
  es_dfm: ['delayed_positive', 'real_negative'],
  defer: ['delayed_positive'],
};

/** What a head predicts for a row before it has learnt enough: nothing is late, and all weights are 1. */
export const headUnlearnt: Readonly<Record<Head, number>> = {
  delayed_positive: 0,
  real_negative: 1,
};

/** What an audit row teaches a head: from 0 to 1; null: nothing. */
export function headTarget(head: Head, label: EmittedLabel): number | null {
  if (label.value === null) return null;
  const wasPositive = label.atWait === 1;
  if (head === 'delayed_positive') return wasPositive ? 0 : label.value;
  if (wasPositive) return null;
  return 1 - label.value;
}

/** Stop-gradient weights of a row by its value. */
export type LabelWeights = { readonly positive: number; readonly negative: number };

/** The weights for prediction `f` (`servedScore`'s) and the heads' predictions, in the order of `headsOf`. */
export function labelWeights(
  weighting: Weighting,
  f: number,
  heads: readonly number[],
): LabelWeights {
  const [first = 0, second = 1] = heads;
  switch (weighting) {
    case 'none':
    case 'take_back':
    case 'take_back_again':
    case 'fnc':
      return { positive: 1, negative: 1 };
    case 'fake_negative':
      return { positive: 1, negative: 1 - f };
    case 'fnw':
      return { positive: 1 + f, negative: (1 - f) * (1 + f) };
    case 'elapsed':
      return { positive: 1, negative: (1 - f) / (1 - f + Math.min(first, f)) };
    case 'es_dfm':
      return { positive: 1 + first, negative: (1 + first) * second };
    case 'defer': {
      const half = Math.min(first, f) / 2;
      return { positive: f / (f - half), negative: (1 - f) / (1 - f + half) };
    }
  }
}

/** What the model promises for its raw output `b`: `fnc` undoes the fake negatives here, all others are trained to. */
export function servedScore(weighting: Weighting, b: number): number {
  return weighting === 'fnc' ? Math.min(b / (1 - b), SERVED_MAX) : b;
}

/** A rate seen of one half or more has no true rate: it is served as (nearly) certain. */
const SERVED_MAX = 1 - 1e-9;

/** What a row does to one label's model and metrics. */
export type LabelStep = {
  readonly value: 0 | 1;
  /** Times 1 / sample rate. Negative: what was learnt from an earlier row of the anchor is taken back. */
  readonly weight: number;
};

/**
 * The steps for an emitted label, in order; none where there is nothing to learn (unknown, absent). A label of value v between 0
 * and 1 is a positive of weight v and a negative of weight 1 - v: the log loss with target v, and every weighting as above.
 */
export function labelSteps(
  label: EmittedLabel,
  weighting: Weighting,
  weights: LabelWeights,
): readonly LabelStep[] {
  const again = weighting === 'take_back_again';
  const takesBack = again || weighting === 'take_back';
  if (label.value === null) return [];
  const learnt = parts(label.value, weights);
  switch (label.kind) {
    case 'observed':
    case 'matured':
    case 'confirmed_negative':
      return learnt;
    case 'late_positive':
      if (!takesBack) return learnt;
      return [
        { value: 1, weight: label.value * (again ? 2 : 1) },
        { value: 0, weight: (1 - label.value) * (again ? 2 : 1) - 1 },
      ];
    case 'cancelled': {
      const back = parts(label.was ?? 1, weights).map((step) => ({
        ...step,
        weight: -step.weight,
      }));
      return takesBack ? [...back, { value: 0, weight: 1 }] : back;
    }
    default:
      return [];
  }
}

/** A label's positive and its negative part; the part that is nothing is left out. */
function parts(value: number, weights: LabelWeights): readonly LabelStep[] {
  const positive: LabelStep = { value: 1, weight: value * weights.positive };
  const negative: LabelStep = { value: 0, weight: (1 - value) * weights.negative };
  if (value === 1) return [positive];
  return value === 0 ? [negative] : [positive, negative];
}
