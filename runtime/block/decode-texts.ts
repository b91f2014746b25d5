/** Reads TextColumns and ListColumns of an example block. */
import type { ListF64Column, ListTextColumn, TextColumn } from '../../operators/column/column.ts';
import { blockDamaged } from './block-damage.ts';
import { LIST, TEXT } from './block-layout.ts';
import { type BlockTables, type RowRefs, refsAt } from './block-tables.ts';
import { decodeNumbers } from './decode-numbers.ts';
import { decodeInts } from './packed-ints.ts';
import { WireReader } from './wire.ts';

/** A column of `tables.rows` texts. A Fault `block_damaged`. */
export function decodeTexts(bytes: Uint8Array, tables: BlockTables): TextColumn {
  let refs = 0;
  let count = 0;
  let index: Uint8Array | null = null;
  let shared: Uint8Array | null = null;
  let length: Uint8Array = EMPTY;
  let data: Uint8Array = EMPTY;
  for (const field of new WireReader(bytes).fields()) {
    if (field.number === TEXT.refs) refs = field.value;
    else if (field.number === TEXT.index) index = field.bytes;
    else if (field.number === TEXT.entries) count = field.value;
    else if (field.number === TEXT.shared) shared = field.bytes;
    else if (field.number === TEXT.length) length = field.bytes;
    else if (field.number === TEXT.data) data = field.bytes;
  }
  const kept = refsAt(tables, refs);
  const n = kept?.count ?? tables.rows;
  if (count > ENTRIES_MAX) blockDamaged(`a column of ${count} texts`);
  const lengths = decodeInts(length, count);
  const entries =
    shared === null ? side(lengths, data) : joined(lengths, decodeInts(shared, count), data);
  const rows = index === null ? entries : byIndex(entries, decodeInts(index, n));
  if (rows.start.length !== n)
    blockDamaged(`a column has ${rows.start.length} texts for ${n} rows`);
  return kept === null ? rows : gatherTexts(rows, kept.index);
}

/** A column of `tables.rows` lists. */
export function decodeLists(
  ofTexts: boolean,
  bytes: Uint8Array,
  tables: BlockTables,
): ListF64Column | ListTextColumn {
  let refs = 0;
  let length: Uint8Array = EMPTY;
  let numbers: Uint8Array = EMPTY;
  let texts: Uint8Array = EMPTY;
  const runs: Runs = { count: 0, first: EMPTY, run: EMPTY };
  for (const field of new WireReader(bytes).fields()) {
    if (field.number === LIST.refs) refs = field.value;
    else if (field.number === LIST.length) length = field.bytes;
    else if (field.number === LIST.numbers) numbers = field.bytes;
    else if (field.number === LIST.texts) texts = field.bytes;
    else if (field.number === LIST.runs) runs.count = field.value;
    else if (field.number === LIST.first) runs.first = field.bytes;
    else if (field.number === LIST.run) runs.run = field.bytes;
  }
  const kept = refsAt(tables, refs);
  const n = kept?.count ?? tables.rows;
  const { offsets, isNull } = bounds(decodeInts(length, n));
  const items = { rows: offsets[n]!, refs: [], presence: [], masks: [] };
  const lists = ofTexts
    ? { kind: 'list_text' as const, offsets, isNull, values: decodeTexts(texts, items) }
    : {
        kind: 'list_f64' as const,
        ...{ offsets, isNull },
        values: runs.count > 0 ? fromRuns(runs, offsets) : plainNumbers(numbers, items),
      };
  return kept === null ? lists : gatherLists(lists, kept);
}

type Runs = { count: number; first: Uint8Array; run: Uint8Array };

/** Texts and items beyond this in one column are damage, not data: no block holds so many. */
const ENTRIES_MAX = 2 ** 26;

const EMPTY = new Uint8Array(0);

/** Texts one after another; length 0 is null. */
function side(lengths: Float64Array, data: Uint8Array): TextColumn {
  const start = new Int32Array(lengths.length);
  const end = new Int32Array(lengths.length);
  let at = 0;
  for (let i = 0; i < lengths.length; i++) {
    const length = lengths[i]!;
    if (length === 0) {
      start[i] = -1;
      end[i] = -1;
      continue;
    }
    start[i] = at;
    at += length - 1;
    end[i] = at;
  }
  if (at !== data.length) blockDamaged(`${data.length} bytes for texts of ${at}`);
  // A copy: the block's bytes may be lent.
  return { kind: 'text', bytes: data.slice(), start, end };
}

/** Each with the first `shared` bytes of the text before, null ones not counted. */
function joined(lengths: Float64Array, shared: Float64Array, data: Uint8Array): TextColumn {
  let total = 0;
  for (let i = 0; i < lengths.length; i++) {
    if (lengths[i]! > 0) total += lengths[i]! - 1 + shared[i]!;
  }
  if (!(total >= 0 && total < ENTRIES_MAX * 8)) blockDamaged(`texts of ${total} bytes`);
  const bytes = new Uint8Array(total);
  const start = new Int32Array(lengths.length).fill(-1);
  const end = new Int32Array(lengths.length).fill(-1);
  let before = 0;
  let beforeEnd = 0;
  let at = 0;
  let from = 0;
  for (let i = 0; i < lengths.length; i++) {
    if (lengths[i] === 0) continue;
    const own = lengths[i]! - 1;
    const same = shared[i]!;
    if (!(same >= 0 && same <= beforeEnd - before && from + own <= data.length))
      blockDamaged(`text ${i} shares ${same} bytes`);
    start[i] = at;
    const shared8 = before + same;
    const to = from + own;
    const start8 = at;
    // Ids are short: calls that copy many bytes at once cost more than the bytes.
    while (before < shared8) bytes[at++] = bytes[before++]!;
    while (from < to) bytes[at++] = data[from++]!;
    before = start8;
    beforeEnd = at;
    end[i] = at;
  }
  return { kind: 'text', bytes, start, end };
}

/** 0 is null, i + 1 the i-th entry. */
function byIndex(entries: TextColumn, index: Float64Array): TextColumn {
  const n = index.length;
  const start = new Int32Array(n);
  const end = new Int32Array(n);
  const count = entries.start.length;
  for (let i = 0; i < n; i++) {
    const at = index[i]! - 1;
    if (at >= count) blockDamaged(`text ${at} of a dictionary of ${count}`);
    start[i] = at < 0 ? -1 : entries.start[at]!;
    end[i] = at < 0 ? -1 : entries.end[at]!;
  }
  return { kind: 'text', bytes: entries.bytes, start, end };
}

function gatherTexts({ bytes, start, end }: TextColumn, index: Int32Array): TextColumn {
  return {
    kind: 'text',
    bytes,
    start: index.map((i) => start[i]!),
    end: index.map((i) => end[i]!),
  };
}

/** Length 0 is null, n + 1 a list of n. */
function bounds(lengths: Float64Array) {
  const offsets = new Int32Array(lengths.length + 1);
  const isNull = new Uint8Array(lengths.length);
  let at = 0;
  for (let i = 0; i < lengths.length; i++) {
    if (lengths[i] === 0) isNull[i] = 1;
    else at += lengths[i]! - 1;
    if (at > ENTRIES_MAX) blockDamaged(`lists of ${at} items`);
    offsets[i + 1] = at;
  }
  return { offsets, isNull };
}

function plainNumbers(bytes: Uint8Array, items: BlockTables): Float64Array {
  const values = decodeNumbers(bytes, items);
  return values instanceof Float64Array ? values : blockDamaged('a list is no ratio');
}

/** Runs of neighbours; one that begins a list says its first id, another how far it lies beyond the end of the one before. */
function fromRuns({ count, first, run }: Runs, offsets: Int32Array): Float64Array {
  const items = offsets[offsets.length - 1]!;
  if (count > items) blockDamaged(`${count} runs of ${items} items`);
  const firsts = decodeInts(first, count);
  const more = decodeInts(run, count);
  const values = new Float64Array(items);
  let at = 0;
  let list = 0;
  let before = 0;
  for (let i = 0; i < count; i++) {
    while (offsets[list + 1]! <= at && list + 1 < offsets.length - 1) list++;
    let value = firsts[i]! + (offsets[list] === at ? 0 : before + 1);
    const end = at + more[i]! + 1;
    if (end > offsets[list + 1]!) blockDamaged(`run ${i} is longer than its list`);
    while (at < end) values[at++] = value++;
    before = value - 1;
  }
  if (at !== items) blockDamaged(`runs of ${at} items for ${items}`);
  return values;
}

function gatherLists(
  lists: ListF64Column | ListTextColumn,
  { index }: RowRefs,
): ListF64Column | ListTextColumn {
  const n = index.length;
  const offsets = new Int32Array(n + 1);
  const isNull = new Uint8Array(n);
  for (let i = 0; i < n; i++) {
    const at = index[i]!;
    offsets[i + 1] = offsets[i]! + lists.offsets[at + 1]! - lists.offsets[at]!;
    isNull[i] = lists.isNull?.[at] ?? 0;
  }
  const items = new Int32Array(offsets[n]!);
  for (let i = 0, o = 0; i < n; i++) {
    for (let at = lists.offsets[index[i]!]!; at < lists.offsets[index[i]! + 1]!; at++)
      items[o++] = at;
  }
  if (lists.kind === 'list_text') {
    return { kind: 'list_text', offsets, isNull, values: gatherTexts(lists.values, items) };
  }
  const values = Float64Array.from(items, (at) => lists.values[at]!);
  return { kind: 'list_f64', offsets, isNull, values };
}
