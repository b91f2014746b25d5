/**
 * Between the tables and the net: gathers a batch's rows into the net's input, and adds the input's gradient up by row,
 * which embedding-update.ts applies. Rows see the sum of the examples' gradients, so a row's pace does not hang on the
 * size of the batch.
 */
import { type DeepConfig, type Field, listIdsMax } from './deep-config.ts';
import { ID_HI, ID_LO, IMAGE, LINEAR } from './embedding-records.ts';
import type { EmbeddingTable } from './embedding-table.ts';
import { UNKNOWN_ROW } from './embedding-table.ts';
import { addScaled, applyEmbeddings, applyLinear, linearWeight } from './embedding-update.ts';
import type { EncodedBatch, FieldIds } from './encoded-batch.ts';

/** What the net is fed: a batch on the host, until the next one is gathered. */
export type NetInput = {
  readonly rows: number;
  /** [rows, width]: the embedded part, then value and presence of dense columns. */
  readonly x: Float32Array;
  /** [rows, heads]: the linear part of each logit. */
  readonly linear: Float32Array;
  /** One for each field with attention, in order. */
  readonly sequences: readonly Sequence[];
};

/** The rows of a list, not pooled. */
export type Sequence = {
  readonly field: number;
  readonly length: number;
  readonly dim: number;
  /** [rows, length, dim]; zero where a list is shorter. */
  readonly values: Float32Array;
  /** [rows, length]: 1 where there is an id. */
  readonly mask: Float32Array;
};

/** The gradient of a mean loss by the net's input. */
export type InputGradient = {
  readonly x: Float32Array;
  readonly sequences: readonly Float32Array[];
  /** [rows, heads]: by the logits. */
  readonly logits: Float32Array;
};

export class EmbeddingBatch {
  readonly #config: DeepConfig;
  readonly #tables: readonly EmbeddingTable[];
  /** By field, then the bins': the place of each id among its table's batch rows. */
  readonly #places: Int32Array[];
  /** By table: linear weights of the batch's rows, and gradients of these and of embeddings. */
  readonly #linear: Float32Array[];
  readonly #linearSlopes: Float32Array[];
  readonly #slopes: Float32Array[];
  readonly #heads: number;
  /** The net's input, written again by the next batch of as many rows. */
  #x = new Float32Array(0);

  constructor(config: DeepConfig, tables: readonly EmbeddingTable[]) {
    this.#config = config;
    this.#tables = tables;
    this.#heads = config.labels.length;
    this.#places = [...config.fields, null].map(() => new Int32Array(0));
    this.#linear = tables.map(() => new Float32Array(0));
    this.#linearSlopes = tables.map(() => new Float32Array(0));
    this.#slopes = tables.map(() => new Float32Array(0));
  }

  /** Looks the ids up, making rows for new ones, and gathers the net's input. */
  gather(batch: EncodedBatch): NetInput {
    const { fields, binTable } = this.#config;
    for (const table of this.#tables) table.beginBatch();
    for (const [index, field] of fields.entries()) {
      this.#sight(index, this.#tables[field.table]!, batch.ids[index]!, batch);
    }
    this.#sight(fields.length, this.#tables[binTable]!, batch.bins, batch);
    for (const index of this.#tables.keys()) this.#readLinear(index);
    const input = this.#emptyInput(batch);
    for (const [index, field] of fields.entries()) {
      const ids = batch.ids[index]!;
      this.#addLinear(field.table, this.#places[index]!, ids, input);
      this.#gatherField(index, field, ids, input);
    }
    this.#addLinear(binTable, this.#places[fields.length]!, batch.bins, input);
    return input;
  }

  /** The net's input by rows as they are, or as the last published model has them; nothing changes. */
  gatherKnown(batch: EncodedBatch, published: boolean): NetInput {
    const { fields, binTable } = this.#config;
    const input = this.#emptyInput(batch);
    for (const [index, field] of fields.entries()) {
      const known = { field, index, ids: batch.ids[index]!, published };
      gatherKnownField(this.#tables[field.table]!, known, input, this.#config.width);
    }
    const bins = { field: null, index: fields.length, ids: batch.bins, published };
    gatherKnownField(this.#tables[binTable]!, bins, input, 0);
    return input;
  }

  /** Applies the gradient of the batch that was gathered last, and lets the tables grow old. */
  update(batch: EncodedBatch, gradient: InputGradient): void {
    const { fields, binTable, model } = this.#config;
    for (const [index, table] of this.#tables.entries()) {
      this.#slopes[index] = cleared(this.#slopes[index]!, table.batchCount * table.config.dim);
      const linear = table.batchCount * this.#heads;
      this.#linearSlopes[index] = cleared(this.#linearSlopes[index]!, linear);
    }
    for (const [index, field] of fields.entries()) {
      const ids = batch.ids[index]!;
      const places = this.#places[index]!;
      this.#scatterLinear(field.table, places, ids, gradient, batch.rows);
      this.#scatterField(index, field, ids, gradient, batch.rows);
    }
    const bins = this.#places[fields.length]!;
    this.#scatterLinear(binTable, bins, batch.bins, gradient, batch.rows);
    const nowS = batch.seconds[batch.rows - 1]!;
    for (const [index, table] of this.#tables.entries()) {
      applyEmbeddings(table, this.#slopes[index]!, model.learnRows);
      applyLinear(table, this.#linearSlopes[index]!);
      table.sweep(nowS);
    }
  }

  #sight(index: number, table: EmbeddingTable, ids: FieldIds, batch: EncodedBatch): void {
    if (this.#places[index]!.length < ids.count)
      this.#places[index] = new Int32Array(ids.lo.length);
    const places = this.#places[index]!;
    const { offsets, lo, hi } = ids;
    const { seconds, rows } = batch;
    table.findAll(lo, hi, ids.count, places);
    for (let row = 0; row < rows; row++) {
      const nowS = seconds[row]!;
      for (let i = offsets[row]!; i < offsets[row + 1]!; i++) {
        places[i] = table.sight(lo[i], hi[i], nowS, places[i]);
      }
    }
  }

  /** Linear weights of the batch's rows of a table, each computed once. */
  #readLinear(index: number): void {
    const table = this.#tables[index]!;
    const heads = this.#heads;
    const { records, batchRows, batchCount } = table;
    if (this.#linear[index]!.length < batchCount * heads) {
      this.#linear[index] = new Float32Array(batchRows.length * heads);
    }
    const out = this.#linear[index]!;
    for (let place = 0; place < batchCount; place++) {
      const row = batchRows[place]!;
      const floats = records.floats[row >> records.shift]!;
      const base = (row & records.mask) * records.words + LINEAR;
      for (let head = 0; head < heads; head++) {
        out[place * heads + head] = linearWeight(floats, base + 2 * head);
      }
    }
  }

  #addLinear(table: number, places: Int32Array, ids: FieldIds, input: NetInput): void {
    const heads = this.#heads;
    const weights = this.#linear[table]!;
    const { linear, rows } = input;
    for (let row = 0; row < rows; row++) {
      for (let i = ids.offsets[row]!; i < ids.offsets[row + 1]!; i++) {
        const from = places[i]! * heads;
        for (let head = 0; head < heads; head++) {
          linear[row * heads + head] = linear[row * heads + head]! + weights[from + head]!;
        }
      }
    }
  }

  #gatherField(index: number, field: Field, ids: FieldIds, input: NetInput): void {
    const table = this.#tables[field.table]!;
    const { dim, heads } = table.config;
    const { records, batchRows } = table;
    const { width } = this.#config;
    const sequence = input.sequences.find((each) => each.field === index);
    const places = this.#places[index]!;
    if (field.pool === 'one') {
      for (let row = 0; row < input.rows; row++) {
        const at = batchRows[places[row]];
        const floats = records.floats[at >> records.shift];
        const base = (at & records.mask) * records.words + LINEAR + 2 * heads;
        const to = row * width + field.offset;
        for (let i = 0; i < dim; i++) input.x[to + i] = floats[base + i];
      }
      return;
    }
    for (let row = 0; row < input.rows; row++) {
      const from = ids.offsets[row]!;
      const to = ids.offsets[row + 1]!;
      const scale = field.pool === 'mean' ? 1 / (to - from) : 1;
      for (let i = from; i < to; i++) {
        const at = batchRows[places[i]!]!;
        const floats = records.floats[at >> records.shift]!;
        const base = (at & records.mask) * records.words + LINEAR + 2 * heads;
        if (sequence === undefined) {
          addScaled(input.x, row * width + field.offset, floats, base, dim, scale);
        } else {
          const step = row * sequence.length + (i - from);
          sequence.mask[step] = 1;
          addScaled(sequence.values, step * dim, floats, base, dim, 1);
        }
      }
    }
  }

  #scatterLinear(
    table: number,
    places: Int32Array,
    ids: FieldIds,
    { logits }: InputGradient,
    rows: number,
  ): void {
    const heads = this.#heads;
    const slopes = this.#linearSlopes[table]!;
    for (let row = 0; row < rows; row++) {
      for (let i = ids.offsets[row]!; i < ids.offsets[row + 1]!; i++) {
        const to = places[i]! * heads;
        for (let head = 0; head < heads; head++) {
          slopes[to + head] = slopes[to + head]! + logits[row * heads + head]! * rows;
        }
      }
    }
  }

  #scatterField(
    index: number,
    field: Field,
    ids: FieldIds,
    gradient: InputGradient,
    rows: number,
  ): void {
    const { dim } = this.#tables[field.table]!.config;
    const slopes = this.#slopes[field.table]!;
    const { width, fields } = this.#config;
    const places = this.#places[index]!;
    const nth = fields.slice(0, index).filter(({ pool }) => pool === 'attention').length;
    const length = listIdsMax(field);
    for (let row = 0; row < rows; row++) {
      const from = ids.offsets[row]!;
      const to = ids.offsets[row + 1]!;
      const scale = field.pool === 'mean' ? rows / (to - from) : rows;
      for (let i = from; i < to; i++) {
        const at = places[i]! * dim;
        if (field.pool === 'attention') {
          const step = (row * length + (i - from)) * dim;
          addScaled(slopes, at, gradient.sequences[nth]!, step, dim, scale);
        } else {
          addScaled(slopes, at, gradient.x, row * width + field.offset, dim, scale);
        }
      }
    }
  }

  #emptyInput(batch: EncodedBatch): NetInput {
    const { width, embedded, dense, fields, tables } = this.#config;
    const { rows } = batch;
    if (this.#x.length !== rows * width) this.#x = new Float32Array(rows * width);
    const x = this.#x.fill(0);
    const numbers = dense.length * 2;
    for (let row = 0; row < rows; row++) {
      const from = row * numbers;
      for (let i = 0; i < numbers; i++) x[row * width + embedded + i] = batch.dense[from + i]!;
    }
    const sequences = fields.flatMap((field, index): Sequence[] => {
      if (field.pool !== 'attention') return [];
      const length = listIdsMax(field);
      const { dim } = tables[field.table]!;
      const values = new Float32Array(rows * length * dim);
      return [{ field: index, length, dim, values, mask: new Float32Array(rows * length) }];
    });
    return { rows, x, linear: new Float32Array(rows * this.#heads), sequences };
  }
}

function cleared(array: Float32Array, length: number): Float32Array {
  if (array.length < length) return new Float32Array(length + (length >> 1));
  array.fill(0, 0, length);
  return array;
}

type KnownField = {
  readonly field: Field | null;
  readonly index: number;
  readonly ids: FieldIds;
  readonly published: boolean;
};

/** One field of `gatherKnown`: each id by its row, the unknown one where it has none. */
function gatherKnownField(
  table: EmbeddingTable,
  { field, index, ids, published }: KnownField,
  input: NetInput,
  width: number,
): void {
  const { dim, heads } = table.config;
  const sequence = input.sequences.find((each) => each.field === index);
  for (let row = 0; row < input.rows; row++) {
    const from = ids.offsets[row]!;
    const to = ids.offsets[row + 1]!;
    const scale = field?.pool === 'mean' ? 1 / (to - from) : 1;
    for (let i = from; i < to; i++) {
      const known = table.find(ids.lo[i]!, ids.hi[i]!);
      const { floats, base } = published ? publishedRow(table, known) : liveRow(table, known);
      for (let head = 0; head < heads; head++) {
        const at = row * heads + head;
        input.linear[at] = input.linear[at]! + linearWeight(floats, base + 2 * head);
      }
      if (field === null) continue;
      const weights = base + 2 * heads;
      if (sequence === undefined) {
        addScaled(input.x, row * width + field.offset, floats, weights, dim, scale);
      } else {
        const step = row * sequence.length + (i - from);
        sequence.mask[step] = 1;
        addScaled(sequence.values, step * dim, floats, weights, dim, 1);
      }
    }
  }
}

type RowPlace = { readonly floats: Float32Array; readonly base: number };

function liveRow({ records }: EmbeddingTable, row: number): RowPlace {
  const base = (row & records.mask) * records.words + LINEAR;
  return { floats: records.floats[row >> records.shift]!, base };
}

function publishedRow(table: EmbeddingTable, row: number): RowPlace {
  const { records, published } = table;
  const image = records.int(row, IMAGE) - 1;
  if (image < 0) return liveRow(table, row);
  const sameId =
    row === UNKNOWN_ROW ||
    (published.ids[image * 2] === records.int(row, ID_LO) &&
      published.ids[image * 2 + 1] === records.int(row, ID_HI));
  if (!sameId) return publishedRow(table, UNKNOWN_ROW);
  return { floats: published.weights, base: image * published.width };
}
