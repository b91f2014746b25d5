import type { EmittedLabel } from '../example-row.ts';

/**
 * How the delay of a label is corrected for. Below, p is the true rate given the features, f the model's own prediction
 * (held fixed), p_dp = P(positive, but not yet at the wait), s = P(not yet at the wait | positive). Each gives the
 * weights (of a positive, of a negative), times 1 / sample rate; each but `none` and `fnc` has f = p as its fixed point.
 *
 * - `none` (1, 1): for waits that cover the horizon.
 * - `fake_negative` (1, 1 - f): for `now then late positives`, where every anchor is a negative first. Positives come at
 *   rate p, negatives at 1: p·(1 - f) = f·(1 - f) balances at f = p.
 * - `fnw` (1 + f, (1 - f)·(1 + f)): the same as published, the fake-negative weighted loss of Ktena et al., "Addressing
 *   Delayed Feedback for Continuous Training with Neural Networks in CTR prediction" (RecSys 2019), by importance
 *   weights p/b, b = p / (1 + p) the rate seen. It also weighs x by 1 + f.
 * - `fnc` (1, 1), and the prediction is b / (1 - b): fake-negative calibration, same paper. See `servedScore`.
 * - `late_share` (1, (1 - f) / (1 - f + f·s)): for `wait w then late positives`: the share of real negatives
 *   among those seen at the wait, p_rn = (1 - p) / (1 - p + p_dp), with p_dp = f·s. The head s learns from the positives
 *   themselves, so it needs no audit and does not age while rates drift.
 * - `elapsed` (1, (1 - f) / (1 - f + p_dp)): the same with p_dp learnt from audit rows, clipped to f.
 * - `es_dfm` (1 + p_dp, (1 + p_dp)·p_rn): as published, both heads learnt from labels that are final: Yang et al.,
 *   "Capturing Delayed Feedback in Conversion Rate Prediction via Elapsed-Time Sampling" (AAAI 2021), importance weights
 *   of the elapsed-time sampling distribution, where x appears 1 + p_dp times.
 * - `late_share_again` (1 / (1 - s/2), (1 - f) / (1 - f + f·s/2)): for `wait w then everything`: `defer` with p_dp = f·s.
 * - `defer` (f / (f - p_dp/2), (1 - f) / (1 - f + p_dp/2)), p_dp from audit rows, clipped to f: Gu et al., "Real Negatives
 *   Matter: Continuous Training with Real Negatives for Delayed Feedback Modeling" (KDD 2021). Every anchor appears
 *   twice, so the rate seen is p - p_dp/2 and x keeps its distribution: the published form is the design's own.
 */
export type Weighting =
  | 'none'
  | 'fake_negative'
  | 'fnw'
  | 'fnc'
  | 'late_share'
  | 'elapsed'
  | 'es_dfm'
  | 'late_share_again'
  | 'defer';

/**
 * What a weighting must know beside f, each predicted by a model of its own:
 *
 * - `late_share`: s, learnt from rows: a late positive is 1, a positive seen at the wait 0;
 * - `delayed_positive`: p_dp, learnt from audit rows: final 1 and 0 at the wait;
 * - `real_negative`: p_rn, learnt from audit rows that were 0 at the wait: final 0.
 */
export type Head = 'late_share' | 'delayed_positive' | 'real_negative';

/** The heads that each weighting reads. */
export const headsOf: Readonly<Record<Weighting, readonly Head[]>> = {
  none: [],
  fake_negative: [],
  fnw: [],
  fnc: [],
  late_share: ['late_share'],
  elapsed: ['delayed_positive'],
  es_dfm: ['delayed_positive', 'real_negative'],
  late_share_again: ['late_share'],
  defer: ['delayed_positive'],
};

/** What a head predicts for a row before it has learnt enough: nothing is late, and all weights are 1. */
export const headUnlearnt: Readonly<Record<Head, number>> = {
  late_share: 0,
  delayed_positive: 0,
  real_negative: 1,
};

/** What a row teaches a head: 0 or 1; null: nothing. `isAudit`: the row is an audited anchor's last. */
export function headTarget(head: Head, label: EmittedLabel, isAudit: boolean): 0 | 1 | null {
  if (head === 'late_share') {
    if (isAudit || label.value !== 1) return null;
    if (label.kind === 'late_positive') return 1;
    return label.kind === 'observed' ? 0 : null;
  }
  if (!isAudit || label.value === null) return null;
  const wasPositive = label.atWait === 1;
  if (head === 'delayed_positive') return label.value === 1 && !wasPositive ? 1 : 0;
  if (wasPositive) return null;
  return label.value === 0 ? 1 : 0;
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
    case 'fnc':
      return { positive: 1, negative: 1 };
    case 'fake_negative':
      return { positive: 1, negative: 1 - f };
    case 'fnw':
      return { positive: 1 + f, negative: (1 - f) * (1 + f) };
    case 'late_share':
      return { positive: 1, negative: realNegative(f, f * first) };
    case 'elapsed':
      return { positive: 1, negative: realNegative(f, Math.min(first, f)) };
    case 'es_dfm':
      return { positive: 1 + first, negative: (1 + first) * second };
    case 'late_share_again':
      return { positive: 1 / (1 - first / 2), negative: realNegative(f, (f * first) / 2) };
    case 'defer':
      return everythingAgain(f, Math.min(first, f));
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
  /**
   * Times 1 / sample rate. Negative: the positive that was learnt from is taken back, which
   * leaves the anchor's earlier negative row (or nothing), as if it had never turned.
   */
  readonly weight: number;
};

/** The step for an emitted label; null where there is none to take (unknown, absent). */
export function labelStep(label: EmittedLabel, weights: LabelWeights): LabelStep | null {
  if (label.value === null) return null;
  switch (label.kind) {
    case 'observed':
    case 'late_positive':
    case 'matured':
    case 'confirmed_negative':
      return label.value === 1
        ? { value: 1, weight: weights.positive }
        : { value: 0, weight: weights.negative };
    case 'cancelled':
      return { value: 1, weight: -weights.positive };
    default:
      return null;
  }
}

function realNegative(f: number, delayed: number): number {
  return (1 - f) / (1 - f + delayed);
}

function everythingAgain(f: number, delayed: number): LabelWeights {
  return { positive: f / (f - delayed / 2), negative: realNegative(f, delayed / 2) };
}
