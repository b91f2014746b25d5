import type { ScanField } from '../../compiler/plan/plan.ts';
import { LOG_READ_BYTES } from '../config.ts';
import { Fault } from '../fault.ts';
import { EmbeddedLog } from '../log/embedded-log.ts';
import type { LogPartition, LogRecord } from '../log/log.ts';
import type { ReadPosition, RecordReader } from '../run/record-reader.ts';
import type { SourceInput } from '../run/task-source.ts';
import { decodeEvents } from './event-block.ts';
import { readIngestRecord } from './ingest-record.ts';

/** One way to open each partition that the log folder has of the topic, in order. A Fault when it has none. */
export async function openLogSource(
  folder: string,
  topic: string,
  fields: readonly ScanField[],
): Promise<SourceInput['open'][]> {
  const ingested = await readIngestRecord(folder);
  const partitions = await new EmbeddedLog(folder).partitions(topic);
  if (partitions.length === 0) {
    throw new Fault(
      'no_topic',
      `the log in ${folder} has no topic ${topic}: make it with millrace ingest`,
      {
        context: { path: folder, topic },
      },
    );
  }
  const recorded = Object.keys(ingested?.records ?? {}).filter((place) => {
    return place.slice(0, place.lastIndexOf('/')) === topic;
  });
  if (recorded.length > partitions.length) {
    throw new Fault(
      'log_damaged',
      `the log in ${folder} has ${partitions.length} of ${recorded.length} partitions of ${topic}. Delete the folder and run millrace ingest again.`,
      { context: { path: folder, topic } },
    );
  }
  return partitions.map((partition) => async (at) => {
    const log = new EmbeddedLog(folder);
    const opened = await log.open(topic, partition);
    const expected = ingested?.records[`${topic}/${partition}`] ?? 0;
    const { end } = opened;
    if (end < expected) {
      await log.close();
      throw new Fault(
        'log_damaged',
        `the log in ${folder} has ${end} of ${expected} blocks of ${topic}/${partition}: its end was lost. Delete the folder and run millrace ingest again.`,
        { context: { path: folder, topic, partition } },
      );
    }
    return new LogReader(log, opened, fields, at);
  });
}

/** Event blocks of one log partition. The reader's mark (`bytes`) is the offset of the next block. */
class LogReader implements RecordReader {
  readonly #log: EmbeddedLog;
  readonly #partition: LogPartition;
  readonly #fields: readonly ScanField[];
  #at: ReadPosition;
  #records: LogRecord[] = [];

  constructor(
    log: EmbeddedLog,
    partition: LogPartition,
    fields: readonly ScanField[],
    at: ReadPosition | null,
  ) {
    this.#log = log;
    this.#partition = partition;
    this.#fields = fields;
    this.#at = at ?? { rows: 0, bytes: 0 };
  }

  async read() {
    if (this.#records.length === 0) {
      this.#records = await this.#partition.read(this.#at.bytes, LOG_READ_BYTES);
    }
    const record = this.#records.shift();
    if (record === undefined) return null;
    const batch = decodeEvents(record.value, this.#fields);
    this.#at = { rows: batch.firstOffset + batch.n, bytes: record.offset + 1 };
    return batch;
  }

  position(): ReadPosition {
    return this.#at;
  }

  close(): Promise<void> {
    return this.#log.close();
  }
}
