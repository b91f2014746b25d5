/**
 * All keyed state lives in slabs: growable word arrays, cut into pages, with one dirty bit a page. A checkpoint writes
 * the dirty pages and nothing else; restore puts pages back. An operator therefore never serialises anything, and must
 * keep everything it needs to go on in its slabs (words 0 .. ROOT_WORDS of each are its own to use for counters,
 * free-list heads and the like; `alloc` keeps its own at the front of them).
 *
 * Words are 8 bytes, addressed by word index through `f64`; `i32` and `u8` look at the same bytes.
 * Views are replaced when the slab grows: read them again after anything that may allocate.
 *
 * Root layout: word 0 bump pointer; words 1..30 free-list heads by size class (blocks of 2^c words, next link in word 0
 * of a free block); word 31 words that are free; words 32..63 the operator's.
 */
import { assert } from '../assert.ts';
import { slabMemory } from './slab-memory.ts';

export const PAGE_SHIFT = 13;
/** 8,192 words, 64 KiB. */
export const PAGE_WORDS = 1 << PAGE_SHIFT;
export const ROOT_WORDS = 64;
/** First root word that belongs to the operator. */
export const ROOT_USER = 32;
/** Root word: how many words lie in free lists. */
const FREE_WORDS = 31;
/** A slab grows to so many times its size: small ones are many, large ones are dear to copy. */
const GROWTH_SMALL = 4;
const GROWTH_LARGE = 16;
/** 1 MiB. */
const LARGE_WORDS = 1 << 17;
/** Blocks of at most so many words are zeroed one by one: a call costs more. */
const FILL_WORDS_MIN = 64;
/** 2^30 words (8 GiB) is the most one slab may hold. */
export const SLAB_WORDS_MAX = 2 ** 30;

export class Slab {
  readonly name: string;
  f64: Float64Array;
  i32: Int32Array;
  u8: Uint8Array;
  /** One byte a page; whoever writes a word sets dirty[word >> PAGE_SHIFT] = 1. */
  dirty: Uint8Array;

  constructor(name: string, initialWords: number = PAGE_WORDS) {
    this.name = name;
    const words = roundUp(Math.max(initialWords, PAGE_WORDS));
    const buffer = slabMemory(words * 8, words * 8);
    this.f64 = new Float64Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.u8 = new Uint8Array(buffer);
    this.dirty = new Uint8Array(words >> PAGE_SHIFT);
    this.f64[0] = ROOT_WORDS;
    this.dirty[0] = 1;
  }

  /** Words handed out so far, freed ones included. */
  get used(): number {
    return this.f64[0]!;
  }

  /** Whole pages in use: room beyond them is only reserved, and takes no memory until it is written to. */
  get bytes(): number {
    return Math.min(this.f64.length, roundUp(this.used)) * 8;
  }

  /**
   * Makes room for word indexes below `words`, and much more. Fresh room is zero pages that the system maps when they are
   * first written, so room costs nothing, but copying into it does. New words are 0.
   */
  ensure(words: number): void {
    if (words <= this.f64.length) return;
    assert(words <= SLAB_WORDS_MAX, `slab ${this.name} would exceed ${SLAB_WORDS_MAX} words`);
    const before = this.f64.length;
    const wanted = before * (before < LARGE_WORDS ? GROWTH_SMALL : GROWTH_LARGE);
    const least = roundUp(words);
    const size = Math.max(least, roundUp(Math.min(SLAB_WORDS_MAX, wanted)));
    const buffer = slabMemory(size * 8, Math.min(size, Math.max(least, before * 2)) * 8);
    const f64 = new Float64Array(buffer);
    f64.set(this.f64);
    const dirty = new Uint8Array(f64.length >> PAGE_SHIFT);
    dirty.set(this.dirty);
    this.f64 = f64;
    this.i32 = new Int32Array(buffer);
    this.u8 = new Uint8Array(buffer);
    this.dirty = dirty;
  }

  /** A run of `words` fresh words that is never freed (records, tables). Zeroed. */
  bump(words: number): number {
    const at = this.f64[0]!;
    this.ensure(at + words);
    this.f64[0] = at + words;
    this.dirty[0] = 1;
    this.mark(at, words);
    return at;
  }

  /** A zeroed block of 2^sizeClass words. */
  alloc(sizeClass: number): number {
    assert(sizeClass >= 0 && sizeClass < FREE_WORDS - 1, `size class ${sizeClass}`);
    const head = this.f64[1 + sizeClass]!;
    const words = 1 << sizeClass;
    if (head === 0) return this.bump(words);
    this.f64[1 + sizeClass] = this.f64[head]!;
    this.f64[FREE_WORDS]! -= words;
    this.dirty[0] = 1;
    zero(this.f64, head, words);
    this.mark(head, words);
    return head;
  }

  free(at: number, sizeClass: number): void {
    this.f64[at] = this.f64[1 + sizeClass]!;
    this.f64[1 + sizeClass] = at;
    this.f64[FREE_WORDS]! += 1 << sizeClass;
    this.dirty[0] = 1;
    this.dirty[at >> PAGE_SHIFT] = 1;
  }

  /** Says of words that the operator keeps in a free list of its own that they are free (below 0: no longer). */
  countFree(words: number): void {
    this.f64[FREE_WORDS]! += words;
    this.dirty[0] = 1;
  }

  /** Words handed out and not free. */
  get inUse(): number {
    return this.f64[0]! - this.f64[FREE_WORDS]!;
  }

  /** Marks words [at, at + words) as written. */
  mark(at: number, words: number): void {
    const last = (at + words - 1) >> PAGE_SHIFT;
    for (let page = at >> PAGE_SHIFT; page <= last; page++) this.dirty[page] = 1;
  }

  /** Pages that hold something and changed since the last `clean`. */
  *dirtyPages(): Generator<{ page: number; bytes: Uint8Array }> {
    const pages = Math.ceil(this.used / PAGE_WORDS);
    for (let page = 0; page < pages; page++) {
      if (this.dirty[page] !== 0) {
        yield { page, bytes: this.u8.subarray(page * PAGE_WORDS * 8, (page + 1) * PAGE_WORDS * 8) };
      }
    }
  }

  clean(): void {
    this.dirty.fill(0);
  }

  /** Puts a saved page back; the page is then clean. */
  load(page: number, bytes: Uint8Array): void {
    assert(bytes.length === PAGE_WORDS * 8, `page of ${bytes.length} bytes in slab ${this.name}`);
    this.ensure((page + 1) * PAGE_WORDS);
    this.u8.set(bytes, page * PAGE_WORDS * 8);
    this.dirty[page] = 0;
  }
}

/** Every slab of one shard, by name; what a checkpoint walks over. */
export class SlabSet {
  readonly #slabs = new Map<string, Slab>();

  /** The slab of that name; made on first use (or by restore, before its operator asks for it). */
  open(name: string, initialWords: number = PAGE_WORDS): Slab {
    let slab = this.#slabs.get(name);
    if (slab === undefined) {
      slab = new Slab(name, initialWords);
      this.#slabs.set(name, slab);
    }
    return slab;
  }

  all(): IterableIterator<Slab> {
    return this.#slabs.values();
  }

  get bytes(): number {
    let sum = 0;
    for (const slab of this.#slabs.values()) sum += slab.bytes;
    return sum;
  }
}

function zero(f64: Float64Array, at: number, words: number): void {
  if (words > FILL_WORDS_MIN) f64.fill(0, at, at + words);
  else for (let i = at; i < at + words; i++) f64[i] = 0;
}

function roundUp(words: number): number {
  return Math.ceil(words / PAGE_WORDS) * PAGE_WORDS;
}
