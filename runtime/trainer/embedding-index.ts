/**
 * Row numbers by 64-bit id: open addressing with linear probing, 12 bytes a slot (both lanes of the id, row + 1; 0 is an
 * empty slot). The index is cut into segments by the id's top bits and each grows alone, so that no insertion ever moves
 * more than one segment's slots, however many rows there are. Removal shifts back: there are no tombstones.
 */
const SEGMENTS = 256;
const SLOTS_MIN = 16;
const LOAD_MAX = 0.7;

export class EmbeddingIndex {
  count = 0;
  readonly #segments: Int32Array[];
  readonly #used = new Int32Array(SEGMENTS);

  constructor() {
    this.#segments = Array.from({ length: SEGMENTS }, () => new Int32Array(SLOTS_MIN * 3));
  }

  /** The row of an id, or -1. */
  find(lo: number, hi: number): number {
    const slots = this.#segments[hi >>> 24]!;
    const mask = slots.length / 3 - 1;
    for (let slot = lo & mask; ; slot = (slot + 1) & mask) {
      const at = slot * 3;
      const row = slots[at + 2]!;
      if (row === 0) return -1;
      if (slots[at] === lo && slots[at + 1] === hi) return row - 1;
    }
  }

  /** The rows of ids [0, count), or -1: look-ups that do not wait for each other's memory. */
  findAll(lo: Int32Array, hi: Int32Array, count: number, rows: Int32Array): void {
    for (let i = 0; i < count; i++) rows[i] = this.find(lo[i], hi[i]);
  }

  /** Adds an id that is not there. */
  insert(lo: number, hi: number, row: number): void {
    const segment = hi >>> 24;
    let slots = this.#segments[segment]!;
    if (this.#used[segment]! + 1 > (slots.length / 3) * LOAD_MAX) {
      slots = grown(slots);
      this.#segments[segment] = slots;
    }
    put(slots, lo, hi, row + 1);
    this.#used[segment] = this.#used[segment]! + 1;
    this.count++;
  }

  /** Removes an id that is there. */
  remove(lo: number, hi: number): void {
    const segment = hi >>> 24;
    const slots = this.#segments[segment]!;
    const mask = slots.length / 3 - 1;
    let hole = lo & mask;
    while (slots[hole * 3] !== lo || slots[hole * 3 + 1] !== hi || slots[hole * 3 + 2] === 0) {
      hole = (hole + 1) & mask;
    }
    for (let slot = (hole + 1) & mask; slots[slot * 3 + 2] !== 0; slot = (slot + 1) & mask) {
      const home = slots[slot * 3]! & mask;
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
      slots.copyWithin(hole * 3, slot * 3, slot * 3 + 3);
      hole = slot;
    }
    slots.fill(0, hole * 3, hole * 3 + 3);
    this.#used[segment] = this.#used[segment]! - 1;
    this.count--;
  }
}

function grown(slots: Int32Array): Int32Array {
  const larger = new Int32Array(slots.length * 2);
  for (let at = 0; at < slots.length; at += 3) {
    if (slots[at + 2] !== 0) put(larger, slots[at]!, slots[at + 1]!, slots[at + 2]!);
  }
  return larger;
}

function put(slots: Int32Array, lo: number, hi: number, stored: number): void {
  const mask = slots.length / 3 - 1;
  let slot = lo & mask;
  while (slots[slot * 3 + 2] !== 0) slot = (slot + 1) & mask;
  slots[slot * 3] = lo;
  slots[slot * 3 + 1] = hi;
  slots[slot * 3 + 2] = stored;
}
