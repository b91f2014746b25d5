/** Encodes emissions as ExampleBlocks; block-proto.ts says what the fields mean. */
import { deflateSync } from 'node:zlib';
import type { Column } from '../../operators/column/column.ts';
import {
  type EmissionBatch,
  type FeatureColumns,
  LABEL_ABSENT,
  type LabelColumns,
} from '../../operators/emission/emission-batch.ts';
import { crc32 } from '../store/checksum.ts';
import {
  BLOCK,
  type BlockLayout,
  BODY,
  HEADER,
  INFO,
  LABEL,
  NUMBER,
  RATIO,
  type Ratio,
  REFS,
} from './block-layout.ts';
import { ListPacker } from './block-lists.ts';
import { NumberPacker, PLAIN } from './block-numbers.ts';
import { TextPacker } from './block-texts.ts';
import { EXACT, type FloatForm, floatError } from './float-form.ts';
import { IntPacker } from './packed-ints.ts';
import { PresencePatterns, presentValues } from './presence-patterns.ts';
import { RatioCheck } from './ratio-check.ts';
import { RowMatcher } from './row-refs.ts';
import { WireWriter } from './wire.ts';

export type Compression = 'none' | 'deflate';

export type BlockOptions = {
  readonly floats: FloatForm;
  readonly compression: Compression;
};

export const BLOCK_OPTIONS: BlockOptions = { floats: EXACT, compression: 'none' };

/** Fast: the body is dense already. */
const DEFLATE_LEVEL = 1;

/** One writer per example set; its buffers are used again. */
export class BlockWriter {
  readonly #layout: BlockLayout;
  readonly #planDigest: string;
  readonly #options: BlockOptions;
  readonly #columnList: Uint8Array;
  /** Column indexes by group; those of no group first. */
  readonly #groups: readonly (readonly number[])[];
  readonly #block = new WireWriter();
  readonly #header = new WireWriter();
  readonly #body = new WireWriter();
  readonly #ints = new IntPacker();
  readonly #numbers = new NumberPacker();
  readonly #texts = new TextPacker();
  readonly #lists = new ListPacker(this.#numbers, this.#texts);
  readonly #matcher = new RowMatcher();
  readonly #presence = new PresencePatterns();
  readonly #ratios = new RatioCheck();
  readonly #values: Float64Array[] = [];
  #present = new Float64Array(0);
  #small = new Int32Array(0);
  #refs = 0;

  constructor(layout: BlockLayout, planDigest: string, options: BlockOptions = BLOCK_OPTIONS) {
    this.#layout = layout;
    this.#planDigest = planDigest;
    this.#options = options;
    this.#columnList = deflateSync(encodeColumnList(layout, options.floats));
    this.#groups = groupsOf(layout);
  }

  /**
   * One block of the rows `rows` (ascending) of the batch, lent until the next call. `firstRow`: rows of the set before
   * it, since the beginning.
   */
  encode(batch: EmissionBatch, rows: Int32Array, firstRow: number): Uint8Array {
    if (this.#present.length < rows.length) this.#grow(rows.length);
    const body = this.#body;
    body.clear();
    this.#refs = 0;
    this.#presence.clear();
    this.#rowFields(batch, rows);
    for (const group of this.#groups) this.#group(group, batch, rows);
    this.#layout.labels.forEach((label, i) => {
      this.#label(label.field, batch.labels[i]!, batch, rows);
    });
    return this.#framed(batch, rows, firstRow);
  }

  #framed(batch: EmissionBatch, rows: Int32Array, firstRow: number): Uint8Array {
    const header = this.#header;
    header.clear();
    header.string(HEADER.set, this.#layout.set);
    header.string(HEADER.planDigest, this.#planDigest);
    header.uint(HEADER.rows, rows.length);
    header.uint(HEADER.firstRow, firstRow);
    header.double(HEADER.firstEmitted, batch.emitted[rows[0]!]!);
    header.double(HEADER.lastEmitted, batch.emitted[rows[rows.length - 1]!]!);
    // Rows come in emission order: nothing emitted earlier than the block's last row can follow it.
    header.double(HEADER.watermark, batch.emitted[rows[rows.length - 1]!]!);
    header.bytes(HEADER.columns, this.#columnList);
    const plain = this.#body.written();
    const isPacked = this.#options.compression === 'deflate';
    const stored = isPacked ? deflateSync(plain, { level: DEFLATE_LEVEL }) : plain;
    const block = this.#block;
    block.clear();
    block.bytes(BLOCK.header, header.written());
    block.fixed32(BLOCK.checksum, crc32(stored, crc32(header.written())));
    if (isPacked) block.uint(BLOCK.codec, 1);
    block.uint(BLOCK.bodyBytes, plain.length);
    block.bytes(BLOCK.body, stored);
    return block.written();
  }

  #rowFields(batch: EmissionBatch, rows: Int32Array): void {
    const body = this.#body;
    const n = rows.length;
    this.#numbers.write(body, BODY.time, this.#picked(batch.time, rows, 0), n);
    this.#numbers.write(body, BODY.emitted, this.#picked(batch.emitted, rows, 0), n);
    this.#codes(BODY.kind, batch.kind, rows);
    this.#texts.write(body, BODY.id, batch.id, rows);
    this.#numbers.write(body, BODY.sampleRate, this.#picked(batch.sampleRate, rows, 0), n);
  }

  /** Columns of one look-up, or those of none. */
  #group(group: readonly number[], batch: EmissionBatch, rows: Int32Array): void {
    const { columns } = this.#layout;
    const written: number[] = [];
    for (const i of group) {
      const { ratio, field } = columns[i]!;
      if (ratio !== null && this.#follows(batch.features, i, rows)) this.#ratio(field, ratio);
      else written.push(i);
    }
    if (written.length === 0) return;
    const isKeyed = columns[written[0]!]!.group >= 0;
    const refs = isKeyed
      ? this.#matcher.match(
          written.map((i) => batch.features.at(i)!),
          rows,
        )
      : null;
    const kept = refs?.kept ?? rows;
    let at = 0;
    if (refs !== null) {
      at = ++this.#refs;
      const message = this.#body.open(BODY.refs);
      this.#body.uint(REFS.count, kept.length);
      const index = this.#body.open(REFS.index);
      this.#ints.write(this.#body, 0, null, refs.index, rows.length);
      this.#body.shut(index);
      this.#body.shut(message);
    }
    this.#numberColumns(written, batch, kept, at);
    for (const i of written) {
      const column = batch.features.at(i)!;
      const { field } = columns[i]!;
      if (column.kind === 'text') this.#texts.write(this.#body, field, column, kept, at);
      else if (column.kind === 'list_f64' || column.kind === 'list_text') {
        this.#lists.write(this.#body, field, column, kept, at);
      } else if (column.kind === 'hash') throw new Error('a hash is no value of an example');
    }
  }

  /** Numbers and bools, with one table of which of them are there. */
  #numberColumns(
    group: readonly number[],
    { features }: EmissionBatch,
    rows: Int32Array,
    refs: number,
  ): void {
    const numbers = group.filter((i) => isNumber(features.at(i)!));
    const picked = numbers.map((i, at) => ({
      values: this.#numberValues(features.at(i)!, rows, at),
      n: rows.length,
      nullable: this.#layout.columns[i]!.nullable,
    }));
    const places = this.#presence.write(this.#body, BODY.presence, picked, this.#ints);
    for (const [at, i] of numbers.entries()) {
      const { field, isFloat } = this.#layout.columns[i]!;
      const place = places[at]!;
      const form = isFloat ? this.#options.floats : EXACT;
      if (place.bit < 0) {
        const placed = refs === 0 ? PLAIN : { ...PLAIN, refs };
        this.#numbers.write(this.#body, field, picked[at]!.values, rows.length, placed, form);
        continue;
      }
      const count = presentValues(picked[at]!, place, this.#present);
      const placed = { refs, presence: place.table, bit: place.bit, fill: place.fill };
      this.#numbers.write(this.#body, field, this.#present, count, placed, form);
    }
  }

  /** The values of `rows`, in the at-th buffer; as they lie where no row is left out. */
  #picked(values: Float64Array, rows: Int32Array, at: number): Float64Array {
    const n = rows.length;
    if (n > 0 && rows[n - 1]! - rows[0]! === n - 1) return values.subarray(rows[0], rows[0]! + n);
    const own = this.#buffer(at, n);
    for (let i = 0; i < n; i++) own[i] = values[rows[i]!]!;
    return own;
  }

  #numberValues(column: Column, rows: Int32Array, at: number): Float64Array {
    if (column.kind === 'f64') return this.#picked(column.data, rows, at);
    if (column.kind !== 'bool') throw new Error('no column of numbers');
    const own = this.#buffer(at, rows.length);
    for (let i = 0; i < rows.length; i++) {
      const value = column.data[rows[i]!]!;
      own[i] = value > 1 ? Number.NaN : value;
    }
    return own;
  }

  #buffer(at: number, n: number): Float64Array {
    let own = this.#values[at];
    if (own === undefined || own.length < n) {
      own = new Float64Array(n * 2);
      this.#values[at] = own;
    }
    return own;
  }

  /** Whether the column's formula gives every one of its values, to the last bit. */
  #follows(features: FeatureColumns, index: number, rows: Int32Array): boolean {
    const { ratio, isCertain } = this.#layout.columns[index]!;
    if (ratio === null) return false;
    const isLossy = this.#options.floats.kind !== 'exact';
    const { columns } = this.#layout;
    if (isLossy && (columns[ratio.numerator]!.isFloat || columns[ratio.denominator]!.isFloat)) {
      return false;
    }
    if (isCertain) return true;
    const values = features.at(index)!;
    const a = features.at(ratio.numerator)!;
    const b = features.at(ratio.denominator)!;
    if (values.kind !== 'f64' || a.kind !== 'f64' || b.kind !== 'f64') return false;
    const data = { numerator: a.data, denominator: b.data, values: values.data };
    return this.#ratios.holds(ratio, data, rows);
  }

  #ratio(field: number, ratio: Ratio): void {
    const body = this.#body;
    const { columns } = this.#layout;
    const column = body.open(field);
    const message = body.open(NUMBER.ratio);
    body.uint(RATIO.numerator, columns[ratio.numerator]!.field);
    body.uint(RATIO.denominator, columns[ratio.denominator]!.field);
    if (ratio.addNumerator !== 0) body.double(RATIO.addNumerator, ratio.addNumerator);
    if (ratio.addDenominator !== 0) body.double(RATIO.addDenominator, ratio.addDenominator);
    if (!Number.isNaN(ratio.fill)) body.double(RATIO.fill, ratio.fill);
    body.shut(message);
    body.shut(column);
  }

  /** Deadlines count from the row's time; how old a label is mostly follows from when the row was emitted. */
  #label(field: number, label: LabelColumns, batch: EmissionBatch, rows: Int32Array): void {
    const body = this.#body;
    const n = rows.length;
    const message = body.open(field);
    this.#codes(LABEL.value, label.value, rows);
    this.#codes(LABEL.kind, label.kind, rows);
    const values = this.#buffer(0, n);
    for (let i = 0; i < n; i++) {
      const row = rows[i]!;
      const isAbsent = label.kind[row] === LABEL_ABSENT;
      values[i] = isAbsent ? 0 : label.deadline[row]! - batch.time[row]!;
    }
    this.#numbers.write(body, LABEL.deadline, values, n);
    for (let i = 0; i < n; i++) {
      const row = rows[i]!;
      const isAbsent = label.kind[row] === LABEL_ABSENT;
      values[i] = isAbsent ? 0 : label.elapsed[row]! - (batch.emitted[row]! - batch.time[row]!);
    }
    this.#numbers.write(body, LABEL.elapsed, values, n);
    if (label.audit !== null) {
      this.#codes(LABEL.atWait, label.audit.atWait, rows);
      this.#codes(LABEL.ever, label.audit.ever, rows);
    }
    if (label.credit !== null) this.#codes(LABEL.credit, label.credit, rows);
    body.shut(message);
  }

  /** Small numbers as Ints. */
  #codes(field: number, values: Uint8Array | Int32Array, rows: Int32Array): void {
    for (let i = 0; i < rows.length; i++) this.#small[i] = values[rows[i]!]!;
    const base = rows.length > 0 && this.#isConstant(rows.length) ? this.#small[0]! : 0;
    if (base !== 0) this.#small.fill(0, 0, rows.length);
    const message = this.#body.open(field);
    this.#ints.write(this.#body, base, null, this.#small, rows.length);
    this.#body.shut(message);
  }

  #isConstant(n: number): boolean {
    for (let i = 1; i < n; i++) if (this.#small[i] !== this.#small[0]) return false;
    return true;
  }

  #grow(n: number): void {
    this.#present = new Float64Array(n * 2);
    this.#small = new Int32Array(n * 2);
  }
}

function isNumber({ kind }: Column): boolean {
  return kind === 'f64' || kind === 'bool';
}

function groupsOf({ columns }: BlockLayout): number[][] {
  const groups = new Map<number, number[]>([[-1, []]]);
  for (const [i, { group }] of columns.entries()) {
    const found = groups.get(group);
    if (found === undefined) groups.set(group, [i]);
    else found.push(i);
  }
  return [...groups.values()];
}

function encodeColumnList(layout: BlockLayout, floats: FloatForm): Uint8Array {
  const list = new WireWriter();
  const error = floatError(floats);
  for (const { name, type, field, isFloat } of layout.columns) {
    const info = list.open(INFO.columns);
    list.string(INFO.name, name);
    list.string(INFO.type, type);
    list.uint(INFO.field, field);
    if (isFloat && error !== null) list.string(INFO.error, error);
    list.shut(info);
  }
  for (const { name, field } of layout.labels) {
    const info = list.open(INFO.columns);
    list.string(INFO.name, name);
    list.uint(INFO.field, field);
    list.uint(INFO.isLabel, 1);
    list.shut(info);
  }
  return list.written();
}
