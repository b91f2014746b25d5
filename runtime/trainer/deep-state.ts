/** A deep trainer as snapshot content, and back: plain JSON, and arrays in one fixed order. */
import { Fault } from '../fault.ts';
import type { DenseArrays } from './dense-weights.ts';
import type { DriftState } from './drift-metrics.ts';
import type { EmbeddingTable } from './embedding-table.ts';
import { HourlySeries } from './hourly-series.ts';
import type { FreshnessState } from './label-freshness.ts';
import { LabelMetrics, LossSums } from './label-metrics.ts';
import type { GateState } from './model-gates.ts';
import { PendingScores, type PendingScoresData } from './pending-scores.ts';
import type { SliceState } from './slice-metrics.ts';
import type { SnapshotArray, SnapshotContent } from './snapshot-file.ts';
import { captureTable, fillTable, type StoredTable, TABLE_ARRAYS } from './table-snapshot.ts';

/** Raised when the meaning of the state or of its arrays changes. */
const FORMAT = 2;

/** What a label's rows came to. */
export type LabelState = {
  readonly emissions: LabelMetrics;
  readonly audit: LabelMetrics;
  series: HourlySeries;
  kinds: Map<string, number>;
};

export function newLabelState(): LabelState {
  return {
    emissions: new LabelMetrics(),
    audit: new LabelMetrics(),
    series: new HourlySeries(),
    kinds: new Map<string, number>(),
  };
}

/** How far a trainer came; all but `loss` decide what it does next. */
export type Progress = {
  rows: number;
  steps: number;
  badSteps: number;
  badInRow: number;
  loss: number;
  publishes: number;
  refusals: number;
  /** Emission time of the last row of a step, and where the next publish is due, ms; null: not yet. */
  reached: number | null;
  nextPublish: number | null;
};

/** A model that scores: weights, and the moments of dense columns. */
export type PublishedArrays = {
  readonly weights: readonly Float32Array[];
  readonly moments: Float64Array;
};

/** Everything a deep trainer changes while it trains, but its tables. */
export type DeepState = {
  readonly progress: Progress;
  readonly dense: DenseArrays;
  readonly moments: Float64Array;
  readonly published: PublishedArrays | null;
  readonly gates: GateState;
  readonly labels: readonly LabelState[];
  readonly freshness: readonly FreshnessState[];
  readonly slices: SliceState;
  readonly drift: DriftState;
  readonly pending: PendingScores;
};

type StoredState = {
  readonly format: number;
  readonly progress: Progress;
  readonly denseSteps: number;
  readonly hasPublished: boolean;
  readonly gates: GateState;
  readonly labels: readonly {
    readonly emissions: StoredMetrics;
    readonly audit: StoredMetrics;
    readonly series: readonly (readonly [number, readonly number[]])[];
    readonly kinds: readonly (readonly [string, number])[];
  }[];
  readonly freshness: readonly FreshnessState[];
  readonly slices: SliceState;
  readonly drift: DriftState;
  readonly pending: PendingScoresData;
  readonly tables: readonly StoredTable[];
};

type StoredMetrics = { readonly sums: readonly number[]; readonly rows: number };

/** The state and its tables; `full`: all rows, else those changed since the last file. */
export function captureDeep(
  state: DeepState,
  tables: readonly EmbeddingTable[],
  full: boolean,
): SnapshotContent {
  const captured = tables.map((table) => captureTable(table, full));
  const { dense, published, labels } = state;
  const stored: StoredState = {
    format: FORMAT,
    progress: state.progress,
    denseSteps: dense.steps,
    hasPublished: published !== null,
    gates: state.gates,
    labels: labels.map(({ emissions, audit, series, kinds }) => ({
      emissions: storedMetrics(emissions),
      audit: storedMetrics(audit),
      series: series.toJSON(),
      kinds: [...kinds],
    })),
    freshness: state.freshness,
    slices: state.slices,
    drift: state.drift,
    pending: state.pending.toJSON(),
    tables: captured.map(({ stored: each }) => each),
  };
  return {
    state: stored,
    arrays: [
      state.moments,
      ...[...dense.weights, ...dense.first, ...dense.second],
      ...(published === null ? [] : [published.moments, ...published.weights]),
      ...labels.flatMap(metricArrays),
      ...captured.flatMap(({ arrays }) => arrays),
    ],
  };
}

/**
 * The state of a chain of files, a full one and what changed after it; fills the tables, which must be new. `parameters`:
 * how many weight arrays the net has. A Fault `snapshot_format` where this version cannot read it.
 */
export function restoreDeep(
  chain: readonly SnapshotContent[],
  tables: readonly EmbeddingTable[],
  shape: { readonly parameters: number; readonly path: string },
): DeepState {
  let restored: DeepState | null = null;
  for (const [index, { state, arrays }] of chain.entries()) {
    const stored = state as StoredState;
    if (stored.format !== FORMAT) {
      const message = `the snapshot ${shape.path} has format ${stored.format}; this version reads ${FORMAT}`;
      throw new Fault('snapshot_format', message, { context: { path: shape.path } });
    }
    const reader = new ArrayReader(arrays);
    const last = index === chain.length - 1;
    restored = stateOf(stored, reader, shape.parameters);
    for (const [i, table] of tables.entries()) {
      fillTable(table, stored.tables[i]!, reader.take(TABLE_ARRAYS), last);
    }
  }
  if (restored === null) throw new Error('a chain has at least one file');
  return restored;
}

function stateOf(stored: StoredState, reader: ArrayReader, parameters: number): DeepState {
  const moments = reader.take(1)[0] as Float64Array;
  const floats = () => reader.take(parameters) as readonly Float32Array[];
  const dense = { steps: stored.denseSteps, weights: floats(), first: floats(), second: floats() };
  const published = stored.hasPublished
    ? { moments: reader.take(1)[0] as Float64Array, weights: floats() }
    : null;
  const labels = stored.labels.map((label): LabelState => {
    const state = newLabelState();
    fillMetrics(state.emissions, label.emissions, reader);
    fillMetrics(state.audit, label.audit, reader);
    state.series = HourlySeries.from(label.series);
    state.kinds = new Map(label.kinds);
    return state;
  });
  const { gates, progress, freshness, slices, drift } = stored;
  const pending = PendingScores.from(stored.pending);
  return { progress, dense, moments, published, gates, labels, freshness, slices, drift, pending };
}

class ArrayReader {
  readonly #arrays: readonly SnapshotArray[];
  #at = 0;

  constructor(arrays: readonly SnapshotArray[]) {
    this.#arrays = arrays;
  }

  take(count: number): readonly SnapshotArray[] {
    this.#at += count;
    return this.#arrays.slice(this.#at - count, this.#at);
  }
}

function storedMetrics(metrics: LabelMetrics): StoredMetrics {
  return { sums: metrics.sums.toArray(), rows: metrics.bins.rows };
}

function metricArrays({ emissions, audit }: LabelState): Float64Array[] {
  return [emissions.bins, audit.bins].flatMap(({ weight, observed, expected, exact }) => [
    ...[weight, observed, expected, exact],
  ]);
}

function fillMetrics(metrics: LabelMetrics, stored: StoredMetrics, reader: ArrayReader): void {
  metrics.sums = LossSums.from(stored.sums);
  const { bins } = metrics;
  bins.rows = stored.rows;
  for (const target of [bins.weight, bins.observed, bins.expected, bins.exact]) {
    target.set(reader.take(1)[0] as Float64Array);
  }
}
