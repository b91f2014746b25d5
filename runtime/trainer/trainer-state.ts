import { assert } from '../../operators/assert.ts';
import { Fault } from '../fault.ts';
import type { FtrlModel } from './ftrl-model.ts';
import type { FtrlConfig } from './ftrl-trainer.ts';
import { HourlySeries } from './hourly-series.ts';
import { type FreshnessState, LabelFreshness } from './label-freshness.ts';
import { type LabelMetrics, LossSums } from './label-metrics.ts';
import type { LateHeads } from './late-heads.ts';
import { PendingScores, type PendingScoresData } from './pending-scores.ts';
import type { SnapshotArray, SnapshotContent } from './snapshot-file.ts';

/** Raised when the meaning of a snapshot's state or of its coordinates changes. */
const FORMAT = 4;

/** Everything a trainer changes while it trains. */
export type TrainerParts = {
  rows: number;
  pending: PendingScores;
  freshness: LabelFreshness;
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
  readonly freshness: readonly FreshnessState[];
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

/** The whole state as snapshot content; some arrays are views, so it must be written at once. */
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
    freshness: parts.freshness.states,
    labels: parts.labels.map(({ heads, emissions, audit, series, kinds }) => ({
      emissions: storedMetrics(emissions),
      audit: storedMetrics(audit),
      series: series.toJSON(),
      kinds: [...kinds],
      heads: heads.rows,
    })),
  };
  const arrays = parts.labels.flatMap((label) => [
    ...modelsOf(label).flatMap(usedCoordinates),
    ...metricsOf(label),
  ]);
  return { state, arrays };
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
  parts.freshness = new LabelFreshness(parts.labels.length, state.freshness);
  for (const [index, label] of parts.labels.entries()) {
    const stored = state.labels[index]!;
    fillMetrics(label.emissions, stored.emissions);
    fillMetrics(label.audit, stored.audit);
    label.series = HourlySeries.from(stored.series);
    label.kinds = new Map(stored.kinds);
    label.heads.rows = [...stored.heads];
  }
  let at = 0;
  for (const label of parts.labels) {
    for (const { coordinates } of modelsOf(label)) {
      const [used, values] = [arrays[at]!, arrays[at + 1]!];
      for (const [i, slot] of used.entries()) {
        coordinates[2 * slot] = values[2 * i]!;
        coordinates[2 * slot + 1] = values[2 * i + 1]!;
      }
      at += 2;
    }
    for (const target of metricsOf(label)) target.set(arrays[at++]!);
  }
  assert(at === arrays.length, 'a snapshot holds the arrays of each label');
}

/** In one fixed order, which the file relies on; so are the arrays of `metricsOf`. */
function modelsOf({ model, heads }: LabelParts): FtrlModel[] {
  return [model, ...heads.models];
}

function metricsOf({ emissions, audit }: LabelParts): Float64Array[] {
  return [emissions.bins, audit.bins].flatMap(({ weight, observed, expected, exact }) => [
    ...[weight, observed, expected, exact],
  ]);
}

/** Slots that were trained on, and z and n of each: most of the space is never used. */
function usedCoordinates({ coordinates }: FtrlModel): [Int32Array, Float64Array] {
  let count = 0;
  for (let at = 1; at < coordinates.length; at += 2) if (coordinates[at] !== 0) count++;
  const used = new Int32Array(count);
  const values = new Float64Array(2 * count);
  for (let at = 1, i = 0; at < coordinates.length; at += 2) {
    if (coordinates[at] === 0) continue;
    used[i] = at >> 1;
    values[2 * i] = coordinates[at - 1]!;
    values[2 * i + 1] = coordinates[at]!;
    i++;
  }
  return [used, values];
}

function storedMetrics(metrics: LabelMetrics): StoredMetrics {
  return { sums: metrics.sums.toArray(), rows: metrics.bins.rows };
}

function fillMetrics(metrics: LabelMetrics, stored: StoredMetrics): void {
  metrics.sums = LossSums.from(stored.sums);
  metrics.bins.rows = stored.rows;
}
