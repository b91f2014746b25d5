import { describe, expect, it } from 'vitest';
import type { Value } from '../../operators/column/column.ts';
import { Keyspace } from '../../operators/keyspace/keyspace.ts';
import { ColdCopies, type ColdMark } from '../../operators/state/cold-copies.ts';
import type { ColdStore } from '../../operators/state/cold-store.ts';
import { MemoryColdStore } from '../../operators/state/memory-cold-store.ts';
import { SlabSet } from '../../operators/state/slab.ts';
import { StateBudget } from '../../operators/state/state-budget.ts';
import { type Rng, rng } from '../random.ts';
import { countingWorld, randomHappenings, randomWorld } from './eviction-worlds.ts';
import {
  type Happening,
  inStepOrder,
  play,
  restore,
  runBatch,
  save,
  type World,
} from './keyspace-world.ts';

describe('keys beyond the budget', () => {
  it.each(Array.from({ length: 16 }, (_, seed) => seed))(
    'answer as keys in memory do, whole, cut and killed, seed %i',
    (seed) => {
      const random = rng(seed + 700);
      const of = randomWorld(random);
      const happenings = randomHappenings(of, random);
      const whole = play(of, happenings, { codegen: seed % 2 === 0, cuts: [] });
      const unbounded = heldBytes(of, happenings);
      for (const share of [0.5, 0.1, 0.01]) {
        const run = new BoundedRun(of, happenings, { random, bytesMax: unbounded * share });
        expect(run.answers(), `seed ${seed}, ${share} of ${unbounded} bytes`).toEqual(whole);
        expect(run.evictions, `seed ${seed}, ${share}: nothing was evicted`).toBeGreaterThan(0);
        expect(run.loads).toBeGreaterThan(0);
      }
    },
  );

  it('keep to the budget', () => {
    const of = countingWorld();
    const random = rng(3);
    const happenings = inStepOrder(
      of,
      Array.from({ length: 100_000 }, (_, i) => ({
        participant: i % 2,
        key: 1 + Math.floor(30_000 * random.next() ** 2),
        time: i >> 1,
        slots: [true, i, 'x'],
      })),
    );
    const bytesMax = heldBytes(of, happenings) / 4;
    const run = new BoundedRun(of, happenings, { random: null, bytesMax });
    expect(run.answers()).toEqual(play(of, happenings, { codegen: true, cuts: [] }));
    expect(run.heldBytesMost).toBeLessThan(bytesMax);
    const { keys, coldKeys, isExceeded } = run.sizes();
    expect(isExceeded).toBe(false);
    expect(coldKeys).toBeGreaterThan(keys);
    const updated = happenings.filter(({ participant }) => participant === 0);
    expect(keys + coldKeys).toBe(new Set(updated.map(({ key }) => key)).size);
    run.checkpoint();
    // Two places a key, and the epoch.
    expect(run.store.size).toBeGreaterThan(coldKeys);
    expect(run.store.size).toBeLessThanOrEqual(2 * (coldKeys + keys) + 1);
  });

  it('are few, and said to be too few, where other state takes the budget', () => {
    const of = countingWorld();
    const happenings = Array.from({ length: 20_000 }, (_, i): Happening => {
      return { participant: i % 2, key: 1 + (i % 7001), time: i, slots: [true, i, 'x'] };
    });
    const run = new BoundedRun(of, happenings, { random: null, bytesMax: 600_000 });
    run.slabs.open('anchors').bump(70_000);
    expect(run.answers()).toEqual(play(of, happenings, { codegen: true, cuts: [] }));
    expect(run.sizes().isExceeded).toBe(true);
    expect(run.sizes().keys).toBeGreaterThan(100);
  });

  it('come back in a run without a bound', () => {
    const of = countingWorld();
    const random = rng(5);
    const happenings = inStepOrder(
      of,
      Array.from({ length: 4000 }, (_, i) => ({
        participant: i % 2,
        key: 1 + random.below(900),
        time: i >> 1,
        slots: [true, i, 'x'],
      })),
    );
    const whole = play(of, happenings, { codegen: true, cuts: [] });
    const run = new BoundedRun(of, happenings, { random: null, bytesMax: 60_000 });
    const first = run.answersUpTo(2000);
    const { coldKeys } = run.sizes();
    expect(coldKeys).toBeGreaterThan(100);
    run.checkpoint();
    run.restart(Number.POSITIVE_INFINITY);
    expect([...first, ...run.answersUpTo(4000)]).toEqual(whole);
    expect(run.sizes().coldKeys).toBeLessThan(coldKeys);
    expect(run.evictions).toBe(0);
  });
});

/** A store whose writes since the last checkpoint may be lost, from some moment on. */
class FragileStore implements ColdStore {
  readonly #durable = new MemoryColdStore();
  #since = new MemoryColdStore();
  #writes: [Uint8Array, Uint8Array][] = [];

  get size(): number {
    return this.#durable.size;
  }

  read(keys: readonly Uint8Array[]): readonly (Uint8Array | null)[] {
    const older = this.#durable.read(keys);
    return this.#since.read(keys).map((value, i) => value ?? older[i]!);
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#writes.push([key.slice(), value.slice()]);
    this.#since.put(key, value);
  }

  flush(): void {}

  /** A checkpoint (1), or a crash that keeps a share of the writes since the last. */
  keep(share: number): void {
    const kept = Math.floor(this.#writes.length * share);
    for (let i = 0; i < kept; i++) this.#durable.put(...this.#writes[i]!);
    this.#writes = [];
    this.#since = new MemoryColdStore();
  }
}

/** Plays happenings within a budget; with `random`, in batches of any size, with checkpoints and kills in between. */
class BoundedRun {
  readonly store = new FragileStore();
  slabs = new SlabSet();
  heldBytesMost = 0;
  evictions = 0;
  loads = 0;
  readonly #of: World;
  readonly #happenings: readonly Happening[];
  readonly #random: Rng | null;
  readonly #bytesMax: number;
  #saved = new Map<string, Map<number, Uint8Array>>();
  #budget: StateBudget;
  #keyspace: Keyspace;
  #mark: ColdMark | null = null;
  /** Where the last checkpoint was, and where the run is. */
  #from = 0;
  #at = 0;
  #answers: { at: number; values: Value[][] }[] = [];

  constructor(
    of: World,
    happenings: readonly Happening[],
    { random, bytesMax }: { random: Rng | null; bytesMax: number },
  ) {
    this.#of = of;
    this.#happenings = happenings;
    this.#random = random;
    this.#bytesMax = bytesMax;
    [this.#budget, this.#keyspace] = this.#open(bytesMax);
  }

  answers(): Value[][] {
    return this.answersUpTo(this.#happenings.length);
  }

  answersUpTo(end: number): Value[][] {
    const random = this.#random;
    this.#answers = [];
    while (this.#at < end) {
      const rows = random === null ? 2000 : 1 + random.below(random.pick([5, 100, 1500]));
      const to = Math.min(end, this.#at + rows);
      this.#budget.refresh();
      const batch = this.#happenings.slice(this.#at, to);
      this.#answers.push({ at: this.#at, values: runBatch(this.#of, this.#keyspace, batch) });
      this.#at = to;
      const { heldBytes } = this.#budget.sizes();
      this.heldBytesMost = Math.max(this.heldBytesMost, heldBytes);
      this.#count();
      if (random?.chance(0.1)) this.checkpoint();
      if (random?.chance(0.05)) this.restart(this.#bytesMax);
    }
    return this.#answers.flatMap(({ values }) => values);
  }

  sizes() {
    return this.#budget.sizes();
  }

  checkpoint(): void {
    const { copies } = this.#budget;
    this.#mark = copies.mark();
    save(this.slabs, this.#saved);
    this.store.keep(1);
    copies.checkpointed();
    this.#from = this.#at;
  }

  /** A kill: what was not in the last checkpoint is gone, and is done again. */
  restart(bytesMax: number): void {
    this.store.keep(this.#random === null ? 1 : this.#random.pick([0, 0.5, 1]));
    this.slabs = this.#mark === null ? new SlabSet() : restore(this.#saved);
    this.#at = this.#from;
    this.#answers = this.#answers.filter(({ at }) => at < this.#from);
    [this.#budget, this.#keyspace] = this.#open(bytesMax);
    this.evictions = 0;
  }

  #open(bytesMax: number): [StateBudget, Keyspace] {
    const copies = new ColdCopies(this.store, this.#mark);
    const budget = new StateBudget(copies, bytesMax, [this.slabs]);
    const keyspace = new Keyspace(this.#of.plan, 0, this.slabs, 0, { codegen: true, budget });
    return [budget, keyspace];
  }

  #count(): void {
    this.evictions += this.#budget.evictions;
    this.loads += this.#budget.loads;
    this.#budget.evictions = 0;
    this.#budget.loads = 0;
  }
}

/** Bytes in use when every key stays in memory. */
function heldBytes(of: World, happenings: readonly Happening[]): number {
  const slabs = new SlabSet();
  const keyspace = new Keyspace(of.plan, 0, slabs, 0, { codegen: true });
  for (let at = 0; at < happenings.length; at += 500) {
    runBatch(of, keyspace, happenings.slice(at, at + 500));
  }
  return [...slabs.all()].reduce((sum, slab) => sum + slab.inUse * 8, 0);
}
