/**
 * A log: named partitions of opaque records, each with an offset. Shaped so that a Kafka topic fits behind it:
 * offsets only grow, records are appended in batches, old ones can be dropped from the front.
 */
export type Log = {
  /** The partition, made when it is missing. One writer per partition at a time. */
  open(topic: string, partition: number): Promise<LogPartition>;
  close(): Promise<void>;
};

export type LogRecord = { readonly offset: number; readonly value: Uint8Array };

export type LogPartition = {
  readonly topic: string;
  readonly partition: number;
  /** Offset of the first record still kept; equals `end` when there is none. */
  readonly start: number;
  /** Offset the next record will get. */
  readonly end: number;
  /** Appends the records as one batch, whole or not at all, durable on return; gives the first one's offset. */
  append(values: readonly Uint8Array[]): Promise<number>;
  /** Records from `offset` on, in order, at least one if there is one, then up to about `bytesMax`; none at the end. */
  read(offset: number, bytesMax: number): Promise<LogRecord[]>;
  /** Allows records below `offset` to be dropped; how many are is the log's choice. */
  truncateBefore(offset: number): Promise<void>;
  close(): Promise<void>;
};
