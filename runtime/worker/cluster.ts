/**
 * The cluster as a worker sees it: partitions to read, producers to write with, a group to belong to, a clock. Kafka is
 * behind it in runtime/kafka; a simulated one in the tests. Nothing here knows what a record means.
 *
 * The worker's work is cut into `units`, 0 .. units - 1, fixed when an application is created. Unit u owns shard u, every
 * source partition p with p mod units = u, the transactional id `<app>-u` and partition u of the app's progress topic. The
 * group assigns units, nothing else; so what belongs together moves together.
 */
import { Fault, type FaultContext } from '../fault.ts';

/** `committed`: records of open and aborted transactions are not seen, and reading stops before an open one. */
export type Isolation = 'committed' | 'uncommitted';

export type Partition = { readonly topic: string; readonly partition: number };

export type Cluster = {
  /** Wall clock, ms: paces and idleness, never results. */
  now(): number;
  sleep(ms: number): Promise<void>;
  /** Partition count of each topic; null where there is no such topic. */
  partitions(topics: readonly string[]): Promise<ReadonlyMap<string, number | null>>;
  /** First offset kept, and the offset behind the last record (`committed`: behind the last stable one). */
  bounds(of: readonly Partition[], isolation: Isolation): Promise<Bounds[]>;
  reader(options: ReaderOptions): ClusterReader;
  /** Idempotent within its life, acks from all in-sync replicas. */
  producer(): ClusterProducer;
  /** One per transactional id and life: after any failure but a clean abort it must be closed and another one made. */
  transactions(id: string): TransactionalProducer;
  join(request: JoinRequest): Membership;
  /** Lets records below the offset go. */
  truncateBefore(of: Partition, offset: number): Promise<void>;
  close(): Promise<void>;
};

export type Bounds = { readonly start: number; readonly end: number };

/**
 * Records of one partition in offset order, in columns: record i has offset[i], written at time[i] (epoch ms), key
 * bytes[keyStart[i] .. keyEnd[i]) and value likewise; a null has start -1. Offsets may have gaps. The bytes are the receiver's.
 */
export type Records = {
  readonly n: number;
  readonly bytes: Uint8Array;
  readonly offset: Float64Array;
  readonly time: Float64Array;
  readonly keyStart: Int32Array;
  readonly keyEnd: Int32Array;
  readonly valueStart: Int32Array;
  readonly valueEnd: Int32Array;
  /** Headers of record i, in order. */
  readonly headers: (i: number) => readonly (readonly [string, Uint8Array | null])[];
  /** Where reading goes on behind them; beyond the last record where markers or aborted records follow. */
  readonly next: number;
};

export type ReaderOptions = {
  readonly isolation: Isolation;
  /** Fetched and not taken, all partitions together; fetching pauses there. */
  readonly bufferBytes: number;
};

/** Fetches ahead into a bounded buffer; a partition whose buffer is full, or that nobody takes from, holds up no other. */
export type ClusterReader = {
  /** Reads the partition from the offset on. */
  add(of: Partition, offset: number): void;
  remove(of: Partition): void;
  /** The oldest records that were fetched and not taken; null: none now. Throws what fetching met (ClusterFault). */
  take(of: Partition): Records | null;
  /** Where the next record that is taken will be or lie behind, and the last known end; null before the first answer. */
  position(of: Partition): { readonly next: number; readonly end: number | null };
  /** Until something can be taken, or fetching failed, or `ms` have passed. */
  wait(ms: number): Promise<void>;
  close(): Promise<void>;
};

export type ProducedRecord = {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers?: Readonly<Record<string, string>>;
};

export type ClusterProducer = {
  /** All in order and durable on return; gives the first one's offset. Its sends must not overlap per partition. */
  send(to: Partition, records: readonly ProducedRecord[]): Promise<number>;
  close(): Promise<void>;
};

export type TransactionalProducer = {
  /** From its return on every earlier holder of the id is fenced, and what it had open is aborted. */
  fence(): Promise<void>;
  begin(): Promise<void>;
  send(to: Partition, records: readonly ProducedRecord[]): Promise<void>;
  /** All sends become visible together. An `indeterminate` fault: they may have, or may yet. */
  commit(): Promise<void>;
  abort(): Promise<void>;
  close(): Promise<void>;
};

export type JoinRequest = {
  readonly group: string;
  /** A topic with a partition per unit: the app's progress. */
  readonly topic: string;
  readonly units: number;
  /** Told after every rebalance. */
  readonly onAssigned: (units: readonly number[]) => void;
};

export type Membership = {
  /** The units that are ours as far as we know; empty before the first assignment. */
  units(): readonly number[];
  /** Resolves once the group has acknowledged us after this call: what `units` says then was true after it. */
  confirm(): Promise<void>;
  /** Gives the units back at once. */
  leave(): Promise<void>;
};

/**
 * What an error leaves behind:
 *   retriable      nothing happened; the same call may succeed later
 *   abortable      the transaction cannot go on, the producer can after `abort`
 *   fenced         another one holds the id: nothing we send counts any more
 *   indeterminate  it may have happened; only reading tells
 *   fatal          it will never work as it stands (authorisation, configuration, records that are gone)
 */
export type FaultEffect = 'retriable' | 'abortable' | 'fenced' | 'indeterminate' | 'fatal';

/** What the cluster, or the way to it, did. */
export class ClusterFault extends Fault {
  readonly effect: FaultEffect;

  constructor(
    effect: FaultEffect,
    kind: string,
    message: string,
    more: { context?: FaultContext; cause?: unknown } = {},
  ) {
    super(kind, message, { ...more, retriable: effect === 'retriable' });
    this.effect = effect;
  }
}
