/**
 * The quiet side of a chain (see counter-layout.ts): a key's few slices inside its record, and the way from there to a
 * busy section and back. Slices are in no order; each holds what was added to it, so none depends on another.
 */
import { type BlockRef, sizeClassOf } from '../state/block-ref.ts';
import { PAGE_SHIFT, type Slab } from '../state/slab.ts';
import { type Chain, QUIET_COUNT, QUIET_SUM } from './counter-layout.ts';
import type { CounterLog } from './counter-log.ts';

export class CounterQuiet {
  readonly #chain: Chain;
  readonly #log: CounterLog;
  readonly #records: Slab;
  readonly #sections: Slab;
  readonly #sizeClass: number;
  /** Start and lanes of slices on their way, and their order by start. */
  readonly #moving: Float64Array;
  readonly #order: number[] = [];

  /** A chain with windows; `log` is over `sections`, which holds the busy ones. */
  constructor(chain: Chain, log: CounterLog, records: Slab, sections: Slab) {
    this.#chain = chain;
    this.#log = log;
    this.#records = records;
    this.#sections = sections;
    this.#sizeClass = sizeClassOf(chain.busyWords);
    this.#moving = new Float64Array(chain.quiet.max * (1 + chain.lanes));
  }

  /** What a record points to for this chain. */
  get refs(): readonly BlockRef[] {
    return [
      {
        slab: this.#sections,
        address: this.#chain.section * 2,
        size: { kind: 'class', sizeClass: this.#sizeClass },
        inner: { words: 2 ** this.#sizeClass, refs: this.#log.refs },
      },
    ];
  }

  /** The busy section of a record; 0: it is quiet. */
  busy(record: number): number {
    return this.#records.i32[(record + this.#chain.section) * 2]!;
  }

  /** Word of the slice that holds own time `time`, made if need be; 0: there is no room for it. */
  slice(record: number, time: number): number {
    const { quiet, hopMs, section } = this.#chain;
    const { f64, i32 } = this.#records;
    const start = Math.floor(time / hopMs) * hopMs;
    const held = (record + section) * 2 + 1;
    const end = record + quiet.at + i32[held]! * quiet.words;
    for (let at = record + quiet.at; at < end; at += quiet.words) if (f64[at] === start) return at;
    const to = i32[held]! < quiet.max ? end : this.#dropExpired(record, time);
    if (to === 0) return 0;
    f64.fill(0, to, to + quiet.words);
    f64[to] = start;
    i32[held]!++;
    return to;
  }

  /** Whether a quiet key can hold a lane of a slice with that added. */
  fits(slice: number, lane: number, value: number): boolean {
    const sum = this.#lane(slice, lane) + value;
    return this.#chain.carries[lane] ? sum < QUIET_SUM && sum > -QUIET_SUM : sum < QUIET_COUNT;
  }

  add(slice: number, lane: number, value: number): void {
    const { quiet, carries } = this.#chain;
    const at = quiet.lanes[lane]!;
    if (carries[lane]) this.#records.f64[slice + at]! += value;
    else this.#records.i32[slice * 2 + at]! += value;
  }

  /** What slices that start at `from` or later hold of a lane. */
  sum(record: number, lane: number, from: number): number {
    const { quiet, section } = this.#chain;
    const { f64, i32 } = this.#records;
    const held = i32[(record + section) * 2 + 1]!;
    let sum = 0;
    for (let j = 0; j < held; j++) {
      const slice = record + quiet.at + j * quiet.words;
      if (f64[slice]! >= from) sum += this.#lane(slice, lane);
    }
    return sum;
  }

  /** Makes a quiet record busy; answers its busy section. */
  promote(record: number): number {
    const { lanes, totals, section } = this.#chain;
    const width = 1 + lanes;
    const held = this.#lift(record);
    const busy = this.#sections.alloc(this.#sizeClass);
    this.#log.init(busy);
    for (let i = 0; i < held; i++) {
      const from = this.#order[i]! * width;
      this.#log.push(busy, this.#moving[from]!);
      // Quiet sums are so small that together they need no high lane.
      for (let lane = 0; lane < lanes; lane++) {
        this.#sections.f64[busy + totals + lane]! += this.#moving[from + 1 + lane]!;
      }
    }
    const { i32 } = this.#records;
    i32[(record + section) * 2] = busy;
    i32[(record + section) * 2 + 1] = 0;
    return busy;
  }

  /** Makes a busy record quiet again when its log is empty. */
  demoteIfEmpty(record: number): void {
    const busy = this.busy(record);
    if (this.#log.size(busy) > 0) return;
    this.#log.release(busy);
    this.#sections.free(busy, this.#sizeClass);
    this.#records.i32[(record + this.#chain.section) * 2] = 0;
    this.#records.dirty[record >> PAGE_SHIFT] = 1;
  }

  /** Copies the slices of a record aside and orders them; how many there are. */
  #lift(record: number): number {
    const { quiet, lanes, section } = this.#chain;
    const { f64, i32 } = this.#records;
    const width = 1 + lanes;
    const held = i32[(record + section) * 2 + 1]!;
    const moving = this.#moving;
    const order = this.#order;
    for (let j = 0; j < held; j++) {
      const slice = record + quiet.at + j * quiet.words;
      moving[j * width] = f64[slice]!;
      for (let lane = 0; lane < lanes; lane++) {
        moving[j * width + 1 + lane] = this.#lane(slice, lane);
      }
      let at = j;
      for (; at > 0 && moving[order[at - 1]! * width]! > f64[slice]!; at--)
        order[at] = order[at - 1]!;
      order[at] = j;
    }
    return held;
  }

  #lane(slice: number, lane: number): number {
    const at = this.#chain.quiet.lanes[lane]!;
    if (at < 0) return 0;
    const { f64, i32 } = this.#records;
    return this.#chain.carries[lane] ? f64[slice + at]! : i32[slice * 2 + at]!;
  }

  /** Lets go of slices that no window of a later anchor reaches; word after the last one that is left, 0: all are. */
  #dropExpired(record: number, time: number): number {
    const { quiet, windows, section } = this.#chain;
    const { f64, i32 } = this.#records;
    const widest = windows[windows.length - 1]!;
    const from = Math.floor((time - widest.ms) / widest.hopMs) * widest.hopMs;
    const first = record + quiet.at;
    let to = first;
    for (let j = 0; j < quiet.max; j++) {
      const slice = first + j * quiet.words;
      if (f64[slice]! < from) continue;
      for (let word = 0; word < quiet.words; word++) f64[to + word] = f64[slice + word]!;
      to += quiet.words;
    }
    const held = (to - first) / quiet.words;
    if (held === quiet.max) return 0;
    i32[(record + section) * 2 + 1] = held;
    return to;
  }
}
