import { assert } from '../../operators/assert.ts';

/** Numbers a record carries besides its time of release. */
export const RECORD_FIELDS = 8;

/**
 * Records waiting for their time: a binary heap of fixed-width numeric records in typed arrays.
 * Equal times leave in the order they came. The heap grows by doubling up to `recordsMax`;
 * beyond it, it asserts: the caller bounds what it puts in.
 */
export class TimedRecords {
  /** The record that `take` released last. */
  readonly record = new Float64Array(RECORD_FIELDS);
  readonly #recordsMax: number;
  #times = new Float64Array(1024);
  #order = new Float64Array(1024);
  #heap = new Int32Array(1024);
  #fields = new Float64Array(1024 * RECORD_FIELDS);
  #free = new Int32Array(1024);
  #freeCount = 1024;
  #size = 0;
  #pushed = 0;

  constructor(recordsMax: number) {
    this.#recordsMax = recordsMax;
    for (let i = 0; i < 1024; i++) this.#free[i] = 1023 - i;
  }

  get size(): number {
    return this.#size;
  }

  /** Time of the next record; +inf when none waits. */
  nextTime(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : this.#times[this.#heap[0]!]!;
  }

  push(time: number, record: ArrayLike<number>): void {
    if (this.#freeCount === 0) this.#grow();
    const slot = this.#free[--this.#freeCount]!;
    this.#times[slot] = time;
    this.#order[slot] = this.#pushed++;
    const base = slot * RECORD_FIELDS;
    for (let i = 0; i < RECORD_FIELDS; i++) this.#fields[base + i] = record[i]!;
    this.#siftUp(slot);
  }

  /** Releases the earliest record into `record` if its time is at or before `time`. */
  take(time: number): boolean {
    if (this.nextTime() > time || this.#size === 0) return false;
    const slot = this.#heap[0]!;
    const base = slot * RECORD_FIELDS;
    for (let i = 0; i < RECORD_FIELDS; i++) this.record[i] = this.#fields[base + i]!;
    this.#free[this.#freeCount++] = slot;
    const last = this.#heap[--this.#size]!;
    if (this.#size > 0) this.#siftDown(last);
    return true;
  }

  #before(a: number, b: number): boolean {
    const x = this.#times[a]!;
    const y = this.#times[b]!;
    return x < y || (x === y && this.#order[a]! < this.#order[b]!);
  }

  #siftUp(slot: number): void {
    let at = this.#size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(slot, this.#heap[parent]!)) break;
      this.#heap[at] = this.#heap[parent]!;
      at = parent;
    }
    this.#heap[at] = slot;
  }

  #siftDown(slot: number): void {
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.#size) break;
      if (child + 1 < this.#size && this.#before(this.#heap[child + 1]!, this.#heap[child]!)) {
        child++;
      }
      if (!this.#before(this.#heap[child]!, slot)) break;
      this.#heap[at] = this.#heap[child]!;
      at = child;
    }
    this.#heap[at] = slot;
  }

  #grow(): void {
    const old = this.#times.length;
    assert(old * 2 <= this.#recordsMax, `more than ${this.#recordsMax} records wait`);
    this.#times = widened(this.#times, old * 2);
    this.#order = widened(this.#order, old * 2);
    this.#fields = widened(this.#fields, old * 2 * RECORD_FIELDS);
    const heap = new Int32Array(old * 2);
    heap.set(this.#heap);
    this.#heap = heap;
    this.#free = new Int32Array(old * 2);
    for (let i = 0; i < old; i++) this.#free[i] = old * 2 - 1 - i;
    this.#freeCount = old;
  }
}

function widened(array: Float64Array, length: number): Float64Array<ArrayBuffer> {
  const out = new Float64Array(length);
  out.set(array);
  return out;
}
