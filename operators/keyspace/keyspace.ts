/**
 * All stores under one key on one shard: one key table, one record per key, one look-up per (event, key).
 *
 * A batch goes through in passes, some hundreds of steps at a time: resolve every step's record, touch the records
 * (cache misses then overlap), run the counter kernel; then each value store. Every pass sees the steps in their order,
 * so passes do not see each other.
 *
 * A record, in words: 0 key hash (lo, hi); then the counters' chains; then the value stores' sections. Records never cross a page: page p >= 1 of their slab holds floor(PAGE_WORDS / words) of them.
 * Slabs of the keyspace of place i: `k<i>.table`, `k<i>.records`, `k<i>.busy`, `k<i>.logs`, and `k<i>.v<j>…` for value store j.
 */
import type { KeyspacePlan, Plan } from '../../compiler/plan/plan.ts';
import { assert } from '../assert.ts';
import type { HashColumn } from '../column/column.ts';
import type { Frame } from '../column/frame.ts';
import { CounterChains } from '../counter/counter-chains.ts';
import { counterCodegen } from '../counter/counter-codegen.ts';
import { CounterInterpreter } from '../counter/counter-interpreter.ts';
import type { CounterKernel } from '../counter/counter-kernel.ts';
import { type CounterLayout, counterLayout } from '../counter/counter-layout.ts';
import { shiftRefs } from '../state/block-ref.ts';
import { KeyTable } from '../state/key-table.ts';
import { RecordSlots } from '../state/record-slots.ts';
import { PAGE_SHIFT, PAGE_WORDS, type Slab, type SlabSet } from '../state/slab.ts';
import type { StateBudget } from '../state/state-budget.ts';
import { valueFamilies } from '../value/value-families.ts';
import { type PlacedStore, runValueStore } from '../value/value-store.ts';
import type { Answers } from './answers.ts';
import { KeyEviction, type KeyEvictionParts, type StepKeys } from './key-eviction.ts';
import { type Participants, participantsOf } from './participants.ts';
import type { Steps } from './steps.ts';

export type KeyspaceOptions = {
  /** False: the interpreter runs the counters. */
  readonly codegen: boolean;
  /** Keys to make room for at the start. */
  readonly expectedKeys?: number;
  /** Bounds what is in memory; null or absent: every key is. */
  readonly budget?: StateBudget | null;
};

/** Words of a record before its stores: the hash. */
const RECORD_HEADER = 1;
const NO_HASHES = new Int32Array(0);
/** Steps that go through the passes together: few enough that what they touch stays in the second-level cache. */
const BLOCK_STEPS = 512;

/** Words of state (2 MiB) below which it is taken to be in cache already. */
const CACHED_WORDS = 2 ** 18;

export class Keyspace {
  readonly #plan: KeyspacePlan;
  readonly #participants: Participants;
  readonly #records: Slab;
  readonly #slabs: readonly Slab[];
  readonly #table: KeyTable;
  readonly #layout: CounterLayout;
  readonly #chains: CounterChains;
  readonly #kernel: CounterKernel | null;
  readonly #stores: readonly PlacedStore[];
  readonly #recordWords: number;
  readonly #slots: RecordSlots;
  readonly #eviction: KeyEviction | null;
  /** Record of each step of the batch at hand. */
  #found = new Int32Array(0);
  /** What the touch pass read: kept so that its reads cannot be optimised away. */
  readonly #touched = new Float64Array(1);
  /** Whether there are more records than caches hold, so that reading ahead pays. */
  #readsAhead = false;

  /** Over a fresh slab set, or over restored pages of one. `shard` names the instance, in messages and cold copies. */
  constructor(plan: Plan, index: number, slabs: SlabSet, shard: number, options: KeyspaceOptions) {
    const keyspace = plan.keyspaces[index];
    assert(keyspace !== undefined, `shard ${shard}: there is no keyspace ${index}`);
    this.#plan = keyspace;
    this.#participants = participantsOf(plan, keyspace);
    const expected = options.expectedKeys ?? 0;
    const place = keyspace.place ?? index;
    const open = (part: string) => slabs.open(`k${place}.${part}`);
    this.#records = open('records');
    this.#layout = counterLayout(plan, keyspace, RECORD_HEADER);
    this.#chains = new CounterChains(this.#layout, this.#records, open('busy'), open('logs'));
    let words = RECORD_HEADER + this.#layout.words;
    this.#stores = keyspace.values.map((store, j): PlacedStore => {
      const family = valueFamilies[store.family];
      assert(family !== undefined, `there is no value family ${store.family}`);
      const name = `k${place}.v${j}`;
      const operator = family({ plan, keyspace, store, records: this.#records, slabs, name });
      const offset = words;
      words += operator.recordWords;
      return { plan: store, operator, offset, views: viewsOf(keyspace, j) };
    });
    assert(words <= PAGE_WORDS, `a record of ${words} words in ${keyspace.name} exceeds a page`);
    this.#recordWords = words;
    this.#slots = new RecordSlots(this.#records, words, expected);
    const table = open('table');
    this.#table = new KeyTable(table, this.#records, expected);
    this.#kernel = this.#counterKernel(options.codegen);
    const budget = options.budget ?? null;
    this.#eviction =
      budget === null ? null : new KeyEviction(this.#evictionParts(place, shard, slabs), budget);
    this.#slabs = [...slabs.all()].filter((slab) => slab.name.startsWith(`k${place}.`));
  }

  /** Keys held in memory. */
  get keys(): number {
    return this.#table.size;
  }

  /** Bytes of every slab of this keyspace, room to grow included. */
  get bytes(): number {
    return this.#slabs.reduce((sum, slab) => sum + slab.bytes, 0);
  }

  /** Bytes of what its slabs hold, without what is free. */
  get bytesInUse(): number {
    return this.#slabs.reduce((sum, slab) => sum + slab.inUse * 8, 0);
  }

  /** Bytes in use over the keys held; 0 without keys. */
  get bytesPerKey(): number {
    return this.keys === 0 ? 0 : this.bytesInUse / this.keys;
  }

  /** Words of one key's record. */
  get recordWords(): number {
    return this.#recordWords;
  }

  /** Whether the key is held in memory. */
  has(lo: number, hi: number): boolean {
    return this.#table.find(lo, hi) !== 0;
  }

  /**
   * Applies one batch: `feedFrames` by keyspace feed (key, masks and values evaluated), `probeFrames` by probe (key
   * evaluated). Look-ups answer into `answers`, each in the row of its anchor.
   */
  run(
    steps: Steps,
    feedFrames: readonly (Frame | null)[],
    probeFrames: readonly (Frame | null)[],
    answers: Answers,
  ): void {
    const keys = this.#keysOf(feedFrames, probeFrames);
    const batch = { steps, feedFrames, probeFrames, answers };
    const eviction = this.#eviction;
    if (eviction === null || !eviction.isActive) this.#apply(batch, keys);
    else this.#applyInParts(batch, keys, eviction);
    eviction?.settle();
  }

  /** A part of the batch at a time, as many of its keys as there is room for in memory. */
  #applyInParts(batch: Batch, keys: StepKeys, eviction: KeyEviction): void {
    const { steps } = batch;
    for (let from = 0; from < steps.n; ) {
      if (from > 0) eviction.settle();
      const to = eviction.admit(steps, keys, from);
      for (const { operator } of this.#stores) operator.forget?.();
      const part = from === 0 && to === steps.n ? steps : partOf(steps, from, to);
      this.#apply({ ...batch, steps: part }, keys);
      from = to;
    }
  }

  #apply({ steps, feedFrames, probeFrames, answers }: Batch, keys: StepKeys): void {
    const { n } = steps;
    if (this.#found.length < n) this.#found = new Int32Array(Math.max(n, 4096));
    const records = this.#found;
    this.#readsAhead = this.#records.used > CACHED_WORDS;
    const touches = this.#records.used + this.#chains.words > CACHED_WORDS;
    const participants = this.#participants;
    this.#kernel?.open({ steps, records, feedFrames, probeFrames, answers, participants });
    for (let from = 0; from < n; from += BLOCK_STEPS) {
      const to = Math.min(n, from + BLOCK_STEPS);
      if (this.#readsAhead) this.#readAhead(steps, keys, from, to);
      this.#resolve(steps, keys, from, to);
      this.#touch(steps, from, to);
      if (touches) this.#kernel?.touch(from, to);
      this.#kernel?.run(from, to);
    }
    for (const store of this.#stores) {
      runValueStore(store, { steps, records, participants, feedFrames, probeFrames, answers });
    }
  }

  #evictionParts(place: number, shard: number, slabs: SlabSet): KeyEvictionParts {
    return {
      name: `k${place}`,
      space: place * 2 ** 16 + shard,
      participants: this.#participants,
      table: this.#table,
      records: this.#records,
      slots: this.#slots,
      recordWords: this.#recordWords,
      refs: [
        ...this.#chains.refs,
        ...this.#stores.flatMap(({ operator, offset }) => shiftRefs(operator.refs, offset)),
      ],
      slabs,
    };
  }

  #counterKernel(codegen: boolean): CounterKernel | null {
    if (this.#layout.chains.length === 0) return null;
    if (codegen) return counterCodegen(this.#layout, this.#chains, this.#participants);
    return new CounterInterpreter(this.#layout, this.#chains);
  }

  /** The key lanes of every participant's frame. */
  #keysOf(feedFrames: readonly (Frame | null)[], probeFrames: readonly (Frame | null)[]): StepKeys {
    const { feeds, probes } = this.#plan;
    const { feed, probe } = this.#participants;
    const keys = Array.from(feed, (f, who) =>
      f >= 0
        ? hashOf(feedFrames[f]!, feeds[f]!.key)
        : hashOf(probeFrames[probe[who]!]!, probes[probe[who]!]!.key),
    );
    return {
      los: keys.map((key) => key?.lo ?? NO_HASHES),
      his: keys.map((key) => key?.hi ?? NO_HASHES),
    };
  }

  /** Reads what `resolve` will, first every slot of the table, then every record there: the cache misses of each overlap. */
  #readAhead(steps: Steps, { his }: StepKeys, from: number, to: number): void {
    const { participant, row } = steps;
    const found = this.#found;
    const table = this.#table;
    const { i32 } = this.#records;
    for (let i = from; i < to; i++) found[i] = table.peek(his[participant[i]!]![row[i]!]!);
    let sum = 0;
    for (let i = from; i < to; i++) sum += i32[found[i]! * 2]!;
    this.#touched[0] = sum;
  }

  /** Record of the key of steps [from, to): updates make one, look-ups of unknown keys get 0, null keys -1. */
  #resolve(steps: Steps, { los, his }: StepKeys, from: number, to: number): void {
    const { participant, row } = steps;
    const found = this.#found;
    const table = this.#table;
    const feeds = this.#participants.feed;
    // An anchor that is counted under the same key comes right after its look-up: one look-up serves both.
    let lastLo = 0;
    let lastHi = 0;
    let last = -1;
    for (let i = from; i < to; i++) {
      const who = participant[i]!;
      const at = row[i]!;
      const lo = los[who]![at]!;
      const hi = his[who]![at]!;
      if (lo !== lastLo || hi !== lastHi) {
        last = (lo | hi) === 0 ? -1 : table.find(lo, hi);
        lastLo = lo;
        lastHi = hi;
      }
      if (last === 0 && feeds[who]! >= 0) last = this.#insert(lo, hi);
      found[i] = last;
    }
  }

  /** Marks the records that are updated, and reads a word of every cache line of every record ahead of the kernel. */
  #touch(steps: Steps, from: number, to: number): void {
    const { participant } = steps;
    const found = this.#found;
    const { f64, dirty } = this.#records;
    const feeds = this.#participants.feed;
    const words = this.#readsAhead ? this.#recordWords : 0;
    let sum = 0;
    let last = 0;
    for (let i = from; i < to; i++) {
      const record = found[i]!;
      if (record <= 0) continue;
      if (feeds[participant[i]!]! >= 0) dirty[record >> PAGE_SHIFT] = 1;
      if (record === last) continue;
      last = record;
      for (let word = 8; word < words; word += 8) sum += f64[record + word]!;
    }
    this.#touched[0] = sum;
  }

  #insert(lo: number, hi: number): number {
    const records = this.#records;
    const record = this.#slots.take();
    records.i32[record * 2] = lo;
    records.i32[record * 2 + 1] = hi;
    for (const store of this.#stores) store.operator.init(record + store.offset);
    this.#table.insert(hi, record);
    this.#eviction?.entered(record);
    return record;
  }
}

type Batch = {
  readonly steps: Steps;
  readonly feedFrames: readonly (Frame | null)[];
  readonly probeFrames: readonly (Frame | null)[];
  readonly answers: Answers;
};

function partOf({ time, participant, row }: Steps, from: number, to: number): Steps {
  return {
    n: to - from,
    time: time.subarray(from, to),
    participant: participant.subarray(from, to),
    row: row.subarray(from, to),
  };
}

function hashOf(frame: Frame | null, slot: number): HashColumn | null {
  if (frame === null) return null;
  const column = frame.columns[slot];
  assert(column?.kind === 'hash', `slot ${slot} is a key`);
  return column as HashColumn;
}

function viewsOf(keyspace: KeyspacePlan, store: number): PlacedStore['views'] {
  return keyspace.probes.map(({ views }, probe) =>
    views.flatMap((view, index) =>
      view.kind === 'value' && view.store === store
        ? [{ probe, view: index, window: view.window, read: view.read }]
        : [],
    ),
  );
}
