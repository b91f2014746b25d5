/**
 * The event ids of one partition, bounded in event time. What is kept is a set of (id hash, own time, row offset) in a
 * slab; an index beside it, in plain memory, is rebuilt from the slab when a set is opened.
 *
 * Entries are appended to blocks; a block belongs to one segment of event time (or to the segment of what is far
 * ahead), so old entries are dropped a block at a time and a checkpoint writes new blocks, not the whole table.
 *
 * Block: word 0 next block, 1 entries, 2 segment, 3 greatest time, 4 previous block; then entries of three words:
 * hash lanes (two int32), own time, offset. Root word ROOT_USER: first block.
 *
 * An id may have several entries: which of them is "an earlier copy" is decided by offset and time, so a partition can
 * be read again from an earlier offset with a newer set, as long as nothing was dropped that this reading needs.
 */
import { assert } from '../assert.ts';
import type { Slab } from '../state/slab.ts';
import { PAGE_SHIFT, ROOT_USER } from '../state/slab.ts';

const BLOCK_CLASS = 10;
const BLOCK_WORDS = 2 ** BLOCK_CLASS;
const HEADER_WORDS = 5;
const ENTRY_WORDS = 3;
const BLOCK_ENTRIES = Math.floor((BLOCK_WORDS - HEADER_WORDS) / ENTRY_WORDS);
/** Segment of events beyond what the watermark allows: their times are anyone's guess. */
const FAR_SEGMENT = -1;
/** A segment is an eighth of the horizon, but never shorter. */
const SEGMENT_MS_MIN = 10_000;

/** `open`: the block with room, 0 if there is none yet. */
type Segment = { readonly key: number; readonly blocks: number[]; open: number; maxTime: number };

/** What `find` answers. */
export const NEW = 0;
export const KNOWN = 1;
export const DUPLICATE = 2;

export class DedupSet {
  readonly #slab: Slab;
  readonly #segmentMs: number;
  readonly #segments = new Map<number, Segment>();
  /** Open addressing, linear probing: low lane and entry word (0: empty), at most half full. */
  #lanes: Int32Array = new Int32Array(1024);
  #entries: Int32Array = new Int32Array(1024);
  #size = 0;
  /** The segment of the last entry: the next one is mostly in it too. */
  #current: Segment | null = null;
  #currentKey = 0;
  #currentFrom = 0;

  constructor(slab: Slab, horizonMs: number) {
    this.#slab = slab;
    this.#segmentMs = Math.max(SEGMENT_MS_MIN, Math.ceil(horizonMs / 8));
    this.#reopen();
  }

  get size(): number {
    return this.#size;
  }

  /** Reads the index slots that a batch will ask for, so that their cache misses overlap. */
  touch(lo: Int32Array, n: number): number {
    const mask = this.#entries.length - 1;
    let sum = 0;
    for (let i = 0; i < n; i++) sum += this.#entries[lo[i]! & mask]!;
    return sum;
  }

  /**
   * DUPLICATE if (lo, hi) has an entry with an offset before `offset` and a time of `sinceTime` or later; KNOWN if it
   * has one of this very row (the partition is read again); else NEW.
   */
  find(lo: number, hi: number, offset: number, sinceTime: number): number {
    const { f64, i32 } = this.#slab;
    const mask = this.#entries.length - 1;
    let found = NEW;
    for (let slot = lo & mask; ; slot = (slot + 1) & mask) {
      const at = this.#entries[slot]!;
      if (at === 0) return found;
      if (this.#lanes[slot] !== lo || i32[at * 2 + 1] !== hi) continue;
      if (f64[at + 2]! === offset) found = KNOWN;
      else if (f64[at + 2]! < offset && f64[at + 1]! >= sinceTime) return DUPLICATE;
    }
  }

  /** Adds an accepted row that is NEW. A time after `horizonTime` is far ahead. */
  add(lo: number, hi: number, time: number, offset: number, horizonTime: number): void {
    const block = this.#openBlock(this.#segmentOf(time, horizonTime), time);
    const { f64, i32, dirty } = this.#slab;
    const count = f64[block + 1]!;
    const at = block + HEADER_WORDS + count * ENTRY_WORDS;
    i32[at * 2] = lo;
    i32[at * 2 + 1] = hi;
    f64[at + 1] = time;
    f64[at + 2] = offset;
    f64[block + 1] = count + 1;
    if (time > f64[block + 3]!) f64[block + 3] = time;
    // An entry may lie across two pages.
    dirty[block >> PAGE_SHIFT] = 1;
    dirty[(block + HEADER_WORDS) >> PAGE_SHIFT] = 1;
    dirty[at >> PAGE_SHIFT] = 1;
    dirty[(at + ENTRY_WORDS - 1) >> PAGE_SHIFT] = 1;
    if (this.#size * 2 >= this.#entries.length) this.#grow();
    this.#index(lo, at);
  }

  /** Drops whole segments whose every entry is before `time`. */
  forgetBefore(time: number): void {
    for (const [key, segment] of this.#segments) {
      if (segment.maxTime >= time) continue;
      for (const block of segment.blocks) this.#dropBlock(block);
      this.#segments.delete(key);
      if (this.#current === segment) this.#current = null;
    }
  }

  #segmentOf(time: number, horizonTime: number): number {
    if (time > horizonTime) return FAR_SEGMENT;
    const from = this.#currentFrom;
    if (time >= from && time < from + this.#segmentMs) return this.#currentKey;
    this.#currentKey = Math.floor(time / this.#segmentMs);
    this.#currentFrom = this.#currentKey * this.#segmentMs;
    return this.#currentKey;
  }

  /** A block of the segment with room for an entry. */
  #openBlock(key: number, time: number): number {
    let segment = this.#current;
    if (segment === null || segment.key !== key) {
      segment = this.#segments.get(key) ?? null;
      if (segment === null) {
        segment = { key, blocks: [], open: 0, maxTime: Number.NEGATIVE_INFINITY };
        this.#segments.set(key, segment);
      }
      this.#current = segment;
    }
    if (time > segment.maxTime) segment.maxTime = time;
    const { open } = segment;
    if (open !== 0 && this.#slab.f64[open + 1]! < BLOCK_ENTRIES) return open;
    segment.open = this.#newBlock(key, time);
    segment.blocks.push(segment.open);
    return segment.open;
  }

  #newBlock(key: number, time: number): number {
    const block = this.#slab.alloc(BLOCK_CLASS);
    const { f64 } = this.#slab;
    const next = f64[ROOT_USER]!;
    f64[block] = next;
    f64[block + 2] = key;
    f64[block + 3] = time;
    if (next !== 0) {
      f64[next + 4] = block;
      this.#slab.mark(next, HEADER_WORDS);
    }
    f64[ROOT_USER] = block;
    this.#slab.mark(ROOT_USER, 1);
    return block;
  }

  #dropBlock(block: number): void {
    const { f64, i32 } = this.#slab;
    const count = f64[block + 1]!;
    for (let e = 0; e < count; e++) {
      const at = block + HEADER_WORDS + e * ENTRY_WORDS;
      this.#unindex(i32[at * 2]!, at);
    }
    const next = f64[block]!;
    const previous = f64[block + 4]!;
    f64[previous === 0 ? ROOT_USER : previous] = next;
    this.#slab.mark(previous === 0 ? ROOT_USER : previous, 1);
    if (next !== 0) {
      f64[next + 4] = previous;
      this.#slab.mark(next, HEADER_WORDS);
    }
    this.#slab.free(block, BLOCK_CLASS);
  }

  #index(lo: number, at: number): void {
    const mask = this.#entries.length - 1;
    let slot = lo & mask;
    while (this.#entries[slot] !== 0) slot = (slot + 1) & mask;
    this.#entries[slot] = at;
    this.#lanes[slot] = lo;
    this.#size++;
  }

  /** Takes an entry out and closes the gap (Knuth, vol. 3, algorithm 6.4R). */
  #unindex(lo: number, at: number): void {
    const entries = this.#entries;
    const mask = entries.length - 1;
    let gap = lo & mask;
    while (entries[gap] !== at) {
      assert(entries[gap] !== 0, 'an id entry is missing from its index');
      gap = (gap + 1) & mask;
    }
    for (let slot = (gap + 1) & mask; entries[slot] !== 0; slot = (slot + 1) & mask) {
      const home = this.#lanes[slot]! & mask;
      if (((slot - home) & mask) < ((slot - gap) & mask)) continue;
      entries[gap] = entries[slot]!;
      this.#lanes[gap] = this.#lanes[slot]!;
      gap = slot;
    }
    entries[gap] = 0;
    this.#size--;
  }

  #grow(): void {
    const old = this.#entries;
    const oldLanes = this.#lanes;
    this.#entries = new Int32Array(old.length * 2);
    this.#lanes = new Int32Array(old.length * 2);
    this.#size = 0;
    for (let i = 0; i < old.length; i++) if (old[i] !== 0) this.#index(oldLanes[i]!, old[i]!);
  }

  #reopen(): void {
    const { f64, i32 } = this.#slab;
    const blocks: number[] = [];
    for (let block = f64[ROOT_USER]!; block !== 0; block = f64[block]!) blocks.push(block);
    // The list is newest first; the newest block of a segment is the one with room.
    for (const block of blocks.reverse()) {
      const key = f64[block + 2]!;
      const none = { key, blocks: [], open: 0, maxTime: Number.NEGATIVE_INFINITY };
      const segment: Segment = this.#segments.get(key) ?? none;
      this.#segments.set(key, segment);
      segment.open = block;
      segment.blocks.push(block);
      segment.maxTime = Math.max(segment.maxTime, f64[block + 3]!);
      for (let e = 0; e < f64[block + 1]!; e++) {
        const at = block + HEADER_WORDS + e * ENTRY_WORDS;
        if (this.#size * 2 >= this.#entries.length) this.#grow();
        this.#index(i32[at * 2]!, at);
      }
    }
  }
}
