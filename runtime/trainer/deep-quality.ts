/** How good a deep model's scores are: by label over emissions and audits, by slice, over time; what drifts; and the audits that wait. */
import type { ExamplePlan } from '../../compiler/plan/plan.ts';
import { assert } from '../../operators/assert.ts';
import type { ExampleRow } from '../block/example-row.ts';
import { type LabelState, newLabelState } from './deep-state.ts';
import { type Drift, DriftMetrics, type DriftState } from './drift-metrics.ts';
import type { ScoredLabel, TrainerMetrics } from './ftrl-trainer.ts';
import type { LabelSlope } from './head-loss.ts';
import { keptScore } from './label-metrics.ts';
import { PendingScores } from './pending-scores.ts';
import { SliceMetrics, type SliceReport, type SliceState } from './slice-metrics.ts';

/** What the baseline says of a label: its score, and its late heads'. */
export type Beside = { readonly score: number; readonly heads: readonly number[] };

export type QualityState = {
  readonly labels: readonly LabelState[];
  readonly slices: SliceState;
  readonly drift: DriftState;
  readonly pending: PendingScores;
};

export class DeepQuality {
  onScored: ((scored: ScoredLabel) => void) | null = null;
  readonly #names: readonly string[];
  readonly #labels: readonly LabelState[];
  readonly #slices: SliceMetrics;
  readonly #drift: DriftMetrics;
  readonly #pending: PendingScores;

  /** `names`: labels in the order of the heads; `slices`: columns of the set. */
  constructor(
    names: readonly string[],
    of: { readonly set: ExamplePlan; readonly slices: readonly string[] },
    from: QualityState | null,
  ) {
    this.#names = names;
    const columns = of.slices.map((name) => ({ name, index: columnOf(of.set, name) }));
    this.#labels = from?.labels ?? names.map(newLabelState);
    this.#slices = new SliceMetrics(columns, from?.slices);
    this.#drift = new DriftMetrics(of.set.features, names, from?.drift);
    this.#pending = from?.pending ?? new PendingScores();
  }

  /** Rows that are trained on now. */
  trained(rows: readonly ExampleRow[]): void {
    for (const row of rows) this.#drift.row(row);
  }

  /** A label that was scored before it is trained on. */
  scored({ row, head, step, score, value, weight }: LabelSlope, beside: Beside): void {
    const { emissions, series, kinds } = this.#labels[head]!;
    const label = this.#names[head]!;
    const { kind } = row.labels[label]!;
    if (step === 0) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    this.#drift.score(row.emitted, head, { score, weight });
    emissions.add(score, value, weight);
    series.add(row.emitted, { score: keptScore(score), value, weight });
    this.#slices.add(row, label, { score, baseline: beside.score, value, weight });
    this.onScored?.({ row, label, score, heads: beside.heads, value, weight, source: 'emission' });
  }

  /** A `shown` row and the published model's score of each label. */
  shown(row: ExampleRow, scores: readonly number[]): void {
    this.#pending.put(pendingKey(row), scores);
  }

  /** An `audit` row: the scores given when it was shown meet its final labels. */
  audited(row: ExampleRow): void {
    const scores = this.#pending.take(pendingKey(row));
    if (scores === null) return;
    for (const [head, label] of this.#names.entries()) {
      const value = row.labels[label]?.value;
      if (value === undefined || value === null) continue;
      const score = scores[head]!;
      const weight = 1 / row.sampleRate;
      this.#labels[head]!.audit.add(score, value, weight);
      this.onScored?.({ row, label, score, value, weight, source: 'audit' });
    }
  }

  metrics(rows: number): TrainerMetrics {
    const { size, unmatched, dropped } = this.#pending;
    const labels = this.#labels.map(({ emissions, audit, series, kinds }, head) => {
      const report = {
        emissions: emissions.values(),
        audit: audit.values(),
        series: series.points(),
        days: series.days(),
        kinds: Object.fromEntries(kinds),
      };
      return [this.#names[head]!, report] as const;
    });
    const audits = { pending: size, unmatched, dropped };
    return { rows, labels: Object.fromEntries(labels), audits };
  }

  slices(): SliceReport[] {
    return this.#slices.report();
  }

  drift(): Drift[] {
    return this.#drift.report();
  }

  state(): QualityState {
    const [slices, drift] = [this.#slices.toJSON(), this.#drift.toJSON()];
    return { labels: this.#labels, slices, drift, pending: this.#pending };
  }
}

function columnOf(set: ExamplePlan, name: string): number {
  const index = set.features.findIndex((feature) => feature.name === name);
  assert(index >= 0, `the example set has column ${name}`);
  return index;
}

function pendingKey({ set, id }: ExampleRow): string {
  return `${set}\u0000${id}`;
}
