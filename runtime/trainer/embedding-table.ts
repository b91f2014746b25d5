/**
 * The embedding rows of one table on the host. An id gets a row of its own once it was seen `admit` times; until then, and
 * where no row is to be had, it shares the unknown row 0. Rows are taken back from ids not seen for long, and under a full
 * table from ids not seen since the hand last passed (CLOCK). Work per id is constant: nothing ever passes over the table.
 */
import { assert } from '../../operators/assert.ts';
import { AdmissionSketch } from './admission-sketch.ts';
import { EmbeddingIndex } from './embedding-index.ts';
import {
  DIRTY,
  EmbeddingRecords,
  FLAGS,
  FREE,
  HITS,
  ID_HI,
  ID_LO,
  IMAGE,
  LAST,
  LINEAR,
  RECENT,
  SQUARES,
  STAMP,
} from './embedding-records.ts';
import { PublishedRows } from './published-rows.ts';

export type TableConfig = {
  readonly dim: number;
  /** Linear weights of a row. */
  readonly heads: number;
  /** Sightings before an id has a row; 1: at once. */
  readonly admit: number;
  readonly rowsMax: number;
  /** Seconds; null: ids do not grow old. */
  readonly expireS: number | null;
};

export type TableCounts = {
  readonly rows: number;
  readonly expired: number;
  readonly evicted: number;
  /** Look-ups of ids that got no row because the table was full. */
  readonly refused: number;
  readonly bytes: number;
};

/** The row of every id that has none of its own. */
export const UNKNOWN_ROW = 0;

/** Records the hand passes to find a row for a new id; where it finds none, the id shares the unknown row. */
const EVICT_STEPS_MAX = 64;
/** Records the hand passes after a batch, at least; twice the new rows if these are more. */
const SWEEP_STEPS_MIN = 32;
/** Adagrad starts from here, so that a row's first steps are no larger than its rate. */
const SQUARES_START = 0.1;
/** Embeddings start uniform in ± this. */
const START_SCALE = 0.05;

export class EmbeddingTable {
  readonly config: TableConfig;
  readonly records: EmbeddingRecords;
  readonly published: PublishedRows;
  /** Rows of the batch, each once, in the order of first sight. */
  batchRows = new Int32Array(1024);
  batchCount = 0;
  /** Rows changed since the last file, each once. */
  dirtyRows = new Int32Array(1024);
  dirtyCount = 0;
  readonly #index = new EmbeddingIndex();
  readonly sketch: AdmissionSketch | null;
  /** First free record + 1. */
  #free = 0;
  #hand = 0;
  #inserted = 0;
  #expired = 0;
  #evicted = 0;
  #refused = 0;

  constructor(config: TableConfig) {
    this.config = config;
    this.records = new EmbeddingRecords(config.dim, config.heads);
    this.published = new PublishedRows(this.records);
    const bits = Math.min(24, Math.max(12, Math.ceil(Math.log2(config.rowsMax)) - 4));
    this.sketch = config.admit > 1 ? new AdmissionSketch(bits) : null;
    const unknown = this.records.add();
    assert(unknown === UNKNOWN_ROW, 'the first record is the unknown row');
    this.#start(unknown, 0, 0);
  }

  /** Forgets which rows the last batch had. */
  beginBatch(): void {
    this.batchCount = 0;
    this.#inserted = 0;
  }

  /** `find` for ids [0, count) at once; -1 where an id has no row. */
  findAll(lo: Int32Array, hi: Int32Array, count: number, rows: Int32Array): void {
    this.#index.findAll(lo, hi, count, rows);
  }

  /**
   * The place in `batchRows` of an id that is trained on at `nowS`; a new row if it is admitted now. `known`: its row as
   * `findAll` gave it, before ids of the batch that came first got rows, and took others'.
   */
  sight(lo: number, hi: number, nowS: number, known = -1): number {
    let row = this.#isOf(known, lo, hi) ? known : this.#index.find(lo, hi);
    if (row < 0) row = this.#admitted(lo, hi);
    const { records } = this;
    const ints = records.ints[row >> records.shift]!;
    const base = (row & records.mask) * records.words;
    const hits = ints[base + HITS]! + 1;
    ints[base + HITS] = hits;
    ints[base + LAST] = nowS;
    const stamp = ints[base + STAMP]!;
    if (stamp < this.batchCount && this.batchRows[stamp] === row) return stamp;
    if (ints[base + IMAGE] === 0) this.published.keep(row);
    const flags = ints[base + FLAGS]!;
    if ((flags & DIRTY) === 0) this.#addDirty(row);
    // An id seen once is the first to make room: most of those never come again.
    ints[base + FLAGS] = flags | DIRTY | (hits > 1 ? RECENT : 0);
    if (this.batchCount === this.batchRows.length) this.batchRows = doubled(this.batchRows);
    ints[base + STAMP] = this.batchCount;
    this.batchRows[this.batchCount] = row;
    return this.batchCount++;
  }

  /** The row of an id for scoring: nothing changes. */
  find(lo: number, hi: number): number {
    const row = this.#index.find(lo, hi);
    return row < 0 ? UNKNOWN_ROW : row;
  }

  /** After a batch: moves the hand on, and frees rows whose ids grew old. */
  sweep(nowS: number): void {
    const { expireS } = this.config;
    if (expireS === null) return;
    const steps = Math.min(this.records.length, Math.max(SWEEP_STEPS_MIN, 2 * this.#inserted));
    for (let step = 0; step < steps; step++) {
      const row = this.#nextRow();
      const { records } = this;
      const flags = records.int(row, FLAGS);
      if ((flags & FREE) !== 0 || row === UNKNOWN_ROW) continue;
      if (nowS - records.int(row, LAST) <= expireS) continue;
      this.#release(row);
      this.#expired++;
    }
  }

  /** Rows changed since the last file are unchanged from now on. */
  markWritten(): void {
    for (let i = 0; i < this.dirtyCount; i++) {
      const row = this.dirtyRows[i]!;
      this.records.setInt(row, FLAGS, this.records.int(row, FLAGS) & ~DIRTY);
    }
    this.dirtyCount = 0;
    this.sketch?.touched.fill(0);
  }

  counts(): TableCounts {
    const bytes = this.records.length * this.records.words * 4;
    return {
      rows: this.#index.count + 1,
      expired: this.#expired,
      evicted: this.#evicted,
      refused: this.#refused,
      bytes,
    };
  }

  /** What is not in the records, as plain numbers. */
  numbers(): number[] {
    const added = this.sketch?.added ?? 0;
    return [this.#free, this.#hand, this.#expired, this.#evicted, this.#refused, added];
  }

  /** Takes up `numbers` once records and sketch are filled in. */
  resume(numbers: readonly number[]): void {
    [this.#free, this.#hand, this.#expired, this.#evicted, this.#refused] = numbers as Five;
    if (this.sketch !== null) this.sketch.added = numbers[5]!;
    for (let row = 1; row < this.records.length; row++) {
      if ((this.records.int(row, FLAGS) & FREE) !== 0) continue;
      this.#index.insert(this.records.int(row, ID_LO), this.records.int(row, ID_HI), row);
    }
  }

  #isOf(row: number, lo: number, hi: number): boolean {
    if (row < 0) return false;
    const { records } = this;
    const ints = records.ints[row >> records.shift];
    const base = (row & records.mask) * records.words;
    return (
      ints[base + ID_LO] === lo && ints[base + ID_HI] === hi && (ints[base + FLAGS] & FREE) === 0
    );
  }

  #admitted(lo: number, hi: number): number {
    if (this.sketch !== null && this.sketch.add(lo, hi) < this.config.admit) return UNKNOWN_ROW;
    const row = this.#takeRow();
    if (row < 0) {
      this.#refused++;
      return UNKNOWN_ROW;
    }
    this.#start(row, lo, hi);
    this.#index.insert(lo, hi, row);
    this.#inserted++;
    return row;
  }

  /** A free record; in a full table that of an id not seen since the hand last passed; -1: none was found. */
  #takeRow(): number {
    if (this.#free > 0) return this.#unchain();
    const { records } = this;
    if (records.length <= this.config.rowsMax) return records.add();
    for (let step = 0; step < EVICT_STEPS_MAX; step++) {
      const row = this.#nextRow();
      if (row === UNKNOWN_ROW || this.#inBatch(row)) continue;
      const flags = records.int(row, FLAGS);
      if ((flags & RECENT) !== 0) {
        if ((flags & DIRTY) === 0) this.#addDirty(row);
        records.setInt(row, FLAGS, (flags & ~RECENT) | DIRTY);
        continue;
      }
      this.#release(row);
      this.#evicted++;
      return this.#unchain();
    }
    return -1;
  }

  #unchain(): number {
    const row = this.#free - 1;
    this.#free = this.records.int(row, ID_LO);
    return row;
  }

  #nextRow(): number {
    this.#hand = this.#hand + 1 >= this.records.length ? 0 : this.#hand + 1;
    return this.#hand;
  }

  #inBatch(row: number): boolean {
    const stamp = this.records.int(row, STAMP);
    return stamp < this.batchCount && this.batchRows[stamp] === row;
  }

  /** Gives a row back: its id is unknown from now on. */
  #release(row: number): void {
    const { records } = this;
    if (records.int(row, IMAGE) === 0) this.published.keep(row);
    if ((records.int(row, FLAGS) & DIRTY) === 0) this.#addDirty(row);
    this.#index.remove(records.int(row, ID_LO), records.int(row, ID_HI));
    records.setInt(row, ID_LO, this.#free);
    records.setInt(row, ID_HI, 0);
    records.setInt(row, FLAGS, FREE | DIRTY);
    this.#free = row + 1;
  }

  /** A record as an id's first: small weights that the id alone decides, so that no order of arrival matters. */
  #start(row: number, lo: number, hi: number): void {
    const { records } = this;
    const chunk = row >> records.shift;
    const ints = records.ints[chunk]!;
    const floats = records.floats[chunk]!;
    const base = (row & records.mask) * records.words;
    if (row !== UNKNOWN_ROW && ints[base + IMAGE] === 0) this.published.keep(row);
    if ((ints[base + FLAGS]! & DIRTY) === 0) this.#addDirty(row);
    ints[base + ID_LO] = lo;
    ints[base + ID_HI] = hi;
    ints[base + HITS] = 0;
    ints[base + FLAGS] = DIRTY;
    floats[base + SQUARES] = SQUARES_START;
    const weights = base + LINEAR + 2 * this.config.heads;
    floats.fill(0, base + LINEAR, weights);
    let state = lo ^ Math.imul(hi, 0x9e3779b9);
    for (let at = weights; at < base + records.words; at++) {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      floats[at] = (((mixed ^ (mixed >>> 14)) >>> 0) / 2147483648 - 1) * START_SCALE;
    }
  }

  #addDirty(row: number): void {
    if (this.dirtyCount === this.dirtyRows.length) this.dirtyRows = doubled(this.dirtyRows);
    this.dirtyRows[this.dirtyCount++] = row;
  }
}

type Five = [number, number, number, number, number];

function doubled(array: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2);
  larger.set(array);
  return larger;
}
