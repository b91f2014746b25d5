/** Every limit of the runtime, with its unit in its name. What happens at a limit is said where it is used. */

/** Rows per batch read from a source. */
export const READ_ROWS = 4096;
/** Pace of output commits (flush, fsync, progress record). */
export const COMMIT_EVERY_MS = 1_000;
/** Pace of state checkpoints. */
export const CHECKPOINT_EVERY_MS = 10_000;
/** Memory for rows that wait for their event time, when `--memory` is not given. */
export const BUFFER_BYTES = 512 * 1024 * 1024;
/** A sink hands its buffer to the file when it is at least this full. */
export const SINK_BUFFER_BYTES = 1024 * 1024;
/** Rows of one example block in a file. */
export const BLOCK_ROWS = 4096;
/** And of one that is a record of a topic. */
export const RECORD_ROWS = 512;
/** Bytes of a record that is written to a topic: half of what brokers take by default. One row or entry may exceed it. */
export const RECORD_BYTES_MAX = 512 * 1024;
/** What a topic that is written to should take: a row or entry as large as the largest record of a source, and its surroundings. */
export const TOPIC_RECORD_BYTES = 2 * 1024 * 1024;
/** Bytes of an example file read at a time for training; a longer line makes the read grow. */
export const EXAMPLE_READ_BYTES = 4 * 1024 * 1024;
/** Pace of model snapshots while training (tens of megabytes each). */
export const MODEL_SNAPSHOT_EVERY_MS = 10_000;
/** A live model is published at least so often, in event time: what an example teaches is out within a minute. */
export const LIVE_PACE_MS = 20_000;
/** And where event time stands still, so long after the first row that is in no published model, by the clock. */
export const LIVE_CLOCK_CUT_MS = 40_000;
/** A length-delimited block above this is taken for corruption. */
export const BLOCK_BYTES_MAX = 256 * 1024 * 1024;
/** Rows of one Parquet row group. */
export const PARQUET_GROUP_ROWS = 65_536;
/** A log segment is closed once it is this long. */
export const SEGMENT_BYTES = 64 * 1024 * 1024;
/** Segments of the progress log: old ones are dropped, only the last record matters. */
export const PROGRESS_SEGMENT_BYTES = 1024 * 1024;
/** Bytes of one batch of a log; a longer one is refused by an assertion. */
export const LOG_BATCH_BYTES_MAX = 256 * 1024 * 1024;
/** Bytes of log records handed out by one read. */
export const LOG_READ_BYTES = 4 * 1024 * 1024;
/** A lock of another host whose file was not touched for this long is taken over. */
export const LOCK_STALE_MS = 30_000;
/** How often the holder touches its lock. */
export const LOCK_TOUCH_MS = 5_000;
/** Scan snapshots kept per source partition between two checkpoints; at the bound every second one is dropped. */
export const SNAPSHOTS_MAX = 1024;
/** RocksDB: memory for its write buffers, four of which hold places of pages and cold keys. */
export const STORE_MEMTABLE_BYTES = 64 * 1024 * 1024;
/** Cold keys (records on their way out of memory) are handed to the store when so many bytes have gathered. */
export const COLD_WRITE_BYTES = 1024 * 1024;
/** Entries of the state's database asked for in one go. */
export const INDEX_READ_ENTRIES = 4096;
/** Pages read from the page file in one go while restoring (64 KiB each). */
export const RESTORE_PAGES = 128;
/** Bytes of raw text kept of a malformed or late record. */
export const RAW_TEXT_BYTES_MAX = 4096;
