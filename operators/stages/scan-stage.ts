/**
 * The scan of one partition of a stream: its decoded batches in offset order. Decides what is malformed, a duplicate or
 * late (partition-scan.ts), makes the columns that need nothing but the event, and sends rows to the shards of their
 * keys. What it sends is a function of the partition's prefix and of the decided floors, of nothing else.
 *
 * Its state goes with a batch boundary. It may be saved once every parcel up to there is acknowledged: who goes on from it
 * sends nothing of what lies before.
 */
import type { ExchangePlan } from '../../compiler/plan/exchange-plan.ts';
import type { Plan } from '../../compiler/plan/plan.ts';
import type { F64Column } from '../column/column.ts';
import { Frame } from '../column/frame.ts';
import { takeRows } from '../column/gather-rows.ts';
import { Slots } from '../column/slots.ts';
import type { DecodedBatch } from '../decode/decoder.ts';
import { decodedColumn, type ReleasedRows } from '../scan/ahead-rows.ts';
import {
  type PartitionRows,
  PartitionScan,
  type ScanCounts,
  type ScanState,
} from '../scan/partition-scan.ts';
import type { SlabSet } from '../state/slab.ts';
import type { Parcel, Upstream } from './exchange-rows.ts';
import { Outbox } from './outbox.ts';
import { outletsOf, type PlacedOutlet, StreamOutlets } from './stream-outlets.ts';

export type ScanStageOptions = {
  /** Index of plan.streams. */
  readonly stream: number;
  readonly partition: number;
  readonly shards: number;
  /** The ids seen. */
  readonly slabs: SlabSet;
  /** Goes up with every owner of the partition. */
  readonly epoch: number;
  readonly codegen?: boolean;
  /** Where an earlier owner was; null: from the partition's beginning. */
  readonly state?: ScanStageState | null;
};

/** Plain JSON but for infinite times. */
export type ScanStageState = {
  readonly scan: ScanState;
  readonly sent: Readonly<Record<string, readonly number[]>>;
};

export class ScanStage {
  readonly #plan: Plan;
  readonly #options: ScanStageOptions;
  readonly #upstream: Upstream;
  readonly #outbox: Outbox;
  readonly #sender: StreamOutlets;
  readonly #scan: PartitionScan;
  readonly #slots: Slots;
  readonly #outlets: readonly PlacedOutlet[];
  #idle = false;
  #isOver = false;

  constructor(plan: Plan, exchange: ExchangePlan, options: ScanStageOptions) {
    const { stream, partition, shards, slabs, codegen = true, state = null } = options;
    this.#plan = plan;
    this.#options = options;
    this.#upstream = { kind: 'scan', stream, partition };
    this.#scan = new PartitionScan(plan, stream, partition, slabs, state?.scan ?? null);
    this.#slots = new Slots(plan.streams[stream].slots, codegen);
    this.#outlets = outletsOf(exchange, { kind: 'scan', stream });
    this.#outbox = new Outbox(exchange, shards, this.#outlets);
    if (state !== null) this.#outbox.restore(state.sent);
    this.#sender = new StreamOutlets(plan, exchange, this.#outbox, shards);
    this.#tell();
  }

  /** Takes the next batch; gives what became of its rows, lent until the next call. */
  accept(batch: DecodedBatch): PartitionRows {
    const rows = this.#scan.accept(batch);
    let from = 0;
    for (const released of rows.released) {
      this.#send(this.#frame(batch, rows, from, released.after));
      this.#send(this.#releasedFrame(released));
      from = released.after;
    }
    this.#send(this.#frame(batch, rows, from, rows.n));
    this.#tell();
    return rows;
  }

  /** No more rows will come; `complete`: and the stream ends here for good, every wait elapses. */
  end(complete: boolean): void {
    this.#isOver = true;
    const rest = this.#scan.end();
    if (rest !== null) this.#send(this.#releasedFrame(rest));
    const watermark = complete ? Number.POSITIVE_INFINITY : this.#scan.watermark;
    for (const outlet of this.#outlets) {
      const frontier = Number.POSITIVE_INFINITY;
      this.#outbox.progress(outlet, { frontier, watermark, ended: true, idle: false });
    }
  }

  /** A decision that is on record: from the next row on what is older than `time` is late. */
  floor(time: number): void {
    const released = this.#scan.floor(time);
    if (released !== null) this.#send(this.#releasedFrame(released));
    this.#tell();
  }

  /** Says whether the partition is silent: for whoever decides floors. */
  idle(isIdle: boolean): void {
    if (isIdle === this.#idle || this.#isOver) return;
    this.#idle = isIdle;
    this.#tell();
  }

  /** What waits for a shard; null: nothing new. */
  take(shard: number): Parcel | null {
    const sections = this.#outbox.take(shard);
    if (sections.length === 0) return null;
    const { epoch } = this.#options;
    return { upstream: this.#upstream, epoch, digest: this.#plan.digest, sections };
  }

  /** Offset of the next row. */
  get next(): number {
    return this.#scan.state().next;
  }

  /** Rows that nobody has taken yet. */
  get waiting(): number {
    return this.#outbox.waiting;
  }

  /** Events before it are late, ms. */
  get watermark(): number {
    return this.#scan.watermark;
  }

  /** What the scan has decided so far. */
  get counts(): Readonly<ScanCounts> {
    return this.#scan.counts;
  }

  /** As of the last batch. */
  state(): ScanStageState {
    return { scan: this.#scan.state(), sent: this.#outbox.state() };
  }

  /** Drops ids that no row from `state` on can repeat; `state` is the earliest the partition may be read from. */
  forgetBefore(state: ScanStageState): void {
    this.#scan.forgetBefore(this.#scan.forgetTime(state.scan));
  }

  #send(frame: Frame): void {
    if (frame.n === 0) return;
    const column = (slot: number) => this.#slots.column(frame, slot);
    for (const outlet of this.#outlets) {
      if (outlet.plan.route.by === 'all') continue;
      this.#sender.send(outlet, { frame, ordinal: null, column, extra: null });
    }
  }

  /** The applied rows [from, to) in arrays of their own: the scan uses its again. */
  #frame(batch: DecodedBatch, taken: PartitionRows, from: number, to: number): Frame {
    const { timeField, slots } = this.#plan.streams[this.#options.stream];
    const n = to - from;
    const rows = taken.all && n === batch.n ? null : taken.rows.slice(from, to);
    const step = taken.step.slice(from, to);
    const times = timeField < 0 ? null : (batch.columns[timeField].value as F64Column).data;
    const time = times === null ? step : new Float64Array(n);
    const offset = new Float64Array(n);
    for (let i = 0; i < n; i++) {
      const row = rows === null ? i : rows[i];
      if (times !== null) time[i] = times[row];
      offset[i] = batch.firstOffset + row;
    }
    return new Frame({
      n,
      time,
      step,
      labelOnly: taken.labelOnlyCount === 0 ? null : taken.labelOnly.slice(from, to),
      partition: new Int32Array(n).fill(this.#options.partition),
      offset,
      columns: slots.map((slot) => {
        const column = decodedColumn(batch, slot);
        return rows === null || column === undefined ? column : takeRows(column, rows);
      }),
    });
  }

  #releasedFrame({ n, time, offset, columns }: ReleasedRows): Frame {
    const partition = new Int32Array(n).fill(this.#options.partition);
    return new Frame({ n, time, step: time, labelOnly: null, partition, offset, columns });
  }

  #tell(): void {
    const { watermark } = this.#scan;
    const idle = this.#idle;
    for (const outlet of this.#outlets) {
      this.#outbox.progress(outlet, { frontier: watermark, watermark, ended: false, idle });
    }
  }
}
