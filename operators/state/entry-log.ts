/**
 * A queue of entries per key, oldest first, in one circular block of a slab. Its header in the key's record is two
 * words: block (int32, 0: none) and capacity in entries (int32); index of the oldest (int32) and size (int32).
 * A full block doubles; an empty one larger than the smallest is given back.
 */
import { type BlockRef, sizeClassOf } from './block-ref.ts';
import { PAGE_SHIFT, type Slab } from './slab.ts';

/** Words of the header. */
export const ENTRY_LOG_WORDS = 2;

const BLOCK = 0;
const CAPACITY = 1;
const OLDEST = 2;
const SIZE = 3;
const SMALLEST_ENTRIES = 2;

export class EntryLog {
  readonly #records: Slab;
  readonly #logs: Slab;
  readonly #width: number;
  readonly #smallestClass: number;

  /** Entries of `width` words. Headers lie in `records`, blocks in `logs`. */
  constructor(records: Slab, logs: Slab, width: number) {
    this.#records = records;
    this.#logs = logs;
    this.#width = width;
    this.#smallestClass = sizeClassOf(SMALLEST_ENTRIES * width);
  }

  /** The block of a log whose header lies `words` words into its section. */
  refAt(words: number): BlockRef {
    const size = { kind: 'capacity', at: words * 2 + CAPACITY, width: this.#width } as const;
    return { slab: this.#logs, address: words * 2 + BLOCK, size, inner: null };
  }

  /** Entries held by the log with its header at word `at`. */
  size(at: number): number {
    return this.#records.i32[at * 2 + SIZE]!;
  }

  /** Word (in the logs' slab) of the entry of index j; 0 is the oldest. */
  word(at: number, j: number): number {
    const { i32 } = this.#records;
    const capacity = i32[at * 2 + CAPACITY]!;
    let index = i32[at * 2 + OLDEST]! + j;
    if (index >= capacity) index -= capacity;
    return i32[at * 2 + BLOCK]! + index * this.#width;
  }

  /** Makes room for a newest entry and answers its word: write all of it. */
  push(at: number): number {
    const { i32, dirty } = this.#records;
    const size = i32[at * 2 + SIZE]!;
    if (size === i32[at * 2 + CAPACITY]!) this.#grow(at);
    i32[at * 2 + SIZE] = size + 1;
    dirty[at >> PAGE_SHIFT] = 1;
    const word = this.word(at, size);
    this.#logs.dirty[word >> PAGE_SHIFT] = 1;
    this.#logs.dirty[(word + this.#width - 1) >> PAGE_SHIFT] = 1;
    return word;
  }

  popOldest(at: number): void {
    const { i32, dirty } = this.#records;
    const next = i32[at * 2 + OLDEST]! + 1;
    i32[at * 2 + OLDEST] = next === i32[at * 2 + CAPACITY]! ? 0 : next;
    dirty[at >> PAGE_SHIFT] = 1;
    this.#drop(at);
  }

  popNewest(at: number): void {
    this.#records.dirty[at >> PAGE_SHIFT] = 1;
    this.#drop(at);
  }

  #drop(at: number): void {
    const { i32 } = this.#records;
    const size = i32[at * 2 + SIZE]! - 1;
    i32[at * 2 + SIZE] = size;
    if (size > 0) return;
    i32[at * 2 + OLDEST] = 0;
    const held = sizeClassOf(i32[at * 2 + CAPACITY]! * this.#width);
    if (held === this.#smallestClass) return;
    this.#logs.free(i32[at * 2 + BLOCK]!, held);
    i32[at * 2 + BLOCK] = 0;
    i32[at * 2 + CAPACITY] = 0;
  }

  #grow(at: number): void {
    const { i32 } = this.#records;
    const capacity = i32[at * 2 + CAPACITY]!;
    const width = this.#width;
    const held = sizeClassOf(capacity * width);
    const wanted = capacity === 0 ? this.#smallestClass : held + 1;
    const block = this.#logs.alloc(wanted);
    if (capacity > 0) {
      const old = i32[at * 2 + BLOCK]!;
      const oldest = i32[at * 2 + OLDEST]!;
      const { f64 } = this.#logs;
      f64.copyWithin(block, old + oldest * width, old + capacity * width);
      f64.copyWithin(block + (capacity - oldest) * width, old, old + oldest * width);
      this.#logs.mark(block, capacity * width);
      this.#logs.free(old, held);
    }
    i32[at * 2 + BLOCK] = block;
    i32[at * 2 + CAPACITY] = Math.floor(2 ** wanted / width);
    i32[at * 2 + OLDEST] = 0;
  }
}
