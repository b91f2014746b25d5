/** Single rows as plain values, and plain values as columns of one row: what is explained is one anchor at a time. */
import type { Physical } from '../../dsl/types.ts';
import {
  BOOL_NULL,
  type Column,
  type HashColumn,
  type Value,
} from '../../operators/column/column.ts';
import { ListBuilder, TextBuilder } from '../../operators/column/text-builder.ts';

/** A key's hash; null: a part of the key is null. */
export type KeyHash = { readonly lo: number; readonly hi: number } | null;

/** A hash slot's value (16 hex digits, high lane first) as its lanes. */
export function keyHash(hex: Value): KeyHash {
  if (typeof hex !== 'string') return null;
  return { lo: lane(hex.slice(8)), hi: lane(hex.slice(0, 8)) };
}

export function isKey(column: HashColumn, row: number, key: KeyHash): boolean {
  return key !== null && column.lo[row] === key.lo && column.hi[row] === key.hi;
}

export function isNullKey({ lo, hi }: HashColumn, row: number): boolean {
  return lo[row] === 0 && hi[row] === 0;
}

/** Whether both are one value in an output: a list item by item, a bool that is kept as a number as that number. */
export function isSameValue(a: Value, b: Value): boolean {
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, i) => isSameValue(item, b[i]));
  }
  if (typeof a === 'boolean' || typeof b === 'boolean') return Number(a) === Number(b);
  return a === b;
}

/** A column that has the value as its only row. */
export function columnOf(value: Value, kind: Physical): Column {
  switch (kind) {
    case 'f64':
      return { kind, data: Float64Array.of(value === null ? Number.NaN : Number(value)) };
    case 'bool':
      return { kind, data: Uint8Array.of(value === null ? BOOL_NULL : Number(value)) };
    case 'hash': {
      const key = keyHash(value);
      return { kind, lo: Int32Array.of(key?.lo ?? 0), hi: Int32Array.of(key?.hi ?? 0) };
    }
    case 'text': {
      const builder = new TextBuilder(1);
      if (value === null) builder.addNull();
      else builder.addString(String(value));
      return builder.finish();
    }
    case 'list_f64':
    case 'list_text':
      return listColumn((value ?? []) as readonly (number | string)[], value === null, kind);
  }
}

function listColumn(
  items: readonly (number | string)[],
  isNull: boolean,
  kind: 'list_f64' | 'list_text',
): Column {
  const builder = new ListBuilder(1);
  for (const item of items) {
    if (typeof item === 'number') builder.addNumber(item);
    else {
      const bytes = Buffer.from(item);
      builder.addText(bytes, 0, bytes.length);
    }
  }
  builder.endRow(isNull);
  return kind === 'list_f64' ? builder.finishNumbers() : builder.finishTexts();
}

function lane(hex: string): number {
  return Number.parseInt(hex, 16) | 0;
}
