/**
 * The cold keys of one keyspace on one shard. Around the keyspace's own passes, a batch goes through in parts:
 *
 *   admit    looks every step's key up ahead of time; cold ones get a record, and their copies are read together.
 *            A part ends when it has brought in as many bytes as the budget allows.
 *   (the keyspace applies the part as if all its keys had always been there)
 *   settle   evicts, from any keyspace, what has not been used for longest, when the budget is exceeded
 *
 * A key that was brought back and is only looked up keeps its copy: evicting it again writes nothing. An update makes it
 * one of the past; `admit` sees it coming. What a look-up tidies up in a record is then lost, and tidied up again.
 *
 * Slabs: `.departed` (departed-keys.ts); `.copies`: an int32 a record, the name of its copy (cold-copies.ts), below 0 when
 * the key has changed since; 0: it has none. 1 or -1 while the copy is on its way.
 * Ages are not state: after a restart all keys are equally old.
 */

import type { BlockRef } from '../state/block-ref.ts';
import { ColdRecord } from '../state/cold-record.ts';
import { DepartedKeys } from '../state/departed-keys.ts';
import type { KeyTable } from '../state/key-table.ts';
import type { RecordSlots } from '../state/record-slots.ts';
import { ROOT_WORDS, type Slab, type SlabSet } from '../state/slab.ts';
import type { Evictable, StateBudget } from '../state/state-budget.ts';
import type { Participants } from './participants.ts';
import type { Steps } from './steps.ts';

/** Copies asked of the store at once. */
const READ_KEYS = 1024;
/** Age of a slot that holds no record. */
const NO_RECORD = -1;
/** Name of a copy that is on its way. */
const ON_ITS_WAY = 1;

/** Key lanes of every participant, by row; 0, 0 is null. */
export type StepKeys = { readonly los: readonly Int32Array[]; readonly his: readonly Int32Array[] };

export type KeyEvictionParts = {
  /** Tells keyspaces and shards apart in the store. */
  readonly space: number;
  readonly participants: Participants;
  readonly table: KeyTable;
  readonly records: Slab;
  readonly slots: RecordSlots;
  readonly recordWords: number;
  readonly refs: readonly BlockRef[];
  readonly slabs: SlabSet;
  /** What the names of the keyspace's slabs begin with. */
  readonly name: string;
};

export class KeyEviction implements Evictable {
  readonly #parts: KeyEvictionParts;
  readonly #budget: StateBudget;
  readonly #member: number;
  readonly #departed: DepartedKeys;
  readonly #copies: Slab;
  readonly #record: ColdRecord;
  readonly #slabs: readonly Slab[];
  /** Slabs in which nothing but keys' blocks lies. */
  readonly #blocks: readonly Slab[];
  /** By slot: the part that last used its record. Empty: not noted yet. */
  #ages = new Int32Array(0);
  /** Lanes of keys whose copies are to be read, the names of those, and the keys' records. */
  readonly #wanted = new Int32Array(READ_KEYS * 2);
  readonly #wantedNames = new Int32Array(READ_KEYS);
  readonly #wantedRecords = new Int32Array(READ_KEYS);
  #wantedCount = 0;
  #hand = 0;
  #seed = 1;

  constructor(parts: KeyEvictionParts, budget: StateBudget) {
    this.#parts = parts;
    this.#budget = budget;
    const { slabs, name } = parts;
    this.#departed = new DepartedKeys(slabs.open(`${name}.departed`));
    this.#copies = slabs.open(`${name}.copies`);
    this.#record = new ColdRecord(parts.records, parts.recordWords, parts.refs);
    this.#slabs = [...slabs.all()].filter((slab) => slab.name.startsWith(`${name}.`));
    this.#blocks = [...new Set(slabsOf(parts.refs))];
    this.#member = budget.add(this);
  }

  get keys(): number {
    return this.#parts.table.size;
  }

  get coldKeys(): number {
    return this.#departed.cold;
  }

  heldBytes(): number {
    return inUse(this.#slabs);
  }

  evictableBytes(): number {
    const roots = this.#blocks.length * ROOT_WORDS * 8;
    return this.keys * this.#parts.recordWords * 8 + inUse(this.#blocks) - roots;
  }

  /** Whether a batch must go through `admit`. */
  get isActive(): boolean {
    return this.#departed.cold > 0 || this.#budget.isNoting;
  }

  /** Brings the keys of the steps from `from` on into memory; answers up to which step (not included). */
  admit(steps: Steps, keys: StepKeys, from: number): number {
    const { participant, row, n } = steps;
    const { los, his } = keys;
    const { table, participants } = this.#parts;
    const bytesMax = this.#budget.partBytes;
    const perKey = this.keys === 0 ? 0 : this.evictableBytes() / this.keys;
    const part = this.#budget.nextPart();
    const before = this.evictableBytes();
    this.#noteAll();
    let added = 0;
    let to = from;
    while (to < n && (to === from || added < bytesMax)) {
      const who = participant[to]!;
      const at = row[to++]!;
      const lo = los[who]![at]!;
      const hi = his[who]![at]!;
      if ((lo | hi) === 0) continue;
      let record = table.find(lo, hi);
      if (record === 0) {
        if (this.#wantedCount === READ_KEYS) {
          this.#load();
          added = Math.max(added, this.evictableBytes() - before);
        }
        record = this.#want(lo, hi);
        if (record !== 0 || participants.feed[who]! >= 0) added += perKey;
        if (record === 0) continue;
      }
      const slot = this.#parts.slots.numberOf(record);
      this.#ages[slot] = part;
      if (participants.feed[who]! >= 0) this.#change(slot);
    }
    this.#load();
    return to;
  }

  /** After a part, or after a batch that needed none. */
  settle(): void {
    this.#budget.settle(this.#member);
  }

  /** A key that is not cold got a new record. */
  entered(record: number): void {
    if (this.#ages.length === 0) return;
    const slot = this.#parts.slots.numberOf(record);
    if (slot >= this.#ages.length) this.#growAges(slot + 1);
    this.#ages[slot] = this.#budget.part;
  }

  sampleAges(n: number, into: number[]): void {
    this.#noteAll();
    const { slots } = this.#parts;
    const { count } = slots;
    if (this.keys === 0) return;
    for (let i = 0; i < n; i++) {
      this.#seed = (Math.imul(this.#seed, 1664525) + 1013904223) | 0;
      const age = this.#ages[Math.floor(((this.#seed >>> 0) / 2 ** 32) * count)]!;
      if (age !== NO_RECORD) into.push(age);
    }
  }

  evict(age: number, bytes: number): number {
    this.#noteAll();
    const { slots } = this.#parts;
    const { count } = slots;
    const ages = this.#ages;
    const wanted = this.evictableBytes() - bytes;
    // Those of the very age only as long as more is wanted; from where the last sweep ended, for fairness.
    let visited = 0;
    for (let slot = this.#hand % Math.max(1, count); visited < count; visited++) {
      if (ages[slot]! <= age && ages[slot] !== NO_RECORD) {
        this.#evict(slots.at(slot), slot);
        if (this.evictableBytes() <= wanted) break;
      }
      if (++slot === count) slot = 0;
      this.#hand = slot;
    }
    return wanted + bytes - this.evictableBytes();
  }

  /** Gives a key that may be cold a record, which `#load` fills in or takes back; 0: the key is not cold. */
  #want(lo: number, hi: number): number {
    if (!this.#departed.has(lo, hi)) return 0;
    const { slots, table, records } = this.#parts;
    const record = slots.take();
    records.i32[record * 2] = lo;
    records.i32[record * 2 + 1] = hi;
    table.insert(hi, record);
    const slot = slots.numberOf(record);
    if (slot >= this.#ages.length) this.#growAges(slot + 1);
    this.#setCopy(slot, ON_ITS_WAY);
    const i = this.#wantedCount++;
    this.#wanted[i * 2] = lo;
    this.#wanted[i * 2 + 1] = hi;
    this.#wantedRecords[i] = record;
    return record;
  }

  #load(): void {
    const n = this.#wantedCount;
    if (n === 0) return;
    this.#wantedCount = 0;
    const names = this.#wantedNames;
    const copies = this.#budget.copies.read(this.#parts.space, this.#wanted, n, names);
    for (let i = 0; i < n; i++) {
      const record = this.#wantedRecords[i]!;
      const slot = this.#parts.slots.numberOf(record);
      const copy = copies[i]!;
      if (copy === null) {
        this.#forget(record, slot);
        continue;
      }
      this.#setCopy(slot, this.#copyOf(slot) < 0 ? -names[i]! : names[i]!);
      this.#record.put(record, copy);
      this.#departed.returned();
      this.#budget.loads++;
    }
  }

  /** The key leaves memory. */
  #evict(record: number, slot: number): void {
    const { records, space } = this.#parts;
    const lo = records.i32[record * 2]!;
    const hi = records.i32[record * 2 + 1]!;
    const copy = this.#copyOf(slot);
    if (copy > 0) this.#record.drop(record);
    else this.#budget.copies.put(space, lo, hi, -copy, this.#record.take(record));
    this.#forget(record, slot);
    this.#departed.left(lo, hi);
    this.#budget.evictions++;
  }

  /** Gives a record back; its word 0 still holds the hash. */
  #forget(record: number, slot: number): void {
    const { slots, table, records } = this.#parts;
    table.remove(records.i32[record * 2]!, records.i32[record * 2 + 1]!);
    slots.give(record);
    this.#ages[slot] = NO_RECORD;
    this.#setCopy(slot, 0);
  }

  /** The key is about to change: its copy will say no longer what it is. */
  #change(slot: number): void {
    const copy = this.#copyOf(slot);
    if (copy > 0) this.#setCopy(slot, -copy);
  }

  #copyOf(slot: number): number {
    const at = ROOT_WORDS * 2 + slot;
    return at < this.#copies.i32.length ? this.#copies.i32[at]! : 0;
  }

  #setCopy(slot: number, name: number): void {
    const copies = this.#copies;
    const word = ROOT_WORDS + (slot >> 1);
    if (word >= copies.used) {
      if (name === 0) return;
      copies.bump(word + 1 - copies.used);
    }
    copies.i32[ROOT_WORDS * 2 + slot] = name;
    copies.mark(word, 1);
  }

  /** Begins to note ages: every record there is, is as old as can be. */
  #noteAll(): void {
    const { slots } = this.#parts;
    if (this.#ages.length > 0 || slots.count === 0) return;
    this.#growAges(slots.count);
    for (const record of slots.free()) this.#ages[slots.numberOf(record)] = NO_RECORD;
  }

  #growAges(slots: number): void {
    const ages = new Int32Array(Math.max(1024, slots * 2));
    ages.set(this.#ages);
    this.#ages = ages;
  }
}

function inUse(slabs: readonly Slab[]): number {
  let words = 0;
  for (let i = 0; i < slabs.length; i++) words += slabs[i]!.inUse;
  return words * 8;
}

function slabsOf(refs: readonly BlockRef[]): Slab[] {
  return refs.flatMap(({ slab, inner }) => [slab, ...(inner === null ? [] : slabsOf(inner.refs))]);
}
