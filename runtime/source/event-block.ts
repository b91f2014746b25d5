/**
 * A decoded batch as bytes: what `millrace ingest` keeps, so that a log is read without parsing. Little-endian; every
 * array begins at a multiple of 8.
 *
 *   u32 header bytes, header (JSON), then in its order, per field: value column, hash column; then the bad table and the
 *   source text of bad rows.
 *   f64: n doubles; bool: n bytes; text: n starts, n ends (i32, -1 null), bytes; hash: n lo, n hi;
 *   lists: n + 1 offsets, n null marks, then the values as f64 or text.
 */
import type { ScanField } from '../../compiler/plan/plan.ts';
import { showType } from '../../dsl/types.ts';
import { assert } from '../../operators/assert.ts';
import type { Column, HashColumn, TextColumn } from '../../operators/column/column.ts';
import type { DecodedBatch, DecodedColumn } from '../../operators/decode/decoder.ts';
import { Fault } from '../fault.ts';
import { ArrayReader, ArrayWriter } from '../store/array-bytes.ts';

const VERSION = 1;

type FieldHeader = {
  readonly name: string;
  /** The type as authors write it, and the resolution of its times. */
  readonly type: string;
  /** Sizes of the value column; null: only the hash is kept. */
  readonly value: {
    readonly kind: Column['kind'];
    readonly items: number;
    readonly bytes: number;
  } | null;
  readonly hash: boolean;
};

type Header = {
  readonly version: number;
  readonly n: number;
  readonly firstOffset: number;
  readonly fields: readonly FieldHeader[];
  readonly bad: number;
  readonly raw: number;
};

/** `fields` are those the batch was decoded for. */
export function encodeEvents(batch: DecodedBatch, fields: readonly ScanField[]): Uint8Array {
  const out = new ArrayWriter();
  const headers = fields.map((field, i): FieldHeader => {
    const { value, hash } = batch.columns[i]!;
    return {
      name: field.name,
      type: typeText(field),
      value: value === undefined ? null : writeColumn(out, value, batch.n),
      hash: hash !== undefined && writeHash(out, hash, batch.n),
    };
  });
  const { bad } = batch;
  out.put(bad.row.subarray(0, bad.count));
  out.put(bad.field.subarray(0, bad.count));
  out.put(bad.reason.subarray(0, bad.count));
  const raw = writeText(out, badTexts(batch), batch.n);
  const header: Header = {
    version: VERSION,
    n: batch.n,
    firstOffset: batch.firstOffset,
    fields: headers,
    bad: bad.count,
    raw,
  };
  return out.finish(Buffer.from(JSON.stringify(header)));
}

/**
 * The batch as a scan that wants `fields` takes it. A Fault `log_lacks_field` when the log was made for a program that
 * did not read one of them (or read it as another type).
 */
export function decodeEvents(bytes: Uint8Array, fields: readonly ScanField[]): DecodedBatch {
  const input = new ArrayReader(bytes);
  const header: Header = JSON.parse(Buffer.from(input.header).toString());
  if (header.version !== VERSION) {
    throw new Fault(
      'log_version',
      `the log has event blocks of format ${header.version}; this version reads ${VERSION}`,
    );
  }
  const { n } = header;
  const kept = new Map<string, DecodedColumn>();
  const keptIndex = new Map<string, number>();
  header.fields.forEach((field, i) => {
    const value = field.value === null ? undefined : readColumn(input, field.value, n);
    const hash = field.hash ? readHash(input, n) : undefined;
    kept.set(`${field.name} ${field.type}`, { value, hash });
    keptIndex.set(`${field.name} ${field.type}`, i);
  });
  const wanted = new Map(
    fields.map((field, i) => [keptIndex.get(`${field.name} ${typeText(field)}`), i]),
  );
  const bad = readBad(input, header.bad, wanted);
  const raw = readText(input, n, header.raw);
  return {
    n,
    firstOffset: header.firstOffset,
    columns: fields.map((field) => columnFor(field, kept.get(`${field.name} ${typeText(field)}`))),
    bad,
    rawBytes: raw.bytes,
    rawStart: raw.start,
    rawEnd: raw.end,
    release: () => undefined,
  };
}

function columnFor(field: ScanField, column: DecodedColumn | undefined): DecodedColumn {
  const lacks =
    column === undefined ||
    (field.value && column.value === undefined) ||
    (field.hash && column.hash === undefined);
  if (lacks) {
    throw new Fault(
      'log_lacks_field',
      `the log has no field ${field.name} of type ${typeText(field)}: it was made for another program. Make it again with millrace ingest.`,
      { context: { field: field.name } },
    );
  }
  return column;
}

function typeText(field: ScanField): string {
  return field.timeFormat === null
    ? showType(field.type)
    : `${showType(field.type)}(${field.timeFormat})`;
}

/** Rows of the kept fields' bad table that concern the wanted fields, with their indexes. */
function readBad(input: ArrayReader, count: number, wanted: Map<number | undefined, number>) {
  const rows = input.int32(count);
  const fields = input.int32(count);
  const reasons = input.bytes(count);
  const keep = Array.from({ length: count }, (_, i) => i).filter(
    (i) => fields[i]! < 0 || wanted.has(fields[i]!),
  );
  keep.sort((a, b) => rows[a]! - rows[b]! || fieldOf(a) - fieldOf(b));
  function fieldOf(i: number): number {
    return fields[i]! < 0 ? -1 : wanted.get(fields[i]!)!;
  }
  return {
    count: keep.length,
    row: Int32Array.from(keep, (i) => rows[i]!),
    field: Int32Array.from(keep, fieldOf),
    reason: Uint8Array.from(keep, (i) => reasons[i]!),
  };
}

/** Source texts of the bad rows only. */
function badTexts(batch: DecodedBatch): TextColumn {
  const start = new Int32Array(batch.n).fill(-1);
  const end = new Int32Array(batch.n).fill(-1);
  for (let i = 0; i < batch.bad.count; i++) {
    const row = batch.bad.row[i]!;
    start[row] = batch.rawStart[row]!;
    end[row] = batch.rawEnd[row]!;
  }
  return { kind: 'text', bytes: batch.rawBytes, start, end };
}

function writeColumn(
  out: ArrayWriter,
  column: Column,
  n: number,
): NonNullable<FieldHeader['value']> {
  const { kind } = column;
  switch (kind) {
    case 'f64':
      out.put(column.data.subarray(0, n));
      return { kind, items: n, bytes: 0 };
    case 'bool':
      out.put(column.data.subarray(0, n));
      return { kind, items: n, bytes: 0 };
    case 'text':
      return { kind, items: n, bytes: writeText(out, column, n) };
    case 'list_f64':
    case 'list_text': {
      const from = column.offsets[0]!;
      const items = column.offsets[n]! - from;
      out.put(column.offsets.slice(0, n + 1).map((offset) => offset - from));
      out.put((column.isNull ?? new Uint8Array(n)).subarray(0, n));
      if (kind === 'list_f64') {
        out.put(column.values.subarray(from, from + items));
        return { kind, items, bytes: 0 };
      }
      const { bytes, start, end } = column.values;
      const values: TextColumn = {
        kind: 'text',
        bytes,
        start: start.subarray(from, from + items),
        end: end.subarray(from, from + items),
      };
      return { kind, items, bytes: writeText(out, values, items) };
    }
    case 'hash':
      throw new Error('a value column is no hash');
  }
}

function readColumn(
  input: ArrayReader,
  header: NonNullable<FieldHeader['value']>,
  n: number,
): Column {
  const { kind, items, bytes } = header;
  switch (kind) {
    case 'f64':
      return { kind, data: input.float64(n) };
    case 'bool':
      return { kind, data: input.bytes(n) };
    case 'text':
      return readText(input, n, bytes);
    case 'list_f64':
      return {
        kind,
        offsets: input.int32(n + 1),
        isNull: input.bytes(n),
        values: input.float64(items),
      };
    case 'list_text':
      return {
        kind,
        offsets: input.int32(n + 1),
        isNull: input.bytes(n),
        values: readText(input, items, bytes),
      };
    case 'hash':
      throw new Error('a value column is no hash');
  }
}

/** Gives the number of bytes. */
function writeText(out: ArrayWriter, column: TextColumn, n: number): number {
  const start = new Int32Array(n).fill(-1);
  const end = new Int32Array(n).fill(-1);
  let length = 0;
  for (let i = 0; i < n; i++) {
    const from = column.start[i]!;
    if (from < 0) continue;
    start[i] = length;
    length += column.end[i]! - from;
    end[i] = length;
  }
  const bytes = new Uint8Array(length);
  for (let i = 0; i < n; i++) {
    if (start[i]! >= 0)
      bytes.set(column.bytes.subarray(column.start[i]!, column.end[i]!), start[i]!);
  }
  out.put(start);
  out.put(end);
  out.put(bytes);
  return length;
}

function readText(input: ArrayReader, n: number, length: number): TextColumn {
  return { kind: 'text', start: input.int32(n), end: input.int32(n), bytes: input.bytes(length) };
}

function writeHash(out: ArrayWriter, column: HashColumn, n: number): true {
  out.put(column.lo.subarray(0, n));
  out.put(column.hi.subarray(0, n));
  return true;
}

function readHash(input: ArrayReader, n: number): HashColumn {
  const lo = input.int32(n);
  const hi = input.int32(n);
  assert(hi.length === n, 'a hash column is whole');
  return { kind: 'hash', lo, hi };
}
