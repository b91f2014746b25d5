import type { ScanField } from '../compiler/plan.ts';
import type { ReadPosition, RecordReader } from './record-reader.ts';
import { openCsv } from './source-csv.ts';
import { openNdjson } from './source-ndjson.ts';
import { openParquet } from './source-parquet.ts';

/**
 * A file as records, by its name: `.csv`, `.parquet`, anything else is NDJSON; `.gz` and `.zst` behind it (or the bytes
 * themselves) say how it is compressed; `-` is NDJSON from standard input.
 */
export function openInput(
  path: string,
  fields: readonly ScanField[],
  at: ReadPosition | null,
): Promise<RecordReader> {
  const from = at ?? { rows: 0, bytes: 0 };
  const name = path.toLowerCase().replace(/\.(gz|gzip|zst|zstd)$/, '');
  if (name.endsWith('.csv')) return openCsv(path, fields, from);
  if (name.endsWith('.parquet')) return openParquet(path, fields, from);
  return openNdjson(path, fields, from);
}
