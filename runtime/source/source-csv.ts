/**
 * CSV with a header row. A cell is read by its field's type: numbers in any usual notation, `true` and `false` in any
 * case (or 1 and 0), times as their format says, lists as JSON. An empty cell is null where the field is `T?`, the
 * empty text in a `string`, and malformed elsewhere. A nullable field's column that the header lacks is null in every
 * record; any other must be there.
 */

import { CsvError, Parser } from 'csv-parse';
import type { ScanField } from '../../compiler/plan/plan.ts';
import type { FieldSpec } from '../../operators/decode/decode-field.ts';
import { KIND } from '../../operators/decode/decode-field.ts';
import { REASON } from '../../operators/decode/decode-reasons.ts';
import { RowDecoder } from '../../operators/decode/decode-rows.ts';
import { BATCH_ROWS_MAX, LINE_BYTES_MAX } from '../../operators/decode/decoder.ts';
import { Fault } from '../fault.ts';
import type { ReadPosition, RecordReader } from '../run/record-reader.ts';
import { openBytes, shorterInput } from './source-bytes.ts';
import { columnsOf } from './source-columns.ts';

/** Bytes given to the parser at a time. */
const PIECE_BYTES = 1 << 16;

/** A record longer than LINE_BYTES_MAX is malformed; one longer than this stops the file, since it is held in memory. */
const RECORD_CHARS_MAX = 1 << 25;

/** Of a record, in a message. */
const SHOWN_CHARS = 60;

/** A record's cells, or why there are none. */
type Row = { readonly cells: readonly string[] | null; readonly source: string };

/** Goes on from a row: the file is read again up to it. */
export async function openCsv(
  path: string,
  fields: readonly ScanField[],
  at: ReadPosition,
): Promise<RecordReader> {
  const source = await openBytes(path);
  const decoder = new RowDecoder(fields);
  const table = parsed(path, source.read);
  const header = await table.next();
  const names = header.done === true ? [] : (header.value.cells ?? []);
  // A file without any line has no records, and so no header to blame.
  const columns = header.done === true ? [] : columnsOf(path, names, fields);
  let rows = 0;
  for (; rows < at.rows; rows++) {
    if ((await table.next()).done === true) throw shorterInput(path);
  }
  let failure: unknown = null;
  const read = async (rowsMax: number) => {
    const limit = Math.min(rowsMax, BATCH_ROWS_MAX);
    decoder.begin(limit);
    while (failure === null && decoder.rows < limit) {
      const next = await table.next().catch((error: unknown) => {
        failure = error;
        return { done: true } as const;
      });
      if (next.done === true) break;
      const { cells, source: text } = next.value;
      if (cells === null) decoder.badRow(REASON.csv, text);
      else if (text.length > LINE_BYTES_MAX) decoder.badRow(REASON.tooLong, text);
      else if (cells.length > names.length) decoder.badRow(REASON.cells, text);
      else {
        const values = decoder.specs.map((spec, f) => cellValue(spec, cells[columns[f]!]));
        decoder.row(values, () => text);
      }
    }
    // What was whole goes first.
    if (decoder.rows === 0 && failure !== null) throw failure;
    if (decoder.rows === 0) return null;
    const batch = decoder.finish(rows);
    rows += batch.n;
    return batch;
  };
  return { read, position: () => ({ rows, bytes: 0 }), close: source.close };
}

async function* parsed(
  path: string,
  read: (buffer: Uint8Array, at: number) => Promise<number>,
): AsyncGenerator<Row> {
  const out: Row[] = [];
  let failed: Error | null = null;
  /** How the record begins that the file ends in. */
  let open = '';
  const failure = () => failed as Error | null;
  // Records and refused ones come through callbacks, in the file's order; nothing is kept by the parser itself.
  const parser = new Parser({
    bom: true,
    raw: true,
    relax_column_count: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
    // Any in any order: a file may be put together of two.
    record_delimiter: ['\r\n', '\n', '\r'],
    max_record_size: RECORD_CHARS_MAX,
    on_record: (record: unknown) => {
      const { record: cells, raw } = record as { record: string[]; raw: string };
      out.push({ cells, source: raw });
      return null;
    },
    on_skip: (error, raw) => {
      // Behind it nothing can be told apart.
      if (error?.code === 'CSV_MAX_RECORD_SIZE') failed = error;
      if (error?.code === 'CSV_QUOTE_NOT_CLOSED') {
        failed = error;
        open = (raw ?? '').split(/[\r\n]/)[0]!.slice(0, SHOWN_CHARS);
        return undefined;
      }
      out.push({ cells: null, source: raw ?? error?.message ?? '' });
      return undefined;
    },
  });
  parser.on('error', (error) => {
    failed = error;
  });
  parser.resume();
  for (let ended = false; !ended && failure() === null; ) {
    const piece = new Uint8Array(PIECE_BYTES);
    const got = await read(piece, 0);
    ended = got === 0;
    await new Promise<void>((resolve) => {
      const done = () => {
        parser.off('error', done).off('end', done);
        resolve();
      };
      parser.once('error', done);
      if (ended) parser.once('end', done).end();
      else parser.write(Buffer.from(piece.buffer, 0, got), done);
    });
    yield* out.splice(0);
  }
  if (failure() === null) return;
  const error = failure()!;
  const code = error instanceof CsvError ? error.code : '';
  const message = `${path}: ${whyNot(code, error, open)}`;
  throw new Fault('csv', message, { context: { path, code }, cause: error });
}

function whyNot(code: string, error: Error, open: string): string {
  if (code === 'CSV_MAX_RECORD_SIZE') {
    return `a record is longer than ${RECORD_CHARS_MAX} characters: a quote (") is opened and never closed`;
  }
  if (code === 'CSV_QUOTE_NOT_CLOSED') {
    return `in the record that begins ${open} a quote (") is opened and never closed. Records up to there were read, none behind it. Close it (a quote within a cell is written twice) and start over with --fresh.`;
  }
  return `not readable as CSV (${error.message})`;
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** The cell as a value of the field; a text that is none stays a text, which the row decoder refuses. */
function cellValue(spec: FieldSpec, cell: string | undefined): unknown {
  if (cell === undefined) return undefined;
  if (spec.kind === KIND.text) return cell === '' && spec.nullable ? null : cell;
  if (cell === '') return null;
  if (spec.kind === KIND.iso) return cell;
  if (spec.kind === KIND.list) {
    try {
      return JSON.parse(cell);
    } catch {
      return cell;
    }
  }
  if (spec.kind === KIND.bool) {
    const word = cell.toLowerCase();
    return word === 'true' || word === '1' ? true : word === 'false' || word === '0' ? false : cell;
  }
  return NUMBER.test(cell) ? Number(cell) : cell;
}
