import type { ScanField } from '../../compiler/plan/plan.ts';
import { BATCH_ROWS_MAX } from '../../operators/decode/decoder.ts';
import { Fault } from '../fault.ts';
import { fileFault } from '../files.ts';
import type { ReadPosition, RecordReader } from '../run/record-reader.ts';
import { AvroDecoder, avroRecords } from './avro.ts';

/** An Avro object container file. Goes on from a row, by reading over those before it. */
export async function openAvro(
  path: string,
  fields: readonly ScanField[],
  at: ReadPosition,
): Promise<RecordReader> {
  const decoder = new AvroDecoder(fields);
  const records = avroRecords(path);
  let { rows } = at;
  let failure: Fault | null = null;
  const next = async () => {
    try {
      const { done, value } = await records.next();
      return done ? undefined : value;
    } catch (error) {
      failure = avroFault(path, error);
      return undefined;
    }
  };
  for (let skipped = 0; skipped < rows; skipped++) await next();
  const read = async (rowsMax: number) => {
    decoder.begin(Math.min(rowsMax, BATCH_ROWS_MAX));
    while (decoder.rows < Math.min(rowsMax, BATCH_ROWS_MAX)) {
      const record = failure === null ? await next() : undefined;
      if (record === undefined) break;
      decoder.record(record);
    }
    if (decoder.rows === 0) {
      if (failure !== null) throw failure;
      return null;
    }
    const batch = decoder.finish(rows);
    rows += batch.n;
    return batch;
  };
  const close = async () => {
    await records.return(undefined);
  };
  return { read, position: () => ({ rows, bytes: 0 }), close };
}

function avroFault(path: string, error: unknown): Fault {
  if (error instanceof Error && 'code' in error) return fileFault('read', path, error);
  const why = error instanceof Error ? error.message : String(error);
  return new Fault('avro', `${path} cannot be read as Avro: ${why}`, {
    cause: error,
    context: { path },
  });
}
