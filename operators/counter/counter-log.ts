/**
 * The slice log of a busy key's chain (see counter-layout.ts): a circular block of slices, oldest first. A slice is
 * [start, total of each lane before it]; all windows of the chain read the same log, each from its own oldest slice.
 *
 * Slices are as wide as the finest hop. When a block is full, slices that only coarser windows still hold are
 * coarsened to those windows' hop and merged; only then does the block grow. So a busy key is bounded by the slots of
 * its windows, a quiet one by its events.
 *
 * A window loses a slice that starts before floor(t - ms, hop), that is once t >= floor(start, hop) + hop + ms; that
 * time is kept per window, so a look-up usually compares one number. Own times may step back among feeds that share
 * a chain (two streams under one `head`): such an event finds its place from the newest end (`push` says so, `settle`
 * follows once it has been added to the totals).
 */
import type { BlockRef } from '../state/block-ref.ts';
import { PAGE_SHIFT, type Slab } from '../state/slab.ts';
import { SliceBlock } from './counter-block.ts';
import {
  BLOCK,
  CAPACITY,
  type Chain,
  type ChainWindow,
  HEAD,
  NEWEST_END,
  NEWEST_START,
  NEXT_EXPIRY,
  SIZE,
} from './counter-layout.ts';
import { addWide } from './wide-sum.ts';

/** Logs of fewer slices grow without a look at what could be merged. */
const COARSEN_FROM = 12;

export class CounterLog {
  readonly #chain: Chain;
  readonly #sections: Slab;
  readonly #logs: Slab;
  /** Words of a slice. */
  readonly #width: number;
  readonly #block: SliceBlock;
  /** Totals and position of an event that came out of order, between `push` and `settle`. */
  readonly #totals: Float64Array;
  #settleFrom = 0;

  /** Over busy sections in `sections`; every method takes the address of one. */
  constructor(chain: Chain, sections: Slab, logs: Slab) {
    this.#chain = chain;
    this.#sections = sections;
    this.#logs = logs;
    this.#width = 1 + chain.lanes;
    this.#block = new SliceBlock(chain, sections, logs);
    this.#totals = new Float64Array(chain.lanes);
  }

  /** What a section points to. */
  get refs(): readonly BlockRef[] {
    const size = { kind: 'capacity', at: CAPACITY, width: this.#width } as const;
    return [{ slab: this.#logs, address: BLOCK, size, inner: null }];
  }

  /** The first state of a zeroed section. */
  init(section: number): void {
    const { f64 } = this.#sections;
    f64[section + NEWEST_START] = Number.NEGATIVE_INFINITY;
    f64[section + NEWEST_END] = Number.NEGATIVE_INFINITY;
    f64[section + NEXT_EXPIRY] = Number.POSITIVE_INFINITY;
    for (let w = 0; w < this.#chain.windows.length; w++)
      f64[section + this.#chain.windows[w]!.expiry] = Number.POSITIVE_INFINITY;
  }

  /** Lets every window go of what an anchor at `time` no longer sees. */
  expire(section: number, time: number): void {
    const { f64 } = this.#sections;
    const chain = this.#chain;
    let next = Number.POSITIVE_INFINITY;
    for (let w = 0; w < chain.windows.length; w++) {
      const window = chain.windows[w]!;
      if (time >= f64[section + window.expiry]!) {
        const moved = this.#advance(section, window, time);
        if (w === chain.windows.length - 1) this.#shrink(section, moved);
      }
      const expiry = f64[section + window.expiry]!;
      if (expiry < next) next = expiry;
    }
    f64[section + NEXT_EXPIRY] = next;
    this.#sections.dirty[section >> PAGE_SHIFT] = 1;
  }

  /**
   * Makes the newest slice one that holds own time `time`; call it when that is not so already. True: the event is
   * older than the newest slice; add it to the totals and then call `settle`.
   */
  push(section: number, time: number): boolean {
    const chain = this.#chain;
    const header = section * 2;
    const start = Math.floor(time / chain.hopMs) * chain.hopMs;
    const { f64, i32 } = this.#sections;
    if (i32[header + SIZE]! > 0 && start < f64[section + NEWEST_START]!) {
      this.#insert(section, start, time);
      return true;
    }
    if (i32[header + SIZE] === i32[header + CAPACITY]) this.#makeRoom(section, time);
    this.#append(section, start);
    return false;
  }

  /** Second half of an event out of order: newer slices, and windows past it, begin after what it added. */
  settle(section: number): void {
    const chain = this.#chain;
    const { f64, i32 } = this.#sections;
    const header = section * 2;
    for (let lane = 0; lane < chain.lanes; lane++) {
      const added = f64[section + chain.totals + lane]! - this.#totals[lane]!;
      if (added === 0) continue;
      const add = chain.carries[lane] ? addWide : addNarrow;
      for (let j = this.#settleFrom; j < i32[header + SIZE]!; j++) {
        add(this.#logs.f64, this.#block.slotAt(header, j) + 1 + lane, added);
      }
      for (const window of chain.windows) {
        const index = window.lanes.indexOf(lane);
        if (index >= 0 && this.#block.tailOf(section, window) >= this.#settleFrom) {
          add(f64, section + window.before[index]!, added);
        }
      }
    }
  }

  /** Moves a window's oldest slice on; answers by how many slices. */
  #advance(section: number, window: ChainWindow, time: number): number {
    const { f64, i32 } = this.#sections;
    const logs = this.#logs.f64;
    const header = section * 2;
    const block = i32[header + BLOCK]!;
    const capacity = i32[header + CAPACITY]!;
    const head = i32[header + HEAD]!;
    let tail = i32[section * 2 + window.tail]!;
    let expiry: number;
    let moved = 0;
    do {
      moved++;
      if (++tail === capacity) tail = 0;
      if (tail === head) {
        this.#empty(section, window);
        return moved;
      }
      expiry = expiryOf(window, logs[block + tail * this.#width]!);
    } while (time >= expiry);
    const slot = block + tail * this.#width + 1;
    for (let i = 0; i < window.lanes.length; i++) {
      f64[section + window.before[i]!] = logs[slot + window.lanes[i]!]!;
    }
    f64[section + window.expiry] = expiry;
    i32[section * 2 + window.tail] = tail;
    return moved;
  }

  /** The window holds nothing. The next event must open a slice, or it would not be seen to enter the window. */
  #empty(section: number, window: ChainWindow): void {
    const { f64 } = this.#sections;
    for (let i = 0; i < window.lanes.length; i++) {
      f64[section + window.before[i]!] = f64[section + this.#chain.totals + window.lanes[i]!]!;
    }
    f64[section + window.expiry] = Number.POSITIVE_INFINITY;
    f64[section + NEWEST_END] = f64[section + NEWEST_START]!;
  }

  /** The log lost its `moved` oldest slices. */
  #shrink(section: number, moved: number): void {
    this.#sections.i32[section * 2 + SIZE]! -= moved;
  }

  /** Slices held. */
  size(section: number): number {
    return this.#sections.i32[section * 2 + SIZE]!;
  }

  /** Gives the section's block back; the section is then as good as free. */
  release(section: number): void {
    this.#block.release(section);
  }

  #append(section: number, start: number): void {
    const chain = this.#chain;
    const { f64, i32 } = this.#sections;
    const header = section * 2;
    const head = i32[header + HEAD]!;
    const slot = i32[header + BLOCK]! + head * this.#width;
    this.#writeSlot(slot, start, section + chain.totals);
    i32[header + HEAD] = head + 1 === i32[header + CAPACITY]! ? 0 : head + 1;
    i32[header + SIZE]!++;
    f64[section + NEWEST_START] = start;
    f64[section + NEWEST_END] = start + chain.hopMs;
    let next = f64[section + NEXT_EXPIRY]!;
    for (let w = 0; w < chain.windows.length; w++) {
      const window = chain.windows[w]!;
      if (f64[section + window.expiry] !== Number.POSITIVE_INFINITY) continue;
      const expiry = expiryOf(window, start);
      f64[section + window.expiry] = expiry;
      i32[section * 2 + window.tail] = head;
      if (expiry < next) next = expiry;
    }
    f64[section + NEXT_EXPIRY] = next;
  }

  #writeSlot(slot: number, start: number, totals: number): void {
    const logs = this.#logs;
    const { f64 } = this.#sections;
    logs.f64[slot] = start;
    for (let lane = 0; lane < this.#chain.lanes; lane++) {
      logs.f64[slot + 1 + lane] = f64[totals + lane]!;
    }
    logs.dirty[slot >> PAGE_SHIFT] = 1;
    logs.dirty[(slot + this.#width - 1) >> PAGE_SHIFT] = 1;
  }

  /** First half of an event out of order: finds or makes its slice and remembers the totals. */
  #insert(section: number, start: number, time: number): void {
    const chain = this.#chain;
    const header = section * 2;
    const sections = this.#sections;
    if (sections.i32[header + SIZE] === sections.i32[header + CAPACITY])
      this.#makeRoom(section, time);
    const size = sections.i32[header + SIZE]!;
    let at = size;
    while (at > 0 && this.#block.startAt(header, at - 1) > start) at--;
    for (let lane = 0; lane < chain.lanes; lane++) {
      this.#totals[lane] = sections.f64[section + chain.totals + lane]!;
    }
    if (at === 0 || this.#block.startAt(header, at - 1) !== start) {
      this.#shiftIn(section, at, start);
      at++;
    }
    this.#settleFrom = at;
    for (let j = at; j < sections.i32[header + SIZE]!; j++) {
      this.#logs.mark(this.#block.slotAt(header, j), this.#width);
    }
  }

  /** A new slice at logical index `at`; windows whose oldest slice was there begin with it. */
  #shiftIn(section: number, at: number, start: number): void {
    const chain = this.#chain;
    const header = section * 2;
    const { f64, i32 } = this.#sections;
    const logs = this.#logs;
    const size = i32[header + SIZE]!;
    const tails = chain.windows.map((window) => this.#block.tailOf(section, window));
    const oldest = this.#block.oldest(header);
    const head = i32[header + HEAD]!;
    const capacity = i32[header + CAPACITY]!;
    i32[header + HEAD] = head + 1 === capacity ? 0 : head + 1;
    i32[header + SIZE] = size + 1;
    for (let j = size; j > at; j--) {
      const from = this.#block.slotAt(header, j - 1);
      logs.f64.copyWithin(this.#block.slotAt(header, j), from, from + this.#width);
    }
    const slot = this.#block.slotAt(header, at);
    if (at === size) this.#writeSlot(slot, start, section + chain.totals);
    else logs.f64[slot] = start;
    logs.mark(slot, this.#width);
    for (const [w, window] of chain.windows.entries()) {
      if (f64[section + window.expiry] === Number.POSITIVE_INFINITY) continue;
      const tail = tails[w]! > at ? tails[w]! + 1 : tails[w]!;
      i32[section * 2 + window.tail] = (oldest + tail) % capacity;
      if (tail !== at) continue;
      const expiry = expiryOf(window, start);
      f64[section + window.expiry] = expiry;
      const next = section + NEXT_EXPIRY;
      if (expiry < f64[next]!) f64[next] = expiry;
    }
  }

  /** Room for one more slice: expire, then coarsen and merge, then a block with half as much again to spare. */
  #makeRoom(section: number, time: number): void {
    const header = section * 2;
    const { f64, i32 } = this.#sections;
    if (time >= f64[section + NEXT_EXPIRY]!) this.expire(section, time);
    const capacity = i32[header + CAPACITY]!;
    if (i32[header + SIZE]! < capacity * 0.75) return;
    if (capacity > 0 && capacity < COARSEN_FROM) this.#block.double(section, capacity);
    else this.#block.coarsen(section);
  }
}

function addNarrow(f64: Float64Array, word: number, value: number): void {
  f64[word]! += value;
}

/** When a window loses a slice of that start. */
function expiryOf(window: ChainWindow, start: number): number {
  return Math.floor(start / window.hopMs) * window.hopMs + window.hopMs + window.ms;
}
