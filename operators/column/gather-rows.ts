/** Picks rows out of columns into a new column of the same kind. Rows that stand together are copied together. */
import type { Column, ListF64Column, ListTextColumn, TextColumn } from './column.ts';
import type { ColumnPool } from './column-pool.ts';

/**
 * Row i of the result is row `rows[i]` of the column `columns[pieces[i]]`; all columns are of one kind. Numbers, flags and
 * hashes are of the pool, if given.
 */
export function gatherRows(
  columns: readonly Column[],
  pieces: Int32Array,
  rows: Int32Array,
  n: number,
  { pool, runs }: { readonly pool?: ColumnPool | undefined; readonly runs?: Runs | undefined } = {},
): Column {
  const first = columns[0]!;
  switch (first.kind) {
    case 'f64': {
      const data = pool?.f64(n) ?? new Float64Array(n);
      const sources = columns.map((column) => (column as typeof first).data);
      gatherNumbers(data, sources, { n, pieces, rows, runs });
      return { kind: 'f64', data };
    }
    case 'bool': {
      const data = pool?.u8(n) ?? new Uint8Array(n);
      const sources = columns.map((column) => (column as typeof first).data);
      for (let i = 0; i < n; i++) data[i] = sources[pieces[i]!]![rows[i]!]!;
      return { kind: 'bool', data };
    }
    case 'hash': {
      const lo = pool?.i32(n) ?? new Int32Array(n);
      const hi = pool?.i32(n) ?? new Int32Array(n);
      const los = columns.map((column) => (column as typeof first).lo);
      const his = columns.map((column) => (column as typeof first).hi);
      gatherLanes(lo, los, { n, pieces, rows, runs });
      gatherLanes(hi, his, { n, pieces, rows, runs });
      return { kind: 'hash', lo, hi };
    }
    case 'text':
      return gatherTexts(columns as TextColumn[], pieces, rows, n);
    case 'list_f64':
      return gatherNumberLists(columns as ListF64Column[], pieces, rows, n);
    case 'list_text':
      return gatherTextLists(columns as ListTextColumn[], pieces, rows, n);
  }
}

/** Runs of rows that stand together in one piece: how many, and for each its piece, first row there and length. */
export type Runs = { readonly count: number; readonly of: Int32Array };

/** Rows of a run, on average, below which copying run by run does not pay. */
const RUN_ROWS_MIN = 32;

/** The runs of rows[0, n) of pieces[0, n); undefined where they are short. */
export function runsOf(pieces: Int32Array, rows: Int32Array, n: number): Runs | undefined {
  const countMax = Math.floor(n / RUN_ROWS_MIN);
  const of = new Int32Array(countMax * 3);
  let count = 0;
  for (let i = 0; i < n; ) {
    if (count === countMax) return undefined;
    const piece = pieces[i]!;
    const row = rows[i]!;
    let length = 1;
    while (i + length < n && pieces[i + length] === piece && rows[i + length] === row + length)
      length++;
    of[count * 3] = piece;
    of[count * 3 + 1] = row;
    of[count * 3 + 2] = length;
    count++;
    i += length;
  }
  return { count, of };
}

/** Which rows of which pieces are wanted. */
export type Picked = {
  readonly n: number;
  readonly pieces: Int32Array;
  readonly rows: Int32Array;
  readonly runs: Runs | undefined;
};

/** out[i] = sources[pieces[i]][rows[i]]. */
export function gatherNumbers(
  out: Float64Array,
  sources: readonly Float64Array[],
  { n, pieces, rows, runs }: Picked,
): void {
  if (runs === undefined) {
    for (let i = 0; i < n; i++) out[i] = sources[pieces[i]!]![rows[i]!]!;
    return;
  }
  for (let run = 0, at = 0; run < runs.count; run++) {
    const row = runs.of[run * 3 + 1]!;
    const length = runs.of[run * 3 + 2]!;
    out.set(sources[runs.of[run * 3]!]!.subarray(row, row + length), at);
    at += length;
  }
}

function gatherLanes(
  out: Int32Array,
  sources: readonly Int32Array[],
  { n, pieces, rows, runs }: Picked,
): void {
  if (runs === undefined) {
    for (let i = 0; i < n; i++) out[i] = sources[pieces[i]!]![rows[i]!]!;
    return;
  }
  for (let run = 0, at = 0; run < runs.count; run++) {
    const row = runs.of[run * 3 + 1]!;
    const length = runs.of[run * 3 + 2]!;
    out.set(sources[runs.of[run * 3]!]!.subarray(row, row + length), at);
    at += length;
  }
}

function gatherTexts(
  columns: readonly TextColumn[],
  pieces: Int32Array,
  rows: Int32Array,
  n: number,
): TextColumn {
  const start = new Int32Array(n);
  const end = new Int32Array(n);
  if (columns.length === 1) {
    const source = columns[0]!;
    for (let i = 0; i < n; i++) {
      start[i] = source.start[rows[i]!]!;
      end[i] = source.end[rows[i]!]!;
    }
    return { kind: 'text', bytes: source.bytes, start, end };
  }
  let length = 0;
  for (let i = 0; i < n; i++) {
    const source = columns[pieces[i]!]!;
    length += source.end[rows[i]!]! - source.start[rows[i]!]!;
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (let i = 0; i < n; i++) {
    const source = columns[pieces[i]!]!;
    const from = source.start[rows[i]!]!;
    const to = source.end[rows[i]!]!;
    if (from < 0) {
      start[i] = -1;
      end[i] = -1;
      continue;
    }
    start[i] = at;
    const from8 = source.bytes;
    for (let b = from; b < to; b++) bytes[at++] = from8[b]!;
    end[i] = at;
  }
  return { kind: 'text', bytes, start, end };
}

type Lists = { readonly offsets: Int32Array; readonly isNull: Uint8Array | null };

/** Offsets and null marks of the gathered rows, and for every value where it comes from. */
function gatherOffsets(columns: readonly Lists[], pieces: Int32Array, rows: Int32Array, n: number) {
  const offsets = new Int32Array(n + 1);
  const isNull = columns.some((column) => column.isNull !== null) ? new Uint8Array(n) : null;
  for (let i = 0; i < n; i++) {
    const source = columns[pieces[i]!]!;
    const row = rows[i]!;
    offsets[i + 1] = offsets[i]! + source.offsets[row + 1]! - source.offsets[row]!;
    if (isNull !== null) isNull[i] = source.isNull?.[row] ?? 0;
  }
  const valuePieces = new Int32Array(offsets[n]!);
  const valueRows = new Int32Array(offsets[n]!);
  for (let i = 0; i < n; i++) {
    const from = columns[pieces[i]!]!.offsets[rows[i]!]!;
    for (let v = offsets[i]!; v < offsets[i + 1]!; v++) {
      valuePieces[v] = pieces[i]!;
      valueRows[v] = from + v - offsets[i]!;
    }
  }
  return { offsets, isNull, valuePieces, valueRows };
}

function gatherNumberLists(
  columns: readonly ListF64Column[],
  pieces: Int32Array,
  rows: Int32Array,
  n: number,
): ListF64Column {
  const { offsets, isNull, valuePieces, valueRows } = gatherOffsets(columns, pieces, rows, n);
  const values = new Float64Array(valueRows.length);
  for (let v = 0; v < values.length; v++)
    values[v] = columns[valuePieces[v]!]!.values[valueRows[v]!]!;
  return { kind: 'list_f64', offsets, values, isNull };
}

function gatherTextLists(
  columns: readonly ListTextColumn[],
  pieces: Int32Array,
  rows: Int32Array,
  n: number,
): ListTextColumn {
  const { offsets, isNull, valuePieces, valueRows } = gatherOffsets(columns, pieces, rows, n);
  const values = gatherTexts(
    columns.map((column) => column.values),
    valuePieces,
    valueRows,
    valueRows.length,
  );
  return { kind: 'list_text', offsets, values, isNull };
}

/** The same rows in the same order, of a single column. */
export function takeRows(column: Column, rows: Int32Array): Column {
  return gatherRows([column], new Int32Array(rows.length), rows, rows.length);
}
