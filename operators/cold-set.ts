/**
 * Which keys of a keyspace are cold: a set of 64-bit hashes, each with the epoch its copy was written in (cold-copies.ts).
 * A look-up of a key that is neither in memory nor in here is of a key never seen, and asks nobody. 12 bytes an entry.
 *
 * Open addressing in two slabs that nothing else lives in: hashes, a word each (lo, hi; 0: free), and epochs, an int32
 * each. Root words of the first: 32 capacity (a power of two), 33 entries in use. Entries lie from ROOT_WORDS on.
 */
import { assert } from './assert.ts';
import { PAGE_SHIFT, ROOT_USER, ROOT_WORDS, type Slab } from './slab.ts';

const CAPACITY = ROOT_USER;
const COUNT = ROOT_USER + 1;
const CAPACITY_MIN = 64;
const FULLEST = 0.75;
/** Keys of one keyspace and shard that may be cold. */
export const COLD_KEYS_MAX = 2 ** 28;

export class ColdSet {
  readonly #hashes: Slab;
  readonly #epochs: Slab;
  #mask: number;

  /** Over what the slabs hold already (restore), or empty. */
  constructor(hashes: Slab, epochs: Slab) {
    this.#hashes = hashes;
    this.#epochs = epochs;
    if (hashes.f64[CAPACITY] === 0) {
      hashes.bump(CAPACITY_MIN);
      epochs.bump(CAPACITY_MIN / 2);
      hashes.f64[CAPACITY] = CAPACITY_MIN;
      hashes.dirty[0] = 1;
    }
    this.#mask = hashes.f64[CAPACITY]! - 1;
  }

  get size(): number {
    return this.#hashes.f64[COUNT]!;
  }

  /** Epoch of the key's copy; 0: the key is not cold. The key is not null. */
  epochOf(lo: number, hi: number): number {
    const slot = this.#find(lo, hi);
    return slot < 0 ? 0 : this.#epochs.i32[ROOT_WORDS * 2 + slot]!;
  }

  /** Enters a key that is not in it. */
  add(lo: number, hi: number, epoch: number): void {
    const hashes = this.#hashes;
    const count = hashes.f64[COUNT]! + 1;
    assert(count <= COLD_KEYS_MAX, `${hashes.name} holds more than ${COLD_KEYS_MAX} keys`);
    if (count > (this.#mask + 1) * FULLEST) this.#grow();
    hashes.f64[COUNT] = count;
    hashes.dirty[0] = 1;
    this.#place(lo, hi, epoch);
  }

  /** Takes a key out that is in it; those behind it move up (Knuth, volume 3, algorithm 6.4R). */
  remove(lo: number, hi: number): void {
    const hashes = this.#hashes;
    const { i32 } = hashes;
    const epochs = this.#epochs.i32;
    const mask = this.#mask;
    let hole = this.#find(lo, hi);
    assert(hole >= 0, `a key to take out of ${hashes.name} is in it`);
    for (let slot = (hole + 1) & mask; ; slot = (slot + 1) & mask) {
      const from = (ROOT_WORDS + slot) * 2;
      if ((i32[from]! | i32[from + 1]!) === 0) break;
      if (((slot - (i32[from]! & mask)) & mask) < ((slot - hole) & mask)) continue;
      const to = (ROOT_WORDS + hole) * 2;
      i32[to] = i32[from]!;
      i32[to + 1] = i32[from + 1]!;
      epochs[ROOT_WORDS * 2 + hole] = epochs[ROOT_WORDS * 2 + slot]!;
      this.#mark(hole);
      hole = slot;
    }
    i32[(ROOT_WORDS + hole) * 2] = 0;
    i32[(ROOT_WORDS + hole) * 2 + 1] = 0;
    this.#mark(hole);
    hashes.f64[COUNT]! -= 1;
    hashes.dirty[0] = 1;
  }

  #find(lo: number, hi: number): number {
    const { i32 } = this.#hashes;
    const mask = this.#mask;
    for (let slot = lo & mask; ; slot = (slot + 1) & mask) {
      const at = (ROOT_WORDS + slot) * 2;
      if (i32[at] === lo && i32[at + 1] === hi) return slot;
      if ((i32[at]! | i32[at + 1]!) === 0) return -1;
    }
  }

  #place(lo: number, hi: number, epoch: number): void {
    const { i32 } = this.#hashes;
    const mask = this.#mask;
    let slot = lo & mask;
    for (;;) {
      const at = (ROOT_WORDS + slot) * 2;
      if ((i32[at]! | i32[at + 1]!) === 0) break;
      slot = (slot + 1) & mask;
    }
    i32[(ROOT_WORDS + slot) * 2] = lo;
    i32[(ROOT_WORDS + slot) * 2 + 1] = hi;
    this.#epochs.i32[ROOT_WORDS * 2 + slot] = epoch;
    this.#mark(slot);
  }

  #mark(slot: number): void {
    this.#hashes.dirty[(ROOT_WORDS + slot) >> PAGE_SHIFT] = 1;
    this.#epochs.dirty[(ROOT_WORDS + (slot >> 1)) >> PAGE_SHIFT] = 1;
  }

  #grow(): void {
    const hashes = this.#hashes;
    const epochs = this.#epochs;
    const before = this.#mask + 1;
    const first = ROOT_WORDS * 2;
    const old = hashes.i32.slice(first, first + before * 2);
    const oldEpochs = epochs.i32.slice(first, first + before);
    hashes.bump(before);
    epochs.bump(before / 2);
    assert(hashes.used === ROOT_WORDS + before * 2, `${hashes.name} does not own its slab`);
    hashes.i32.fill(0, first, first + before * 2);
    hashes.mark(ROOT_WORDS, before * 2);
    epochs.mark(ROOT_WORDS, before);
    this.#mask = before * 2 - 1;
    hashes.f64[CAPACITY] = before * 2;
    hashes.dirty[0] = 1;
    for (let i = 0; i < before; i++) {
      const lo = old[i * 2]!;
      const hi = old[i * 2 + 1]!;
      if ((lo | hi) !== 0) this.#place(lo, hi, oldEpochs[i]!);
    }
  }
}
