import { assert } from '../../operators/assert.ts';
import type { Value } from '../../operators/column/column.ts';
import type { ExampleRow } from '../block/example-row.ts';
import { FtrlModel, type FtrlRates } from './ftrl-model.ts';
import { type DayPoint, HourlySeries, type HourPoint } from './hourly-series.ts';
import { type FreshnessState, LabelFreshness } from './label-freshness.ts';
import { keptScore, LabelMetrics, type MetricValues } from './label-metrics.ts';
import { labelSteps, labelWeights, servedScore, type Weighting } from './label-weights.ts';
import { LateHeads } from './late-heads.ts';
import { PendingScores } from './pending-scores.ts';
import { RowEncoder, type TrainerColumn } from './row-encoder.ts';
import { readSnapshot, writeSnapshot } from './snapshot-file.ts';
import { captureTrainer, type TrainerParts, trainerState } from './trainer-state.ts';

/** What the trainer is told; everything but columns and labels has a default. */
export type FtrlConfig = {
  /** In the order of the rows' `features`. */
  readonly columns: readonly TrainerColumn[];
  /** One model each. */
  readonly labels: readonly string[];
  /** The coordinate space is 2^bits: 10 to 24, default 20 (16 MiB a label). */
  readonly bits?: number;
  readonly rates?: Partial<FtrlRates>;
  /** By label; default `none`. */
  readonly weighting?: Readonly<Record<string, Weighting>>;
  /** Whether a dense value also enters as the category of its half-octave; default true. */
  readonly denseBins?: boolean;
  /**
   * Labels, over all heads, to be trained on before audited anchors are scored, default 500: the audits of anchors shown
   * earlier count as unmatched.
   */
  readonly showAfterLabels?: number;
};

/** One scored label, as `consume` reports it before training on it. */
export type ScoredLabel = {
  readonly row: ExampleRow;
  readonly label: string;
  readonly score: number;
  readonly value: number;
  readonly weight: number;
  /** What the label's late heads predicted, for emissions. The list is reused by the next row. */
  readonly heads?: readonly number[];
  /** `audit`: the score was given when the anchor was shown, the value is final. */
  readonly source: 'emission' | 'audit';
};

/** Quality and counts of one label. */
export type LabelReport = {
  /** Scored before trained, over all emissions, weighted as they train. */
  readonly emissions: MetricValues;
  /** Scored when shown, joined with the final label: the headline. */
  readonly audit: MetricValues;
  /** By hour of emission. */
  readonly series: readonly HourPoint[];
  /** By day of emission. */
  readonly days: readonly DayPoint[];
  /** Labels in rows by kind. */
  readonly kinds: Readonly<Record<string, number>>;
};

/** Where training stands. */
export type TrainerMetrics = {
  readonly rows: number;
  readonly labels: Readonly<Record<string, LabelReport>>;
  readonly audits: {
    readonly pending: number;
    readonly unmatched: number;
    readonly dropped: number;
  };
};

/**
 * One FTRL-Proximal logistic regression per label, trained online from emitted rows in the order
 * they are given. Each row is scored before it is trained on. The same rows in the same order
 * give the same state, bit for bit, however they are cut into calls, and whether or not a
 * snapshot was taken and restored in between.
 */
export class FtrlTrainer {
  readonly config: Required<FtrlConfig>;
  readonly #encoder: RowEncoder;
  readonly #parts: TrainerParts;

  constructor(config: FtrlConfig) {
    this.config = completed(config);
    this.#encoder = new RowEncoder(this.config.columns, this.config);
    this.#parts = newParts(this.config);
  }

  /** Trains on rows; `onScored` hears of each label scored, for comparisons on the same rows. */
  consume(rows: readonly ExampleRow[], onScored?: (scored: ScoredLabel) => void): void {
    for (const row of rows) {
      this.#parts.rows++;
      if (row.kind === 'shown') this.#show(row);
      else if (row.kind === 'audit') this.#audit(row, onScored);
      else this.#train(row, onScored);
    }
  }

  /** P(label = 1) by label, in the order of `config.labels`; trains nothing. */
  score(features: readonly Value[]): number[] {
    this.#encoder.encode(features);
    return this.#parts.labels.map(({ model }, index) =>
      servedScore(this.#weighting(index), model.predict(this.#encoder)),
    );
  }

  /**
   * Takes over another trainer's models, label by label of the same name: what it learnt under another policy or weighting
   * is where this one starts. Heads and measurements stay this one's own. Both must have the same columns and space.
   */
  startFrom(other: FtrlTrainer): void {
    assert(
      JSON.stringify(this.config.columns) === JSON.stringify(other.config.columns) &&
        this.config.bits === other.config.bits &&
        this.config.denseBins === other.config.denseBins,
      'models are exchanged between trainers of the same columns and space',
    );
    for (const [index, label] of this.config.labels.entries()) {
      const from = other.#parts.labels[other.config.labels.indexOf(label)];
      if (from === undefined) continue;
      this.#parts.labels[index]!.model.coordinates.set(from.model.coordinates);
    }
  }

  /** By label: whether its positives still come. A stale one is scored, and neither learnt from nor measured. */
  freshness(): Readonly<Record<string, FreshnessState>> {
    const { states } = this.#parts.freshness;
    return Object.fromEntries(this.config.labels.map((label, i) => [label, states[i]!]));
  }

  metrics(): TrainerMetrics {
    const { rows, pending, labels } = this.#parts;
    const reports = labels.map(({ emissions, audit, series, kinds }, index) => {
      const report: LabelReport = {
        emissions: emissions.values(),
        audit: audit.values(),
        series: series.points(),
        days: series.days(),
        kinds: Object.fromEntries(kinds),
      };
      return [this.config.labels[index]!, report] as const;
    });
    const { size, unmatched, dropped } = pending;
    return {
      rows,
      labels: Object.fromEntries(reports),
      audits: { pending: size, unmatched, dropped },
    };
  }

  /** Weights other than zero, by label; reads the whole space. */
  nonZeroWeights(): number[] {
    return this.#parts.labels.map(({ model }) => model.nonZeroWeights());
  }

  /**
   * Writes everything to one file, atomically and durably. `offsets` is the caller's: how far each
   * input was consumed, as plain JSON, given back by `restore`.
   */
  snapshot(path: string, offsets: unknown): void {
    writeSnapshot(path, captureTrainer(this.config, this.#parts, offsets));
  }

  /** The trainer as it was, and the offsets. A missing or damaged file is a fault. */
  static restore(path: string): { readonly trainer: FtrlTrainer; readonly offsets: unknown } {
    const content = readSnapshot(path);
    const state = trainerState(content, path);
    const trainer = new FtrlTrainer(state.config);
    state.restoreInto(trainer.#parts);
    return { trainer, offsets: state.offsets };
  }

  /** A model that has learnt next to nothing is none that anybody would serve: it gives no headline scores. */
  #show(row: ExampleRow): void {
    const trained = this.#parts.labels.reduce((sum, { emissions }) => sum + emissions.sums.rows, 0);
    if (trained < this.config.showAfterLabels) return;
    this.#parts.pending.put(`${row.set}\u0000${row.id}`, this.score(row.features));
  }

  #audit(row: ExampleRow, onScored?: (scored: ScoredLabel) => void): void {
    this.#teachHeads(row);
    const scores = this.#parts.pending.take(`${row.set}\u0000${row.id}`);
    if (scores === null) return;
    for (const [index, label] of this.config.labels.entries()) {
      const value = row.labels[label]?.value;
      if (value === undefined || value === null) continue;
      const score = scores[index]!;
      const weight = 1 / row.sampleRate;
      this.#parts.labels[index]!.audit.add(score, value, weight);
      onScored?.({ row, label, score, value, weight, source: 'audit' });
    }
  }

  #train(row: ExampleRow, onScored?: (scored: ScoredLabel) => void): void {
    const encoder = this.#encoder;
    const { freshness } = this.#parts;
    encoder.encode(row.features);
    for (const [index, name] of this.config.labels.entries()) {
      const label = row.labels[name];
      if (label === undefined) continue;
      const { model, heads, emissions, series, kinds } = this.#parts.labels[index]!;
      kinds.set(label.kind, (kinds.get(label.kind) ?? 0) + 1);
      const weighting = this.#weighting(index);
      const raw = model.predict(encoder);
      const score = servedScore(weighting, raw);
      const late = heads.predict(encoder);
      for (const step of labelSteps(label, weighting, labelWeights(weighting, score, late))) {
        const value = step.value;
        const weight = step.weight / row.sampleRate;
        onScored?.({ row, label: name, score, value, weight, heads: late, source: 'emission' });
        if (!freshness.heed(index, { value, score, weight }, row.emitted)) continue;
        emissions.add(score, value, weight);
        series.add(row.emitted, { score: keptScore(score), value, weight });
        model.update(encoder, (raw - value) * weight);
      }
    }
  }

  /** What an audited anchor came to, for the heads that learn from it. */
  #teachHeads(row: ExampleRow): void {
    if (this.#parts.labels.every(({ heads }) => heads.heads.length === 0)) return;
    this.#encoder.encode(row.features);
    for (const [index, name] of this.config.labels.entries()) {
      const label = row.labels[name];
      if (label !== undefined) this.#parts.labels[index]!.heads.learn(this.#encoder, label);
    }
  }

  #weighting(index: number): Weighting {
    return this.config.weighting[this.config.labels[index]!] ?? 'none';
  }
}

const defaultRates: FtrlRates = { alpha: 0.1, beta: 1, l1: 0.5, l2: 1 };

function completed(config: FtrlConfig): Required<FtrlConfig> {
  const bits = config.bits ?? 20;
  assert(Number.isInteger(bits) && bits >= 10 && bits <= 24, `bits ${bits} is not in 10 .. 24`);
  return {
    columns: config.columns,
    labels: config.labels,
    bits,
    rates: { ...defaultRates, ...config.rates },
    weighting: config.weighting ?? {},
    denseBins: config.denseBins ?? true,
    showAfterLabels: config.showAfterLabels ?? 500,
  };
}

function newParts(config: Required<FtrlConfig>): TrainerParts {
  const rates = { ...defaultRates, ...config.rates };
  return {
    rows: 0,
    pending: new PendingScores(),
    freshness: new LabelFreshness(config.labels.length),
    labels: config.labels.map((label) => ({
      model: new FtrlModel(config.bits, rates),
      heads: new LateHeads(config.weighting[label] ?? 'none', config.bits, rates),
      emissions: new LabelMetrics(),
      audit: new LabelMetrics(),
      series: new HourlySeries(),
      kinds: new Map<string, number>(),
    })),
  };
}
