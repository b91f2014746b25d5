/**
 * Answers quantiles by nearest rank: of n values sorted, the one at index ceil(q n) - 1, at least 0. Of buckets, the value
 * that stands for the bucket of that rank.
 */
import type { ReadOp } from '../../compiler/plan/plan.ts';
import type { Output } from '../keyspace/answers.ts';
import { BUCKET_MAX, bucketValue } from '../sketch/sketch-buckets.ts';
import type { CountMap, CountSink } from '../sketch/sketch-count-map.ts';
import type { Answering } from '../sketch/sketch-family.ts';
import { selectWeighted } from '../sketch/sketch-select.ts';

export class QuantileAnswering implements Answering {
  #values = new Float64Array(512);
  #weights = new Float64Array(512);
  #size = 0;
  #total = 0;
  readonly #buckets = new BucketCounts();
  #bucketed = false;

  begin(): void {
    this.#size = 0;
    this.#total = 0;
    this.#bucketed = false;
  }

  offer(word: number, count: number): void {
    if (this.#size === this.#values.length) this.#grow();
    this.#values[this.#size] = word;
    this.#weights[this.#size++] = count;
    this.#total += count;
  }

  /** Takes the counts of buckets. */
  takeBuckets(counts: CountMap, at: number): void {
    this.#bucketed = true;
    this.#buckets.begin();
    counts.visit(at, this.#buckets);
    this.#total = this.#buckets.total;
  }

  write(read: ReadOp, out: Output, row: number): void {
    if (read.fn !== 'quantile' || out.kind !== 'f64' || this.#total === 0) return;
    const rank = Math.min(this.#total, Math.max(1, Math.ceil(read.q * this.#total)));
    out.data[row] = this.#bucketed
      ? this.#buckets.valueAt(rank)
      : selectWeighted(this.#values, this.#weights, this.#size, rank);
  }

  #grow(): void {
    const [values, weights] = [this.#values, this.#weights];
    this.#values = new Float64Array(values.length * 2);
    this.#values.set(values);
    this.#weights = new Float64Array(weights.length * 2);
    this.#weights.set(weights);
  }
}

/** Counts of all buckets side by side: they need no sorting. */
class BucketCounts implements CountSink {
  total = 0;
  readonly #counts = new Float64Array(2 * BUCKET_MAX + 1);
  #least = 0;
  #greatest = -1;

  begin(): void {
    this.#counts.fill(0, this.#least, this.#greatest + 1);
    this.total = 0;
    this.#least = this.#counts.length;
    this.#greatest = -1;
  }

  offer(bucket: number, count: number): void {
    const index = bucket + BUCKET_MAX;
    this.#counts[index] = count;
    this.total += count;
    if (index < this.#least) this.#least = index;
    if (index > this.#greatest) this.#greatest = index;
  }

  valueAt(rank: number): number {
    let reached = 0;
    let index = this.#least;
    for (; index < this.#greatest; index++) {
      reached += this.#counts[index]!;
      if (reached >= rank) break;
    }
    return bucketValue(index - BUCKET_MAX);
  }
}
