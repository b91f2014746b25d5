/**
 * How often an id was seen, about: a count-min sketch with conservative update (Estan, Varghese 2002) over one-byte
 * counters, which can only say too much. So that old ids fade, all counters are halved after as many sightings as there are
 * counters in a row of it: a pass over the sketch (not over the table), once in so many ids.
 */
const LANES = 4;
const COUNT_MAX = 255;
/** Counters of a page: files between full ones hold only the pages touched. */
export const SKETCH_PAGE = 4096;

export class AdmissionSketch {
  readonly counters: Uint8Array;
  /** By page: 1 where a counter changed since the last file. */
  readonly touched: Uint8Array;
  /** Sightings since the last halving. */
  added = 0;
  readonly #mask: number;
  readonly #width: number;

  /** `bits`: 2^bits counters a lane. */
  constructor(bits: number) {
    this.#width = 2 ** bits;
    this.#mask = this.#width - 1;
    this.counters = new Uint8Array(this.#width * LANES);
    this.touched = new Uint8Array(Math.ceil(this.counters.length / SKETCH_PAGE));
  }

  /** Counts one more sighting; gives the estimate with it. */
  add(lo: number, hi: number): number {
    if (++this.added > this.#width) this.#halve();
    const { counters } = this;
    let least = COUNT_MAX;
    for (let lane = 0; lane < LANES; lane++) {
      least = Math.min(least, counters[this.#place(lane, lo, hi)]!);
    }
    if (least === COUNT_MAX) return COUNT_MAX;
    for (let lane = 0; lane < LANES; lane++) {
      const at = this.#place(lane, lo, hi);
      if (counters[at] !== least) continue;
      counters[at] = least + 1;
      this.touched[Math.floor(at / SKETCH_PAGE)] = 1;
    }
    return least + 1;
  }

  #place(lane: number, lo: number, hi: number): number {
    const mixed = Math.imul(lo ^ (lane * 0x9e3779b9), 0x85ebca6b) ^ Math.imul(hi, 2 * lane + 1);
    return lane * this.#width + ((mixed ^ (mixed >>> 15)) & this.#mask);
  }

  #halve(): void {
    const { counters } = this;
    for (let i = 0; i < counters.length; i++) counters[i] = counters[i]! >> 1;
    this.touched.fill(1);
    this.added = 1;
  }
}
