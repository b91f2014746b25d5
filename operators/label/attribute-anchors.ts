/** Which anchor a row belongs to: its id hash, time and source position, which together name one row for ever. */
import { grown } from '../column/row-builder.ts';
import type { Slab } from '../state/slab.ts';

/** Words of an anchor reference in a slab: id lanes; time; partition and home; offset. */
export const ANCHOR_WORDS = 4;

const CAPACITY_MIN = 16;

export class AnchorList {
  n = 0;
  lo = new Int32Array(CAPACITY_MIN);
  hi = new Int32Array(CAPACITY_MIN);
  time = new Float64Array(CAPACITY_MIN);
  partition = new Int32Array(CAPACITY_MIN);
  offset = new Float64Array(CAPACITY_MIN);
  home = new Int32Array(CAPACITY_MIN);

  /** Appends the reference at word `at`. */
  addFrom(slab: Slab, at: number): void {
    const i = this.#next();
    this.lo[i] = slab.i32[at * 2];
    this.hi[i] = slab.i32[at * 2 + 1];
    this.time[i] = slab.f64[at + 1];
    this.partition[i] = slab.i32[at * 2 + 4];
    this.home[i] = slab.i32[at * 2 + 5];
    this.offset[i] = slab.f64[at + 3];
  }

  /** Appends row `row` of another list (or of anything of that shape). */
  addRow(from: AnchorRows, row: number): void {
    const i = this.#next();
    this.lo[i] = from.lo[row];
    this.hi[i] = from.hi[row];
    this.time[i] = from.time[row];
    this.partition[i] = from.partition[row];
    this.offset[i] = from.offset[row];
    this.home[i] = from.home?.[row] ?? 0;
  }

  #next(): number {
    if (this.n === this.lo.length) {
      const size = this.n * 2;
      this.lo = grown(this.lo, new Int32Array(size));
      this.hi = grown(this.hi, new Int32Array(size));
      this.time = grown(this.time, new Float64Array(size));
      this.partition = grown(this.partition, new Int32Array(size));
      this.offset = grown(this.offset, new Float64Array(size));
      this.home = grown(this.home, new Int32Array(size));
    }
    return this.n++;
  }
}

export type AnchorRows = {
  readonly lo: Int32Array;
  readonly hi: Int32Array;
  readonly time: Float64Array;
  readonly partition: Int32Array;
  readonly offset: Float64Array;
  /** High lane of the hash at whose shard the anchor is put together; absent: in one process nobody asks. */
  readonly home?: Int32Array;
};

/** Writes a reference to words [at, at + ANCHOR_WORDS). */
export function writeAnchor(slab: Slab, at: number, from: AnchorRows, row: number): void {
  slab.i32[at * 2] = from.lo[row];
  slab.i32[at * 2 + 1] = from.hi[row];
  slab.f64[at + 1] = from.time[row];
  slab.i32[at * 2 + 4] = from.partition[row];
  slab.i32[at * 2 + 5] = from.home?.[row] ?? 0;
  slab.f64[at + 3] = from.offset[row];
}

/** Whether the references at words `a` and `b` name the same anchor. */
export function sameAnchor(slab: Slab, a: number, b: number): boolean {
  const { f64, i32 } = slab;
  return (
    f64[a + 1] === f64[b + 1] &&
    i32[a * 2] === i32[b * 2] &&
    i32[a * 2 + 1] === i32[b * 2 + 1] &&
    i32[a * 2 + 4] === i32[b * 2 + 4] &&
    f64[a + 3] === f64[b + 3]
  );
}
