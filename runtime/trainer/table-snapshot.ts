/** An embedding table in a snapshot: all of its rows, or those changed since the last one. */
import { assert } from '../../operators/assert.ts';
import { SKETCH_PAGE } from './admission-sketch.ts';
import { DIRTY, FLAGS, IMAGE, STAMP } from './embedding-records.ts';
import type { EmbeddingTable } from './embedding-table.ts';
import type { SnapshotArray } from './snapshot-file.ts';

/** What a file says of a table beside its arrays. */
export type StoredTable = { readonly length: number; readonly numbers: readonly number[] };

/** Arrays of a table in a file. */
export const TABLE_ARRAYS = 7;

/** The table as arrays: changed rows, their records; touched pages, their counters; published rows, ids, weights. */
export function captureTable(
  table: EmbeddingTable,
  full: boolean,
): { readonly stored: StoredTable; readonly arrays: readonly SnapshotArray[] } {
  const { records, sketch, published } = table;
  const rows = full ? sequence(records.length) : table.dirtyRows.slice(0, table.dirtyCount).sort();
  const words = new Int32Array(rows.length * records.words);
  for (const [i, row] of rows.entries()) {
    const from = (row & records.mask) * records.words;
    const to = i * records.words;
    words.set(records.ints[row >> records.shift]!.subarray(from, from + records.words), to);
    words[to + STAMP] = 0;
    words[to + IMAGE] = 0;
    words[to + FLAGS] = words[to + FLAGS]! & ~DIRTY;
  }
  const pages = sketch === null ? new Int32Array(0) : pagesOf(sketch.touched, full);
  const counters = new Uint8Array(pages.length * SKETCH_PAGE);
  for (const [i, page] of pages.entries()) {
    const from = page * SKETCH_PAGE;
    counters.set(sketch!.counters.subarray(from, from + SKETCH_PAGE), i * SKETCH_PAGE);
  }
  const { count, width } = published;
  return {
    stored: { length: records.length, numbers: table.numbers() },
    arrays: [
      ...[rows, words, pages, counters],
      published.rows.slice(0, count),
      published.ids.slice(0, count * 2),
      published.weights.slice(0, count * width),
    ],
  };
}

/** Fills a new table from a file, or the same table from the next files of a chain; `last` ends the chain. */
export function fillTable(
  table: EmbeddingTable,
  stored: StoredTable,
  arrays: readonly SnapshotArray[],
  last: boolean,
): void {
  const [rows, words, pages, counters, kept, ids, weights] = arrays;
  const { records, sketch } = table;
  while (records.length < stored.length) records.add();
  for (const [i, row] of rows!.entries()) {
    const record = (words as Int32Array).subarray(i * records.words, (i + 1) * records.words);
    records.ints[row >> records.shift]!.set(record, (row & records.mask) * records.words);
  }
  assert(pages!.length === 0 || sketch !== null, 'only a table with a sketch has its pages');
  for (const [i, page] of pages!.entries()) {
    const content = (counters as Uint8Array).subarray(i * SKETCH_PAGE, (i + 1) * SKETCH_PAGE);
    sketch!.counters.set(content, page * SKETCH_PAGE);
  }
  if (!last) return;
  table.resume(stored.numbers);
  table.published.resume(kept as Int32Array, ids as Int32Array, weights as Float32Array);
  table.markWritten();
}

function sequence(length: number): Int32Array {
  return Int32Array.from({ length }, (_, i) => i);
}

function pagesOf(touched: Uint8Array, full: boolean): Int32Array {
  const pages: number[] = [];
  for (const [page, flag] of touched.entries()) if (full || flag === 1) pages.push(page);
  return Int32Array.from(pages);
}
