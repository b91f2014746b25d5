import { join } from 'node:path';
import type { ExamplePlan } from '../../compiler/plan/plan.ts';
import { MODEL_SNAPSHOT_EVERY_MS } from '../config.ts';
import type { Truth } from '../simulator/truth.ts';
import { sinkName } from '../sink/sink.ts';
import { fixed, grouped } from '../text-table.ts';
import { ExampleTrainer, modelPath } from '../training/example-trainer.ts';
import { IdealMetrics, type IdealMetricsData } from '../training/ideal-metrics.ts';
import type { SummaryEmission, SummaryLabel } from './demo-summary.ts';

/** What of the truth each label of features/ads.feat can be held against in files that end. */
const TRUTH_OF_LABEL = { clicked: 'clicked', purchased: 'purchasedByEnd' } as const;

/**
 * Trains on a run's examples as they are committed, and measures what a model that knows the simulator's own
 * probabilities would have scored on the same rows. Both are in the snapshot, so a kill anywhere changes no figure.
 */
export class DemoTrainer {
  readonly #trainer: ExampleTrainer;
  readonly #ideal: IdealMetrics;
  readonly #set: ExamplePlan;
  readonly #file: string;
  #savedAt = performance.now();
  #note = '';

  private constructor(trainer: ExampleTrainer, ideal: IdealMetrics, set: ExamplePlan) {
    this.#trainer = trainer;
    this.#ideal = ideal;
    this.#set = set;
    this.#file = sinkName(set.name, 'ndjson');
    this.#updateNote();
  }

  /** Goes on from the snapshot in the run's folder, if there is one. */
  static open(
    run: string,
    of: { readonly set: ExamplePlan; readonly planDigest: string; readonly truth: Truth },
  ): DemoTrainer {
    const { set, planDigest, truth } = of;
    const path = join(run, sinkName(set.name, 'ndjson'));
    const labels = set.labels.map(({ name }) => name);
    const snapshot = modelPath(run, set.name);
    const trainer = ExampleTrainer.open(
      { path, set, planDigest, labels, snapshot, weighting: {} },
      true,
    );
    const ideal = new IdealMetrics(truth, TRUTH_OF_LABEL);
    // Written by `#save` below; the file's digest was checked.
    if (trainer.more !== null) ideal.restore(trainer.more as IdealMetricsData);
    return new DemoTrainer(trainer, ideal, set);
  }

  /** How the model does, in one line. */
  get note(): string {
    return this.#note;
  }

  /** After a commit of the run: trains on what is new, and saves a snapshot now and then. */
  async follow(outputs: Readonly<Record<string, { readonly bytes: number }>>): Promise<void> {
    const committed = outputs[this.#file];
    if (committed === undefined || committed.bytes <= this.#trainer.at.bytes) return;
    await this.#consume(committed.bytes);
    if (performance.now() - this.#savedAt >= MODEL_SNAPSHOT_EVERY_MS) this.#save();
  }

  /** After a finished run: trains on all that is left. */
  async finish(): Promise<void> {
    await this.#consume(null);
    this.#save();
  }

  /** After a stop: what was trained on is kept. */
  pause(): void {
    this.#save();
  }

  /** Model and truth, each over all emissions and over the audited anchors. */
  labels(): SummaryLabel[] {
    const { labels } = this.#trainer.trainer.metrics();
    return Object.entries(labels).flatMap(([name, { emissions, audit, series }]) => {
      const all: SummaryLabel = {
        name,
        source: 'emission',
        model: emissions,
        ideal: this.#ideal.values(name, 'emission'),
        series,
      };
      if (audit.rows === 0) return [all];
      const ideal = this.#ideal.values(name, 'audit');
      return [all, { name, source: 'audit', model: audit, ideal, series: [] }];
    });
  }

  emissions(): SummaryEmission[] {
    const { labels } = this.#trainer.trainer.metrics();
    return Object.entries(labels).flatMap(([name, { kinds, audit }]) => [
      ...Object.entries(kinds).map(([kind, rows]) => ({ name, kind, rows })),
      ...(this.#set.audit > 0 ? [{ name, kind: 'audit', rows: audit.rows }] : []),
    ]);
  }

  async #consume(to: number | null): Promise<void> {
    await this.#trainer.consume(to, { onScored: (scored) => this.#ideal.add(scored) });
    this.#updateNote();
  }

  #save(): void {
    this.#trainer.save(this.#ideal.toJSON());
    this.#savedAt = performance.now();
  }

  #updateNote(): void {
    const { rows, labels } = this.#trainer.trainer.metrics();
    const quality = Object.entries(labels).map(([name, { emissions }]) => {
      const { normalisedEntropy, calibration } = emissions;
      return `${name} ${fixed(normalisedEntropy)} / ${fixed(calibration)}`;
    });
    this.#note = `${grouped(rows)} rows; NE / calibration: ${quality.join(', ')}`;
  }
}
