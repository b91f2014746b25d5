/**
 * One partition of one stream: decides, row by row and from the partition's own prefix alone, what is malformed, what
 * is a duplicate, what is late, and at what time the rest is applied. In this order:
 *
 *   0. erased, or outside of the time span that is read: skipped, as if it were not there.
 *   1. malformed: one of the stream's fields is bad, or time or id is null. Touches nothing else.
 *   2. duplicate: an earlier row of the same id was accepted, with an own time of `max` minus the horizon or later.
 *   3. late (before the watermark): label-only if it is within the stream's `labels` lateness, else dropped.
 *   4. accepted, at its own time; label-only rows at the watermark.
 *
 * Every row that gets past 2 and is not late then moves the watermark. An accepted row that is beyond what is believed even so is kept
 * back until it is not (ahead-rows.ts); where there is no room for it, it is set aside with the late ones.
 */
import type { Plan, StreamPlan } from '../../compiler/plan/plan.ts';
import { assert } from '../assert.ts';
import type { HashColumn } from '../column/column.ts';
import { REASON } from '../decode/decode-reasons.ts';
import type { DecodedBatch } from '../decode/decoder.ts';
import type { SlabSet } from '../state/slab.ts';
import { AheadRows, type AheadState, type ReleasedRows } from './ahead-rows.ts';
import { DedupSet, DUPLICATE, KNOWN, NEW } from './scan-dedup.ts';
import type { WatermarkState } from './watermark.ts';
import { Watermark } from './watermark.ts';

export type ScanCounts = {
  rows: number;
  malformed: number;
  duplicate: number;
  late: number;
  /** Label-only: skipped by features, applied by labels. Counted in `accepted` too. */
  lateForFeatures: number;
  accepted: number;
  /** Skipped, by erasure, in their order. Absent: none. */
  erased?: readonly number[];
  /** Skipped, since others read them (time-span.ts). Absent: none. */
  outside?: number;
};

/** Everything of a scan that is not in its slab: plain JSON, exact at the batch boundary where it was taken. */
export type ScanState = {
  readonly watermark: WatermarkState;
  readonly counts: Readonly<ScanCounts>;
  /** Offset of the next row. */
  readonly next: number;
  /** Rows before it that are kept back. Absent: none are. */
  readonly ahead?: AheadState;
};

/** `field` is an index of the scan's fields, -1 for the whole record. */
export type MalformedRow = {
  readonly row: number;
  readonly offset: number;
  readonly field: number;
  readonly reason: number;
};

export type LateRow = {
  readonly row: number;
  readonly offset: number;
  readonly time: number;
  /** The watermark it was late against, or how far it might have been at most. */
  readonly bound: number;
  readonly isAhead: boolean;
};

/** What a batch comes to. Its arrays are used again by the next `accept`. */
export type PartitionRows = {
  /** Rows that are applied. */
  readonly n: number;
  /** Every row of the batch, in order, at its own time: `rows` and `labelOnly` then say nothing more. */
  readonly all: boolean;
  /** Batch row of applied row i. */
  readonly rows: Int32Array;
  /** When applied row i is applied: its own time, or the watermark if label-only; -Infinity in a static table. */
  readonly step: Float64Array;
  readonly labelOnly: Uint8Array;
  readonly labelOnlyCount: number;
  readonly duplicates: number;
  readonly malformed: readonly MalformedRow[];
  readonly late: readonly LateRow[];
  /** Batch rows that are kept back: accepted, and not among those that are applied. */
  readonly keptBack: readonly number[];
  /** Rows that were kept back until now, each with how many of the applied rows come before them. */
  readonly released: readonly (ReleasedRows & { readonly after: number })[];
};

const ZERO: ScanCounts = {
  rows: 0,
  malformed: 0,
  duplicate: 0,
  late: 0,
  lateForFeatures: 0,
  accepted: 0,
};

export class PartitionScan {
  readonly #stream: StreamPlan;
  /** By scan field: whether the stream declares it. */
  readonly #declares: Uint8Array;
  readonly #ids: DedupSet | null;
  readonly #horizonMs: number;
  readonly #labelsMs: number;
  readonly #ahead: AheadRows;
  readonly #watermark: Watermark;
  readonly #counts: ScanCounts;
  #next: number;
  #rows = new Int32Array(0);
  #step = new Float64Array(0);
  #labelOnly = new Uint8Array(0);
  /** By row of the batch: 1 if malformed for this stream, or erased. */
  #isBad = new Uint8Array(0);

  constructor(
    plan: Plan,
    streamIndex: number,
    partition: number,
    slabs: SlabSet,
    state: ScanState | null = null,
  ) {
    const stream = plan.streams[streamIndex]!;
    assert(stream.scan >= 0, `stream ${stream.name} is not read from a topic`);
    this.#stream = stream;
    this.#declares = new Uint8Array(plan.scans[stream.scan]!.fields.length);
    for (const field of stream.fields) this.#declares[field] = 1;
    for (const field of [stream.timeField, stream.idField])
      if (field >= 0) this.#declares[field] = 1;
    this.#labelsMs = stream.labelsLateMs ?? stream.lateMs;
    this.#horizonMs = Math.max(stream.lateMs, stream.labelsLateMs ?? 0, stream.dedupMs ?? 0);
    const dedups = stream.idField >= 0 && stream.timeField >= 0;
    const slab = dedups ? slabs.open(`ids/${stream.name}/${partition}`) : null;
    this.#ids = slab === null ? null : new DedupSet(slab, this.#horizonMs);
    this.#ahead = new AheadRows(plan, streamIndex, state?.ahead);
    this.#watermark = new Watermark(stream.lateMs, stream.aheadMs, state?.watermark ?? null);
    this.#counts = { ...(state?.counts ?? ZERO) };
    this.#next = state?.next ?? 0;
  }

  /** Events before it are late; -Infinity until three events are seen (always, for a static table). */
  get watermark(): number {
    return this.#watermark.time;
  }

  /** The greatest event time that is believed; null until three events are seen. */
  get newest(): number | null {
    const { max } = this.#watermark;
    return max === Number.NEGATIVE_INFINITY ? null : max;
  }

  get counts(): Readonly<ScanCounts> {
    return this.#counts;
  }

  /** Decides every row of the batch, which must begin where the last one ended. */
  accept(batch: DecodedBatch): PartitionRows {
    assert(
      batch.firstOffset === this.#next,
      `stream ${this.#stream.name}: rows from ${batch.firstOffset}, expected ${this.#next}`,
    );
    this.#makeRoom(batch.n);
    if (batch.erased !== undefined) this.#skip(batch.erased, batch.n);
    if (batch.outside !== undefined) this.#passOver(batch.outside, batch.n);
    const malformed = this.#malformed(batch);
    const decided = this.#stream.timeField < 0 ? this.#decideStatic(batch) : this.#decide(batch);
    this.#next += batch.n;
    this.#counts.rows += batch.n;
    this.#counts.malformed += malformed.length;
    this.#counts.duplicate += decided.duplicates;
    this.#counts.late += decided.late.length;
    this.#counts.lateForFeatures += decided.labelOnlyCount;
    const { accepted, ...rest } = decided;
    this.#counts.accepted += accepted;
    return { ...rest, malformed };
  }

  /**
   * Decided from outside: from the next row on, what is older than `time` is late. The same as if an event that moves the
   * watermark there had come before it. Gives what was kept back until now; null: nothing.
   */
  floor(time: number): ReleasedRows | null {
    this.#watermark.raise(time + this.#stream.lateMs);
    return this.#ahead.release(this.#watermark.max + this.#stream.aheadMs, this.#next);
  }

  /**
   * No more rows will come: gives what was kept back until now; null: nothing. Who reads the end again goes on from a state of before.
   */
  end(): ReleasedRows | null {
    return this.#ahead.release(Number.POSITIVE_INFINITY, this.#next);
  }

  /** As of the end of the last batch. */
  state(): ScanState {
    const { state: ahead } = this.#ahead;
    return {
      ...{ watermark: this.#watermark.state(), counts: { ...this.#counts }, next: this.#next },
      ...(ahead === undefined ? {} : { ahead }),
    };
  }

  /** Ids before this own time can no longer be duplicates of any row from `state` on. */
  forgetTime(state: ScanState): number {
    return (state.watermark.max ?? Number.NEGATIVE_INFINITY) - this.#horizonMs;
  }

  /**
   * Drops ids with an own time before `time`. Safe up to `forgetTime` of the earliest state from which the partition
   * may ever be read again; it never changes a decision.
   */
  forgetBefore(time: number): void {
    this.#ids?.forgetBefore(time);
  }

  #makeRoom(n: number): void {
    if (this.#rows.length < n) {
      this.#rows = new Int32Array(n);
      this.#step = new Float64Array(n);
      this.#labelOnly = new Uint8Array(n);
      this.#isBad = new Uint8Array(n);
    }
    this.#isBad.fill(0, 0, n);
  }

  #skip(erased: Uint16Array, n: number): void {
    const counts = [...(this.#counts.erased ?? [])];
    for (let row = 0; row < n; row++) {
      const number = erased[row]!;
      if (number === 0) continue;
      this.#isBad[row] = 1;
      while (counts.length < number) counts.push(0);
      counts[number - 1]!++;
    }
    this.#counts.erased = counts;
  }

  #passOver(outside: Uint8Array, n: number): void {
    let passed = this.#counts.outside ?? 0;
    for (let row = 0; row < n; row++) {
      if (outside[row] === 0 || this.#isBad[row] === 1) continue;
      this.#isBad[row] = 1;
      passed++;
    }
    this.#counts.outside = passed;
  }

  /** One entry a malformed row (its first reason), in row order; marks them in `#isBad`. */
  #malformed(batch: DecodedBatch): MalformedRow[] {
    const found: MalformedRow[] = [];
    const { bad, firstOffset } = batch;
    for (let i = 0; i < bad.count; i++) {
      const row = bad.row[i]!;
      const field = bad.field[i]!;
      if (this.#isBad[row] === 1 || (field >= 0 && this.#declares[field] === 0)) continue;
      this.#isBad[row] = 1;
      found.push({ row, offset: firstOffset + row, field, reason: bad.reason[i]! });
    }
    const nulls = this.#nullTimesOrIds(batch);
    return nulls.length === 0 ? found : [...found, ...nulls].sort((a, b) => a.row - b.row);
  }

  /** Nullable time and id fields are unusual, but may be declared: their nulls are malformed all the same. */
  #nullTimesOrIds(batch: DecodedBatch): MalformedRow[] {
    const found: MalformedRow[] = [];
    const { timeField, idField } = this.#stream;
    const times = timeField < 0 ? null : timesOf(batch, timeField);
    const ids = idField < 0 ? null : hashesOf(batch, idField);
    for (let row = 0; row < batch.n; row++) {
      if (this.#isBad[row] === 1) continue;
      const noTime = times !== null && Number.isNaN(times[row]!);
      if (!noTime && (ids === null || ids.lo[row] !== 0 || ids.hi[row] !== 0)) continue;
      this.#isBad[row] = 1;
      const field = noTime ? timeField : idField;
      found.push({ row, offset: batch.firstOffset + row, field, reason: REASON.null });
    }
    return found;
  }

  #decide(batch: DecodedBatch): Decided {
    const times = timesOf(batch, this.#stream.timeField);
    const ids = this.#ids === null ? null : hashesOf(batch, this.#stream.idField);
    if (ids !== null) this.#ids!.touch(ids.lo, batch.n);
    const rows = this.#rows;
    const step = this.#step;
    const labelOnly = this.#labelOnly;
    const watermark = this.#watermark;
    const late: LateRow[] = [];
    const keptBack: number[] = [];
    const released: Decided['released'][number][] = [];
    const { aheadMs } = this.#stream;
    let n = 0;
    let accepted = 0;
    let duplicates = 0;
    let labelOnlyCount = 0;
    for (let row = 0; row < batch.n; row++) {
      if (this.#isBad[row] === 1) continue;
      const time = times[row]!;
      const offset = batch.firstOffset + row;
      const max = watermark.max;
      let known = KNOWN;
      if (ids !== null) {
        known = this.#ids!.find(ids.lo[row]!, ids.hi[row]!, offset, max - this.#horizonMs);
        if (known === DUPLICATE) {
          duplicates++;
          continue;
        }
      }
      const bound = watermark.time;
      if (time < bound && time < max - this.#labelsMs) {
        late.push({ row, offset, time, bound, isAhead: false });
        continue;
      }
      watermark.see(time);
      const reach = watermark.max + aheadMs;
      if (time <= reach || this.#ahead.keep(batch, row, time)) {
        accepted++;
        if (known === NEW) {
          this.#ids!.add(ids!.lo[row]!, ids!.hi[row]!, time, offset, max + aheadMs);
        }
        if (time > reach) keptBack.push(row);
      } else late.push({ row, offset, time, bound: reach, isAhead: true });
      if (time <= reach) {
        const isLate = time < bound;
        rows[n] = row;
        step[n] = isLate ? bound : time;
        labelOnly[n++] = isLate ? 1 : 0;
        if (isLate) labelOnlyCount++;
      }
      // Also a row that is kept back may have moved the watermark.
      if (this.#ahead.lowest <= reach) {
        released.push({ ...this.#ahead.release(reach, offset)!, after: n });
      }
    }
    const all = n === batch.n && labelOnlyCount === 0;
    return {
      ...{ n, all, rows, step, labelOnly, labelOnlyCount, duplicates, late },
      ...{ keptBack, released, accepted },
    };
  }

  #decideStatic(batch: DecodedBatch): Decided {
    let n = 0;
    for (let row = 0; row < batch.n; row++) if (this.#isBad[row] === 0) this.#rows[n++] = row;
    this.#step.fill(Number.NEGATIVE_INFINITY, 0, n);
    this.#labelOnly.fill(0, 0, n);
    return {
      n,
      all: n === batch.n,
      rows: this.#rows,
      step: this.#step,
      labelOnly: this.#labelOnly,
      labelOnlyCount: 0,
      duplicates: 0,
      late: [],
      keptBack: [],
      released: [],
      accepted: n,
    };
  }
}

/** `accepted`: those that are kept back included. */
type Decided = Omit<PartitionRows, 'malformed'> & { readonly accepted: number };

function timesOf(batch: DecodedBatch, field: number): Float64Array {
  const column = batch.columns[field]!.value;
  assert(column?.kind === 'f64', 'the time field is decoded as numbers');
  return column.data;
}

function hashesOf(batch: DecodedBatch, field: number): HashColumn {
  const column = batch.columns[field]!.hash;
  assert(column !== undefined, 'the id field is decoded as a hash');
  return column;
}
