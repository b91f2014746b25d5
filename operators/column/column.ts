/**
 * Columns: the only shape in which values travel on the data path. Nulls are in band:
 * NaN (f64), 2 (bool), start -1 (text), lo = hi = 0 (hash), isNull 1 (lists).
 */
export type F64Column = { readonly kind: 'f64'; readonly data: Float64Array };

/** 0, 1, or 2 for null. */
export type BoolColumn = { readonly kind: 'bool'; readonly data: Uint8Array };

/** UTF-8 slices of one buffer; start -1 is null. Rows may share bytes. */
export type TextColumn = {
  readonly kind: 'text';
  readonly bytes: Uint8Array;
  readonly start: Int32Array;
  readonly end: Int32Array;
};

/** A 64-bit hash in two lanes; both 0 is null (a real hash is never 0, 0). */
export type HashColumn = {
  readonly kind: 'hash';
  readonly lo: Int32Array;
  readonly hi: Int32Array;
};

/** Row i holds values[offsets[i] .. offsets[i + 1]). */
export type ListF64Column = {
  readonly kind: 'list_f64';
  readonly offsets: Int32Array;
  readonly values: Float64Array;
  readonly isNull: Uint8Array | null;
};

export type ListTextColumn = {
  readonly kind: 'list_text';
  readonly offsets: Int32Array;
  readonly values: TextColumn;
  readonly isNull: Uint8Array | null;
};

export type Column =
  | F64Column
  | BoolColumn
  | TextColumn
  | HashColumn
  | ListF64Column
  | ListTextColumn;

export const BOOL_NULL = 2;
export const TEXT_NULL = -1;

const decoder = new TextDecoder();

/** One text as a JavaScript string; null for null. For the control plane and for tests. */
export function textAt(column: TextColumn, row: number): string | null {
  const start = column.start[row]!;
  return start < 0 ? null : decoder.decode(column.bytes.subarray(start, column.end[row]!));
}

export type Value = number | boolean | string | null | readonly (number | string)[];

/** One value as plain data (hashes as 16 hex digits). For the control plane and for tests. */
export function valueAt(column: Column, row: number): Value {
  switch (column.kind) {
    case 'f64': {
      const value = column.data[row]!;
      return Number.isNaN(value) ? null : value;
    }
    case 'bool':
      return column.data[row] === BOOL_NULL ? null : column.data[row] === 1;
    case 'text':
      return textAt(column, row);
    case 'hash':
      return hashText(column.lo[row]!, column.hi[row]!);
    case 'list_f64':
      if (column.isNull?.[row]) return null;
      return Array.from(column.values.subarray(column.offsets[row]!, column.offsets[row + 1]!));
    case 'list_text': {
      if (column.isNull?.[row]) return null;
      const out: string[] = [];
      for (let i = column.offsets[row]!; i < column.offsets[row + 1]!; i++) {
        out.push(textAt(column.values, i)!);
      }
      return out;
    }
  }
}

function hashText(lo: number, hi: number): string | null {
  if (lo === 0 && hi === 0) return null;
  return (hi >>> 0).toString(16).padStart(8, '0') + (lo >>> 0).toString(16).padStart(8, '0');
}
