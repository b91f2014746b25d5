/**
 * The circular block of slices behind a chain's log: where slices lie in it, and how it grows. Logical indexes count
 * from the oldest slice; `header` is the int32 index of the chain's busy section.
 */
import { assert } from '../assert.ts';
import type { Slab } from '../state/slab.ts';
import { BLOCK, CAPACITY, type Chain, type ChainWindow, HEAD, SIZE } from './counter-layout.ts';

export class SliceBlock {
  readonly #chain: Chain;
  readonly #sections: Slab;
  readonly #logs: Slab;
  /** Words of a slice. */
  readonly #width: number;
  readonly #smallestClass: number;
  /** Scratch of `coarsen`: the slices, oldest first; logical index of each window's oldest, before and after. */
  #slices = new Float64Array(64);
  readonly #tails: Int32Array;
  readonly #movedTails: Int32Array;

  constructor(chain: Chain, sections: Slab, logs: Slab) {
    this.#chain = chain;
    this.#sections = sections;
    this.#logs = logs;
    this.#width = 1 + chain.lanes;
    // Room for what made the key busy, and a little more: most have few slices even so.
    this.#smallestClass = sizeClass(this.#width * (chain.quiet.max + 2));
    this.#tails = new Int32Array(chain.windows.length);
    this.#movedTails = new Int32Array(chain.windows.length);
  }

  /** Frees the block. */
  release(section: number): void {
    const { i32 } = this.#sections;
    const header = section * 2;
    const capacity = i32[header + CAPACITY]!;
    if (capacity > 0) this.#logs.free(i32[header + BLOCK]!, this.#classOf(capacity));
    i32[header + BLOCK] = 0;
    i32[header + CAPACITY] = 0;
  }

  /** A block of twice the size, with the slices at its front. */
  double(section: number, capacity: number): void {
    const chain = this.#chain;
    const header = section * 2;
    const { i32 } = this.#sections;
    const width = this.#width;
    const size = i32[header + SIZE]!;
    const oldest = this.oldest(header);
    const old = i32[header + BLOCK]!;
    const held = this.#classOf(capacity);
    const block = this.#logs.alloc(held + 1);
    const { f64 } = this.#logs;
    for (let j = 0, at = oldest; j < size; j++, at = at + 1 === capacity ? 0 : at + 1) {
      const from = old + at * width;
      const to = block + j * width;
      for (let word = 0; word < width; word++) f64[to + word] = f64[from + word]!;
    }
    this.#logs.free(old, held);
    for (let w = 0; w < chain.windows.length; w++) {
      const word = section * 2 + chain.windows[w]!.tail;
      const at = i32[word]! - oldest;
      i32[word] = at < 0 ? at + capacity : at;
    }
    i32[header + BLOCK] = block;
    i32[header + CAPACITY] = Math.floor(2 ** (held + 1) / width);
    i32[header + HEAD] = size;
  }

  /** A block with half as much again to spare, after slices that only coarser windows hold were merged. */
  coarsen(section: number): void {
    const chain = this.#chain;
    const header = section * 2;
    const { i32 } = this.#sections;
    const tails = this.#tails;
    for (let w = 0; w < tails.length; w++) tails[w] = this.tailOf(section, chain.windows[w]!);
    const kept = this.#gather(header);
    this.#fit(header, kept === 0 ? 1 : Math.ceil(kept * 1.5) + 1);
    const block = i32[header + BLOCK]!;
    const words = kept * this.#width;
    const logs = this.#logs;
    for (let i = 0; i < words; i++) logs.f64[block + i] = this.#slices[i]!;
    logs.mark(block, words + 1);
    i32[header + SIZE] = kept;
    i32[header + HEAD] = kept;
    for (let w = 0; w < tails.length; w++) i32[section * 2 + chain.windows[w]!.tail] = tails[w]!;
  }

  /**
   * Copies the slices to scratch, oldest first, and merges those that no window tells apart. `#tails` (logical indexes)
   * move along. Answers how many are left.
   */
  #gather(header: number): number {
    const { windows } = this.#chain;
    const width = this.#width;
    const tails = this.#tails;
    const size = this.#sections.i32[header + SIZE]!;
    if (this.#slices.length < size * width) this.#slices = new Float64Array(size * width * 2);
    const slices = this.#slices;
    const logs = this.#logs.f64;
    const block = this.#sections.i32[header + BLOCK]!;
    const end = block + this.#sections.i32[header + CAPACITY]! * width;
    let from = block + this.oldest(header) * width;
    let kept = 0;
    let hop = 0;
    let nextTail = 0;
    for (let j = 0; j < size; j++, from += width) {
      if (from === end) from = block;
      // Where the hop changes a window begins, so slices of different hops never merge.
      const isTail = j === nextTail;
      if (isTail) {
        nextTail = size;
        for (let w = tails.length - 1; w >= 0; w--) {
          if (tails[w]! <= j) hop = windows[w]!.hopMs;
          else if (tails[w]! < nextTail) nextTail = tails[w]!;
        }
      }
      const start = Math.floor(logs[from]! / hop) * hop;
      const merges = !isTail && start === slices[(kept - 1) * width];
      if (!merges) {
        const to = kept * width;
        slices[to] = start;
        for (let lane = 1; lane < width; lane++) slices[to + lane] = logs[from + lane]!;
        kept++;
      }
      if (isTail) this.#moved(j, kept - 1);
    }
    assert(size === 0 || hop > 0, 'the widest window holds every slice of the log');
    // An empty window's index says nothing, but is read ahead of the kernel: it must lie in the block.
    for (let w = 0; w < tails.length; w++) if (tails[w] === size) this.#movedTails[w] = 0;
    this.#tails.set(this.#movedTails);
    return kept;
  }

  #moved(from: number, to: number): void {
    for (let w = 0; w < this.#tails.length; w++)
      if (this.#tails[w] === from) this.#movedTails[w] = to;
  }

  /** A block for at least `slices`; what the old one held is lost. */
  #fit(header: number, slices: number): void {
    const { i32 } = this.#sections;
    const wanted = Math.max(this.#smallestClass, sizeClass(slices * this.#width));
    const capacity = i32[header + CAPACITY]!;
    if (capacity > 0) {
      const held = this.#classOf(capacity);
      if (held === wanted) return;
      this.#logs.free(i32[header + BLOCK]!, held);
    }
    i32[header + BLOCK] = this.#logs.alloc(wanted);
    i32[header + CAPACITY] = Math.floor(2 ** wanted / this.#width);
  }

  /** Physical index of the oldest slice. */
  oldest(header: number): number {
    const { i32 } = this.#sections;
    const at = i32[header + HEAD]! - i32[header + SIZE]!;
    return at < 0 ? at + i32[header + CAPACITY]! : at;
  }

  /** Word of the slice at logical index j (0: oldest). */
  slotAt(header: number, j: number): number {
    const { i32 } = this.#sections;
    const capacity = i32[header + CAPACITY]!;
    let at = this.oldest(header) + j;
    if (at >= capacity) at -= capacity;
    return i32[header + BLOCK]! + at * this.#width;
  }

  /** Start of the slice at logical index j. */
  startAt(header: number, j: number): number {
    return this.#logs.f64[this.slotAt(header, j)]!;
  }

  /** Logical index of a window's oldest slice; the log's size when it holds none. */
  tailOf(section: number, window: ChainWindow): number {
    const { f64, i32 } = this.#sections;
    const header = section * 2;
    if (f64[section + window.expiry] === Number.POSITIVE_INFINITY) return i32[header + SIZE]!;
    const at = i32[section * 2 + window.tail]! - this.oldest(header);
    return at < 0 ? at + i32[header + CAPACITY]! : at;
  }

  #classOf(capacity: number): number {
    return sizeClass(capacity * this.#width);
  }
}

function sizeClass(words: number): number {
  return 32 - Math.clz32(words - 1);
}
