import type { Column, TextColumn } from '../operators/column.ts';
import type { EmissionBatch } from '../operators/emission-batch.ts';
import { BLOCK, type BlockLayout, HEADER, INFO, LABEL, LIST, TEXT } from './block-layout.ts';
import { NumberPacker } from './block-numbers.ts';
import { WireWriter } from './wire.ts';

/** Encodes emissions as ExampleBlocks. One writer per example set; its buffers are used again. */
export class BlockWriter {
  readonly #layout: BlockLayout;
  readonly #planDigest: string;
  readonly #columnList: Uint8Array;
  readonly #block = new WireWriter();
  readonly #part = new WireWriter();
  readonly #texts = new WireWriter();
  readonly #numbers = new NumberPacker();
  #bytes = new Uint8Array(0);

  constructor(layout: BlockLayout, planDigest: string) {
    this.#layout = layout;
    this.#planDigest = planDigest;
    this.#columnList = encodeColumnList(layout);
  }

  /** One block of the rows `rows` of the batch, lent until the next call. */
  encode(batch: EmissionBatch, rows: Int32Array): Uint8Array {
    const block = this.#block;
    block.clear();
    this.#header(batch, rows);
    this.#numbers.write(block, BLOCK.time, batch.time, rows);
    this.#numbers.write(block, BLOCK.emitted, batch.emitted, rows);
    block.bytes(BLOCK.kind, this.#taken(batch.kind, rows));
    this.#text(BLOCK.id, batch.id, rows);
    this.#numbers.write(block, BLOCK.sampleRate, batch.sampleRate, rows);
    this.#layout.columns.forEach((column, i) => {
      this.#column(column.field, batch.features[i]!, rows);
    });
    this.#layout.labels.forEach((label, i) => {
      this.#label(label.field, batch.labels[i]!, rows);
    });
    return block.written();
  }

  #header(batch: EmissionBatch, rows: Int32Array): void {
    const header = this.#part;
    header.clear();
    header.string(HEADER.set, this.#layout.set);
    header.string(HEADER.planDigest, this.#planDigest);
    header.uint(HEADER.rows, rows.length);
    header.double(HEADER.firstEmitted, batch.emitted[rows[0]!]!);
    header.double(HEADER.lastEmitted, batch.emitted[rows[rows.length - 1]!]!);
    // Rows come in emission order: nothing emitted earlier than the block's last row can follow it.
    header.double(HEADER.watermark, batch.emitted[rows[rows.length - 1]!]!);
    this.#block.bytes(BLOCK.header, concat(header.written(), this.#columnList));
  }

  #column(field: number, column: Column, rows: Int32Array): void {
    switch (column.kind) {
      case 'f64':
        this.#numbers.write(this.#block, field, column.data, rows);
        return;
      case 'bool':
        this.#block.bytes(field, this.#taken(column.data, rows));
        return;
      case 'text':
        this.#text(field, column, rows);
        return;
      case 'list_f64':
      case 'list_text':
        this.#list(field, column, rows);
        return;
      case 'hash':
        throw new Error('a hash is no value of an example');
    }
  }

  #text(field: number, column: TextColumn, rows: Int32Array): void {
    this.#texts.clear();
    encodeTexts(this.#texts, column, rows);
    this.#block.message(field, this.#texts);
  }

  #list(
    field: number,
    column: Extract<Column, { kind: 'list_f64' | 'list_text' }>,
    rows: Int32Array,
  ): void {
    const lengths = new Int32Array(rows.length);
    const items: number[] = [];
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      if (column.isNull?.[row]) continue;
      const from = column.offsets[row]!;
      const to = column.offsets[row + 1]!;
      lengths[i] = to - from + 1;
      for (let at = from; at < to; at++) items.push(at);
    }
    const list = this.#part;
    list.clear();
    list.uints(LIST.length, lengths, lengths.length);
    const picked = Int32Array.from(items);
    if (column.kind === 'list_f64') {
      this.#numbers.write(list, LIST.numbers, column.values, picked);
    } else {
      this.#texts.clear();
      encodeTexts(this.#texts, column.values, picked);
      list.message(LIST.texts, this.#texts);
    }
    this.#block.message(field, list);
  }

  #label(field: number, label: EmissionBatch['labels'][number], rows: Int32Array): void {
    const part = this.#part;
    part.clear();
    part.bytes(LABEL.value, this.#taken(label.value, rows));
    part.bytes(LABEL.kind, this.#taken(label.kind, rows));
    this.#numbers.write(part, LABEL.deadline, label.deadline, rows);
    this.#numbers.write(part, LABEL.elapsed, label.elapsed, rows);
    if (label.audit !== null) {
      part.bytes(LABEL.atWait, this.#taken(label.audit.atWait, rows));
      part.bytes(LABEL.ever, this.#taken(label.audit.ever, rows));
    }
    this.#block.message(field, part);
  }

  /** values[rows], lent until the next call. */
  #taken(values: Uint8Array, rows: Int32Array): Uint8Array {
    if (this.#bytes.length < rows.length) this.#bytes = new Uint8Array(rows.length * 2);
    for (let i = 0; i < rows.length; i++) this.#bytes[i] = values[rows[i]!]!;
    return this.#bytes.subarray(0, rows.length);
  }
}

/** A dictionary where texts repeat, plain bytes where most are different. */
function encodeTexts(out: WireWriter, column: TextColumn, rows: Int32Array): void {
  const { bytes, start, end } = column;
  if (startsDistinct(column, rows)) {
    encodePlainTexts(out, column, rows);
    return;
  }
  const index = new Int32Array(rows.length);
  const known = new Map<string, number>();
  const firsts: number[] = [];
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!;
    const from = start[row]!;
    if (from < 0) continue;
    const key = latin1(bytes, from, end[row]!);
    let at = known.get(key);
    if (at === undefined) {
      at = firsts.push(row);
      known.set(key, at);
    }
    index[i] = at;
  }
  if (firsts.length * 2 <= rows.length) {
    for (const row of firsts) out.bytes(TEXT.dictionary, bytes.subarray(start[row]!, end[row]!));
    out.uints(TEXT.index, index, index.length);
    return;
  }
  encodePlainTexts(out, column, rows);
}

function encodePlainTexts(out: WireWriter, column: TextColumn, rows: Int32Array): void {
  const { bytes, start, end } = column;
  const lengths = new Int32Array(rows.length);
  let total = 0;
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!;
    if (start[row]! < 0) continue;
    const length = end[row]! - start[row]!;
    lengths[i] = length + 1;
    total += length;
  }
  out.uints(TEXT.length, lengths, lengths.length);
  const data = out.room(TEXT.data, total);
  let at = 0;
  for (let i = 0; i < rows.length; i++) {
    const to = end[rows[i]!]!;
    // A null has start and end -1.
    for (let b = start[rows[i]!]!; b < to; b++) data[at++] = bytes[b]!;
  }
}

/** Whether the first texts are all different, as ids are: no dictionary is tried then. */
function startsDistinct(column: TextColumn, rows: Int32Array): boolean {
  const { bytes, start, end } = column;
  const first = Math.min(rows.length, DISTINCT_ROWS);
  const seen = new Set<string>();
  for (let i = 0; i < first; i++) {
    const row = rows[i]!;
    if (start[row]! >= 0) seen.add(latin1(bytes, start[row]!, end[row]!));
  }
  return first === DISTINCT_ROWS && seen.size === first;
}

/** Rows whose texts are looked at before a dictionary is tried. */
const DISTINCT_ROWS = 32;

/** The bytes as a map key: one character a byte, so that equal keys are equal bytes. */
function latin1(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('latin1');
}

function encodeColumnList(layout: BlockLayout): Uint8Array {
  const list = new WireWriter();
  const add = (name: string, type: string, field: number) => {
    const info = new WireWriter();
    info.string(INFO.name, name);
    info.string(INFO.type, type);
    info.uint(INFO.field, field);
    if (type === 'label') info.uint(INFO.isLabel, 1);
    list.message(HEADER.columns, info);
  };
  for (const column of layout.columns) add(column.name, column.type, column.field);
  for (const label of layout.labels) add(label.name, 'label', label.field);
  return list.written().slice();
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const out = new Uint8Array(a.length + b.length);
  out.set(a);
  out.set(b, a.length);
  return out;
}
