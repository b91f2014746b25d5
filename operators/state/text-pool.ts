/**
 * Byte strings kept once each and named by a number, so that a value log entry is one word whatever it holds. Append
 * only: a string that nobody names any more stays until the pool is full.
 *
 * An entry is: hash (lo, hi); length in bytes (int32), 0; the bytes. Its word index is its name.
 */
import { combine, hashBytes, lanes } from '../hash.ts';
import { KeyTable } from './key-table.ts';
import type { Slab, SlabSet } from './slab.ts';

/** Bytes one pool may hold (one store, one shard), entry heads included. */
export const POOL_BYTES_MAX = 2 ** 30;

/** A pool reached its bound: the program keeps more distinct texts than the machine was given room for. */
export class TextPoolFull extends Error {
  override readonly name = 'TextPoolFull';
}

export class TextPool {
  readonly #entries: Slab;
  readonly #table: KeyTable;
  readonly #name: string;
  readonly #bytesMax: number;

  /** Keeps its state in slabs `<name>.texts` and `<name>.textkeys`. */
  constructor(slabs: SlabSet, name: string, bytesMax: number = POOL_BYTES_MAX) {
    this.#name = name;
    this.#bytesMax = bytesMax;
    this.#entries = slabs.open(`${name}.texts`);
    this.#table = new KeyTable(slabs.open(`${name}.textkeys`), this.#entries);
  }

  /** Distinct texts held. */
  get size(): number {
    return this.#table.size;
  }

  /** The name of bytes [start, end): equal bytes have equal names. Throws TextPoolFull at the bound. */
  intern(bytes: Uint8Array, start: number, end: number): number {
    hashBytes(bytes, start, end);
    let lo = lanes[0]!;
    let hi = lanes[1]!;
    for (;;) {
      const entry = this.#table.find(lo, hi);
      if (entry === 0) return this.#add(lo, hi, { bytes, start, end });
      if (this.#holds(entry, bytes, start, end)) return entry;
      // Another text of the same hash: both lanes go on from here, the same way every time.
      combine(lo, hi, 1, 1);
      lo = lanes[0]!;
      hi = lanes[1]!;
    }
  }

  /** The slab's bytes; read again after an `intern`. */
  get bytes(): Uint8Array {
    return this.#entries.u8;
  }

  /** Where the text of that name begins in `bytes`. */
  start(name: number): number {
    return (name + 2) * 8;
  }

  /** Where it ends. */
  end(name: number): number {
    return (name + 2) * 8 + this.#entries.i32[name * 2 + 2]!;
  }

  #holds(entry: number, bytes: Uint8Array, start: number, end: number): boolean {
    const { u8 } = this.#entries;
    const at = this.start(entry);
    if (this.end(entry) - at !== end - start) return false;
    for (let i = 0; i < end - start; i++) if (u8[at + i] !== bytes[start + i]) return false;
    return true;
  }

  #add(lo: number, hi: number, text: { bytes: Uint8Array; start: number; end: number }): number {
    const length = text.end - text.start;
    const words = 2 + Math.ceil(length / 8);
    const entries = this.#entries;
    if ((entries.used + words) * 8 > this.#bytesMax) {
      throw new TextPoolFull(
        `store ${this.#name} keeps ${this.size} distinct texts, which is all that fits into ${this.#bytesMax} bytes`,
      );
    }
    const entry = entries.bump(words);
    entries.i32[entry * 2] = lo;
    entries.i32[entry * 2 + 1] = hi;
    entries.i32[entry * 2 + 2] = length;
    entries.u8.set(text.bytes.subarray(text.start, text.end), (entry + 2) * 8);
    this.#table.insert(hi, entry);
    return entry;
  }
}
