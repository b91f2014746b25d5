import type { ScanField } from '../../compiler/plan/plan.ts';
import { NdjsonDecoder } from '../../operators/decode/ndjson.ts';
import type { ReadPosition, RecordReader } from '../run/record-reader.ts';
import { openBytes } from './source-bytes.ts';
import type { LineChunk } from './source-lines.ts';
import { LineReader } from './source-lines.ts';

/** NDJSON lines of a file; goes on from a byte position (which a compressed file reads up to again). */
export async function openNdjson(
  path: string,
  fields: readonly ScanField[],
  at: ReadPosition,
): Promise<RecordReader> {
  const lines = new LineReader(await openBytes(path, at.bytes), at.bytes);
  const decoder = new NdjsonDecoder(fields);
  let { rows, bytes } = at;
  let chunk: LineChunk | null = null;
  const read = async (rowsMax: number) => {
    for (;;) {
      const batch = chunk === null ? null : decoder.decode(rowsMax, rows);
      if (chunk !== null) {
        bytes = decoder.position === chunk.end ? chunk.to : chunk.from + decoder.position;
      }
      if (batch !== null) {
        rows += batch.n;
        return batch;
      }
      chunk = await lines.next();
      if (chunk === null) return null;
      decoder.load(chunk.bytes, 0, chunk.end);
    }
  };
  return { read, position: () => ({ rows, bytes }), close: () => lines.close() };
}
