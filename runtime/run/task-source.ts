import type { ScanPlan } from '../../compiler/plan/plan.ts';
import type { ErasedRows } from '../../operators/scan/erasure.ts';
import type { TimeSpan } from '../../operators/scan/time-span.ts';
import { READ_ROWS } from '../config.ts';
import { Fault } from '../fault.ts';
import type { SideRecord, SideSource } from '../sink/side-records.ts';
import type { SourceSnapshot } from '../store/checkpoint.ts';
import type { Engine, SetAside } from './engine.ts';
import type { ReadPosition, RecordReader } from './record-reader.ts';
import { Snapshots } from './snapshots.ts';

/** One input: a partition of a topic, and how to open it at a place. */
export type SourceInput = {
  readonly scan: number;
  readonly partition: number;
  /** The path as the user gave it. */
  readonly path: string;
  /** Digest of the schema that its records are decoded by; absent for formats that need none. */
  readonly schema?: string | undefined;
  readonly open: (at: ReadPosition | null) => Promise<RecordReader>;
};

/** What one read brought: records set aside, by stream of the scan, and the offset of the batch's first record. */
export type ReadResult = { readonly firstOffset: number; readonly aside: readonly SetAside[] };

/** An input while it is read: each batch goes to every stream of its topic. */
export class TaskSource {
  readonly input: SourceInput;
  readonly scan: ScanPlan;
  readonly sides: readonly SideSource[];
  readonly isStatic: boolean;
  ended = false;
  readonly #engine: Engine;
  readonly #reader: RecordReader;
  readonly #snapshots: Snapshots;
  readonly #erased: ErasedRows | null;
  readonly #span: TimeSpan | null;
  /** The batch that is read and not taken yet; null: nobody asked for one. */
  #coming: ReturnType<RecordReader['read']> | null = null;

  private constructor(
    input: SourceInput,
    scan: ScanPlan,
    more: {
      engine: Engine;
      reader: RecordReader;
      snapshots: Snapshots;
      sides: SideSource[];
      isStatic: boolean;
      erased: ErasedRows | null;
      span: TimeSpan | null;
    },
  ) {
    this.input = input;
    this.scan = scan;
    this.#engine = more.engine;
    this.#reader = more.reader;
    this.#snapshots = more.snapshots;
    this.#erased = more.erased;
    this.#span = more.span;
    this.sides = more.sides;
    this.isStatic = more.isStatic;
  }

  /** `at`: where the last checkpoint says to read on; null: from the beginning. */
  static async open(
    input: SourceInput,
    scan: ScanPlan,
    more: {
      engine: Engine;
      sides: SideSource[];
      isStatic: boolean;
      at: SourceSnapshot | null;
      /** Whose rows are as if they were not there; null: nobody's. */
      erased: ErasedRows | null;
      /** Whose rows alone are read; null: all are. */
      span: TimeSpan | null;
    },
  ): Promise<TaskSource> {
    const { engine, at } = more;
    scan.streams.forEach((stream, i) => {
      engine.addPartition(stream, input.partition, at === null ? null : at.scans[i]);
    });
    const reader = await input.open(at === null ? null : { rows: at.rows, bytes: at.bytes });
    const scans = scan.streams.map((stream) => engine.scanState(stream, input.partition));
    const place = at ?? { rows: 0, bytes: 0 };
    const snapshots = new Snapshots({ rows: place.rows, bytes: place.bytes, scans });
    return new TaskSource(input, scan, { ...more, reader, snapshots });
  }

  /** Records read so far. */
  get rows(): number {
    return this.#snapshots.newest.rows;
  }

  /** The lowest watermark of its streams. */
  watermark(): number {
    let lowest = Number.POSITIVE_INFINITY;
    for (const stream of this.scan.streams) {
      lowest = Math.min(lowest, this.#engine.watermark(stream, this.input.partition));
    }
    return lowest;
  }

  /** Settled once `read` need not wait. What comes meanwhile changes nothing before it is read. */
  async ready(): Promise<void> {
    this.#coming ??= this.#reader.read(READ_ROWS);
    await this.#coming;
  }

  /** Reads one batch into the engine; null at the end. */
  async read(): Promise<ReadResult | null> {
    const { partition } = this.input;
    const batch = await (this.#coming ?? this.#reader.read(READ_ROWS));
    this.#coming = null;
    if (batch === null) {
      this.ended = true;
      for (const stream of this.scan.streams) this.#engine.end(stream, partition);
      await this.#reader.close();
      return null;
    }
    const aside = this.scan.streams.map((s) => {
      const own = this.#span === null ? batch : this.#span.mark(s, batch);
      const kept = this.#erased === null ? own : this.#erased.mark(s, own);
      const aside = this.#engine.accept(s, partition, kept);
      return this.#erased === null ? aside : withoutText(aside);
    });
    const scans = this.scan.streams.map((s) => this.#engine.scanState(s, partition));
    this.#snapshots.add({ ...this.#reader.position(), scans });
    return { firstOffset: batch.firstOffset, aside };
  }

  /** Where recovery must read on from, so that no row that still waits is missed. */
  snapshot(): SourceSnapshot {
    const { partition } = this.input;
    let lowest = this.rows;
    for (const stream of this.scan.streams) {
      lowest = Math.min(lowest, this.#engine.lowestUnapplied(stream, partition));
    }
    return { topic: this.scan.topic, partition, ...this.#snapshots.at(lowest) };
  }

  /** The partition will not be read again from before `place`. */
  forgetBefore(place: SourceSnapshot): void {
    this.scan.streams.forEach((stream, i) => {
      this.#engine.forgetBefore(stream, this.input.partition, place.scans[i]);
    });
  }

  /** A batch that was not taken is let go: it is read again by whoever goes on. */
  async close(): Promise<void> {
    if (!this.ended) await this.#reader.close();
    await this.#coming?.catch(() => {});
  }
}

/** What cannot be read may be about anybody: after an erasure the place of a record is kept, not its text. */
function withoutText({ late, malformed }: SetAside): SetAside {
  const bare = (record: SideRecord) => ({ ...record, raw: null });
  return { late: late.map(bare), malformed: malformed.map(bare) };
}

/** A stream may bound its share of malformed records (after MALFORMED_ROWS_MIN): the Fault of one that is above it, else null. */
export function malformedFault(
  stream: { readonly name: string; readonly malformedMax: number | null },
  counts: { readonly read: number; readonly malformed: number },
  place: string,
): Fault | null {
  if (stream.malformedMax === null || counts.read < MALFORMED_ROWS_MIN) return null;
  const share = counts.malformed / counts.read;
  if (share <= stream.malformedMax) return null;
  return new Fault(
    'malformed_share',
    `${counts.malformed} of ${counts.read} records of ${stream.name} are malformed, more than the ${stream.malformedMax * 100} % it allows. The records and reasons are in ${place}.`,
    { context: { stream: stream.name, malformed: counts.malformed, read: counts.read } },
  );
}

const MALFORMED_ROWS_MIN = 1000;
