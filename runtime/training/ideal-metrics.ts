import { assert } from '../../operators/assert.ts';
import type { Truth, TruthRecord } from '../simulator/truth.ts';
import type { ScoredLabel } from '../trainer/ftrl-trainer.ts';
import { LabelMetrics, LossSums, type MetricValues } from '../trainer/label-metrics.ts';

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

  /** Everything measured so far as plain JSON, for a snapshot; `restore` takes it back. */
  toJSON(): IdealMetricsData {
    return {
      unknownIds: this.unknownIds,
      metrics: [...this.#metrics].map(([key, { sums, bins }]) => {
        const arrays = arraysOf(bins).map(encoded);
        return [key, { sums: sums.toArray(), rows: bins.rows, arrays }] as const;
      }),
    };
  }

  restore({ unknownIds, metrics }: IdealMetricsData): void {
    this.unknownIds = unknownIds;
    for (const [key, { sums, rows, arrays }] of metrics) {
      const made = new LabelMetrics();
      made.sums = LossSums.from(sums);
      made.bins.rows = rows;
      for (const [i, array] of arraysOf(made.bins).entries()) array.set(decoded(arrays[i]!));
      this.#metrics.set(key, made);
    }
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

/** The plain form of `IdealMetrics`; arrays of numbers are base64 of f64 little endian, kept bit for bit. */
export type IdealMetricsData = {
  readonly unknownIds: number;
  readonly metrics: readonly (readonly [
    string,
    {
      readonly sums: readonly number[];
      readonly rows: number;
      readonly arrays: readonly string[];
    },
  ])[];
};

function arraysOf({ weight, observed, expected, exact }: LabelMetrics['bins']): Float64Array[] {
  return [weight, observed, expected, exact];
}

function encoded({ buffer, byteOffset, byteLength }: Float64Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('base64');
}

function decoded(text: string): Float64Array {
  const bytes = Buffer.from(text, 'base64');
  const numbers = new Float64Array(bytes.length / 8);
  new Uint8Array(numbers.buffer).set(bytes);
  return numbers;
}
