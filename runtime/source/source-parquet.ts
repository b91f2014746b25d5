/**
 * Parquet, a row group at a time (that much is in memory). Only the plan's columns are read. Parquet timestamps keep
 * their own resolution, whatever the field's format; plain integers are read by it.
 */

import {
  asyncBufferFromFile,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
} from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import type { ScanField } from '../../compiler/plan/plan.ts';
import { RowDecoder } from '../../operators/decode/decode-rows.ts';
import { BATCH_ROWS_MAX } from '../../operators/decode/decoder.ts';
import { Fault } from '../fault.ts';
import type { ReadPosition, RecordReader } from '../run/record-reader.ts';
import { columnsOf } from './source-columns.ts';

/** Both magic numbers and the length of the footer: nothing shorter is Parquet, not even without rows. */
const PARQUET_BYTES_MIN = 12;

type Row = Readonly<Record<string, unknown>>;

/** Goes on from a row. */
export async function openParquet(
  path: string,
  fields: readonly ScanField[],
  at: ReadPosition,
): Promise<RecordReader> {
  const file = await guarded(path, () => asyncBufferFromFile(path));
  if (file.byteLength < PARQUET_BYTES_MIN) {
    const message = `${path}: not a Parquet file, it has ${file.byteLength} bytes only`;
    throw new Fault('parquet', message, { context: { path } });
  }
  const metadata = await guarded(path, () => parquetMetadataAsync(file));
  const names = parquetSchema(metadata).children.map((child) => child.element.name);
  const places = columnsOf(path, names, fields);
  const columns = fields.map((field) => field.name).filter((_, f) => places[f]! >= 0);
  const groups = metadata.row_groups.map((group) => Number(group.num_rows));
  const decoder = new RowDecoder(fields);
  let { rows } = at;
  /** The group that is being handed out, and the file row after it. */
  let group: readonly Row[] = [];
  let groupEnd = 0;

  const load = async () => {
    let start = 0;
    let index = 0;
    while (index < groups.length && start + groups[index]! <= rows) start += groups[index++]!;
    if (index === groups.length) return false;
    groupEnd = start + groups[index]!;
    const range = { rowStart: start, rowEnd: groupEnd };
    group = await guarded(path, () =>
      parquetReadObjects({ file, metadata, columns, compressors, ...range }),
    );
    return true;
  };
  const read = async (rowsMax: number) => {
    if (rows >= groupEnd && !(await load())) return null;
    const n = Math.min(rowsMax, BATCH_ROWS_MAX, groupEnd - rows);
    decoder.begin(n);
    const first = group.length - (groupEnd - rows);
    for (let i = 0; i < n; i++) {
      const row = group[first + i]!;
      decoder.row(
        fields.map((field) => row[field.name]),
        () => JSON.stringify(row, plain),
      );
    }
    const batch = decoder.finish(rows);
    rows += n;
    return batch;
  };
  return { read, position: () => ({ rows, bytes: 0 }), close: async () => {} };
}

async function guarded<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Fault('parquet', `${path}: cannot be read as Parquet (${why})`, {
      context: { path },
      cause,
    });
  }
}

function plain(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
