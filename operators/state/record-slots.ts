/**
 * Where the records of a keyspace lie: page p >= 1 of their slab holds floor(PAGE_WORDS / words) of them, so that none
 * crosses a page. Slots are numbered in the order in which they were first handed out.
 * Root words: 32 slots ever handed out; 33 the first free one (its word 0: the next).
 */
import { PAGE_SHIFT, PAGE_WORDS, ROOT_USER, ROOT_WORDS, type Slab } from './slab.ts';

const SLOTS = ROOT_USER;
const FREE = ROOT_USER + 1;

export class RecordSlots {
  readonly #records: Slab;
  readonly #words: number;
  readonly #perPage: number;

  /** Records of `words` words, at most a page; room for `expected` of them. */
  constructor(records: Slab, words: number, expected: number) {
    this.#records = records;
    this.#words = words;
    this.#perPage = Math.floor(PAGE_WORDS / words);
    records.ensure((1 + Math.ceil(expected / this.#perPage)) * PAGE_WORDS);
  }

  /** Slots handed out so far, given back ones included. */
  get count(): number {
    return this.#records.f64[SLOTS]!;
  }

  /** A zeroed record, its page marked. */
  take(): number {
    const records = this.#records;
    const free = records.f64[FREE]!;
    if (free !== 0) {
      records.f64[FREE] = records.f64[free]!;
      records.countFree(-this.#words);
      records.f64.fill(0, free, free + this.#words);
      records.dirty[free >> PAGE_SHIFT] = 1;
      return free;
    }
    const number = records.f64[SLOTS]!;
    const inPage = number % this.#perPage;
    if (inPage === 0) {
      // Records begin on page 1, after what is left of the root's page.
      if (number === 0) records.bump(PAGE_WORDS - ROOT_WORDS);
      records.bump(PAGE_WORDS);
    }
    const page = 1 + Math.floor(number / this.#perPage);
    records.f64[SLOTS] = number + 1;
    records.dirty[0] = 1;
    records.dirty[page] = 1;
    return page * PAGE_WORDS + inPage * this.#words;
  }

  /** Takes a record back; nobody names it any more. */
  give(record: number): void {
    const records = this.#records;
    records.f64[record] = records.f64[FREE]!;
    records.f64[FREE] = record;
    records.countFree(this.#words);
    records.dirty[record >> PAGE_SHIFT] = 1;
  }

  /** The records that were given back and not taken again. */
  *free(): Generator<number> {
    const { f64 } = this.#records;
    for (let record = f64[FREE]!; record !== 0; record = f64[record]!) yield record;
  }

  at(number: number): number {
    const inPage = number % this.#perPage;
    return (1 + (number - inPage) / this.#perPage) * PAGE_WORDS + inPage * this.#words;
  }

  numberOf(record: number): number {
    const page = (record >> PAGE_SHIFT) - 1;
    return page * this.#perPage + (record & (PAGE_WORDS - 1)) / this.#words;
  }
}
