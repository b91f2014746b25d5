/**
 * The scan of one partition of a topic: its decoded batches in offset order, for every stream over the topic. Decides
 * what is malformed, a duplicate or late (partition-scan.ts), makes the columns that need nothing but the event, and sends rows to
 * the shards of their keys. What it sends is a function of the partition's prefix and of the idle floors, of nothing else.
 *
 * Its state goes with a batch boundary at which every parcel was taken; it is saved once they are acknowledged.
 */
import type { ExchangePlan } from '../../compiler/exchange-plan.ts';
import type { Plan } from '../../compiler/plan.ts';
import { assert } from '../assert.ts';
import type { Column, F64Column } from '../column.ts';
import type { DecodedBatch } from '../decoder.ts';
import { Frame } from '../frame.ts';
import { takeRows } from '../gather-rows.ts';
import {
  type PartitionRows,
  PartitionScan,
  type ScanCounts,
  type ScanState,
} from '../partition-scan.ts';
import type { SlabSet } from '../slab.ts';
import { Slots } from '../slots.ts';
import type { Parcel, Upstream } from './exchange-rows.ts';
import { Outbox } from './outbox.ts';
import { outletsOf, type PlacedOutlet, StreamOutlets } from './stream-outlets.ts';

export type ScanStageOptions = {
  /** Index of plan.scans. */
  readonly scan: number;
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
  /** In the order of the scan's streams. */
  readonly scans: readonly ScanState[];
  /** Time up to which the partition was declared idle; -infinity: never. */
  readonly floor: number;
  readonly sent: Readonly<Record<string, readonly number[]>>;
};

type StreamScan = {
  readonly stream: number;
  readonly scan: PartitionScan;
  readonly slots: Slots;
  readonly outlets: readonly PlacedOutlet[];
};

export class ScanStage {
  readonly #plan: Plan;
  readonly #options: ScanStageOptions;
  readonly #upstream: Upstream;
  readonly #outbox: Outbox;
  readonly #sender: StreamOutlets;
  readonly #streams: readonly StreamScan[];
  #floor: number;

  constructor(plan: Plan, exchange: ExchangePlan, options: ScanStageOptions) {
    const { scan, partition, shards, slabs, codegen = true, state = null } = options;
    this.#plan = plan;
    this.#options = options;
    this.#upstream = { kind: 'scan', scan, partition };
    this.#floor = state?.floor ?? Number.NEGATIVE_INFINITY;
    this.#streams = plan.scans[scan].streams.map((stream, i) => ({
      stream,
      scan: new PartitionScan(plan, stream, partition, slabs, state?.scans[i] ?? null),
      slots: new Slots(plan.streams[stream].slots, codegen),
      outlets: outletsOf(exchange, { kind: 'scan', stream }),
    }));
    const outlets = this.#streams.flatMap((each) => each.outlets);
    this.#outbox = new Outbox(exchange, shards, outlets);
    if (state !== null) this.#outbox.restore(state.sent);
    this.#sender = new StreamOutlets(plan, exchange, this.#outbox, shards);
    this.#tell();
  }

  /** Takes the next batch; gives what became of its rows, by stream of the scan. The result is lent until the next call. */
  accept(batch: DecodedBatch): readonly PartitionRows[] {
    const taken = this.#streams.map((each) => {
      const rows = each.scan.accept(batch);
      if (rows.n > 0) this.#send(each, batch, rows);
      return rows;
    });
    this.#tell();
    return taken;
  }

  /** No more rows will come; `complete`: and the streams end here for good, every wait elapses. */
  end(complete: boolean): void {
    for (const { scan, outlets } of this.#streams) {
      const watermark = complete ? Number.POSITIVE_INFINITY : scan.watermark;
      for (const outlet of outlets) {
        const frontier = Number.POSITIVE_INFINITY;
        this.#outbox.progress(outlet, { frontier, watermark, ended: true });
      }
    }
  }

  /** The partition is idle, by a decision that is on record: others need not wait for times before `floor`, ms. */
  idle(floor: number): void {
    assert(floor >= this.#floor, 'an idle floor only rises');
    this.#floor = floor;
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
    return this.#streams[0].scan.state().next;
  }

  /** The least of the streams' watermarks, ms. */
  get watermark(): number {
    return Math.min(...this.#streams.map(({ scan }) => scan.watermark));
  }

  /** What the scan of a stream has decided so far. */
  counts(stream: number): Readonly<ScanCounts> {
    return this.#streams.find((each) => each.stream === stream)!.scan.counts;
  }

  /** As of the last batch. Nothing may wait to be taken. */
  state(): ScanStageState {
    assert(this.#outbox.waiting === 0, 'a scan is saved after every parcel was taken');
    return {
      scans: this.#streams.map(({ scan }) => scan.state()),
      floor: this.#floor,
      sent: this.#outbox.state(),
    };
  }

  /** Drops ids that no row from `state` on can repeat; `state` is the earliest the partition may be read from. */
  forgetBefore(state: ScanStageState): void {
    this.#streams.forEach(({ scan }, i) => {
      scan.forgetBefore(scan.forgetTime(state.scans[i]));
    });
  }

  #send({ stream, slots, outlets }: StreamScan, batch: DecodedBatch, rows: PartitionRows): void {
    const frame = this.#frame(stream, batch, rows);
    const column = (slot: number) => slots.column(frame, slot);
    for (const outlet of outlets) {
      if (outlet.plan.route.by === 'all') continue;
      this.#sender.send(outlet, { frame, ordinal: null, column, extra: null });
    }
  }

  /** The accepted rows in arrays of their own: the scan uses its again. */
  #frame(stream: number, batch: DecodedBatch, taken: PartitionRows): Frame {
    const { timeField, slots } = this.#plan.streams[stream];
    const { n } = taken;
    const rows = taken.all ? null : taken.rows.slice(0, n);
    const step = taken.step.slice(0, n);
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
      labelOnly: taken.labelOnlyCount === 0 ? null : taken.labelOnly.slice(0, n),
      partition: new Int32Array(n).fill(this.#options.partition),
      offset,
      columns: slots.map(({ op, physical }): Column | undefined => {
        if (op.kind !== 'field') return undefined;
        const decoded = batch.columns[op.field];
        const column = physical === 'hash' ? decoded.hash! : decoded.value!;
        return rows === null ? column : takeRows(column, rows);
      }),
    });
  }

  #tell(): void {
    for (const { scan, outlets } of this.#streams) {
      const { watermark } = scan;
      const frontier = Math.max(watermark, this.#floor);
      for (const outlet of outlets) {
        this.#outbox.progress(outlet, { frontier, watermark, ended: false });
      }
    }
  }
}
