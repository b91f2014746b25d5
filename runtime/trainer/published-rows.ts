/**
 * The rows as they were when the model was last published, without a copy of the table: a row's linear weights and
 * embedding are kept when it first changes after that.
 */
import { type EmbeddingRecords, IMAGE, LINEAR } from './embedding-records.ts';

const ROWS_FIRST = 1024;

export class PublishedRows {
  /** Rows that changed since, each once. */
  rows = new Int32Array(ROWS_FIRST);
  /** Their ids then, two lanes each, and whether there was a row at all. */
  ids = new Int32Array(ROWS_FIRST * 2);
  weights: Float32Array<ArrayBuffer>;
  count = 0;
  /** Floats kept of a row: everything from its linear part on. */
  readonly width: number;
  readonly #records: EmbeddingRecords;

  constructor(records: EmbeddingRecords) {
    this.#records = records;
    this.width = records.words - LINEAR;
    this.weights = new Float32Array(ROWS_FIRST * this.width);
  }

  /** Keeps a row that is about to change; once is enough. */
  keep(row: number): void {
    if (this.count === this.rows.length) this.#grow();
    const records = this.#records;
    const chunk = row >> records.shift;
    const base = (row & records.mask) * records.words;
    const ints = records.ints[chunk]!;
    const at = this.count++;
    this.rows[at] = row;
    this.ids[at * 2] = ints[base]!;
    this.ids[at * 2 + 1] = ints[base + 1]!;
    const floats = records.floats[chunk]!;
    const { weights, width } = this;
    for (let i = 0; i < width; i++) weights[at * width + i] = floats[base + LINEAR + i]!;
    ints[base + IMAGE] = at + 1;
  }

  /** From now on the rows as they are are the published ones. */
  publish(): void {
    for (let at = 0; at < this.count; at++) this.#records.setInt(this.rows[at]!, IMAGE, 0);
    this.count = 0;
  }

  /** Takes up what was kept, from a file. */
  resume(rows: Int32Array, ids: Int32Array, weights: Float32Array): void {
    while (this.rows.length < rows.length) this.#grow();
    this.rows.set(rows);
    this.ids.set(ids);
    this.weights.set(weights);
    this.count = rows.length;
    for (let at = 0; at < this.count; at++) this.#records.setInt(rows[at]!, IMAGE, at + 1);
  }

  #grow(): void {
    const rows = new Int32Array(this.rows.length * 2);
    rows.set(this.rows);
    this.rows = rows;
    const ids = new Int32Array(this.ids.length * 2);
    ids.set(this.ids);
    this.ids = ids;
    const weights = new Float32Array(this.weights.length * 2);
    weights.set(this.weights);
    this.weights = weights;
  }
}
