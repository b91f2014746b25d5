/** The tables of a block that its columns point at, read: rows that are alike, and which values are there. */

import { blockDamaged } from './block-damage.ts';
import { PRESENCE, REFS } from './block-layout.ts';
import { decodeInts } from './packed-ints.ts';
import { uint32sOf, WireReader } from './wire.ts';

/** By row, which of the `count` stored values is its. */
export type RowRefs = { readonly count: number; readonly index: Int32Array };

export type BlockTables = {
  readonly rows: number;
  readonly refs: readonly RowRefs[];
  /** As they lie: how many values a table has is known by whoever points at it. */
  readonly presence: readonly Uint8Array[];
  /** The masks of the tables that were read. */
  readonly masks: (Int32Array | undefined)[];
};

export function decodeTables(
  rows: number,
  refs: readonly Uint8Array[],
  presence: readonly Uint8Array[],
): BlockTables {
  return { rows, refs: refs.map((bytes) => decodeRefs(bytes, rows)), presence, masks: [] };
}

/** The table that a column points at; null: every row has its own value. */
export function refsAt(tables: BlockTables, at: number): RowRefs | null {
  if (at === 0) return null;
  return (
    tables.refs[at - 1] ?? blockDamaged(`a column points at table ${at} of ${tables.refs.length}`)
  );
}

function decodeRefs(bytes: Uint8Array, rows: number): RowRefs {
  let count = 0;
  let index = new Int32Array(rows);
  for (const field of new WireReader(bytes).fields()) {
    if (field.number === REFS.count) count = field.value;
    else if (field.number === REFS.index) index = Int32Array.from(decodeInts(field.bytes, rows));
  }
  for (let i = 0; i < rows; i++) {
    if (!(index[i]! >= 0 && index[i]! < count))
      blockDamaged(`row ${i} points at value ${index[i]} of ${count}`);
  }
  return { count, index };
}

/** The masks of a presence table over n values. */
export function presenceAt(tables: BlockTables, at: number, n: number): Int32Array {
  const known = tables.masks[at];
  if (known?.length === n) return known;
  const bytes = tables.presence[at - 1];
  if (bytes === undefined) blockDamaged(`a column points at pattern table ${at}`);
  let patterns: Uint32Array = new Uint32Array(0);
  let index: Uint8Array = new Uint8Array(0);
  for (const field of new WireReader(bytes).fields()) {
    if (field.number === PRESENCE.patterns) patterns = uint32sOf(field.bytes);
    else if (field.number === PRESENCE.index) index = field.bytes;
  }
  const masks = new Int32Array(n);
  const indexes = decodeInts(index, n);
  for (let i = 0; i < n; i++) {
    const pattern = patterns[indexes[i]!];
    if (pattern === undefined)
      blockDamaged(`value ${i} has pattern ${indexes[i]} of ${patterns.length}`);
    masks[i] = pattern;
  }
  tables.masks[at] = masks;
  return masks;
}
