/**
 * Names of what is kept aside together: `17` are the rows of bucket 17 that failed as one, `17r` those of it that failed
 * by themselves.
 *
 * The latter are kept while their bucket is still open, and somebody may decide on them then. A lot that was decided on is
 * final: what its bucket brings later is `17r.2`, then `17r.3`. Decisions are taken at a step time, so the names are a function of
 * the rows and the decisions, as everything is.
 */
import type { Slab } from '../state/slab.ts';

const ROW_LOT = /^(\d+)r(?:\.(\d+))?$/;

/** The rows of bucket `number` that failed as one. */
export function bucketLot(number: number): string {
  return `${number}`;
}

/** Whether the rows of the lot were judged together. */
export function isBucketLot(lot: string): boolean {
  return !ROW_LOT.test(lot);
}

/** Root words, from the one given: of the newest row lot that was decided on, its bucket (0: none) and its part. */
const PART = 1;

/** Names for rows that failed by themselves, none that was decided on. */
export class RowLots {
  readonly #slab: Slab;
  readonly #root: number;

  constructor(slab: Slab, root: number) {
    this.#slab = slab;
    this.#root = root;
  }

  /** The lot that such a row of the bucket goes into now; buckets come in their order. */
  of(bucket: number): string {
    const { f64 } = this.#slab;
    const root = this.#root;
    return f64[root] === bucket ? `${bucket}r.${f64[root + PART] + 1}` : `${bucket}r`;
  }

  /** The lot was decided on: nothing goes into it any more. */
  close(lot: string): void {
    const [, bucket, part = '1'] = ROW_LOT.exec(lot) ?? [];
    const { f64, dirty } = this.#slab;
    const root = this.#root;
    // Those of earlier buckets get no rows, whatever is decided.
    if (bucket === undefined || Number(bucket) < f64[root]) return;
    f64[root] = Number(bucket);
    f64[root + PART] = Number(part);
    dirty[0] = 1;
  }
}
