/**
 * Open addressing from a 64-bit hash to a word index in another slab, whose word 0 at that index holds the hash
 * (lo, hi). Entries are one word: (hi, index), so a probe compares half the hash before it goes to the record, and
 * going there also brings the record's first line into cache. The first slot is named by hi too: growing then reads
 * no records, which lie anywhere.
 *
 * Root words: 32 capacity (entries, a power of two), 33 entries in use. Entries lie from ROOT_WORDS on; as nothing
 * else lives in the slab it grows in place.
 */
import { assert } from '../assert.ts';
import { PAGE_SHIFT, ROOT_USER, ROOT_WORDS, type Slab } from './slab.ts';

const CAPACITY = ROOT_USER;
const COUNT = ROOT_USER + 1;
const CAPACITY_MIN = 64;
/** Entries a table may have: its slots are addressed by int32. */
export const KEYS_MAX = 2 ** 28;

export class KeyTable {
  readonly #table: Slab;
  readonly #records: Slab;
  #mask: number;

  /** Over what the slabs hold already (restore), or empty with room for `expected` keys. */
  constructor(table: Slab, records: Slab, expected = 0) {
    this.#table = table;
    this.#records = records;
    if (table.f64[CAPACITY] === 0) {
      let capacity = CAPACITY_MIN;
      while (capacity * 0.6 < expected) capacity *= 2;
      table.bump(capacity);
      table.f64[CAPACITY] = capacity;
      table.dirty[0] = 1;
    }
    this.#mask = table.f64[CAPACITY]! - 1;
  }

  get size(): number {
    return this.#table.f64[COUNT]!;
  }

  /** The index in the slot where a hash of that high lane would be first: reading it ahead brings the slot into cache. */
  peek(hi: number): number {
    return this.#table.i32[(ROOT_WORDS + (hi & this.#mask)) * 2 + 1]!;
  }

  /** The word index stored for the hash; 0: none. */
  find(lo: number, hi: number): number {
    const entries = this.#table.i32;
    const records = this.#records.i32;
    const mask = this.#mask;
    let slot = hi & mask;
    for (;;) {
      const at = (ROOT_WORDS + slot) * 2;
      const record = entries[at + 1]!;
      if (record === 0) return 0;
      if (entries[at] === hi && records[record * 2] === lo) return record;
      slot = (slot + 1) & mask;
    }
  }

  /** Enters a record of that high lane that `find` does not know yet. */
  insert(hi: number, record: number): void {
    const table = this.#table;
    const count = table.f64[COUNT]! + 1;
    assert(count <= KEYS_MAX, `table ${table.name} holds more than ${KEYS_MAX} keys`);
    if (count > (this.#mask + 1) * 0.6) this.#grow();
    table.f64[COUNT] = count;
    table.dirty[0] = 1;
    this.#place(hi, record);
  }

  /** Takes out a record that `find` knows, while its word 0 still holds the hash; those behind it move up. */
  remove(lo: number, hi: number): void {
    const table = this.#table;
    const entries = table.i32;
    const records = this.#records.i32;
    const mask = this.#mask;
    let hole = hi & mask;
    for (; ; hole = (hole + 1) & mask) {
      const at = (ROOT_WORDS + hole) * 2;
      const record = entries[at + 1]!;
      assert(record !== 0, `a key to take out of ${table.name} is in it`);
      if (entries[at] === hi && records[record * 2] === lo) break;
    }
    for (let slot = (hole + 1) & mask; ; slot = (slot + 1) & mask) {
      const from = (ROOT_WORDS + slot) * 2;
      const record = entries[from + 1]!;
      if (record === 0) break;
      const wanted = entries[from]! & mask;
      if (((slot - wanted) & mask) < ((slot - hole) & mask)) continue;
      entries[(ROOT_WORDS + hole) * 2] = entries[from]!;
      entries[(ROOT_WORDS + hole) * 2 + 1] = record;
      table.dirty[(ROOT_WORDS + hole) >> PAGE_SHIFT] = 1;
      hole = slot;
    }
    entries[(ROOT_WORDS + hole) * 2] = 0;
    entries[(ROOT_WORDS + hole) * 2 + 1] = 0;
    table.dirty[(ROOT_WORDS + hole) >> PAGE_SHIFT] = 1;
    table.f64[COUNT]! -= 1;
    table.dirty[0] = 1;
  }

  #place(hi: number, record: number): void {
    const entries = this.#table.i32;
    const mask = this.#mask;
    let slot = hi & mask;
    while (entries[(ROOT_WORDS + slot) * 2 + 1] !== 0) slot = (slot + 1) & mask;
    const word = ROOT_WORDS + slot;
    entries[word * 2] = hi;
    entries[word * 2 + 1] = record;
    this.#table.dirty[word >> PAGE_SHIFT] = 1;
  }

  #grow(): void {
    const table = this.#table;
    const before = this.#mask + 1;
    const old = table.i32.slice(ROOT_WORDS * 2, (ROOT_WORDS + before) * 2);
    table.bump(before);
    assert(table.used === ROOT_WORDS + before * 2, `table ${table.name} does not own its slab`);
    table.i32.fill(0, ROOT_WORDS * 2, (ROOT_WORDS + before) * 2);
    table.mark(ROOT_WORDS, before * 2);
    this.#mask = before * 2 - 1;
    table.f64[CAPACITY] = before * 2;
    table.dirty[0] = 1;
    for (let i = 0; i < old.length; i += 2) if (old[i + 1] !== 0) this.#place(old[i]!, old[i + 1]!);
  }
}
