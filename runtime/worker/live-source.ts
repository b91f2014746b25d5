/**
 * A source partition while it is read: fetched records become rows of the engine, numbered from 0 at the first record ever
 * read, so that the gaps in Kafka's offsets are nobody's business.
 */
import type { ScanPlan } from '../../compiler/plan/plan.ts';
import { assert } from '../../operators/assert.ts';
import type { TimeSpan } from '../../operators/scan/time-span.ts';
import { READ_ROWS } from '../config.ts';
import type { LiveEngine, SetAside } from '../run/engine.ts';
import { Snapshots } from '../run/snapshots.ts';
import type { SourceSnapshot } from '../store/checkpoint.ts';
import type { ClusterReader, Partition, Records } from './cluster.ts';
import type { FloorDecision } from './unit-decisions.ts';
import type { SourcePlace } from './unit-progress.ts';
import type { ValueDecoder } from './value-decoder.ts';

export type LiveSourceParts = {
  readonly of: Partition;
  readonly scan: ScanPlan;
  readonly engine: LiveEngine;
  readonly reader: ClusterReader;
  readonly values: ValueDecoder;
  /** Where the last checkpoint says to read on; null: from the start. */
  readonly at: SourceSnapshot | null;
  /** Offset of row 0. */
  readonly start: number;
  /** Floors that were decided, by row. */
  readonly floors: readonly FloorDecision[];
  /** Read no further than this offset; null: for ever. */
  readonly end: number | null;
  /** Whose rows alone are read; null: all are. */
  readonly span: TimeSpan | null;
};

/** What one read brought: the rows, as records, and what was set aside, by stream of the scan. */
export type LiveRead = {
  readonly firstRow: number;
  readonly records: Records;
  /** Record of the first row. */
  readonly firstRecord: number;
  readonly aside: readonly SetAside[];
};

export class LiveSource {
  readonly of: Partition;
  readonly scan: ScanPlan;
  readonly isStatic: boolean;
  ended = false;
  readonly #parts: LiveSourceParts;
  readonly #snapshots: Snapshots;
  readonly #floors: FloorDecision[];
  #records: Records | null = null;
  #taken = 0;

  constructor(parts: LiveSourceParts, isStatic: boolean) {
    const { of, scan, engine, at, start } = parts;
    this.#parts = parts;
    this.of = of;
    this.scan = scan;
    this.isStatic = isStatic;
    scan.streams.forEach((stream, i) => {
      engine.addPartition(stream, of.partition, at === null ? null : at.scans[i]);
    });
    const place = at ?? { rows: 0, bytes: start };
    const scans = scan.streams.map((stream) => engine.scanState(stream, of.partition));
    this.#snapshots = new Snapshots({ rows: place.rows, bytes: place.bytes, scans });
    this.#floors = parts.floors
      .filter(({ row }) => row >= place.rows)
      .sort((a, b) => a.row - b.row || a.time - b.time);
    parts.reader.add(of, place.bytes);
    this.#applyFloors();
    this.#checkEnd();
  }

  /** Rows read so far. */
  get rows(): number {
    return this.#snapshots.newest.rows;
  }

  /** Offset of the next record. */
  get offset(): number {
    return this.#snapshots.newest.bytes;
  }

  /** The lowest watermark of its streams. */
  watermark(): number {
    const { engine, of } = this.#parts;
    return Math.min(...this.scan.streams.map((stream) => engine.watermark(stream, of.partition)));
  }

  /** Nothing is fetched, and nothing more was in the log when it was last looked at. */
  isCaughtUp(): boolean {
    if (this.#records !== null || this.ended) return this.ended;
    const { next, end } = this.#parts.reader.position(this.of);
    return end !== null && next >= end;
  }

  /** Records between here and the end of the log; null: not known yet. */
  lag(): number | null {
    if (this.ended) return 0;
    const { end } = this.#parts.reader.position(this.of);
    return end === null ? null : Math.max(0, end - this.offset);
  }

  /** Reads one batch into the engine; null: nothing has arrived. */
  async read(): Promise<LiveRead | null> {
    const records = this.#records ?? (await this.#take());
    if (records === null) return null;
    const { engine, values, of, span } = this.#parts;
    const firstRow = this.rows;
    const firstRecord = this.#taken;
    const floor = this.#floors[0];
    const untilFloor = floor === undefined ? READ_ROWS : floor.row - firstRow;
    const batch = values.decode(
      Math.min(READ_ROWS, untilFloor, this.#wanted(records) - firstRecord),
      firstRow,
    );
    const aside = this.scan.streams.map((stream) =>
      engine.accept(stream, of.partition, span?.mark(stream, batch) ?? batch),
    );
    this.#taken += batch.n;
    const isUsedUp = this.#taken === this.#wanted(records);
    const bytes = isUsedUp ? this.#behind(records) : records.offset[this.#taken]!;
    this.#place({ rows: firstRow + batch.n, offset: bytes });
    if (isUsedUp) this.#records = null;
    this.#applyFloors();
    this.#checkEnd();
    return { firstRow, records, firstRecord, aside };
  }

  /** The decision that nothing older than `time` is waited for, from the next row on; not applied yet. */
  floorAt(time: number): FloorDecision {
    return { kind: 'floor', ...this.of, row: this.rows, time };
  }

  /** Obeys a decision of `floorAt` since which nothing was read. */
  obey(decision: FloorDecision): void {
    this.#floors.unshift(decision);
    this.#applyFloors();
  }

  /** Where recovery must read on from, so that no row that still waits is missed. */
  snapshot(): SourceSnapshot {
    const { engine, of } = this.#parts;
    let lowest = this.rows;
    for (const stream of this.scan.streams) {
      lowest = Math.min(lowest, engine.lowestUnapplied(stream, of.partition));
    }
    return { ...of, ...this.#snapshots.at(lowest) };
  }

  /** The partition will not be read again from before `place`. */
  forgetBefore(place: SourceSnapshot): void {
    this.scan.streams.forEach((stream, i) => {
      this.#parts.engine.forgetBefore(stream, this.of.partition, place.scans[i]);
    });
  }

  async #take(): Promise<Records | null> {
    if (this.ended) return null;
    const { reader, values } = this.#parts;
    const records = reader.take(this.of);
    if (records === null) {
      // Markers and aborted records at the end of what was decided to be the end.
      const { next } = reader.position(this.of);
      if (next > this.offset) this.#place({ rows: this.rows, offset: next });
      this.#checkEnd();
      return null;
    }
    if (this.#wanted(records) === 0) {
      this.#place({ rows: this.rows, offset: this.#behind(records) });
      this.#checkEnd();
      return null;
    }
    await values.load(records);
    this.#records = records;
    this.#taken = 0;
    return records;
  }

  /** How many of the records lie before the decided end. */
  #wanted({ n, offset }: Records): number {
    const { end } = this.#parts;
    let wanted = n;
    while (end !== null && wanted > 0 && offset[wanted - 1]! >= end) wanted--;
    return wanted;
  }

  #behind({ next }: Records): number {
    return Math.min(next, this.#parts.end ?? next);
  }

  #place({ rows, offset }: SourcePlace): void {
    const { engine, of } = this.#parts;
    const scans = this.scan.streams.map((stream) => engine.scanState(stream, of.partition));
    this.#snapshots.add({ rows, bytes: offset, scans });
  }

  #applyFloors(): void {
    const { engine, of } = this.#parts;
    for (let floor = this.#floors[0]; floor !== undefined; floor = this.#floors[0]) {
      assert(floor.row >= this.rows, 'a floor is applied before the rows it is about');
      if (floor.row > this.rows) return;
      for (const stream of this.scan.streams) engine.floor(stream, of.partition, floor.time);
      this.#floors.shift();
    }
  }

  #checkEnd(): void {
    const { engine, reader, of, end } = this.#parts;
    if (this.ended || end === null || this.offset < end || this.#records !== null) return;
    this.ended = true;
    reader.remove(of);
    for (const stream of this.scan.streams) engine.end(stream, of.partition);
  }
}
