/**
 * What a unit commits, in one transaction: example blocks, records that were set aside, decisions, and the progress record.
 * Records gather here and are sent as they fill a batch; nothing is visible before `commit`.
 */
import type { Plan } from '../../compiler/plan/plan.ts';
import type { EmissionBatch } from '../../operators/emission/emission-batch.ts';
import { blockLayout } from '../block/block-layout.ts';
import { BlockWriter } from '../block/block-writer.ts';
import { RECORD_BYTES_MAX, RECORD_ROWS } from '../config.ts';
import type { AppTopics } from './app-topics.ts';
import type { Partition, ProducedRecord, TransactionalProducer } from './cluster.ts';
import { type DeadRecord, deadLetter } from './dead-letter.ts';
import { encodeDecision, type UnitDecision } from './unit-decisions.ts';
import { encodeProgress, type UnitProgress } from './unit-progress.ts';

/** On every block: which unit it is of. Only within a unit is the order of blocks that of their rows. */
export const UNIT_HEADER = 'millrace.unit';

/** Bytes that wait for one partition before they are sent. */
const SEND_BYTES = 512 * 1024;

export type OutputParts = {
  readonly plan: Plan;
  readonly topics: AppTopics;
  /** Partitions of each topic. */
  readonly partitions: ReadonlyMap<string, number>;
  readonly unit: number;
  readonly transactions: TransactionalProducer;
  /** Rows of each example set that are out already. */
  readonly rows: readonly number[];
  /** Told whenever something is acknowledged. */
  readonly moved: () => void;
};

type Waiting = { readonly to: Partition; records: ProducedRecord[]; bytes: number };

export class UnitOutputs {
  /** Examples and set-aside records that were committed by this producer. */
  committed = { examples: 0, dead: 0 };
  readonly #parts: OutputParts;
  readonly #writers: readonly BlockWriter[];
  /** By set: so many rows fitted into a block lately. */
  readonly #fit: number[];
  readonly #waiting = new Map<string, Waiting>();
  /** Rows of each set, those that are not committed included. */
  readonly #rows: number[];
  #isOpen = false;
  #pending = { examples: 0, dead: 0 };

  constructor(parts: OutputParts) {
    this.#parts = parts;
    const { plan } = parts;
    this.#writers = plan.examples.map(
      (set) => new BlockWriter(blockLayout(set, plan), plan.digest),
    );
    this.#fit = plan.examples.map(() => RECORD_ROWS);
    this.#rows = [...parts.rows];
  }

  /** Whether anything was added since the last commit. */
  get isEmpty(): boolean {
    return !this.#isOpen && this.#waiting.size === 0;
  }

  /** Where set-aside records go. */
  get deadTopic(): string {
    return this.#parts.topics.dead;
  }

  /** The batch's rows, in their final order, but for those that `skip` marks. */
  async examples(set: number, batch: EmissionBatch, skip: Uint8Array | null): Promise<void> {
    const rows = rowsOf(batch, skip);
    const to = this.#partitionOf(this.#parts.topics.examples[set]!);
    const headers = { [UNIT_HEADER]: `${this.#parts.unit}` };
    for (let from = 0; from < rows.length; ) {
      const { value, n } = this.#block(set, batch, rows.subarray(from));
      from += n;
      this.#rows[set]! += n;
      await this.#add(to, { key: null, value, headers });
    }
    this.#pending.examples += rows.length;
  }

  /** A block of the first rows, as many as a record may hold: broad sets, or long texts, make fewer. */
  #block(set: number, batch: EmissionBatch, rows: Int32Array): { value: Uint8Array; n: number } {
    const wanted = Math.min(rows.length, this.#fit[set]!);
    for (let n = wanted; ; n >>= 1) {
      const block = this.#writers[set]!.encode(batch, rows.subarray(0, n), this.#rows[set]!);
      if (block.length > RECORD_BYTES_MAX && n > 1) continue;
      // One long row must not make all later blocks short.
      const isRoomy = n === this.#fit[set] && block.length * 2 <= RECORD_BYTES_MAX;
      if (n < wanted) this.#fit[set] = n;
      else if (isRoomy) this.#fit[set] = Math.min(n * 2, RECORD_ROWS);
      return { value: block.slice(), n };
    }
  }

  async dead(record: DeadRecord): Promise<void> {
    await this.#add(this.#partitionOf(this.#parts.topics.dead), deadLetter(record));
    this.#pending.dead++;
  }

  async decide(decision: UnitDecision, now: number): Promise<void> {
    const { topics, unit } = this.#parts;
    const to = { topic: topics.decisions, partition: unit };
    await this.#add(to, { key: null, value: encodeDecision(decision, now) });
  }

  /** Rows of each set once what was added is committed. */
  rows(): readonly number[] {
    return [...this.#rows];
  }

  /** Everything added, and the progress record: visible together on return. */
  async commit(progress: UnitProgress): Promise<void> {
    const { topics, unit } = this.#parts;
    const to = { topic: topics.progress, partition: unit };
    await this.#add(to, { key: Buffer.from(`${unit}`), value: encodeProgress(progress) });
    for (const waiting of this.#waiting.values()) await this.#send(waiting);
    await this.#parts.transactions.commit();
    this.#isOpen = false;
    this.committed.examples += this.#pending.examples;
    this.committed.dead += this.#pending.dead;
    this.#pending = { examples: 0, dead: 0 };
  }

  /** A unit's rows of a topic are in one partition, so that their order is kept. */
  #partitionOf(topic: string): Partition {
    const count = this.#parts.partitions.get(topic) ?? 1;
    return { topic, partition: this.#parts.unit % count };
  }

  async #add(to: Partition, record: ProducedRecord): Promise<void> {
    const name = `${to.topic}/${to.partition}`;
    let waiting = this.#waiting.get(name);
    if (waiting === undefined) {
      waiting = { to, records: [], bytes: 0 };
      this.#waiting.set(name, waiting);
    }
    waiting.records.push(record);
    waiting.bytes += (record.value?.length ?? 0) + (record.key?.length ?? 0);
    if (waiting.bytes >= SEND_BYTES) await this.#send(waiting);
  }

  async #send(waiting: Waiting): Promise<void> {
    const { to, records } = waiting;
    this.#waiting.delete(`${to.topic}/${to.partition}`);
    if (!this.#isOpen) {
      this.#isOpen = true;
      await this.#parts.transactions.begin();
    }
    await this.#parts.transactions.send(to, records);
    this.#parts.moved();
  }
}

function rowsOf({ n }: EmissionBatch, skip: Uint8Array | null): Int32Array {
  const rows = new Int32Array(n);
  let count = 0;
  for (let row = 0; row < n; row++) if (skip === null || skip[row] === 0) rows[count++] = row;
  return rows.subarray(0, count);
}
