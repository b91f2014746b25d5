/**
 * A key's record and the blocks it points to, as bytes; and back. Blocks may lie elsewhere afterwards: their contents
 * hold no addresses but those that the references name, and these are written anew.
 *
 * Bytes: an int32 for whoever keeps them; n, the number of words; a bit a word, in int32s, for those that are not 0;
 * those words. The words are
 * the record's, then each block's in the order of the references, a block before what it points to. They are moved as
 * int32s: as numbers, those that look like a NaN would not survive.
 */
import { assert } from '../assert.ts';
import { type BlockRef, classOfRef } from './block-ref.ts';
import type { Slab } from './slab.ts';

const WORDS_AT_FIRST = 4096;

export class ColdRecord {
  readonly #records: Slab;
  readonly #words: number;
  readonly #refs: readonly BlockRef[];
  /** Words on their way, as int32s. */
  #plain = new Int32Array(WORDS_AT_FIRST * 2);
  #packed = new Int32Array(WORDS_AT_FIRST * 2);
  #n = 0;

  /** Records of `words` words in `records`, which hold `refs`. */
  constructor(records: Slab, words: number, refs: readonly BlockRef[]) {
    this.#records = records;
    this.#words = words;
    this.#refs = refs;
  }

  /** The record as bytes, lent until the next call; its blocks are freed. */
  take(record: number): Uint8Array {
    this.#n = 0;
    this.#push(this.#records, record, this.#words);
    this.#takeBlocks(this.#records, record, this.#refs, true);
    return this.#pack();
  }

  /** Frees the record's blocks. */
  drop(record: number): void {
    this.#takeBlocks(this.#records, record, this.#refs, false);
  }

  /** Writes a record from its bytes, over words of any content; allocates its blocks. */
  put(record: number, bytes: Uint8Array): void {
    this.#unpack(bytes);
    this.#n = 0;
    this.#pull(this.#records, record, this.#words);
    this.#records.mark(record, this.#words);
    this.#putBlocks(this.#records, record, this.#refs);
  }

  #takeBlocks(home: Slab, at: number, refs: readonly BlockRef[], keep: boolean): void {
    for (let r = 0; r < refs.length; r++) {
      const { slab, address, size, inner } = refs[r]!;
      const block = home.i32[at * 2 + address]!;
      if (block === 0) continue;
      const sizeClass = classOfRef(size, home.i32, at);
      if (keep) this.#push(slab, block, 1 << sizeClass);
      if (inner !== null) {
        const end = block + (1 << sizeClass) - inner.words;
        for (let item = block; item <= end; item += inner.words) {
          this.#takeBlocks(slab, item, inner.refs, keep);
        }
      }
      slab.free(block, sizeClass);
    }
  }

  #putBlocks(home: Slab, at: number, refs: readonly BlockRef[]): void {
    for (let r = 0; r < refs.length; r++) {
      const { slab, address, size, inner } = refs[r]!;
      if (home.i32[at * 2 + address] === 0) continue;
      const sizeClass = classOfRef(size, home.i32, at);
      const block = slab.alloc(sizeClass);
      home.i32[at * 2 + address] = block;
      this.#pull(slab, block, 1 << sizeClass);
      if (inner === null) continue;
      const end = block + (1 << sizeClass) - inner.words;
      for (let item = block; item <= end; item += inner.words) {
        this.#putBlocks(slab, item, inner.refs);
      }
    }
  }

  #push(slab: Slab, at: number, words: number): void {
    const to = this.#n * 2;
    if (to + words * 2 > this.#plain.length) this.#growPlain(to + words * 2);
    const plain = this.#plain;
    const { i32 } = slab;
    const from = at * 2;
    for (let i = 0; i < words * 2; i++) plain[to + i] = i32[from + i]!;
    this.#n += words;
  }

  #pull(slab: Slab, at: number, words: number): void {
    const from = this.#n * 2;
    assert(from + words * 2 <= this.#plain.length, 'a cold record is shorter than what it holds');
    const plain = this.#plain;
    const { i32 } = slab;
    const to = at * 2;
    for (let i = 0; i < words * 2; i++) i32[to + i] = plain[from + i]!;
    this.#n += words;
  }

  #growPlain(length: number): void {
    const plain = new Int32Array(length * 2);
    plain.set(this.#plain);
    this.#plain = plain;
  }

  #pack(): Uint8Array {
    const n = this.#n;
    const first = 2 + Math.ceil(n / 32);
    if (this.#packed.length < first + n * 2) this.#packed = new Int32Array((first + n * 2) * 2);
    const plain = this.#plain;
    const packed = this.#packed;
    packed[1] = n;
    let to = first;
    for (let from = 0, mask = 2; from < n; from += 32, mask++) {
      const words = Math.min(32, n - from);
      let bits = 0;
      for (let w = 0; w < words; w++) {
        const lo = plain[(from + w) * 2]!;
        const hi = plain[(from + w) * 2 + 1]!;
        if ((lo | hi) === 0) continue;
        bits |= 1 << w;
        packed[to++] = lo;
        packed[to++] = hi;
      }
      packed[mask] = bits;
    }
    return new Uint8Array(packed.buffer, 0, to * 4);
  }

  #unpack(bytes: Uint8Array): void {
    const length = bytes.length >> 2;
    if (this.#packed.length < length) this.#packed = new Int32Array(length * 2);
    const packed = this.#packed;
    new Uint8Array(packed.buffer).set(bytes);
    const n = packed[1]!;
    if (this.#plain.length < n * 2) this.#plain = new Int32Array(n * 4);
    const plain = this.#plain;
    let at = 2 + Math.ceil(n / 32);
    for (let from = 0, mask = 2; from < n; from += 32, mask++) {
      const words = Math.min(32, n - from);
      const bits = packed[mask]!;
      for (let w = 0; w < words; w++) {
        const isSet = (bits & (1 << w)) !== 0;
        plain[(from + w) * 2] = isSet ? packed[at++]! : 0;
        plain[(from + w) * 2 + 1] = isSet ? packed[at++]! : 0;
      }
    }
    assert(at === length, `a cold record of ${length} int32s holds ${at}`);
  }
}
