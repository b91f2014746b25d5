import { describe, expect, it } from 'vitest';
import type { ReadOp, ValueStore, ViewPlan, WindowPlan } from '../../compiler/plan.ts';
import type { Physical } from '../../dsl/types.ts';
import { ColdCopies, type ColdMark } from '../../operators/cold-copies.ts';
import type { ColdStore } from '../../operators/cold-store.ts';
import type { Value } from '../../operators/column.ts';
import { DepartedKeys } from '../../operators/departed-keys.ts';
import { hashNumber, lanes } from '../../operators/hash.ts';
import { KeyTable } from '../../operators/key-table.ts';
import { Keyspace } from '../../operators/keyspace.ts';
import { MemoryColdStore } from '../../operators/memory-cold-store.ts';
import { Slab, SlabSet } from '../../operators/slab.ts';
import { StateBudget } from '../../operators/state-budget.ts';
import { type Rng, rng } from '../random.ts';
import {
  type Happening,
  inStepOrder,
  play,
  restore,
  runBatch,
  save,
  type World,
  world,
} from './keyspace-world.ts';

const KINDS: readonly Physical[] = ['bool', 'f64', 'text'];
const TIMED: readonly WindowPlan[] = [
  { kind: 'time', ms: 60, hopMs: 1, rows: null },
  { kind: 'time', ms: 900, hopMs: 50, rows: null },
  { kind: 'time', ms: 9000, hopMs: 700, rows: null },
];
const CAPPED: readonly WindowPlan[] = [
  { kind: 'time', ms: 900, hopMs: 50, rows: 4 },
  { kind: 'rows', rows: 5 },
  { kind: 'session', gapMs: 40 },
  { kind: 'all' },
];

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

describe('a filter of departed keys', () => {
  it.each([0, 1, 2])('knows all that left and few others, seed %i', (seed) => {
    const random = rng(seed);
    let slab = new Slab('departed');
    let departed = new DepartedKeys(slab);
    const left = new Set<number>();
    for (let i = 0; i < 40_000; i++) {
      const key = random.below(1e9) * 2;
      departed.left(...hashed(key));
      left.add(key);
      if (random.chance(0.0005)) {
        slab = copyOf(slab);
        departed = new DepartedKeys(slab);
      }
    }
    for (const key of left) expect(departed.has(...hashed(key)), `seed ${seed}: ${key}`).toBe(true);
    let others = 0;
    for (let i = 0; i < 40_000; i++) if (departed.has(...hashed(i * 2 + 1))) others++;
    expect(others / 40_000).toBeLessThan(0.02);
    expect(slab.inUse * 64).toBeLessThan(40_000 * 26 + 64 * 64);
    expect(departed.cold).toBe(40_000);
  });
});

describe('a key table', () => {
  it.each([0, 1, 2, 3])('finds what is left after removals, seed %i', (seed) => {
    const random = rng(seed);
    const records = new Slab('records');
    const table = new KeyTable(new Slab('table'), records);
    const expected = new Map<number, number>();
    const first = records.bump(3001);
    for (let i = 0; i < 20_000; i++) {
      const key = 1 + random.below(3000);
      hashNumber(key);
      const [lo, hi] = [lanes[0]! & 0xffff_003f, lanes[1]!];
      const record = first + key;
      expect(table.find(lo, hi), `seed ${seed}, step ${i}`).toBe(expected.get(key) ?? 0);
      if (expected.has(key)) {
        table.remove(lo, hi);
        expected.delete(key);
      } else {
        records.i32[record * 2] = lo;
        records.i32[record * 2 + 1] = hi;
        table.insert(hi, record);
        expected.set(key, record);
      }
    }
    expect(table.size).toBe(expected.size);
  });
});

function hashed(key: number): [number, number] {
  hashNumber(key);
  return [lanes[0]!, lanes[1]!];
}

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

function copyOf(slab: Slab): Slab {
  const copy = new Slab(slab.name);
  for (const { page, bytes } of slab.dirtyPages()) copy.load(page, bytes);
  copy.dirty.fill(1);
  return copy;
}

function countingWorld(): World {
  return world(
    [{ delayMs: 0, headMs: 0 }],
    {
      counters: [
        {
          columns: [{ state: '', feed: 0, mask: null, value: null, scale: 1, square: false }],
          windows: [
            { ms: 500, hopMs: 50 },
            { ms: 8000, hopMs: 800 },
            { ms: null, hopMs: 1 },
          ],
        },
      ],
      values: [],
      probes: [
        {
          anchor: 0,
          key: 0,
          views: [0, 1, 2].map((w) => ({ kind: 'counter', group: 0, column: 0, window: w })),
        },
      ],
    },
    KINDS,
  );
}

/** Counters and one to four value stores of any family, every window of each read. */
function randomWorld(random: Rng): World {
  const feeds = [
    { delayMs: 0, headMs: 0 },
    { delayMs: random.pick([0, 30]), headMs: random.pick([0, 20]) },
  ];
  const scale = 2 ** 20;
  const column = { state: '', feed: 0, mask: null, value: null, scale: 1, square: false };
  const counters = random.chance(0.2)
    ? []
    : [
        {
          columns: [column, { ...column, feed: 1, mask: 1 }, { ...column, value: 2, scale }],
          windows: [
            { ms: 60, hopMs: 5 },
            { ms: 900, hopMs: 50 },
            { ms: 9000, hopMs: 700 },
            { ms: null, hopMs: 1 },
          ],
        },
      ];
  const values = Array.from({ length: 1 + random.below(4) }, () => randomStore(random));
  const views = [
    ...counters.flatMap(({ columns, windows }) =>
      columns.flatMap((_, c) =>
        windows.map((_, w): ViewPlan => ({ kind: 'counter', group: 0, column: c, window: w })),
      ),
    ),
    ...values.flatMap((store, index) =>
      store.windows.flatMap((_, window) =>
        readsOf(store).map(
          ([read, physical]): ViewPlan => ({
            kind: 'value',
            store: index,
            window,
            read,
            physical,
          }),
        ),
      ),
    ),
  ];
  const probes = [{ anchor: 0, key: 0, views }];
  return world(feeds, { counters, values, probes }, KINDS);
}

function randomStore(random: Rng): ValueStore {
  const base = { state: '', feed: random.below(2), mask: random.pick([null, 1]), k: 0, scale: 1 };
  const family = random.pick<ValueStore['family']>([
    'last',
    'first',
    'min',
    'max',
    'bag',
    'bag',
    'quantile',
    'decayed',
    'tally',
    'latest',
  ]);
  const store = { ...base, family, halfLifeMs: family === 'decayed' ? 300 : 0 };
  if (family === 'latest') {
    return { ...store, slots: [1, 2, 3], physical: [...KINDS], windows: [{ kind: 'all' }] };
  }
  if (family === 'decayed')
    return { ...store, slots: [2], physical: ['f64'], windows: [{ kind: 'all' }] };
  const isText = (family === 'last' || family === 'bag') && random.chance(0.5);
  const windows = family === 'tally' ? CAPPED.slice(0, 3) : [...TIMED, ...CAPPED];
  return {
    ...store,
    k: family === 'last' ? 3 : 0,
    scale: family === 'tally' ? 2 ** 20 : 1,
    slots: [isText ? 3 : 2],
    physical: [isText ? 'text' : 'f64'],
    windows: windows.filter(() => random.chance(0.6)).concat(windows[1]!),
  };
}

function readsOf(store: ValueStore): [ReadOp, Physical][] {
  const kind = store.physical[0]!;
  const list = kind === 'text' ? 'list_text' : 'list_f64';
  switch (store.family) {
    case 'last':
      return [
        [{ fn: 'last', k: 3 }, list],
        [{ fn: 'last', k: null }, kind],
      ];
    case 'bag':
      return [
        [{ fn: 'distinct' }, 'f64'],
        [{ fn: 'topk', k: 3 }, list],
        [{ fn: 'mode' }, kind],
        [{ fn: 'mode_share' }, 'f64'],
      ];
    case 'quantile':
      return [[{ fn: 'quantile', q: 0.9 }, 'f64']];
    case 'decayed':
      return [[{ fn: 'decayed_sum' }, 'f64']];
    case 'tally':
      return [
        [{ fn: 'count' }, 'f64'],
        [{ fn: 'sum' }, 'f64'],
      ];
    case 'latest':
      return KINDS.map((physical, slot) => [{ fn: 'latest', slot }, physical]);
    default:
      return [[{ fn: store.family }, kind]];
  }
}

/** Few busy keys, whose windows are sketched, and many that are seen now and then. */
function randomHappenings(of: World, random: Rng): Happening[] {
  let time = 0;
  const keys = random.pick([60, 400]);
  const happenings = Array.from({ length: 5000 }, (): Happening => {
    time += random.below(3);
    const busy = random.chance(0.4);
    return {
      participant: random.chance(0.35) ? 2 : random.below(2),
      key: busy ? 1 + random.below(2) : random.below(keys),
      time,
      slots: [
        random.chance(0.7),
        random.chance(0.05) ? null : random.below(random.pick([20, 100_000])) / 8,
        random.chance(0.05) ? null : `t${random.below(random.pick([9, 4000]))}`,
      ],
    };
  });
  return inStepOrder(of, happenings);
}
