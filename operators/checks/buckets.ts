/**
 * How the rows of an example set are cut into buckets, each judged as a whole: ten seconds of emission time, merged
 * forward until there are ROWS_MIN rows or a minute is full. A function of the rows in their order (emitted, time, id)
 * alone: batches, commits, blocks and restarts cannot move a border.
 *
 * A bucket is also full at ROWS_MAX rows or BYTES_MAX bytes, at whatever row: rows that wait for a verdict are bounded in
 * memory, and far fewer decide as well.
 */
import type { Slab } from '../state/slab.ts';
import { ROOT_USER } from '../state/slab.ts';

/** Times in ms of emission time; the last two: effective rows from which on a drift is judged. */
export type BucketBounds = {
  readonly cellMs: number;
  readonly spanMs: number;
  readonly rowsMin: number;
  readonly rowsMax: number;
  readonly bytesMax: number;
  readonly driftRowsMin: number;
  readonly referenceRowsMin: number;
};

export const BUCKET_BOUNDS: BucketBounds = {
  cellMs: 10_000,
  spanMs: 60_000,
  rowsMin: 2_000,
  rowsMax: 65_536,
  bytesMax: 64 * 1024 * 1024,
  driftRowsMin: 200,
  referenceRowsMin: 2_000,
};

/** One bucket: rows emitted in [from, to), epoch ms, and how many they are. Numbers count up from 1 in each set. */
export type Bucket = {
  readonly number: number;
  readonly from: number;
  readonly to: number;
  readonly rows: number;
};

/** Root words: buckets closed so far; then, of the open one, first cell, rows, bytes and last row's cell (ms). */
const CLOSED = ROOT_USER;
const FROM = ROOT_USER + 1;
const ROWS = ROOT_USER + 2;
const BYTES = ROOT_USER + 3;
const CELL = ROOT_USER + 4;
/** The first root word that `Buckets` leaves to others. */
export const BUCKET_ROOT_END = ROOT_USER + 5;

export class Buckets {
  readonly #slab: Slab;
  readonly #bounds: BucketBounds;

  constructor(slab: Slab, bounds: BucketBounds) {
    this.#slab = slab;
    this.#bounds = bounds;
  }

  /** The bucket that the next row goes into, unless it closes it first. */
  get number(): number {
    return this.#slab.f64[CLOSED] + 1;
  }

  get isEmpty(): boolean {
    return this.#slab.f64[ROWS] === 0;
  }

  /** Emission time at which the open bucket begins; null while it is empty. */
  get from(): number | null {
    return this.isEmpty ? null : this.#slab.f64[FROM];
  }

  /** Emission time from which on rows belong to a later bucket; Infinity while the bucket is empty. */
  get due(): number {
    const { f64 } = this.#slab;
    if (f64[ROWS] === 0) return Number.POSITIVE_INFINITY;
    if (f64[ROWS] >= this.#bounds.rowsMin) return f64[CELL] + this.#bounds.cellMs;
    return f64[FROM] + this.#bounds.spanMs;
  }

  /** Counts a row, which must be emitted before `due`; true: the bucket is full and must be closed. */
  add(emitted: number, bytes: number): boolean {
    const { f64, dirty } = this.#slab;
    const { cellMs, rowsMax, bytesMax } = this.#bounds;
    const cell = Math.floor(emitted / cellMs) * cellMs;
    if (f64[ROWS] === 0) f64[FROM] = cell;
    f64[CELL] = cell;
    f64[ROWS]++;
    f64[BYTES] += bytes;
    dirty[0] = 1;
    return f64[ROWS] >= rowsMax || f64[BYTES] >= bytesMax;
  }

  /** Closes the bucket, which has rows. */
  close(): Bucket {
    const { f64, dirty } = this.#slab;
    const isFull = f64[ROWS] >= this.#bounds.rowsMax || f64[BYTES] >= this.#bounds.bytesMax;
    const to = isFull ? f64[CELL] + this.#bounds.cellMs : this.due;
    f64[CLOSED]++;
    const bucket = { number: f64[CLOSED], from: f64[FROM], to, rows: f64[ROWS] };
    f64[ROWS] = 0;
    f64[BYTES] = 0;
    dirty[0] = 1;
    return bucket;
  }
}
