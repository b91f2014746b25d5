import type { DecodedBatch } from '../../operators/decode/decoder.ts';
import type { EmissionBatch } from '../../operators/emission/emission-batch.ts';
import type { SideRecord } from '../sink/side-records.ts';

/** What became of a batch's rows that are no events. */
export type SetAside = {
  readonly late: readonly SideRecord[];
  readonly malformed: readonly SideRecord[];
};

export type StreamCounts = {
  readonly read: number;
  readonly accepted: number;
  readonly lateForFeatures: number;
  readonly late: number;
  readonly duplicate: number;
  readonly malformed: number;
  /** Passed over, by erasure, in their order. Absent: none. */
  readonly erased?: readonly number[];
  /** Passed over: not of the time span that is read. Absent: none. */
  readonly outside?: number;
};

/**
 * The synchronous engine as its task sees it: batches in, emissions out. Streams are named by index in the plan; a
 * frontier or watermark is epoch ms, -Infinity before the first event and Infinity once nothing holds it.
 */
export type Engine = {
  /** `state`: from a checkpoint; null: the partition is read from its beginning. */
  addPartition(stream: number, partition: number, state: unknown): void;
  accept(stream: number, partition: number, batch: DecodedBatch): SetAside;
  end(stream: number, partition: number): void;
  /**
   * Declares that the ended streams will never go on: every frontier is Infinity. With a time they go on elsewhere, from it on:
   * every frontier is that.
   */
  complete(until?: number): void;
  watermark(stream: number, partition: number): number;
  frontier(): number;
  /** Applies all steps with time < frontier; what they emit, by example set, in order. */
  advance(frontier: number): Iterable<readonly (EmissionBatch | null)[]>;
  /** Rows whose step time is below k are already in the state: drop them when they are read again. */
  skipBelow(k: number): void;
  /** The partition scan's state as of the last accepted batch; JSON. */
  scanState(stream: number, partition: number): unknown;
  /** Offset of the first row of the partition that waits for its step; the next offset when none does. */
  lowestUnapplied(stream: number, partition: number): number;
  /** The partition will not be read again from before the place of `scanState`. */
  forgetBefore(stream: number, partition: number, scanState: unknown): void;
  counts(stream: number): StreamCounts;
  /** The greatest event time of the partition that is believed; null before three events, and in a static table. */
  newest(stream: number, partition: number): number | null;
  /** Labels not due when the input ended, by example set and label name. */
  pending(): Readonly<Record<string, Readonly<Record<string, number>>>>;
};

/** An engine over sources that do not end: one of them may be silent while the others go on. */
export type LiveEngine = Engine & {
  /** A decision that from the partition's next row on nothing older than `time` is waited for. */
  floor(stream: number, partition: number, time: number): void;
};
