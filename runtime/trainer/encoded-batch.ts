/** Rows as arrays of ids and numbers: what is looked up and fed to the device. Built by `BatchEncoder`, and used again. */
import type { Column, TextColumn, Value } from '../../operators/column/column.ts';
import { combine, hashBytes, hashNumber, hashText, lanes } from '../../operators/hash.ts';
import { BlockRow, featureOf } from '../block/block-row.ts';
import type { ExampleRow } from '../block/example-row.ts';
import { type DeepConfig, type Field, listIdsMax } from './deep-config.ts';
import { type DenseMoments, signedLog } from './dense-moments.ts';

/** The ids of one field: those of row r are [offsets[r], offsets[r + 1]). */
export type FieldIds = {
  offsets: Int32Array;
  lo: Int32Array;
  hi: Int32Array;
  count: number;
};

export type EncodedBatch = {
  rows: number;
  /** By field. */
  readonly ids: readonly FieldIds[];
  /** Bins of dense columns and the bias. */
  readonly bins: FieldIds;
  /** Value and presence of each dense column, [rows, 2 · dense]. */
  dense: Float32Array;
  /** Emission time of each row, seconds. */
  seconds: Int32Array;
};

/** Bins per doubling of a dense value. */
const BINS_PER_DOUBLING = 2;

export class BatchEncoder {
  readonly batch: EncodedBatch;
  readonly #config: DeepConfig;
  readonly #seeds: Int32Array;

  constructor(config: DeepConfig) {
    this.#config = config;
    this.batch = {
      rows: 0,
      ids: config.fields.map(newIds),
      bins: newIds(),
      dense: new Float32Array(0),
      seconds: new Int32Array(0),
    };
    this.#seeds = Int32Array.from(config.dense, (column) => Math.imul(column + 1, 0x9e3779b9));
  }

  /** Encodes rows; with `learn`, their dense values are added to the moments after they were used. */
  encode(rows: readonly ExampleRow[], moments: DenseMoments, learn: boolean): EncodedBatch {
    const { batch } = this;
    const { fields, dense } = this.#config;
    reserve(batch, rows.length, dense.length);
    batch.rows = rows.length;
    for (const [index, field] of fields.entries()) encodeField(field, batch.ids[index]!, rows);
    for (let row = 0; row < rows.length; row++) {
      batch.seconds[row] = Math.floor(rows[row]!.emitted / 1000);
    }
    this.#encodeDense(rows, moments);
    if (learn) this.#learn(rows, moments);
    return batch;
  }

  #encodeDense(rows: readonly ExampleRow[], moments: DenseMoments): void {
    const { dense } = this.#config;
    const { batch } = this;
    const { bins } = batch;
    bins.count = 0;
    for (let row = 0; row < rows.length; row++) {
      bins.offsets[row] = bins.count;
      push(bins, 1, 1);
      for (let i = 0; i < dense.length; i++) {
        const value = numberOf(featureOf(rows[row], dense[i]));
        const at = (row * dense.length + i) * 2;
        const missing = Number.isNaN(value);
        batch.dense[at] = missing ? 0 : moments.standard(i, signedLog(value));
        batch.dense[at + 1] = missing ? 0 : 1;
        const seed = this.#seeds[i]!;
        combine(seed, ~seed, missing ? -1 : halfOctave(value), missing ? -1 : 0);
        push(bins, lanes[0]!, lanes[1]!);
      }
    }
    bins.offsets[rows.length] = bins.count;
  }

  #learn(rows: readonly ExampleRow[], moments: DenseMoments): void {
    const { dense } = this.#config;
    for (const row of rows) {
      for (let i = 0; i < dense.length; i++) {
        const value = numberOf(featureOf(row, dense[i]));
        if (!Number.isNaN(value)) moments.add(i, signedLog(value));
      }
    }
  }
}

function newIds(): FieldIds {
  const empty = () => new Int32Array(0);
  return { offsets: empty(), lo: empty(), hi: empty(), count: 0 };
}

function reserve(batch: EncodedBatch, rows: number, dense: number): void {
  if (batch.seconds.length >= rows) return;
  batch.seconds = new Int32Array(rows);
  batch.dense = new Float32Array(rows * dense * 2);
  for (const ids of [...batch.ids, batch.bins]) ids.offsets = new Int32Array(rows + 1);
}

function encodeField(field: Field, ids: FieldIds, rows: readonly ExampleRow[]): void {
  const { column, pool } = field;
  const most = listIdsMax(field);
  ids.count = 0;
  for (let row = 0; row < rows.length; row++) {
    ids.offsets[row] = ids.count;
    const from = rows[row];
    if (from instanceof BlockRow && encodeTexts(ids, from.column(column), from.at, { pool, most }))
      continue;
    const value = featureOf(from, column);
    if (pool === 'one') {
      hashValue(Array.isArray(value) ? value.join('\u0000') : value);
      push(ids, lanes[0]!, lanes[1]!);
      continue;
    }
    if (!Array.isArray(value)) continue;
    const length = Math.min(value.length, most);
    for (let i = 0; i < length; i++) {
      hashValue(value[i]!);
      push(ids, lanes[0]!, lanes[1]!);
    }
  }
  ids.offsets[rows.length] = ids.count;
}

/** Texts are hashed where they lie; false: there is something else to encode. */
function encodeTexts(
  ids: FieldIds,
  column: Column,
  at: number,
  { pool, most }: { readonly pool: Field['pool']; readonly most: number },
): boolean {
  if (column.kind === 'text') {
    if (pool === 'one') pushText(ids, column, at);
    return true;
  }
  if (column.kind !== 'list_text' || pool === 'one') return false;
  if (column.isNull?.[at] === 1) return true;
  const from = column.offsets[at];
  const to = Math.min(column.offsets[at + 1], from + most);
  for (let i = from; i < to; i++) pushText(ids, column.values, i);
  return true;
}

function pushText(ids: FieldIds, { bytes, start, end }: TextColumn, at: number): void {
  if (start[at] < 0) lanes.fill(0);
  else hashBytes(bytes, start[at], end[at]);
  push(ids, lanes[0], lanes[1]);
}

function push(ids: FieldIds, lo: number, hi: number): void {
  if (ids.count === ids.lo.length) {
    ids.lo = enlarged(ids.lo);
    ids.hi = enlarged(ids.hi);
  }
  ids.lo[ids.count] = lo;
  ids.hi[ids.count++] = hi;
}

function enlarged(array: Int32Array): Int32Array {
  const larger = new Int32Array(Math.max(1024, array.length * 2));
  larger.set(array);
  return larger;
}

/** Into `lanes`; null is (0, 0), which no value has. */
function hashValue(value: Value): void {
  if (typeof value === 'string') hashText(value);
  else if (typeof value === 'number') hashNumber(value);
  else if (typeof value === 'boolean') hashNumber(value ? 1 : 0);
  else lanes.fill(0);
}

/** NaN where there is no finite number. */
function numberOf(value: Value): number {
  if (typeof value === 'number') return Number.isFinite(value) ? value : Number.NaN;
  return typeof value === 'boolean' ? Number(value) : Number.NaN;
}

/** Which half doubling |v| is in, with its sign; 0 is a bin of its own. */
function halfOctave(value: number): number {
  if (value === 0) return 0;
  const octave = Math.floor(Math.log2(Math.abs(value)) * BINS_PER_DOUBLING) + 4096;
  return value > 0 ? octave : -octave;
}
