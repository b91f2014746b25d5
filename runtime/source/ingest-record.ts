/**
 * `ingest.json` in a log folder: what an ingest put there, and that it came to its end. Without it an ingest that was cut
 * off, or a segment that lost its tail, would read as a shorter input. A log that something else wrote has none.
 */
import { join } from 'node:path';
import { Fault } from '../fault.ts';
import { disk } from '../files.ts';

const NAME = 'ingest.json';

export type IngestRecord = {
  readonly version: 1;
  /** False from the start of an ingest to its end. */
  readonly whole: boolean;
  /** Log records by `topic/partition`. */
  readonly records: Readonly<Record<string, number>>;
};

/** The folder's record; null where there is none. A Fault when it is damaged, or when the ingest did not end. */
export async function readIngestRecord(folder: string): Promise<IngestRecord | null> {
  const bytes = await disk.read(join(folder, NAME));
  if (bytes === null) return null;
  const record = parseRecord(Buffer.from(bytes).toString());
  if (record?.whole) return record;
  const why = record === null ? `its ${NAME} is damaged` : 'its ingest was cut off';
  throw new Fault(
    'log_incomplete',
    `the log in ${folder} is not whole: ${why}. Delete the folder and run millrace ingest again.`,
    { context: { path: folder } },
  );
}

export function writeIngestRecord(folder: string, record: IngestRecord): Promise<void> {
  return disk.replace(join(folder, NAME), Buffer.from(`${JSON.stringify(record, null, 2)}\n`));
}

function parseRecord(text: string): IngestRecord | null {
  try {
    const saved: Partial<IngestRecord> | null = JSON.parse(text);
    const isOurs = saved?.version === 1 && typeof saved.records === 'object';
    return isOurs ? (saved as IngestRecord) : null;
  } catch {
    return null;
  }
}
