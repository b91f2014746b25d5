/**
 * The example topic of a set, read as one stream of rows in an order of their own (example-merge.ts). Beside it the progress
 * topic is followed: its records are in the transactions of the blocks, and say how far each unit has come.
 */
import type { ExamplePlan } from '../../compiler/plan/plan.ts';
import { decodeBlock, type ExampleBlock } from '../block/block-decode.ts';
import { BlockRow } from '../block/block-row.ts';
import { Fault } from '../fault.ts';
import { ExampleMerge, type MergePlace } from '../training/example-merge.ts';
import type { AppTopics } from './app-topics.ts';
import type { Cluster, ClusterReader, Partition, Records } from './cluster.ts';
import { UNIT_HEADER } from './unit-outputs.ts';
import { decodeProgress, outBefore, readProgress, type UnitProgress } from './unit-progress.ts';

export type StreamOf = {
  readonly cluster: Cluster;
  readonly topics: AppTopics;
  readonly set: ExamplePlan;
  /** Its place among the plan's. */
  readonly setIndex: number;
  /** By digest of every plan that the application has had: the place of the set among its own; -1: it had no such set. */
  readonly places: ReadonlyMap<string, number>;
  /** Where an earlier life stood; null: from the start of the topic. */
  readonly place: MergePlace | null;
  /** Read to where the topic ends now. */
  readonly untilEnd: boolean;
};

/** Fetched and not decoded, all partitions together. */
const BUFFER_BYTES = 32 << 20;
/** Rows that wait; beyond, only partitions that hold the others up are read. */
const WAITING_ROWS_SOFT = 200_000;
/** And beyond this one unit is so far behind the others that memory would not do. */
const WAITING_ROWS_MAX = 2_000_000;

export class ExampleStream {
  readonly merge: ExampleMerge;
  readonly #of: StreamOf;
  readonly #reader: ClusterReader;
  readonly #examples: readonly Partition[];
  readonly #progress: readonly Partition[];
  /** By partition of the examples: the decided end; null: none. */
  readonly #ends: readonly (number | null)[];
  readonly #ended = new Set<number>();

  private constructor(
    of: StreamOf,
    at: { place: MergePlace; units: number; ends: readonly (number | null)[]; progress: number[] },
  ) {
    const { cluster, topics, setIndex } = of;
    const topic = topics.examples[setIndex]!;
    this.#of = of;
    this.#ends = at.ends;
    this.merge = new ExampleMerge(topic, at.place);
    this.#reader = cluster.reader({ isolation: 'committed', bufferBytes: BUFFER_BYTES });
    this.#examples = at.ends.map((_, partition) => ({ topic, partition }));
    this.#progress = at.progress.map((_, partition) => ({ topic: topics.progress, partition }));
    for (const [i, each] of this.#examples.entries()) {
      this.#reader.add(each, at.place.offsets[i]!);
      this.#checkEnd(i);
    }
    for (const [i, each] of this.#progress.entries()) this.#reader.add(each, at.progress[i]!);
  }

  /** A Fault where a topic is missing, or no longer has what comes next. */
  static async open(of: StreamOf): Promise<ExampleStream> {
    const { cluster, topics, setIndex, place, untilEnd } = of;
    const topic = topics.examples[setIndex]!;
    const counts = await cluster.partitions([topic, topics.progress]);
    const units = countOf(topics.progress, counts.get(topics.progress));
    const own = Array.from({ length: countOf(topic, counts.get(topic)) }, (_, partition) => ({
      ...{ topic, partition },
    }));
    const following = Array.from({ length: units }, (_, partition) => ({
      ...{ topic: topics.progress, partition },
    }));
    // What is read here again is no harm, what would be missed is.
    const progress = (await cluster.bounds(following, 'committed')).map(({ end }) => end);
    const bounds = await cluster.bounds(own, 'committed');
    const offsets = bounds.map(({ start, end }, partition) => {
      const from = place?.offsets[partition] ?? start;
      if (from > end) throw madeAnew(topic, partition, { from, end });
      return Math.max(start, from);
    });
    const rows = Array.from({ length: units }, (_, unit) => place?.rows[unit] ?? null);
    const { emitted = null, taken = 0 } = place ?? {};
    const ends = bounds.map(({ end }) => (untilEnd ? end : null));
    const start = { emitted, taken, offsets, rows };
    const stream = new ExampleStream(of, { place: start, units, ends, progress });
    for (const [unit, each] of following.entries()) {
      const last = await readProgress(cluster, each);
      if (last !== null) stream.#promise(unit, last);
    }
    stream.merge.settle();
    return stream;
  }

  /** Takes up what has arrived, and says what it was. A Fault when a block is none of this program's, or damaged. */
  pull(): 'rows' | 'progress' | 'nothing' {
    const isFurther = this.#followProgress();
    let found = false;
    const isFull = this.merge.size >= WAITING_ROWS_SOFT;
    const awaited = new Set(this.merge.slowest().map((unit) => this.merge.partitionOf(unit)));
    for (const [partition, of] of this.#examples.entries()) {
      if (this.#ended.has(partition)) continue;
      if (isFull && !awaited.has(partition) && !awaited.has(null)) continue;
      const records = this.#reader.take(of);
      this.merge.readTo(partition, records?.next ?? this.#reader.position(of).next);
      if (records !== null) this.#add(of, records);
      found ||= records !== null;
      this.#checkEnd(partition);
    }
    if (this.merge.size > WAITING_ROWS_MAX) throw this.#skewed();
    if (found || isFurther) this.merge.settle();
    return found ? 'rows' : isFurther ? 'progress' : 'nothing';
  }

  /** Everything up to the decided ends is read. */
  get isOver(): boolean {
    return this.#ended.size === this.#examples.length;
  }

  wait(ms: number): Promise<void> {
    return this.#reader.wait(ms);
  }

  close(): Promise<void> {
    return this.#reader.close();
  }

  #followProgress(): boolean {
    let found = false;
    for (const [unit, of] of this.#progress.entries()) {
      for (let records = this.#reader.take(of); records !== null; records = this.#reader.take(of)) {
        found = true;
        for (const value of values(records)) {
          this.#promise(unit, decodeProgress(value.bytes, of));
        }
      }
    }
    return found;
  }

  #promise(unit: number, progress: UnitProgress): void {
    const { places, topics } = this.#of;
    const place = places.get(progress.planDigest);
    if (place === undefined) {
      const message = `${topics.progress}: the workers run another program now (plan ${progress.planDigest.slice(0, 12)}): start again, with the program whose model is to be trained`;
      throw new Fault('plan_changed', message, { context: { topic: topics.progress } });
    }
    if (place < 0) return;
    this.merge.promise(unit, { rows: progress.rows[place]!, k: outBefore(progress, place) });
  }

  #add(of: Partition, records: Records): void {
    const end = this.#ends[of.partition];
    for (const { bytes, offset, i } of values(records)) {
      if (end !== null && offset >= end!) return;
      const block = this.#decoded(of, bytes, offset);
      const { firstRow, watermark, lastEmitted } = block;
      const rows = Array.from({ length: block.rows }, (_, at) => new BlockRow(block, at));
      const unit = this.#unitOf(of, records.headers(i));
      this.merge.add({
        unit,
        partition: of.partition,
        offset,
        firstRow,
        watermark,
        lastEmitted,
        rows,
      });
    }
  }

  #decoded({ topic, partition }: Partition, bytes: Uint8Array, offset: number): ExampleBlock {
    const at = `${topic}, partition ${partition}, offset ${offset}`;
    const context = { topic, partition, offset };
    let block: ExampleBlock;
    try {
      block = decodeBlock(bytes);
    } catch (cause) {
      if (!(cause instanceof Fault)) throw cause;
      throw new Fault(cause.kind, `${at}: ${cause.message}`, { cause, context });
    }
    const { set, places } = this.#of;
    if (block.set !== set.name) {
      const message = `${at}: a block of the set ${block.set}, not of ${set.name}: another program writes to the topic`;
      throw new Fault('examples_foreign', message, { context });
    }
    if (places.has(block.planDigest)) return block;
    const message = `${at}: the block was made by another program (plan ${block.planDigest.slice(0, 12)}): train with the program that the workers run`;
    throw new Fault('plan_changed', message, { context });
  }

  #unitOf(of: Partition, headers: ReturnType<Records['headers']>): number {
    if (this.#progress.length === 1) return 0;
    const found = headers.find(([name]) => name === UNIT_HEADER)?.[1];
    if (found !== undefined && found !== null) return Number(Buffer.from(found).toString());
    const message = `${of.topic}, partition ${of.partition}: a block without the header ${UNIT_HEADER}, of a version that did not write it; its order among ${this.#progress.length} units cannot be known`;
    throw new Fault('examples_foreign', message, { context: { ...of } });
  }

  #checkEnd(partition: number): void {
    const end = this.#ends[partition];
    const of = this.#examples[partition]!;
    if (end === null || end === undefined || this.#reader.position(of).next < end) return;
    this.#ended.add(partition);
    this.#reader.remove(of);
  }

  #skewed(): Fault {
    const units = this.merge.slowest().join(', ');
    return new Fault(
      'examples_skewed',
      `${this.merge.size} rows wait for unit ${units}, which is too far behind the others: let its worker catch up, then start again`,
    );
  }
}

function* values({ n, bytes, offset, valueStart, valueEnd }: Records) {
  for (let i = 0; i < n; i++) {
    if (valueStart[i]! < 0) continue;
    yield { i, offset: offset[i]!, bytes: bytes.subarray(valueStart[i], valueEnd[i]) };
  }
}

function countOf(topic: string, count: number | null | undefined): number {
  if (count !== null && count !== undefined) return count;
  throw new Fault(
    'no_topic',
    `there is no topic ${topic}: is --app right, and has a worker of it (millrace run … --kafka) run?`,
    { context: { topic } },
  );
}

function madeAnew(
  topic: string,
  partition: number,
  { from, end }: { from: number; end: number },
): Fault {
  return new Fault(
    'examples_anew',
    `${topic}, partition ${partition} ends at offset ${end}, but was read up to ${from}: the topic was made anew. Train anew into another folder`,
    { context: { topic, partition, offset: from } },
  );
}
