/**
 * One bound, in bytes, for all state in memory: what slabs have in use, over all shards. Beyond it the keys that were
 * not used for longest, of whatever keyspace and shard, go to the cold store until the low-water mark is reached.
 *
 * Ages are numbers of parts (a part is what a keyspace applies between two settlements), sampled to find the age below
 * which enough bytes lie; then every key of a lesser age goes. It is never exact and need not be: no answer depends
 * on where a key is.
 *
 * What is not keys' records and blocks (anchors that wait for labels, attribution, ids, text pools, key tables, filters
 * of departed keys) is bounded by event time or by its own limits. It is counted but cannot be evicted; where it leaves less
 * than KEYS_SHARE_MIN of the budget, keys get that share all the same, and `isExceeded` says so.
 */
import { assert } from '../assert.ts';
import type { ColdCopies } from './cold-copies.ts';
import type { SlabSet } from './slab.ts';

/** Share of the budget at which eviction begins, and to which it goes down. The rest is room for a part. */
const HIGH_WATER = 15 / 16;
const LOW_WATER = 13 / 16;
/** A part brings in about this share of the budget at most: new keys and cold ones. */
const PART_SHARE = 1 / 32;
/** Below this share of the budget nobody notes ages: it costs nothing. */
const NOTED_FROM = 1 / 2;
/** Sweeps of one settlement: a sampled age may be off, and a filter of departed keys may have grown. */
const ROUNDS_MAX = 3;
/** Keys get this share of the budget whatever the rest takes. */
const KEYS_SHARE_MIN = 1 / 4;
/** Ages sampled, over all keyspaces and shards, and of each. */
const SAMPLES = 16_384;
const SAMPLES_MIN = 32;
const SAMPLES_MAX = 1024;

/** The keys of one keyspace on one shard, as the budget sees them. */
export interface Evictable {
  /** Keys in memory. */
  readonly keys: number;
  readonly coldKeys: number;
  /** Bytes in use of all its slabs. */
  heldBytes(): number;
  /** Bytes in use of its records and of what they point to. */
  evictableBytes(): number;
  /** Ages of about `n` keys chosen at random. */
  sampleAges(n: number, into: number[]): void;
  /** Evicts keys of an age below `age`, and some of that age, until `bytes` are freed; gives what it freed. */
  evict(age: number, bytes: number): number;
}

/** What a run shows of its state. Counts of evictions and loads are since the start. */
export type StateSizes = {
  readonly keys: number;
  readonly coldKeys: number;
  readonly evictions: number;
  readonly loads: number;
  readonly heldBytes: number;
  /** Infinity: no bound. */
  readonly budgetBytes: number;
  /** What cannot be evicted leaves too little of the budget. */
  readonly isExceeded: boolean;
};

export class StateBudget {
  readonly copies: ColdCopies;
  readonly #bytesMax: number;
  readonly #sets: readonly SlabSet[];
  readonly #members: Evictable[] = [];
  readonly #bytes: number[] = [];
  /** Bytes of slabs that belong to no member. */
  #otherBytes = 0;
  #heldBytes = 0;
  #part = 1;
  #turn = 0;
  #isExceeded = false;
  evictions = 0;
  loads = 0;

  /** `bytesMax`: Infinity evicts nothing, but brings cold keys back. `sets`: every slab there is. */
  constructor(copies: ColdCopies, bytesMax: number, sets: readonly SlabSet[]) {
    assert(bytesMax > 0, 'a budget is some bytes');
    this.copies = copies;
    this.#bytesMax = bytesMax;
    this.#sets = sets;
  }

  /** Takes a keyspace of a shard in; gives its number, which `settle` wants. */
  add(member: Evictable): number {
    this.#members.push(member);
    this.#bytes.push(0);
    return this.#members.length - 1;
  }

  /** Whether ages of keys should be noted. */
  get isNoting(): boolean {
    return this.#heldBytes > this.#bytesMax * NOTED_FROM;
  }

  /** The part that is at hand. */
  get part(): number {
    return this.#part;
  }

  /** The part that begins now. */
  nextPart(): number {
    return ++this.#part;
  }

  /** Bytes that a part may bring into memory; it may take one step whatever that brings. */
  get partBytes(): number {
    return this.#bytesMax * PART_SHARE;
  }

  /** Before an advance: counts the slabs of all, since operators other than keyspaces have worked too. */
  refresh(): void {
    let words = 0;
    for (const set of this.#sets) for (const slab of set.all()) words += slab.inUse;
    let members = 0;
    for (let m = 0; m < this.#members.length; m++) {
      this.#bytes[m] = this.#members[m]!.heldBytes();
      members += this.#bytes[m]!;
    }
    this.#otherBytes = words * 8 - members;
    this.#heldBytes = this.#otherBytes + members;
    this.#settle();
  }

  /** After a part: counts the member's slabs, and evicts when all together are beyond the high-water mark. */
  settle(member: number): void {
    const bytes = this.#members[member]!.heldBytes();
    this.#heldBytes += bytes - this.#bytes[member]!;
    this.#bytes[member] = bytes;
    this.#settle();
  }

  sizes(): StateSizes {
    const sum = (of: (member: Evictable) => number) =>
      this.#members.reduce((total, member) => total + of(member), 0);
    return {
      keys: sum((member) => member.keys),
      coldKeys: sum((member) => member.coldKeys),
      evictions: this.evictions,
      loads: this.loads,
      heldBytes: this.#heldBytes,
      budgetBytes: this.#bytesMax,
      isExceeded: this.#isExceeded,
    };
  }

  /** Again when the filters of departed keys have grown by what was evicted. */
  #settle(): void {
    for (let round = 0; round < ROUNDS_MAX; round++) if (!this.#makeRoom()) return;
  }

  /** Whether something was evicted. */
  #makeRoom(): boolean {
    const max = this.#bytesMax;
    this.#isExceeded = false;
    if (this.#heldBytes <= max * HIGH_WATER) return false;
    const evictable = this.#members.reduce((sum, member) => sum + member.evictableBytes(), 0);
    const other = this.#heldBytes - evictable;
    const least = max * KEYS_SHARE_MIN;
    this.#isExceeded = other > max * HIGH_WATER - least;
    if (evictable <= Math.max(max * HIGH_WATER - other, least)) return false;
    const low = Math.max(max * LOW_WATER - other, least * (LOW_WATER / HIGH_WATER));
    this.#evict(evictable - low, evictable);
    return true;
  }

  #evict(bytes: number, evictable: number): void {
    const age = this.#ageBelow(bytes, evictable);
    const members = this.#members.length;
    let freed = 0;
    for (let i = 0; i < members && freed < bytes; i++) {
      const m = (this.#turn + i) % members;
      freed += this.#members[m]!.evict(age, bytes - freed);
      const held = this.#members[m]!.heldBytes();
      this.#heldBytes += held - this.#bytes[m]!;
      this.#bytes[m] = held;
    }
    this.#turn = (this.#turn + 1) % members;
  }

  /** The age below which about `bytes` of the evictable ones lie. */
  #ageBelow(bytes: number, evictable: number): number {
    const each = Math.ceil(SAMPLES / this.#members.length);
    const n = Math.max(SAMPLES_MIN, Math.min(SAMPLES_MAX, each));
    const weighed: { age: number; bytes: number }[] = [];
    for (const member of this.#members) {
      const ages: number[] = [];
      member.sampleAges(n, ages);
      const share = member.evictableBytes() / ages.length;
      for (const age of ages) weighed.push({ age, bytes: share });
    }
    weighed.sort((a, b) => a.age - b.age);
    let below = 0;
    for (const { age, bytes: share } of weighed) {
      below += share;
      if (below >= Math.min(bytes, evictable)) return age;
    }
    return this.#part;
  }
}
