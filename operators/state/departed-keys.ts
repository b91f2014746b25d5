/**
 * Keys of a keyspace that went to the cold store at some time. A key that is neither in memory nor in here was never seen,
 * and nobody asks the store for it; about one in a hundred such keys is said to be in here all the same. Some 12 to 24
 * bits a key, for as long as the keyspace lives: nothing is ever taken out.
 *
 * Bloom filters (Bloom 1970) in blocks of a cache line (Putze, Sanders & Singler 2007, "Cache-, hash- and
 * space-efficient Bloom filters"), one behind another, each twice as large as the one before: a full one cannot grow.
 *
 * Root words: 32 levels; 33 keys of the newest; 34 keys that are cold now; 40.. the levels' addresses.
 */
import { assert } from '../assert.ts';
import { PAGE_SHIFT, ROOT_USER, type Slab } from './slab.ts';

const LEVELS = ROOT_USER;
const NEWEST_KEYS = ROOT_USER + 1;
const COLD = ROOT_USER + 2;
const ADDRESSES = ROOT_USER + 8;
const LEVELS_MAX = 22;
/** Words of the first level: 128 blocks. */
const WORDS_MIN = 1024;
const BLOCK_WORDS = 8;
const BITS_PER_KEY = 12;
const PROBES = 7;

export class DepartedKeys {
  readonly #slab: Slab;

  /** Over what the slab holds already (restore), or empty. Nothing else lives in it. */
  constructor(slab: Slab) {
    this.#slab = slab;
  }

  /** Keys that are in the cold store and not in memory. */
  get cold(): number {
    return this.#slab.f64[COLD]!;
  }

  /** Whether the key may have left. */
  has(lo: number, hi: number): boolean {
    const { f64 } = this.#slab;
    for (let level = f64[LEVELS]! - 1; level >= 0; level--) {
      if (this.#holds(f64[ADDRESSES + level]!, level, lo, hi)) return true;
    }
    return false;
  }

  /** The key leaves. */
  left(lo: number, hi: number): void {
    const slab = this.#slab;
    slab.f64[COLD]! += 1;
    slab.dirty[0] = 1;
    if (!this.has(lo, hi)) this.#add(lo, hi);
  }

  /** A key that had left is in memory again. */
  returned(): void {
    this.#slab.f64[COLD]! -= 1;
    this.#slab.dirty[0] = 1;
  }

  #add(lo: number, hi: number): void {
    const slab = this.#slab;
    let level = slab.f64[LEVELS]! - 1;
    if (level < 0 || slab.f64[NEWEST_KEYS]! * BITS_PER_KEY >= wordsOf(level) * 64) {
      level++;
      assert(level < LEVELS_MAX, `${slab.name} holds more keys than were thought of`);
      // It may replace the views.
      const at = slab.bump(wordsOf(level));
      slab.f64[ADDRESSES + level] = at;
      slab.f64[LEVELS] = level + 1;
      slab.f64[NEWEST_KEYS] = 0;
    }
    slab.f64[NEWEST_KEYS]! += 1;
    const block = blockOf(slab.f64[ADDRESSES + level]!, level, lo, hi);
    const { i32 } = slab;
    let bit = mix(hi ^ Math.imul(lo, 0x85ebca6b));
    const stride = (bit >>> 16) | 1;
    for (let k = 0; k < PROBES; k++, bit += stride) {
      i32[block * 2 + ((bit >>> 5) & 15)]! |= 1 << (bit & 31);
    }
    slab.dirty[block >> PAGE_SHIFT] = 1;
    slab.dirty[0] = 1;
  }

  #holds(at: number, level: number, lo: number, hi: number): boolean {
    const { i32 } = this.#slab;
    const block = blockOf(at, level, lo, hi);
    let bit = mix(hi ^ Math.imul(lo, 0x85ebca6b));
    const stride = (bit >>> 16) | 1;
    for (let k = 0; k < PROBES; k++, bit += stride) {
      if ((i32[block * 2 + ((bit >>> 5) & 15)]! & (1 << (bit & 31))) === 0) return false;
    }
    return true;
  }
}

function wordsOf(level: number): number {
  return WORDS_MIN * 2 ** level;
}

/** Word of the block of a key in the level at word `at`. */
function blockOf(at: number, level: number, lo: number, hi: number): number {
  const blocks = wordsOf(level) / BLOCK_WORDS;
  return at + (mix(lo + Math.imul(hi, 0x9e3779b1)) & (blocks - 1)) * BLOCK_WORDS;
}

/** The finisher of MurmurHash3 (Appleby 2011). */
function mix(h: number): number {
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}
