import { assert } from '../../operators/assert.ts';
import { Fault } from '../fault.ts';
import type { FtrlModel } from './ftrl-model.ts';
import type { FtrlConfig } from './ftrl-trainer.ts';
import { HourlySeries } from './hourly-series.ts';
import { type LabelMetrics, LossSums } from './label-metrics.ts';
import type { LateHeads } from './late-heads.ts';
import { PendingScores, type PendingScoresData } from './pending-scores.ts';
import type { SnapshotArray, SnapshotContent } from './snapshot-file.ts';

/** Raised when the meaning of a snapshot's state or of its coordinates changes. */
const FORMAT = 2;

/** Everything a trainer changes while it trains. */
export type TrainerParts = {
  rows: number;
  pending: PendingScores;
  readonly labels: readonly LabelParts[];
};

/** The changing state of one label. */
export type LabelParts = {
  readonly model: FtrlModel;
  readonly heads: LateHeads;
  readonly emissions: LabelMetrics;
  readonly audit: LabelMetrics;
  series: HourlySeries;
  kinds: Map<string, number>;
};

type StoredState = {
  readonly format: number;
  readonly config: Required<FtrlConfig>;
  readonly offsets: unknown;
  readonly rows: number;
  readonly pending: PendingScoresData;
  readonly labels: readonly {
    readonly emissions: StoredMetrics;
    readonly audit: StoredMetrics;
    readonly series: readonly (readonly [number, readonly number[]])[];
    readonly kinds: readonly (readonly [string, number])[];
    /** Rows that each head learnt from. */
    readonly heads: readonly number[];
  }[];
};

type StoredMetrics = { readonly sums: readonly number[]; readonly rows: number };

/** The whole state as snapshot content; the arrays are views, so it must be written at once. */
export function captureTrainer(
  config: Required<FtrlConfig>,
  parts: TrainerParts,
  offsets: unknown,
): SnapshotContent {
  const state: StoredState = {
    format: FORMAT,
    config,
    offsets,
    rows: parts.rows,
    pending: parts.pending.toJSON(),
    labels: parts.labels.map(({ heads, emissions, audit, series, kinds }) => ({
      emissions: storedMetrics(emissions),
      audit: storedMetrics(audit),
      series: series.toJSON(),
      kinds: [...kinds],
      heads: heads.rows,
    })),
  };
  return { state, arrays: parts.labels.flatMap(arraysOf) };
}

/** Reads snapshot content: its config, its offsets, and a way to fill a new trainer's parts. */
export function trainerState(
  content: SnapshotContent,
  path: string,
): {
  readonly config: Required<FtrlConfig>;
  readonly offsets: unknown;
  readonly restoreInto: (parts: TrainerParts) => void;
} {
  const state = content.state as StoredState;
  if (state.format !== FORMAT) {
    const message = `the snapshot ${path} has format ${state.format}; this version reads ${FORMAT}`;
    throw new Fault('snapshot_format', message, { context: { path } });
  }
  return {
    config: state.config,
    offsets: state.offsets,
    restoreInto: (parts) => fill(parts, state, content.arrays),
  };
}

function fill(parts: TrainerParts, state: StoredState, arrays: readonly SnapshotArray[]): void {
  parts.rows = state.rows;
  parts.pending = PendingScores.from(state.pending);
  for (const [index, label] of parts.labels.entries()) {
    const stored = state.labels[index]!;
    fillMetrics(label.emissions, stored.emissions);
    fillMetrics(label.audit, stored.audit);
    label.series = HourlySeries.from(stored.series);
    label.kinds = new Map(stored.kinds);
    label.heads.rows = [...stored.heads];
  }
  const targets = parts.labels.flatMap(arraysOf);
  assert(targets.length === arrays.length, 'a snapshot holds the arrays of each label');
  for (const [index, target] of targets.entries()) target.set(arrays[index]!);
}

/** In one fixed order, which the file relies on. */
function arraysOf({ model, heads, emissions, audit }: LabelParts): Float64Array[] {
  const metrics = [emissions.bins, audit.bins].flatMap((bins) => [
    bins.weight,
    bins.observed,
    bins.expected,
    bins.exact,
  ]);
  return [model, ...heads.models].map(({ coordinates }) => coordinates).concat(metrics);
}

function storedMetrics(metrics: LabelMetrics): StoredMetrics {
  return { sums: metrics.sums.toArray(), rows: metrics.bins.rows };
}

function fillMetrics(metrics: LabelMetrics, stored: StoredMetrics): void {
  metrics.sums = LossSums.from(stored.sums);
  metrics.bins.rows = stored.rows;
}
