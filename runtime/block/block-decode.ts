/** Decodes an example block: its header, then every column. */
import { inflateSync } from 'node:zlib';
import type { Physical } from '../../dsl/types.ts';
import type { Column, TextColumn } from '../../operators/column/column.ts';
import {
  LABEL_ABSENT,
  LABEL_KINDS,
  type LabelColumns,
} from '../../operators/emission/emission-batch.ts';
import { BLOCK_BYTES_MAX } from '../config.ts';
import { crc32 } from '../store/checksum.ts';
import { blockDamaged } from './block-damage.ts';
import { BLOCK, BODY, HEADER, INFO, LABEL, type Ratio } from './block-layout.ts';
import { type BlockTables, decodeTables } from './block-tables.ts';
import { decodeNumbers, ratioColumn } from './decode-numbers.ts';
import { decodeLists, decodeTexts } from './decode-texts.ts';
import { decodeInts } from './packed-ints.ts';
import { textOf, WireReader } from './wire.ts';

/** A label's columns, by row; see LabelColumns. */
export type BlockLabel = LabelColumns & { readonly name: string };

/** What a block says of itself. */
export type BlockHeader = {
  /** The example set. */
  readonly set: string;
  /** Of the plan that made it: SHA-256, hex. */
  readonly planDigest: string;
  readonly rows: number;
  /** Rows of the set before this block, since the run began: its position. */
  readonly firstRow: number;
  /** Emission times of the first and the last row, ms. */
  readonly firstEmitted: number;
  readonly lastEmitted: number;
  /** No later block has a row emitted before it, ms. */
  readonly watermark: number;
};

export type ExampleBlock = BlockHeader & {
  /** By row: the anchor's time, and the emission time, ms. */
  readonly time: Float64Array;
  readonly emitted: Float64Array;
  /** By row, index into ROW_KINDS. */
  readonly kind: Uint8Array;
  readonly id: TextColumn;
  /** In (0, 1]: losses weigh a row by one over it. */
  readonly sampleRate: Float64Array;
  readonly columns: readonly BlockFeature[];
  readonly labels: readonly BlockLabel[];
};

export type BlockFeature = {
  readonly name: string;
  /** As authors write it: `int`, `float?`, `string[]`. */
  readonly type: string;
  /** The greatest error of its values, where the sink was told to round; else null. */
  readonly error: string | null;
  readonly column: Column;
};

/** Rows of a block beyond this are damage, not data. */
const ROWS_MAX = 2 ** 20;

/** One block, checked against its checksum. A Fault `block_damaged`; nothing of a damaged block is given. */
export function decodeBlock(bytes: Uint8Array): ExampleBlock {
  const { header: headerBytes, body } = openBlock(bytes);
  const { columns, ...header } = decodeHeader(headerBytes);
  const { rows } = header;
  if (rows > ROWS_MAX) blockDamaged(`it is said to have ${rows} rows`);
  const parts = new Map<number, Uint8Array>();
  const refs: Uint8Array[] = [];
  const presence: Uint8Array[] = [];
  for (const field of new WireReader(body).fields()) {
    if (field.number === BODY.refs) refs.push(field.bytes);
    else if (field.number === BODY.presence) presence.push(field.bytes);
    else parts.set(field.number, field.bytes);
  }
  const part = (number: number) => parts.get(number) ?? EMPTY;
  const tables = decodeTables(rows, refs, presence);
  const time = plainNumbers(part(BODY.time), tables);
  const emitted = plainNumbers(part(BODY.emitted), tables);
  const known = new Map<number, Column>();
  const features = columns.filter((info) => !info.isLabel);
  const decode = (info: Info): Column => {
    const body = parts.get(info.field);
    if (body === undefined) return blockDamaged(`column ${info.name} is not in it`);
    const column = decodeColumn(info, body, tables, (field) => {
      const source = features.find((other) => other.field === field);
      const bytes = parts.get(field);
      if (source === undefined || bytes === undefined) {
        return blockDamaged(`column ${info.name} follows from another, which is not in it`);
      }
      return (known.get(field) as NumbersColumn | undefined)?.data ?? plainNumbers(bytes, tables);
    });
    known.set(info.field, column);
    return column;
  };
  return {
    ...header,
    ...{ time, emitted },
    kind: codes(part(BODY.kind), rows),
    id: decodeTexts(part(BODY.id), tables),
    sampleRate: plainNumbers(part(BODY.sampleRate), tables),
    columns: features.map((info) => ({
      ...{ name: info.name, type: info.type, error: info.error },
      column: decode(info),
    })),
    labels: columns
      .filter((info) => info.isLabel)
      .map(({ name, field }) => decodeLabel(name, part(field), { tables, time, emitted })),
  };
}

/** The header alone, without a look at the rows; the checksum covers both and is checked. */
export function decodeBlockHeader(bytes: Uint8Array): BlockHeader {
  const { columns: _, ...header } = decodeHeader(openBlock(bytes).header);
  return header;
}

type NumbersColumn = Extract<Column, { kind: 'f64' }>;

/** The parts of the frame, as they are once unpacked. */
function openBlock(given: Uint8Array): { header: Uint8Array; body: Uint8Array } {
  const bytes = plainBytes(given);
  let header: Uint8Array = EMPTY;
  let stored: Uint8Array = EMPTY;
  let checksum = -1;
  let codec = 0;
  let length = 0;
  for (const field of new WireReader(bytes).fields()) {
    if (field.number === BLOCK.header) header = field.bytes;
    else if (field.number === BLOCK.checksum) checksum = field.value;
    else if (field.number === BLOCK.codec) codec = field.value;
    else if (field.number === BLOCK.bodyBytes) length = field.value;
    else if (field.number === BLOCK.body) stored = field.bytes;
  }
  if (crc32(stored, crc32(header)) !== checksum) {
    blockDamaged('its bytes do not add up to its checksum');
  }
  if (codec > 1) blockDamaged(`it is packed by codec ${codec}, which this version does not know`);
  const body = codec === 1 ? inflated(stored, length) : stored;
  if (body.length !== length) blockDamaged(`a body of ${body.length} bytes instead of ${length}`);
  return { header, body };
}

function inflated(bytes: Uint8Array, length: number): Uint8Array {
  if (length > BLOCK_BYTES_MAX) blockDamaged(`a body of ${length} bytes`);
  try {
    return plainBytes(inflateSync(bytes, { maxOutputLength: Math.max(1, length) }));
  } catch (error) {
    return blockDamaged(`it cannot be unpacked: ${error instanceof Error ? error.message : error}`);
  }
}

/** A Buffer's `slice` is a view, not a copy as an array's is. */
function plainBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

type Info = { name: string; type: string; field: number; isLabel: boolean; error: string | null };

function decodeHeader(bytes: Uint8Array): BlockHeader & { readonly columns: readonly Info[] } {
  const header = {
    ...{ set: '', planDigest: '', rows: 0, firstRow: 0 },
    ...{ firstEmitted: Number.NaN, lastEmitted: Number.NaN, watermark: Number.NaN },
  };
  let list: Uint8Array = EMPTY;
  for (const field of new WireReader(bytes).fields()) {
    if (field.number === HEADER.set) header.set = textOf(field.bytes);
    else if (field.number === HEADER.planDigest) header.planDigest = textOf(field.bytes);
    else if (field.number === HEADER.rows) header.rows = field.value;
    else if (field.number === HEADER.firstRow) header.firstRow = field.value;
    else if (field.number === HEADER.firstEmitted) header.firstEmitted = field.value;
    else if (field.number === HEADER.lastEmitted) header.lastEmitted = field.value;
    else if (field.number === HEADER.watermark) header.watermark = field.value;
    else if (field.number === HEADER.columns) list = field.bytes;
  }
  return { ...header, columns: columnList(list) };
}

/** Blocks of one plan all have the same list: the last one read is kept. */
function columnList(packed: Uint8Array): readonly Info[] {
  if (lastList !== null && Buffer.compare(lastList.packed, packed) === 0) return lastList.columns;
  const columns: Info[] = [];
  for (const { number, bytes } of new WireReader(inflated(packed, BLOCK_BYTES_MAX)).fields()) {
    if (number === INFO.columns) columns.push(decodeInfo(bytes));
  }
  lastList = { packed: packed.slice(), columns };
  return columns;
}

let lastList: { readonly packed: Uint8Array; readonly columns: readonly Info[] } | null = null;

function decodeInfo(bytes: Uint8Array): Info {
  const info: Info = { name: '', type: '', field: 0, isLabel: false, error: null };
  for (const field of new WireReader(bytes).fields()) {
    if (field.number === INFO.name) info.name = textOf(field.bytes);
    else if (field.number === INFO.type) info.type = textOf(field.bytes);
    else if (field.number === INFO.field) info.field = field.value;
    else if (field.number === INFO.isLabel) info.isLabel = field.value === 1;
    else if (field.number === INFO.error) info.error = textOf(field.bytes);
  }
  return info;
}

function decodeColumn(
  { type }: Info,
  bytes: Uint8Array,
  tables: BlockTables,
  other: (field: number) => Float64Array,
): Column {
  const kind = physicalOf(type);
  if (kind === 'text') return decodeTexts(bytes, tables);
  if (kind === 'list_f64' || kind === 'list_text') {
    return decodeLists(kind === 'list_text', bytes, tables);
  }
  const found = decodeNumbers(bytes, tables);
  const data = found instanceof Float64Array ? found : follow(found, other);
  if (kind === 'f64') return { kind, data };
  return { kind: 'bool', data: Uint8Array.from(data, (v) => (Number.isNaN(v) ? 2 : v)) };
}

function follow(ratio: Ratio, other: (field: number) => Float64Array): Float64Array {
  return ratioColumn(ratio, other(ratio.numerator), other(ratio.denominator));
}

function plainNumbers(bytes: Uint8Array, tables: BlockTables): Float64Array {
  const values = decodeNumbers(bytes, tables);
  return values instanceof Float64Array ? values : blockDamaged('a ratio of a ratio');
}

function codes(bytes: Uint8Array, rows: number): Uint8Array {
  return Uint8Array.from(decodeInts(bytes, rows));
}

type LabelRows = {
  readonly tables: BlockTables;
  readonly time: Float64Array;
  readonly emitted: Float64Array;
};

function decodeLabel(
  name: string,
  bytes: Uint8Array,
  { tables, time, emitted }: LabelRows,
): BlockLabel {
  const { rows } = tables;
  const parts = new Map<number, Uint8Array>();
  for (const field of new WireReader(bytes).fields()) parts.set(field.number, field.bytes);
  const part = (number: number) => parts.get(number) ?? EMPTY;
  const kind = codes(part(LABEL.kind), rows);
  const deadline = plainNumbers(part(LABEL.deadline), tables);
  const elapsed = plainNumbers(part(LABEL.elapsed), tables);
  for (let i = 0; i < rows; i++) {
    if (kind[i]! >= LABEL_KINDS.length) blockDamaged(`label kind ${kind[i]}`);
    const isAbsent = kind[i] === LABEL_ABSENT;
    deadline[i] = isAbsent ? Number.NaN : deadline[i]! + time[i]!;
    elapsed[i] = isAbsent ? Number.NaN : elapsed[i]! + (emitted[i]! - time[i]!);
  }
  return {
    ...{ name, kind, deadline, elapsed },
    value: codes(part(LABEL.value), rows),
    credit: parts.has(LABEL.credit) ? Int32Array.from(decodeInts(part(LABEL.credit), rows)) : null,
    audit: parts.has(LABEL.ever)
      ? { atWait: codes(part(LABEL.atWait), rows), ever: codes(part(LABEL.ever), rows) }
      : null,
  };
}

function physicalOf(type: string): Physical {
  const plain = type.replace(/\?$/, '');
  if (plain.endsWith('[]')) return plain === 'string[]' ? 'list_text' : 'list_f64';
  if (plain === 'string') return 'text';
  return plain === 'bool' ? 'bool' : 'f64';
}

const EMPTY = new Uint8Array(0);
