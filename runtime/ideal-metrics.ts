import { assert } from '../operators/assert.ts';
import type { Truth, TruthRecord } from './simulator/truth.ts';
import type { ScoredLabel } from './trainer/ftrl-trainer.ts';
import { LabelMetrics, type MetricValues } from './trainer/label-metrics.ts';

/** Which true probability is a label's ideal prediction. */
export type TruthOfLabel = Readonly<Record<string, keyof TruthRecord>>;

/**
 * The metrics that a predictor who knows the simulator's own probabilities would have had, on the
 * very rows and weights the trainer was measured on: the best that any model can do. Feed it with
 * the trainer's `onScored`.
 */
export class IdealMetrics {
  /** Rows whose id the truth does not know. */
  unknownIds = 0;
  readonly #truth: Truth;
  readonly #fields: TruthOfLabel;
  readonly #metrics = new Map<string, LabelMetrics>();

  constructor(truth: Truth, fields: TruthOfLabel) {
    this.#truth = truth;
    this.#fields = fields;
  }

  add({ row, label, value, weight, source }: ScoredLabel): void {
    const field = this.#fields[label];
    assert(field !== undefined, `no truth is named for label ${label}`);
    const truth = this.#truth.of(row.id);
    if (truth === null) this.unknownIds++;
    else this.#of(label, source).add(truth[field], value, weight);
  }

  values(label: string, source: ScoredLabel['source']): MetricValues {
    return this.#of(label, source).values();
  }

  #of(label: string, source: ScoredLabel['source']): LabelMetrics {
    const key = `${source} ${label}`;
    let metrics = this.#metrics.get(key);
    if (metrics === undefined) {
      metrics = new LabelMetrics();
      this.#metrics.set(key, metrics);
    }
    return metrics;
  }
}
