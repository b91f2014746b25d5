/**
 * Timers of one shard, by due time. Most are a constant after something that comes in time order, so they go to lanes,
 * one a constant: first in, first out. A timer that would break its lane's order goes to a binary heap instead.
 * A timer is a due time and a reference (any whole number); it is never removed before it is due: who
 * set it recognises a stale one by its reference.
 *
 * Words, all in one slab:
 *   root 32, 33, 34    heap address, its size class, timers in it
 *   root 36 + 4 lane   head chunk, next word to read, tail chunk, next word to write
 *   chunk              the next chunk, unused, then pairs (due, reference)
 *   heap               pairs (due, reference)
 */
import { assert } from '../assert.ts';
import { ROOT_USER, type Slab, type SlabSet } from '../state/slab.ts';

export const LANES_MAX = 7;
const HEAP = ROOT_USER;
const LANES = ROOT_USER + 4;
const CHUNK_CLASS = 9;
const HEAP_CLASS_MIN = 6;

export class TimerQueue {
  readonly slab: Slab;
  readonly #lanes: number;

  constructor(slabs: SlabSet, name: string, lanes: number) {
    assert(lanes <= LANES_MAX, `${lanes} timer lanes`);
    this.slab = slabs.open(name);
    this.#lanes = lanes;
  }

  /** Sets a timer. `lane`: which constant it is; -1 if none. */
  push(lane: number, due: number, reference: number): void {
    if (lane < 0 || !this.#append(LANES + lane * 4, due, reference)) this.#heapPush(due, reference);
  }

  /** The earliest due time; +infinity when empty. */
  due(): number {
    const { f64 } = this.slab;
    let due = f64[HEAP + 2] > 0 ? f64[f64[HEAP]] : Number.POSITIVE_INFINITY;
    for (let lane = 0; lane < this.#lanes; lane++) {
      const at = LANES + lane * 4;
      if (f64[at] !== 0 && f64[f64[at + 1]] < due) due = f64[f64[at + 1]];
    }
    return due;
  }

  /** Takes a timer with exactly that due time and gives its reference; -1: there is none. */
  take(due: number): number {
    const { f64 } = this.slab;
    for (let lane = 0; lane < this.#lanes; lane++) {
      const at = LANES + lane * 4;
      if (f64[at] !== 0 && f64[f64[at + 1]] === due) return this.#shift(at);
    }
    if (f64[HEAP + 2] > 0 && f64[f64[HEAP]] === due) return this.#heapPop();
    return -1;
  }

  /** False: the lane's last timer is due later. */
  #append(at: number, due: number, reference: number): boolean {
    const { slab } = this;
    if (slab.f64[at] !== 0 && slab.f64[slab.f64[at + 3] - 2] > due) return false;
    const tail = slab.f64[at + 2];
    if (slab.f64[at] === 0 || slab.f64[at + 3] === tail + 2 ** CHUNK_CLASS) {
      const chunk = slab.alloc(CHUNK_CLASS);
      if (slab.f64[at] === 0) {
        slab.f64[at] = chunk;
        slab.f64[at + 1] = chunk + 2;
      } else {
        slab.f64[tail] = chunk;
        slab.mark(tail, 1);
      }
      slab.f64[at + 2] = chunk;
      slab.f64[at + 3] = chunk + 2;
    }
    const to = slab.f64[at + 3];
    slab.f64[to] = due;
    slab.f64[to + 1] = reference;
    slab.f64[at + 3] = to + 2;
    slab.mark(to, 2);
    slab.mark(at, 4);
    return true;
  }

  #shift(at: number): number {
    const { slab } = this;
    const { f64 } = slab;
    const head = f64[at];
    const reference = f64[f64[at + 1] + 1];
    f64[at + 1] += 2;
    slab.mark(at, 4);
    if (head === f64[at + 2] && f64[at + 1] === f64[at + 3]) {
      slab.free(head, CHUNK_CLASS);
      f64.fill(0, at, at + 4);
    } else if (f64[at + 1] === head + 2 ** CHUNK_CLASS) {
      const next = f64[head];
      slab.free(head, CHUNK_CLASS);
      f64[at] = next;
      f64[at + 1] = next + 2;
    }
    return reference;
  }

  #heapPush(due: number, reference: number): void {
    const { slab } = this;
    const size = slab.f64[HEAP + 2];
    this.#heapRoom(size + 1);
    const { f64 } = slab;
    const heap = f64[HEAP];
    let i = size;
    while (i > 0) {
      const up = (i - 1) >> 1;
      if (f64[heap + up * 2] <= due) break;
      f64[heap + i * 2] = f64[heap + up * 2];
      f64[heap + i * 2 + 1] = f64[heap + up * 2 + 1];
      slab.mark(heap + i * 2, 2);
      i = up;
    }
    f64[heap + i * 2] = due;
    f64[heap + i * 2 + 1] = reference;
    slab.mark(heap + i * 2, 2);
    f64[HEAP + 2] = size + 1;
    slab.mark(HEAP, 3);
  }

  #heapPop(): number {
    const { slab } = this;
    const { f64 } = slab;
    const heap = f64[HEAP];
    const reference = f64[heap + 1];
    const size = f64[HEAP + 2] - 1;
    f64[HEAP + 2] = size;
    slab.mark(HEAP, 3);
    const due = f64[heap + size * 2];
    const last = f64[heap + size * 2 + 1];
    let i = 0;
    for (;;) {
      let down = i * 2 + 1;
      if (down >= size) break;
      if (down + 1 < size && f64[heap + down * 2 + 2] < f64[heap + down * 2]) down++;
      if (f64[heap + down * 2] >= due) break;
      f64[heap + i * 2] = f64[heap + down * 2];
      f64[heap + i * 2 + 1] = f64[heap + down * 2 + 1];
      slab.mark(heap + i * 2, 2);
      i = down;
    }
    f64[heap + i * 2] = due;
    f64[heap + i * 2 + 1] = last;
    slab.mark(heap + i * 2, 2);
    return reference;
  }

  #heapRoom(timers: number): void {
    const { slab } = this;
    const sizeClass = slab.f64[HEAP + 1];
    if (slab.f64[HEAP] !== 0 && timers * 2 <= 2 ** sizeClass) return;
    const bigger = slab.f64[HEAP] === 0 ? HEAP_CLASS_MIN : sizeClass + 1;
    const heap = slab.alloc(bigger);
    const { f64 } = slab;
    const old = f64[HEAP];
    if (old !== 0) {
      f64.copyWithin(heap, old, old + 2 ** sizeClass);
      slab.free(old, sizeClass);
    }
    f64[HEAP] = heap;
    f64[HEAP + 1] = bigger;
    slab.mark(HEAP, 3);
  }
}
