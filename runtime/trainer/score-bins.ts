/** Scores are binned by their logit: 1/128 wide over [-16, 16], the ends hold what is beyond. */
const BINS = 4096;
const BINS_PER_LOGIT = 128;
/** Up to so many rows the scores themselves are kept and the AUC is exact. */
const EXACT_ROWS_MAX = 4096;

/** A tenth of the weight, by ascending score. */
export type Decile = {
  readonly weight: number;
  readonly expected: number;
  readonly observed: number;
  /** observed / expected. */
  readonly ratio: number;
};

/**
 * Weighted scores with their labels, in constant memory (200 KiB). Areas are exact, ties half, up to
 * 4,096 rows; beyond, scores within the same 1/128 of a logit count as ties, so the error is at
 * most half the share of (positive, negative) pairs that meet in one bin.
 */
export class ScoreBins {
  /** Weight, weight × label, weight × score of each bin. */
  readonly weight = new Float64Array(BINS);
  readonly observed = new Float64Array(BINS);
  readonly expected = new Float64Array(BINS);
  /** Score, label and weight of the first rows, three numbers a row. */
  readonly exact = new Float64Array(EXACT_ROWS_MAX * 3);
  rows = 0;

  add(score: number, value: number, weight: number): void {
    if (this.rows < EXACT_ROWS_MAX) {
      this.exact[this.rows * 3] = score;
      this.exact[this.rows * 3 + 1] = value;
      this.exact[this.rows * 3 + 2] = weight;
    }
    this.rows++;
    const logit = Math.log(score / (1 - score));
    const place = Math.floor((logit + BINS / BINS_PER_LOGIT / 2) * BINS_PER_LOGIT);
    const bin = Math.min(Math.max(place, 0), BINS - 1);
    this.weight[bin] = this.weight[bin]! + weight;
    this.observed[bin] = this.observed[bin]! + weight * value;
    this.expected[bin] = this.expected[bin]! + weight * score;
  }

  /** Area under the ROC curve; null while either class is missing. */
  auc(): number | null {
    let [area, positives, negatives] = [0, 0, 0];
    for (const [positive, negative] of this.#ties()) {
      area += positive * (negatives + negative / 2);
      positives += positive;
      negatives += negative;
    }
    return positives > 0 && negatives > 0 ? area / (positives * negatives) : null;
  }

  /** Area under the precision-recall curve as average precision, ties as one step; null without positives. */
  prAuc(): number | null {
    const ties = [...this.#ties()];
    const all = ties.reduce((sum, [positive]) => sum + positive, 0);
    let [area, positives, rows] = [0, 0, 0];
    for (const [positive, negative] of ties.reverse()) {
      positives += positive;
      rows += positive + negative;
      if (rows > 0) area += positive * (positives / rows);
    }
    return all > 0 ? area / all : null;
  }

  /** Ten groups of about equal weight, cut between bins; fewer where one bin holds more. */
  deciles(): Decile[] {
    const total = this.weight.reduce((sum, weight) => sum + weight, 0);
    const out: Decile[] = [];
    let [weight, expected, observed, passed] = [0, 0, 0, 0];
    for (let bin = 0; bin < BINS && total > 0; bin++) {
      weight += this.weight[bin]!;
      expected += this.expected[bin]!;
      observed += this.observed[bin]!;
      passed += this.weight[bin]!;
      const isLast = bin === BINS - 1;
      if (weight <= 0 || (passed < ((out.length + 1) * total) / 10 && !isLast)) continue;
      out.push({ weight, expected, observed, ratio: observed / expected });
      [weight, expected, observed] = [0, 0, 0];
    }
    return out;
  }

  /** Weights of the positives and of the negatives that score alike, by ascending score. */
  *#ties(): Generator<readonly [number, number]> {
    if (this.rows <= EXACT_ROWS_MAX) {
      yield* this.#exactTies();
      return;
    }
    for (let bin = 0; bin < BINS; bin++) {
      yield [this.observed[bin]!, this.weight[bin]! - this.observed[bin]!];
    }
  }

  *#exactTies(): Generator<readonly [number, number]> {
    const order = Array.from({ length: this.rows }, (_, row) => row);
    order.sort((a, b) => this.exact[a * 3]! - this.exact[b * 3]!);
    for (let from = 0; from < order.length; ) {
      const score = this.exact[order[from]! * 3]!;
      let [positive, negative] = [0, 0];
      while (from < order.length && this.exact[order[from]! * 3] === score) {
        const at = order[from++]! * 3;
        const weight = this.exact[at + 2]!;
        positive += weight * this.exact[at + 1]!;
        negative += weight * (1 - this.exact[at + 1]!);
      }
      yield [positive, negative];
    }
  }
}
