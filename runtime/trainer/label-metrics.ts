import { type Decile, ScoreBins } from './score-bins.ts';

/** Scores are kept this far from 0 and 1, so that one row cannot cost an infinite loss. */
const SCORE_MARGIN = 1e-12;

/** How good the scores of one label were; all sums are weighted. */
export type MetricValues = {
  readonly rows: number;
  readonly weight: number;
  /** Σ weight × label and Σ weight × score. */
  readonly observed: number;
  readonly expected: number;
  /** Mean log loss in nats; null without rows. */
  readonly logLoss: number | null;
  /**
   * Log loss over the entropy of the average rate (He et al., "Practical Lessons from Predicting
   * Clicks on Ads at Facebook", ADKDD 2014); null while all labels are the same.
   */
  readonly normalisedEntropy: number | null;
  readonly auc: number | null;
  /** Average precision; null without positives. */
  readonly prAuc: number | null;
  /** observed / expected: below 1 the model promises too much; null without rows. */
  readonly calibration: number | null;
  readonly deciles: readonly Decile[];
};

/** The score as losses use it, away from 0 and 1. */
export function keptScore(score: number): number {
  return Math.min(Math.max(score, SCORE_MARGIN), 1 - SCORE_MARGIN);
}

/** Running sums of a set of scored rows: rows, weight, observed, expected, loss. */
export class LossSums {
  rows = 0;
  weight = 0;
  observed = 0;
  expected = 0;
  loss = 0;

  add(score: number, value: number, weight: number): void {
    this.rows++;
    this.weight += weight;
    this.observed += weight * value;
    this.expected += weight * score;
    this.loss -= weight * (value * Math.log(score) + (1 - value) * Math.log1p(-score));
  }

  /** Adds another's rows. */
  merge(other: LossSums): void {
    this.rows += other.rows;
    this.weight += other.weight;
    this.observed += other.observed;
    this.expected += other.expected;
    this.loss += other.loss;
  }

  logLoss(): number | null {
    return this.weight > 0 ? this.loss / this.weight : null;
  }

  normalisedEntropy(): number | null {
    const rate = this.observed / this.weight;
    if (!(rate > 0 && rate < 1)) return null;
    const entropy = -(rate * Math.log(rate) + (1 - rate) * Math.log1p(-rate));
    return this.loss / this.weight / entropy;
  }

  calibration(): number | null {
    return this.expected > 0 ? this.observed / this.expected : null;
  }

  /** As numbers for a snapshot, and back. */
  toArray(): number[] {
    return [this.rows, this.weight, this.observed, this.expected, this.loss];
  }

  static from(numbers: readonly number[]): LossSums {
    const sums = new LossSums();
    sums.rows = numbers[0]!;
    sums.weight = numbers[1]!;
    sums.observed = numbers[2]!;
    sums.expected = numbers[3]!;
    sums.loss = numbers[4]!;
    return sums;
  }
}

/**
 * Streaming quality of one label's scores, in constant memory. A weight may be negative: it takes
 * back a row counted before (a cancelled positive), and every sum follows.
 */
export class LabelMetrics {
  sums = new LossSums();
  readonly bins = new ScoreBins();

  add(score: number, value: number, weight: number): void {
    const kept = keptScore(score);
    this.sums.add(kept, value, weight);
    this.bins.add(kept, value, weight);
  }

  values(): MetricValues {
    const { rows, weight, observed, expected } = this.sums;
    return {
      rows,
      weight,
      observed,
      expected,
      logLoss: this.sums.logLoss(),
      normalisedEntropy: this.sums.normalisedEntropy(),
      auc: this.bins.auc(),
      prAuc: this.bins.prAuc(),
      calibration: this.sums.calibration(),
      deciles: this.bins.deciles(),
    };
  }
}
