/**
 * The engine of one process, without I/O: decoded batches in, emissions out.
 *
 *   accept   scan decisions per partition (malformed, duplicate, late), then the stream's reorder buffer
 *   advance  everything with step time below the frontier, in step order:
 *            release -> drop copies of other partitions' events -> enrich -> attribute labels -> look up and update -> emit
 *
 * What it gives depends on the rows and their order per partition alone: never on how batches were cut, on how the
 * frontier moved, or on the number of shards.
 */
import type { Plan } from '../compiler/plan/plan.ts';
import { assert } from './assert.ts';
import type { F64Column } from './column/column.ts';
import { ColumnPool } from './column/column-pool.ts';
import type { Frame } from './column/frame.ts';
import { Slots } from './column/slots.ts';
import type { DecodedBatch } from './decode/decoder.ts';
import { Emission } from './emission/emission.ts';
import type { EmissionBatch } from './emission/emission-batch.ts';
import { type ColumnOf, Enrich } from './enrich.ts';
import { FeatureStage, type StreamFrame } from './keyspace/feature-stage.ts';
import { Attribution, type AttributionResult } from './label/attribute.ts';
import { decodedColumn, type ReleasedRows } from './scan/ahead-rows.ts';
import { GlobalDedup } from './scan/global-dedup.ts';
import {
  type PartitionRows,
  PartitionScan,
  type ScanCounts,
  type ScanState,
} from './scan/partition-scan.ts';
import { type Chunk, ReorderBuffer, type Spill } from './scan/reorder.ts';
import type { SlabSet } from './state/slab.ts';
import type { StateBudget } from './state/state-budget.ts';

/** Rows released by one step of an advance, roughly: a larger release is cut at a chunk's first step time. */
export const ADVANCE_ROWS_MAX = 32_768;

export type PipelineOptions = {
  /** One slab set per shard. */
  readonly slabs: readonly SlabSet[];
  /** State of the scans: the ids seen. */
  readonly scanSlabs: SlabSet;
  /** False: interpret expressions and counter updates (the oracle of the generated code). */
  readonly codegen: boolean;
  /** Null: reorder buffers stay in memory whatever their size. */
  readonly spill: Spill | null;
  /** Reorder buffers together hold at most this much in memory, bytes. */
  readonly bufferBytesMax: number;
  /** Of the slabs; null or absent: keys stay in memory however many there are. */
  readonly budget?: StateBudget | null;
  /** Is shown every batch between attribution and look-ups; nothing of it may be kept or changed. */
  readonly observe?: (batch: AppliedBatch) => void;
};

/** Everything that is applied between two frontiers: enriched, without copies, credited. */
export type AppliedBatch = {
  /** By stream, rows in step order; of label streams the accepted events. */
  readonly frames: readonly (Frame | null)[];
  readonly column: ColumnOf;
  readonly accepted: AttributionResult['accepted'];
  readonly outcomes: AttributionResult['outcomes'];
};

type Partition = { readonly scan: PartitionScan; ended: boolean; nextOffset: number };

export class Pipeline {
  readonly #plan: Plan;
  readonly #options: PipelineOptions;
  /** Columns of one step of an advance: what was emitted is lent until the next. */
  readonly #pool = new ColumnPool();
  readonly #slots: readonly Slots[];
  readonly #buffers: readonly ReorderBuffer[];
  readonly #partitions: readonly Map<number, Partition>[];
  /** By stream; null: ids are compared within partitions. */
  readonly #dedups: readonly (GlobalDedup | null)[];
  readonly #enrichments: readonly Enrich[];
  readonly #attribution: Attribution;
  readonly #features: FeatureStage;
  readonly #emissions: readonly Emission[];
  /** The streams end where their partitions end: silence is an answer. */
  #complete = false;
  /** Rows of this step time and later are not of this run; with `#complete` the earlier ones are all there. */
  #until = Number.POSITIVE_INFINITY;
  /** Rows below this step time are in the restored state already. */
  #skipBelow = Number.NEGATIVE_INFINITY;
  #frontier = Number.NEGATIVE_INFINITY;

  constructor(plan: Plan, options: PipelineOptions) {
    const { slabs, codegen } = options;
    this.#plan = plan;
    this.#options = options;
    this.#slots = plan.streams.map((stream) => new Slots(stream.slots, codegen, this.#pool));
    this.#buffers = plan.streams.map((stream) => {
      const decoded = stream.slots.flatMap((slot, index) =>
        slot.op.kind === 'field' ? [index] : [],
      );
      return new ReorderBuffer(stream.slots.length, decoded, options.spill, this.#pool);
    });
    this.#partitions = plan.streams.map(() => new Map());
    this.#dedups = plan.streams.map((stream) =>
      stream.dedupSlot === undefined
        ? null
        : new GlobalDedup(stream, options.scanSlabs.open(`global-ids/${stream.name}`)),
    );
    this.#enrichments = plan.enrichments.map((_, index) => new Enrich(plan, index, slabs));
    this.#attribution = new Attribution(plan, slabs);
    this.#features = new FeatureStage(plan, slabs, codegen, this.#pool, options.budget);
    this.#emissions = plan.examples.map((_, example) => new Emission(plan, example, slabs));
  }

  /** Declares a partition of a stream; `state` continues an earlier scan of it. */
  addPartition(stream: number, partition: number, state: ScanState | null = null): void {
    const scan = new PartitionScan(this.#plan, stream, partition, this.#options.scanSlabs, state);
    this.#partitions[stream]!.set(partition, { scan, ended: false, nextOffset: state?.next ?? 0 });
  }

  /** After a restore: rows with a step time below `step` are read again but not applied again. */
  skipBelow(step: number): void {
    this.#skipBelow = step;
    this.#frontier = step;
  }

  /** Takes a batch of one partition, the next in offset order. The rows that were set aside are in the result. */
  accept(stream: number, partition: number, batch: DecodedBatch): PartitionRows {
    const source = this.#partition(stream, partition);
    const rows = source.scan.accept(batch);
    source.nextOffset = batch.firstOffset + batch.n;
    const chunk = this.#chunk(stream, partition, batch, rows);
    if (chunk !== null) this.#buffers[stream]!.add(chunk);
    for (const each of rows.released) this.#release(stream, partition, each);
    this.#boundBuffers();
    return rows;
  }

  /** No more rows will come from this partition in this run. */
  end(stream: number, partition: number): void {
    const source = this.#partition(stream, partition);
    source.ended = true;
    this.#release(stream, partition, source.scan.end());
  }

  /** A decision that nothing older than `time` is waited for: from the partition's next row on it is late. */
  floor(stream: number, partition: number, time: number): void {
    this.#release(stream, partition, this.#partition(stream, partition).scan.floor(time));
  }

  /**
   * Declares that the streams end where their partitions end: every wait elapses. With a time only those before it do: no row
   * of it or later will come, and those before it are all there once the partitions have ended.
   */
  complete(until = Number.POSITIVE_INFINITY): void {
    this.#complete = true;
    this.#until = until;
  }

  watermark(stream: number, partition: number): number {
    return this.#partition(stream, partition).scan.watermark;
  }

  /** Everything below may be applied: no open partition can bring an earlier step. */
  frontier(): number {
    let frontier = this.#until;
    for (const partitions of this.#partitions) {
      for (const { scan, ended } of partitions.values()) {
        if (!ended) frontier = Math.min(frontier, scan.watermark);
      }
    }
    return frontier;
  }

  /**
   * Applies every step below `frontier`, a bounded number of rows at a time; each time gives what every example set
   * emits, in its final order. Nothing is applied beyond what the caller has taken, and a batch is the caller's only until
   * the next is asked for: its columns are written again then.
   */
  *advance(frontier: number): Generator<readonly EmissionBatch[]> {
    assert(frontier >= this.#frontier, `the frontier fell from ${this.#frontier} to ${frontier}`);
    for (const cut of this.#cuts(frontier)) {
      const emitted = this.#advanceTo(cut);
      this.#frontier = cut;
      yield emitted;
    }
  }

  /** The greatest event time of the partition that is believed; null: too few events. */
  newest(stream: number, partition: number): number | null {
    return this.#partition(stream, partition).scan.newest;
  }

  scanState(stream: number, partition: number): ScanState {
    return this.#partition(stream, partition).scan.state();
  }

  /** Offset to read the partition on from: every row that is not applied and not in the scan's state comes again. */
  lowestUnapplied(stream: number, partition: number): number {
    const { nextOffset } = this.#partition(stream, partition);
    return this.#buffers[stream]!.lowestOffset(partition) ?? nextOffset;
  }

  /** Rows waiting for their time, keys held, bytes of both. */
  sizes() {
    const sum = (of: (buffer: ReorderBuffer) => number) =>
      this.#buffers.reduce((total, buffer) => total + of(buffer), 0);
    return {
      bufferedRows: sum((buffer) => buffer.rows),
      bufferedBytes: sum((buffer) => buffer.bytes),
      spilledBytes: sum((buffer) => buffer.spilledBytes),
      keys: this.#features.keys(),
      stateBytes: this.#options.slabs.reduce((total, set) => total + set.bytes, 0),
    };
  }

  /** By example set: anchors for which a label's emission or an audit row is still due. */
  pending() {
    return this.#emissions.map((emission) => emission.pending());
  }

  /** What the scan of a partition has decided so far. */
  scanCounts(stream: number, partition: number): Readonly<ScanCounts> {
    return this.#partition(stream, partition).scan.counts;
  }

  /** Rows that scans accepted and that were copies of rows of other partitions. */
  copiesDropped(stream: number): { readonly rows: number; readonly labelOnly: number } {
    return this.#dedups[stream]?.dropped ?? { rows: 0, labelOnly: 0 };
  }

  /** Forgets event ids that no row from `state` on can repeat; `state` is the earliest the partition may be read from. */
  forgetIds(stream: number, partition: number, state: ScanState): void {
    const { scan } = this.#partition(stream, partition);
    scan.forgetBefore(scan.forgetTime(state));
  }

  #partition(stream: number, partition: number): Partition {
    const source = this.#partitions[stream]?.get(partition);
    assert(source !== undefined, `partition ${partition} of stream ${stream} was not declared`);
    return source;
  }

  #chunk(
    stream: number,
    partition: number,
    batch: DecodedBatch,
    scanned: PartitionRows,
  ): Chunk | null {
    const { timeField, slots } = this.#plan.streams[stream]!;
    const kept = keepFrom(scanned, this.#skipBelow);
    if (kept.n === 0) return null;
    const columns = slots.map((slot) => decodedColumn(batch, slot));
    const times = timeField < 0 ? null : (batch.columns[timeField]!.value as F64Column).data;
    const time = new Float64Array(kept.n);
    const offset = new Float64Array(kept.n);
    for (let i = 0; i < kept.n; i++) {
      const row = kept.rows === null ? i : kept.rows[i]!;
      time[i] = times === null ? kept.step[i]! : times[row]!;
      offset[i] = batch.firstOffset + row;
    }
    return { partition, ...kept, time, offset, columns };
  }

  /** Rows that were kept back until now; those that the restored state has already are left out. */
  #release(stream: number, partition: number, released: ReleasedRows | null): void {
    if (released === null) return;
    const { n, time, offset, columns, from } = released;
    const rows = Int32Array.from([...time.keys()].filter((row) => time[row]! >= this.#skipBelow));
    if (rows.length === 0) return;
    const own = (values: Float64Array) => Float64Array.from(rows, (row) => values[row]!);
    const times = own(time);
    this.#buffers[stream]!.add({
      ...{ partition, n: rows.length, rows: rows.length === n ? null : rows, labelOnly: null },
      ...{ time: times, step: times, offset: own(offset), columns, readFrom: from },
    });
  }

  /** Each buffer may hold its share; the fullest gives way first. */
  #boundBuffers(): void {
    let held = 0;
    for (const buffer of this.#buffers) held += buffer.bytes;
    if (held <= this.#options.bufferBytesMax) return;
    const largest = this.#buffers.reduce((a, b) => (b.bytes > a.bytes ? b : a));
    largest.spillTo(Math.max(0, largest.bytes - (held - this.#options.bufferBytesMax)));
  }

  /** Frontiers on the way to `frontier` so that each releases about ADVANCE_ROWS_MAX rows. */
  *#cuts(frontier: number): Generator<number> {
    const outline: { step: number; rows: number }[] = [];
    for (const buffer of this.#buffers) buffer.outline(outline);
    outline.sort((a, b) => a.step - b.step);
    let rows = 0;
    let last = this.#frontier;
    for (const chunk of outline) {
      if (chunk.step >= frontier) break;
      if (rows >= ADVANCE_ROWS_MAX && chunk.step > last) {
        yield chunk.step;
        last = chunk.step;
        rows = 0;
      }
      rows += chunk.rows;
    }
    yield frontier;
  }

  #advanceTo(frontier: number): EmissionBatch[] {
    this.#pool.recycle();
    const frames: (Frame | null)[] = this.#buffers.map((buffer, stream) => {
      const frame = buffer.release(frontier);
      const dedup = this.#dedups[stream] ?? null;
      return frame === null || dedup === null ? frame : dedup.keep(frame, frontier);
    });
    const column = (stream: number, frame: Frame, slot: number) =>
      this.#slots[stream]!.column(frame, slot);
    for (const [index, enrich] of this.#enrichments.entries()) {
      const { source, stream } = this.#plan.enrichments[index]!;
      enrich.run(frames[source] ?? null, frames[stream] ?? null, column);
      enrich.expire(frontier);
    }
    const attributed = this.#attribution.run(frames, column);
    for (const [stream, frame] of attributed.frames.entries()) if (frame) frames[stream] = frame;
    const { accepted, outcomes } = attributed;
    this.#options.observe?.({ frames, column, accepted, outcomes });
    const streams = frames.map((frame, stream): StreamFrame | null =>
      frame === null ? null : { frame, slots: this.#slots[stream]! },
    );
    const anchors = this.#features.run(streams, frontier);
    const frontiers = {
      frontier,
      reached: this.#reached(frontier),
      labelFrontier: (stream: number) => this.#labelFrontier(stream),
    };
    const emitted = this.#plan.examples.map((plan, example) => {
      const slots = this.#features.slots(plan.anchor);
      const frame = anchors[plan.anchor] ?? null;
      const read = (slot: number) => slots.column(frame!, slot);
      return this.#emissions[example]!.accept(frame, read, outcomes, frontiers);
    });
    this.#attribution.expire(frontier);
    return emitted;
  }

  /** How far event time has really come: once all partitions have ended, no further than the last of them. */
  #reached(frontier: number): number {
    if (this.#complete) return frontier;
    let last = Number.NEGATIVE_INFINITY;
    for (const partitions of this.#partitions) {
      for (const { scan, ended } of partitions.values()) {
        if (!ended) return frontier;
        last = Math.max(last, scan.watermark);
      }
    }
    return Math.min(frontier, last);
  }

  /** Up to when a stream is known to be complete; ended partitions stay where they ended, unless the run is complete. */
  #labelFrontier(stream: number): number {
    const partitions = [...this.#partitions[stream]!.values()];
    const open = partitions.filter(({ ended }) => !ended);
    if (open.length > 0) return Math.min(...open.map(({ scan }) => scan.watermark));
    if (this.#complete) return this.#until;
    return Math.max(Number.NEGATIVE_INFINITY, ...partitions.map(({ scan }) => scan.watermark));
  }
}

type Kept = Pick<Chunk, 'n' | 'rows' | 'step' | 'labelOnly'>;

/** The accepted rows whose step time is not below `from`, in arrays of their own: the scan uses its again. */
function keepFrom(scanned: PartitionRows, from: number): Kept {
  const { rows, step, labelOnly } = scanned;
  const kept = new Int32Array(scanned.n);
  let n = 0;
  for (let i = 0; i < scanned.n; i++) if (step[i]! >= from) kept[n++] = i;
  if (n === scanned.n) {
    return {
      n,
      rows: scanned.all ? null : rows.slice(0, n),
      step: step.slice(0, n),
      labelOnly: scanned.labelOnlyCount === 0 ? null : labelOnly.slice(0, n),
    };
  }
  const keep = kept.subarray(0, n);
  return {
    n,
    rows: Int32Array.from(keep, (i) => rows[i]!),
    step: Float64Array.from(keep, (i) => step[i]!),
    labelOnly: scanned.labelOnlyCount === 0 ? null : Uint8Array.from(keep, (i) => labelOnly[i]!),
  };
}
