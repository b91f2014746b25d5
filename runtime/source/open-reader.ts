import type { ScanField } from '../../compiler/plan/plan.ts';
import { assert } from '../../operators/assert.ts';
import type { ProtobufSchema } from '../../operators/decode/protobuf.ts';
import type { ReadPosition, RecordReader } from '../run/record-reader.ts';
import { openNdjson } from './source-ndjson.ts';

export type ReaderOptions = {
  /** Where to go on; null: at the beginning. */
  readonly at?: ReadPosition | null;
  /** What protobuf files need. */
  readonly schema?: ProtobufSchema | null;
};

/**
 * Opens a file as records of a scan, by its name: `.csv`, `.parquet`, `.avro`, `.pb`; anything else is NDJSON, and so is `-`,
 * standard input. gzip and zstd are told by the bytes. Faults: `read_failed`, `truncated` (after all that was whole),
 * `csv`, `parquet`, `avro`.
 */
export async function openReader(
  path: string,
  fields: readonly ScanField[],
  options: ReaderOptions = {},
): Promise<RecordReader> {
  const at = options.at ?? { rows: 0, bytes: 0 };
  switch (formatOf(path)) {
    // What most runs do without is loaded by those that need it.
    case 'csv': {
      const { openCsv } = await import('./source-csv.ts');
      return openCsv(path, fields, at);
    }
    case 'parquet': {
      const { openParquet } = await import('./source-parquet.ts');
      return openParquet(path, fields, at);
    }
    case 'avro': {
      const { openAvro } = await import('./source-avro.ts');
      return openAvro(path, fields, at);
    }
    case 'protobuf': {
      assert(options.schema != null, `${path} was to be opened without its schema`);
      const { openProtobuf } = await import('./source-protobuf.ts');
      return openProtobuf(path, fields, at, options.schema);
    }
    default:
      return openNdjson(path, fields, at);
  }
}

/** Whether the file holds length-delimited protobuf messages, by its name. */
export function isProtobuf(path: string): boolean {
  return formatOf(path) === 'protobuf';
}

/** By the file's name, less .gz, .gzip, .zst or .zstd. */
function formatOf(path: string): 'ndjson' | 'csv' | 'parquet' | 'protobuf' | 'avro' {
  const name = path.toLowerCase().replace(/\.(gz|gzip|zst|zstd)$/, '');
  if (name.endsWith('.csv')) return 'csv';
  if (/\.(parquet|pq)$/.test(name)) return 'parquet';
  if (/\.(pb|binpb|pbs)$/.test(name)) return 'protobuf';
  return name.endsWith('.avro') ? 'avro' : 'ndjson';
}
