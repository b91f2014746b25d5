/** Reads files of example blocks back: columns by name, or rows as the trainer takes them. */
import { open } from 'node:fs/promises';
import type { Physical } from '../dsl/types.ts';
import { type Column, type TextColumn, textAt, type Value, valueAt } from '../operators/column.ts';
import {
  LABEL_ABSENT,
  LABEL_KINDS,
  type LabelColumns,
  ROW_AUDIT,
  ROW_SHOWN,
} from '../operators/emission-batch.ts';
import { BLOCK, HEADER, INFO, LABEL, LIST, TEXT } from './block-layout.ts';
import { decodeNumbers } from './block-numbers.ts';
import { BLOCK_BYTES_MAX } from './config.ts';
import type { EmittedLabel, ExampleRow } from './example-row.ts';
import { Fault } from './fault.ts';
import { fileFault } from './files.ts';
import { textOf, uintsOf, WireReader } from './wire.ts';

export type BlockLabel = LabelColumns & { readonly name: string };

export type ExampleBlock = {
  readonly set: string;
  readonly planDigest: string;
  readonly rows: number;
  readonly firstEmitted: number;
  readonly lastEmitted: number;
  readonly watermark: number;
  readonly time: Float64Array;
  readonly emitted: Float64Array;
  readonly kind: Uint8Array;
  readonly id: TextColumn;
  readonly sampleRate: Float64Array;
  readonly columns: readonly {
    readonly name: string;
    readonly type: string;
    readonly column: Column;
  }[];
  readonly labels: readonly BlockLabel[];
};

/** A block with the byte position behind it. */
export type PlacedBlock = ExampleBlock & { readonly end: number };

/**
 * Every block of a file, in order, from the block boundary `from` on. A Fault `block_damaged` when the file is cut or is
 * none of ours.
 */
export async function* readBlocks(path: string, from = 0): AsyncGenerator<PlacedBlock> {
  const handle = await open(path, 'r').catch((error) => {
    throw fileFault('read', path, error);
  });
  try {
    const { size } = await handle.stat();
    const head = new Uint8Array(10);
    for (let position = from; position < size; ) {
      const { bytesRead } = await handle.read(head, 0, head.length, position);
      const reader = new WireReader(head.subarray(0, bytesRead));
      const length = reader.varint();
      position += lengthBytes(length);
      if (length > BLOCK_BYTES_MAX || position + length > size) {
        throw new Fault('block_damaged', `${path} ends inside a block (at byte ${position})`, {
          context: { path, position },
        });
      }
      const bytes = new Uint8Array(length);
      await handle.read(bytes, 0, length, position);
      position += length;
      yield { ...decodeBlock(bytes), end: position };
    }
  } finally {
    await handle.close();
  }
}

/** One block. */
function decodeBlock(bytes: Uint8Array): ExampleBlock {
  const parts = new Map<number, Uint8Array>();
  for (const field of new WireReader(bytes).fields()) parts.set(field.number, field.bytes);
  const part = (number: number) => parts.get(number) ?? new Uint8Array(0);
  const header = decodeHeader(part(BLOCK.header));
  const columns = header.columns.filter((info) => !info.isLabel);
  return {
    ...header,
    time: decodeNumbers(part(BLOCK.time), header.rows),
    emitted: decodeNumbers(part(BLOCK.emitted), header.rows),
    kind: part(BLOCK.kind),
    id: decodeTexts(part(BLOCK.id)),
    sampleRate: decodeNumbers(part(BLOCK.sampleRate), header.rows),
    columns: columns.map(({ name, type, field }) => ({
      name,
      type,
      column: decodeColumn(physicalOf(type), part(field), header.rows),
    })),
    labels: header.columns
      .filter((info) => info.isLabel)
      .map(({ name, field }) => decodeLabel(name, part(field), header.rows)),
  };
}

/** Row `row` of a block as plain data. */
export function blockRow(block: ExampleBlock, row: number): ExampleRow {
  const labels: Record<string, EmittedLabel> = {};
  const isAudit = block.kind[row] === ROW_AUDIT;
  for (const label of block.labels) {
    const kind = label.kind[row]!;
    if (kind === LABEL_ABSENT) continue;
    labels[label.name] = {
      value: flag(label.value[row]!),
      kind: LABEL_KINDS[kind] ?? 'absent',
      deadline: label.deadline[row]!,
      elapsed: label.elapsed[row]!,
      ...(isAudit && label.audit !== null
        ? { atWait: flag(label.audit.atWait[row]!), ever: flag(label.audit.ever[row]!) }
        : {}),
    };
  }
  const kind = isAudit ? 'audit' : block.kind[row] === ROW_SHOWN ? 'shown' : null;
  return {
    set: block.set,
    id: textAt(block.id, row) ?? '',
    time: block.time[row]!,
    emitted: block.emitted[row]!,
    ...(kind === null ? {} : { kind }),
    labels,
    features: block.columns.map(({ column }): Value => valueAt(column, row)),
    sampleRate: block.sampleRate[row]!,
  };
}

type Info = { name: string; type: string; field: number; isLabel: boolean };

function decodeHeader(bytes: Uint8Array) {
  const header = {
    set: '',
    planDigest: '',
    rows: 0,
    firstEmitted: Number.NaN,
    lastEmitted: Number.NaN,
    watermark: Number.NaN,
  };
  const columns: Info[] = [];
  for (const field of new WireReader(bytes).fields()) {
    if (field.number === HEADER.set) header.set = textOf(field.bytes);
    else if (field.number === HEADER.planDigest) header.planDigest = textOf(field.bytes);
    else if (field.number === HEADER.rows) header.rows = field.value;
    else if (field.number === HEADER.firstEmitted) header.firstEmitted = field.value;
    else if (field.number === HEADER.lastEmitted) header.lastEmitted = field.value;
    else if (field.number === HEADER.watermark) header.watermark = field.value;
    else if (field.number === HEADER.columns) columns.push(decodeInfo(field.bytes));
  }
  return { ...header, columns };
}

function decodeInfo(bytes: Uint8Array): Info {
  const info: Info = { name: '', type: '', field: 0, isLabel: false };
  for (const field of new WireReader(bytes).fields()) {
    if (field.number === INFO.name) info.name = textOf(field.bytes);
    else if (field.number === INFO.type) info.type = textOf(field.bytes);
    else if (field.number === INFO.field) info.field = field.value;
    else if (field.number === INFO.isLabel) info.isLabel = field.value === 1;
  }
  return info;
}

function decodeColumn(kind: Physical, bytes: Uint8Array, rows: number): Column {
  if (kind === 'f64') return { kind, data: decodeNumbers(bytes, rows) };
  if (kind === 'bool') return { kind, data: bytes };
  if (kind === 'text') return decodeTexts(bytes);
  return decodeLists(kind === 'list_text', bytes);
}

function decodeTexts(bytes: Uint8Array): TextColumn {
  const dictionary: Uint8Array[] = [];
  let index: Int32Array | null = null;
  let length = new Int32Array(0);
  let data = new Uint8Array(0);
  for (const field of new WireReader(bytes).fields()) {
    if (field.number === TEXT.dictionary) dictionary.push(field.bytes);
    else if (field.number === TEXT.index) index = uintsOf(field.bytes);
    else if (field.number === TEXT.length) length = Int32Array.from(uintsOf(field.bytes));
    else if (field.number === TEXT.data) data = Uint8Array.from(field.bytes);
  }
  if (index === null) return spread(length, data);
  const starts = new Int32Array(dictionary.length);
  let at = 0;
  dictionary.forEach((text, i) => {
    starts[i] = at;
    at += text.length;
  });
  const start = index.map((i) => (i === 0 ? -1 : starts[i - 1]!));
  const end = index.map((i) => (i === 0 ? -1 : starts[i - 1]! + dictionary[i - 1]!.length));
  return { kind: 'text', bytes: Buffer.concat(dictionary), start, end };
}

function spread(length: Int32Array, data: Uint8Array): TextColumn {
  const start = new Int32Array(length.length).fill(-1);
  const end = new Int32Array(length.length).fill(-1);
  let at = 0;
  length.forEach((n, i) => {
    if (n === 0) return;
    start[i] = at;
    at += n - 1;
    end[i] = at;
  });
  return { kind: 'text', bytes: data, start, end };
}

function decodeLists(ofTexts: boolean, bytes: Uint8Array): Column {
  let length = new Int32Array(0);
  let numbers = new Uint8Array(0);
  let texts: TextColumn = spread(new Int32Array(0), new Uint8Array(0));
  for (const field of new WireReader(bytes).fields()) {
    if (field.number === LIST.length) length = Int32Array.from(uintsOf(field.bytes));
    else if (field.number === LIST.numbers) numbers = Uint8Array.from(field.bytes);
    else if (field.number === LIST.texts) texts = decodeTexts(field.bytes);
  }
  const offsets = new Int32Array(length.length + 1);
  const isNull = new Uint8Array(length.length);
  length.forEach((n, i) => {
    offsets[i + 1] = offsets[i]! + Math.max(0, n - 1);
    isNull[i] = n === 0 ? 1 : 0;
  });
  return ofTexts
    ? { kind: 'list_text', offsets, values: texts, isNull }
    : {
        kind: 'list_f64',
        offsets,
        values: decodeNumbers(numbers, offsets[length.length]!),
        isNull,
      };
}

function decodeLabel(name: string, bytes: Uint8Array, rows: number): BlockLabel {
  const parts = new Map<number, Uint8Array>();
  for (const field of new WireReader(bytes).fields()) parts.set(field.number, field.bytes);
  const part = (number: number) => parts.get(number) ?? new Uint8Array(0);
  return {
    name,
    value: part(LABEL.value),
    kind: part(LABEL.kind),
    deadline: decodeNumbers(part(LABEL.deadline), rows),
    elapsed: decodeNumbers(part(LABEL.elapsed), rows),
    audit: parts.has(LABEL.ever) ? { atWait: part(LABEL.atWait), ever: part(LABEL.ever) } : null,
  };
}

function physicalOf(type: string): Physical {
  const plain = type.replace(/\?$/, '');
  if (plain.endsWith('[]')) return plain === 'string[]' ? 'list_text' : 'list_f64';
  if (plain === 'string') return 'text';
  return plain === 'bool' ? 'bool' : 'f64';
}

function flag(value: number): number | null {
  return value === 2 ? null : value;
}

function lengthBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) bytes++;
  return bytes;
}
