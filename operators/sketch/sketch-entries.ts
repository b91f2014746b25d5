/**
 * Values gathered from a log for one look-up, counted together. Arrays are kept from one look-up to the next and are
 * emptied by a stamp; they are as large as the largest look-up needed.
 */
import type { CountSink } from './sketch-count-map.ts';

const SMALLEST_SLOTS = 64;

export class GatheredCounts implements CountSink {
  #words = new Float64Array(SMALLEST_SLOTS);
  #counts = new Float64Array(SMALLEST_SLOTS);
  #stamps = new Int32Array(SMALLEST_SLOTS);
  /** Slots in use, in the order in which their values came. */
  #used = new Int32Array(SMALLEST_SLOTS);
  #mask = SMALLEST_SLOTS - 1;
  #stamp = 1;
  #size = 0;
  #total = 0;

  /** Different values. */
  get size(): number {
    return this.#size;
  }

  get total(): number {
    return this.#total;
  }

  begin(): void {
    this.#size = 0;
    this.#total = 0;
    if (this.#stamp++ < 2 ** 31 - 2) return;
    this.#stamps.fill(0);
    this.#stamp = 1;
  }

  offer(word: number, count: number): void {
    this.#total += count;
    const slot = this.#slotOf(word);
    if (this.#stamps[slot] === this.#stamp) {
      this.#counts[slot]! += count;
      return;
    }
    this.#put(slot, word, count);
    if (this.#size * 2 > this.#mask) this.#grow();
  }

  visit(sink: CountSink): void {
    for (let i = 0; i < this.#size; i++) {
      const slot = this.#used[i]!;
      sink.offer(this.#words[slot]!, this.#counts[slot]!);
    }
  }

  #slotOf(word: number): number {
    let slot = spread(word) & this.#mask;
    while (this.#stamps[slot] === this.#stamp && this.#words[slot] !== word) {
      slot = (slot + 1) & this.#mask;
    }
    return slot;
  }

  #put(slot: number, word: number, count: number): void {
    this.#words[slot] = word;
    this.#counts[slot] = count;
    this.#stamps[slot] = this.#stamp;
    this.#used[this.#size++] = slot;
  }

  #grow(): void {
    const [words, counts, used, size] = [this.#words, this.#counts, this.#used, this.#size];
    const slots = (this.#mask + 1) * 2;
    this.#words = new Float64Array(slots);
    this.#counts = new Float64Array(slots);
    this.#stamps = new Int32Array(slots);
    this.#used = new Int32Array(slots);
    this.#mask = slots - 1;
    this.#stamp = 1;
    this.#size = 0;
    for (let i = 0; i < size; i++) {
      const word = words[used[i]!]!;
      this.#put(this.#slotOf(word), word, counts[used[i]!]!);
    }
  }
}

const view = new Float64Array(1);
const halves = new Int32Array(view.buffer);

/** A hash of a word's bits: it orders nothing that lasts. */
function spread(word: number): number {
  view[0] = word;
  const h = Math.imul(halves[0]! ^ Math.imul(halves[1]!, 0x85ebca77), 0x9e3779b1);
  return h ^ (h >>> 15);
}
