/**
 * The anchors of one example set that something may still be emitted for, on one shard, by id. Words:
 *
 *   root 32..37   bucket table address, its size class, live anchors, free record, frontier so far, held anchors
 *   root 40..     the shard's counters
 *   record        0  next record of the bucket (or of the free list)
 *                 1  id lanes
 *                 2  time
 *                 3  i32 partition, i32 flags
 *                 4  offset
 *                 5  address of the frozen row in the row slab
 *                 6  i32 size class of that row, i32 generation (goes up when the record is freed)
 *                 7  due time of the timer that counts (others are stale)
 *                 8  audit held since (its deadline)
 *   per label +0  i32 credits not taken back, i32 flags and value
 *             +1  greatest own time of a credited event; -infinity
 *             +2  the wait's emission held since; +3  the deadline's emission held since
 */
import type { AnchorRows } from '../label/attribute-anchors.ts';
import { ROOT_USER, type Slab, type SlabSet } from '../state/slab.ts';
import { AUDIT_HELD, DEADLINE_HELD, WAIT_HELD } from './emission-flags.ts';

export const RECORD_WORDS = 9;
export const LABEL_WORDS = 4;

const TABLE = ROOT_USER;
const TABLE_CLASS = ROOT_USER + 1;
const LIVE = ROOT_USER + 2;
const FREE = ROOT_USER + 3;
const FRONTIER = ROOT_USER + 4;
const HELD = ROOT_USER + 5;
const TABLE_CLASS_MIN = 6;
/** Generations wrap: a stale timer would have to outlive four million reuses of its record. */
const GENERATIONS = 2 ** 22;
const ADDRESSES = 2 ** 30;

export class EmissionAnchors {
  readonly slab: Slab;
  readonly #words: number;

  constructor(slabs: SlabSet, name: string, labels: number) {
    this.slab = slabs.open(name);
    this.#words = RECORD_WORDS + labels * LABEL_WORDS;
    if (this.slab.f64[TABLE] === 0) {
      const table = this.slab.alloc(TABLE_CLASS_MIN);
      this.slab.f64[TABLE] = table;
      this.slab.f64[TABLE_CLASS] = TABLE_CLASS_MIN;
      this.slab.f64[FRONTIER] = Number.NEGATIVE_INFINITY;
      this.slab.mark(ROOT_USER, 8);
    }
  }

  /** Live records. */
  get size(): number {
    return this.slab.f64[LIVE];
  }

  /** The frontier of the batch before; -infinity at first. */
  get frontier(): number {
    return this.slab.f64[FRONTIER];
  }

  set frontier(frontier: number) {
    this.slab.f64[FRONTIER] = frontier;
    this.slab.mark(FRONTIER, 1);
  }

  /** How many records have a label or an audit row that is held by a silent stream. */
  get held(): number {
    return this.slab.f64[HELD];
  }

  /** Whether the record is one of them. `labels`: how many of its labels to look at. */
  isHeld(record: number, labels: number): boolean {
    const { i32 } = this.slab;
    let flags = i32[record * 2 + 7] & AUDIT_HELD;
    for (let l = 0; l < labels; l++) {
      const word = record + RECORD_WORDS + l * LABEL_WORDS;
      flags |= i32[word * 2 + 1] & (WAIT_HELD | DEADLINE_HELD);
    }
    return flags !== 0;
  }

  countHeld(more: number): void {
    this.slab.f64[HELD] += more;
    this.slab.mark(HELD, 1);
  }

  /** A record for row `row`; its other words are 0. */
  add(from: AnchorRows, row: number): number {
    const { slab } = this;
    if (this.size >= 2 ** slab.f64[TABLE_CLASS]) this.#rehash();
    const record = this.#record();
    const { f64, i32 } = slab;
    i32[record * 2 + 2] = from.lo[row];
    i32[record * 2 + 3] = from.hi[row];
    f64[record + 2] = from.time[row];
    i32[record * 2 + 6] = from.partition[row];
    f64[record + 4] = from.offset[row];
    this.#link(record);
    f64[LIVE] += 1;
    slab.mark(LIVE, 1);
    return record;
  }

  /** The record of row `row`'s anchor; 0: none (any more). */
  find(of: AnchorRows, row: number): number {
    const { f64, i32 } = this.slab;
    const lo = of.lo[row];
    const hi = of.hi[row];
    for (let record = f64[this.#bucket(lo)]; record !== 0; record = f64[record]) {
      if (
        i32[record * 2 + 2] === lo &&
        i32[record * 2 + 3] === hi &&
        f64[record + 2] === of.time[row] &&
        i32[record * 2 + 6] === of.partition[row] &&
        f64[record + 4] === of.offset[row]
      ) {
        return record;
      }
    }
    return 0;
  }

  /** Frees the record; timers that refer to it are stale from now on. */
  remove(record: number): void {
    const { slab } = this;
    const { f64, i32 } = slab;
    let link = this.#bucket(i32[record * 2 + 2]);
    while (f64[link] !== record) link = f64[link];
    f64[link] = f64[record];
    slab.mark(link, 1);
    f64[record] = f64[FREE];
    f64[FREE] = record;
    f64[LIVE] -= 1;
    i32[record * 2 + 13] = (i32[record * 2 + 13] + 1) % GENERATIONS;
    slab.mark(record, RECORD_WORDS);
    slab.mark(ROOT_USER, 8);
  }

  /** A timer's reference to the record. */
  reference(record: number): number {
    return record + this.slab.i32[record * 2 + 13] * ADDRESSES;
  }

  /** The record of a reference; 0: it was freed since. */
  resolve(reference: number): number {
    const record = reference % ADDRESSES;
    return this.slab.i32[record * 2 + 13] === Math.floor(reference / ADDRESSES) ? record : 0;
  }

  /** Marks the record as written. */
  mark(record: number): void {
    this.slab.mark(record, this.#words);
  }

  /** Every live record. */
  *all(): Generator<number> {
    const { f64 } = this.slab;
    const table = f64[TABLE];
    const buckets = 2 ** f64[TABLE_CLASS];
    for (let bucket = table; bucket < table + buckets; bucket++) {
      for (let record = f64[bucket]; record !== 0; record = f64[record]) yield record;
    }
  }

  #record(): number {
    const { slab } = this;
    const record = slab.f64[FREE];
    if (record === 0) return slab.bump(this.#words);
    const generation = slab.i32[record * 2 + 13];
    slab.f64[FREE] = slab.f64[record];
    slab.f64.fill(0, record, record + this.#words);
    slab.i32[record * 2 + 13] = generation;
    this.mark(record);
    return record;
  }

  #bucket(lo: number): number {
    const { f64 } = this.slab;
    return f64[TABLE] + (lo & (2 ** f64[TABLE_CLASS] - 1));
  }

  #link(record: number): void {
    const { slab } = this;
    const bucket = this.#bucket(slab.i32[record * 2 + 2]);
    slab.f64[record] = slab.f64[bucket];
    slab.f64[bucket] = record;
    slab.mark(bucket, 1);
    slab.mark(record, this.#words);
  }

  /** Four times the buckets: records are all over memory, so growing seldom is what is cheap. */
  #rehash(): void {
    const { slab } = this;
    const old = slab.f64[TABLE];
    const oldClass = slab.f64[TABLE_CLASS];
    const table = slab.alloc(oldClass + 2);
    slab.f64[TABLE] = table;
    slab.f64[TABLE_CLASS] = oldClass + 2;
    slab.mark(ROOT_USER, 8);
    for (let bucket = old; bucket < old + 2 ** oldClass; bucket++) {
      for (let record = slab.f64[bucket]; record !== 0; ) {
        const next = slab.f64[record];
        this.#link(record);
        record = next;
      }
    }
    slab.free(old, oldClass);
  }
}
