import type { ScanField } from '../compiler/plan.ts';
import type { ProtobufSchema } from '../operators/protobuf.ts';
import { Fault } from './fault.ts';
import type { ReadPosition, RecordReader } from './record-reader.ts';
import { openCsv } from './source-csv.ts';
import { openNdjson } from './source-ndjson.ts';
import { openParquet } from './source-parquet.ts';
import { openProtobuf } from './source-protobuf.ts';

export type SourceFormat = 'ndjson' | 'csv' | 'parquet' | 'protobuf';

export type ReaderOptions = {
  /** Default: by the file's name; NDJSON for standard input. */
  readonly format?: SourceFormat;
  /** Where to go on; null: at the beginning. */
  readonly at?: ReadPosition | null;
  /** What protobuf files need. */
  readonly schema?: ProtobufSchema;
};

/**
 * Opens a file (`-`: standard input) as records of a scan. gzip and zstd are told by the bytes, not by the name. Faults:
 * `unknown_format`, `read_failed`, `truncated` (after all that was whole), `csv`, `parquet`.
 */
export function openReader(
  path: string,
  fields: readonly ScanField[],
  options: ReaderOptions = {},
): Promise<RecordReader> {
  const at = options.at ?? { rows: 0, bytes: 0 };
  switch (options.format ?? formatOf(path)) {
    case 'ndjson':
      return openNdjson(path, fields, at);
    case 'csv':
      return openCsv(path, fields, at);
    case 'parquet':
      return openParquet(path, fields, at);
    case 'protobuf':
      if (options.schema === undefined) {
        throw new Fault('unknown_format', `${path}: protobuf needs a schema and a message type`);
      }
      return openProtobuf(path, fields, at, options.schema);
  }
}

/** By the file's name, less .gz, .gzip, .zst or .zstd. */
function formatOf(path: string): SourceFormat {
  if (path === '-') return 'ndjson';
  const name = path.toLowerCase().replace(/\.(gz|gzip|zst|zstd)$/, '');
  if (/\.(ndjson|jsonl|json)$/.test(name)) return 'ndjson';
  if (/\.(csv)$/.test(name)) return 'csv';
  if (/\.(parquet|pq)$/.test(name)) return 'parquet';
  if (/\.(pb|binpb|pbs)$/.test(name)) return 'protobuf';
  const known = '.ndjson, .csv or .parquet, gzip or zstd allowed';
  throw new Fault('unknown_format', `${path}: what is in it? Known are ${known}`, {
    context: { path },
  });
}
