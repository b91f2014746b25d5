/** Units of a sharded application over random programs: killed and restored in turn, they give what one process gives. */
import { describe, expect, it } from 'vitest';
import type { Plan } from '../../compiler/plan/plan.ts';
import type { EmissionBatch } from '../../operators/emission/emission-batch.ts';
import { SlabSet } from '../../operators/state/slab.ts';
import { NdjsonRows } from '../../runtime/sink/ndjson-rows.ts';
import { ShardedEngine } from '../../runtime/worker/sharded-engine.ts';
import { generateCase } from '../generate/trial.ts';
import { rng } from '../random.ts';
import { decode, type Partition, planOf, printLines, runInMemory } from '../run-in-memory.ts';
import { planOfCase } from './cluster-trial.ts';
import { SavedPages } from './saved-pages.ts';

const UNITS = 3;
const SEEDS = 12;

describe('units of a sharded application', () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    it(`agree with one process on seed ${seed}`, () => {
      const of = generateCase(seed);
      const plan = planOfCase(of);
      const expected = runInMemory(plan, of.input, { batchRows: () => 1000 });
      const lines = runUnits(plan, of.input, seed);
      for (const { name } of plan.examples) {
        expect([...lines[name]].sort(), name).toEqual([...expected.lines[name]].sort());
      }
      const late = Object.values(expected.counts).reduce((sum, counts) => sum + counts.late, 0);
      expect(lines.late.length).toBe(late);
    });
  }
});

it('dedup global is refused: ids of several shards are not compared', () => {
  const plan = planOf(`
stream imp from "imp" {
  id iid : string
  time ts : timestamp
  user : string
  late 1s
  dedup global
}
feature n = count(imp) by user over 1h
examples set for imp { features n }
`);
  const open = () =>
    new ShardedEngine(plan, {
      ...{ unit: 0, units: 2, partitions: [1], epoch: 0, state: null, budget: null, spill: null },
      ...{ slabs: new SlabSet(), scanSlabs: new SlabSet(), bufferBytesMax: 1 },
    });
  expect(open).toThrow('stream imp says dedup global');
});

type Source = {
  readonly stream: number;
  readonly partition: number;
  readonly lines: readonly string[];
  at: number;
  ended: boolean;
  /** Of the last checkpoint. */
  saved: { readonly at: number; readonly state: unknown };
};

/** Runs to the end, complete; gives the lines of each set, and one `late` for each late row. */
function runUnits(plan: Plan, input: readonly Partition[], seed: number): Record<string, string[]> {
  const random = rng(seed);
  const logs: Uint8Array[][] = Array.from({ length: UNITS }, () => []);
  const partitions = plan.scans.map(({ streams }) => {
    const names = streams.map((stream) => plan.streams[stream].name);
    const own = input.filter(({ stream }) => names.includes(stream));
    return Math.max(1, ...own.map(({ partition }) => partition + 1));
  });
  const units = logs.map((_, unit) => new Unit(plan, { unit, partitions, input, logs }));
  for (let round = 0; units.some((unit) => !unit.isDone); round++) {
    if (round > 5000) throw new Error(`stuck: ${units.map((unit) => unit.k)}`);
    const unit = random.pick(units);
    unit.turn(1 + random.below(20));
    if (random.chance(0.1)) unit.checkpoint();
    if (round < 100 && random.chance(0.05)) unit.restart();
  }
  const lines = Object.fromEntries(
    plan.examples.map(({ name }, e) => [name, units.flatMap((unit) => unit.out[e])]),
  );
  return { ...lines, late: units.flatMap((unit) => unit.late()) };
}

type World = {
  readonly unit: number;
  readonly partitions: readonly number[];
  readonly input: readonly Partition[];
  readonly logs: readonly Uint8Array[][];
};

class Unit {
  k = Number.NEGATIVE_INFINITY;
  readonly out: string[][];
  readonly sources: Source[];
  readonly #plan: Plan;
  readonly #world: World;
  readonly #printers: NdjsonRows[];
  readonly #pages = new SavedPages();
  readonly #scanPages = new SavedPages();
  #saved: { readonly k: number; readonly state: string | null };
  #slabs = new SlabSet();
  #scanSlabs = new SlabSet();
  #engine: ShardedEngine;
  #epoch = 0;
  /** Everything emitted before it is in `out`. */
  #printed = Number.NEGATIVE_INFINITY;

  constructor(plan: Plan, world: World) {
    this.#plan = plan;
    this.#world = world;
    this.#printers = plan.examples.map((example) => new NdjsonRows(example));
    this.out = plan.examples.map(() => []);
    this.#saved = { k: this.k, state: null };
    this.sources = plan.streams
      .flatMap(({ name, scan }, stream) =>
        Array.from({ length: scan < 0 ? 0 : world.partitions[scan] }, (_, partition): Source => {
          const rows = world.input.find(
            (p) => p.stream === name && p.partition === partition,
          )?.rows;
          const lines = (rows ?? []).map((r) => (typeof r === 'string' ? r : JSON.stringify(r)));
          const saved = { at: 0, state: null };
          return { stream, partition, lines, at: 0, ended: false, saved };
        }),
      )
      .filter(({ partition }) => partition % UNITS === world.unit);
    this.#engine = this.#start();
  }

  get isDone(): boolean {
    return this.k === Number.POSITIVE_INFINITY && this.sources.every(({ ended }) => ended);
  }

  turn(rows: number): void {
    const engine = this.#engine;
    for (const source of this.sources) {
      if (source.ended) continue;
      const batch = decode(this.#plan, source, rows);
      if (batch === null) {
        source.ended = true;
        engine.end(source.stream, source.partition);
        continue;
      }
      source.at += batch.n;
      engine.accept(source.stream, source.partition, batch);
    }
    const log = this.#world.logs[this.#world.unit];
    while (engine.exchangeNext < log.length) {
      engine.receive(log[engine.exchangeNext], engine.exchangeNext);
    }
    const frontier = engine.frontier();
    // What was printed before a restart is applied again for its effect on the state.
    const upTo = this.k < this.#printed ? Math.min(frontier, this.#printed) : frontier;
    if (upTo > this.k) {
      for (const batches of engine.advance(upTo)) {
        if (upTo > this.#printed) this.#print(batches);
      }
      this.k = upTo;
    }
    this.#printed = Math.max(this.#printed, this.k);
    for (const { unit, values } of engine.outgoing()) this.#world.logs[unit].push(...values);
    engine.sent();
  }

  /** What is printed is committed with it. */
  checkpoint(): void {
    const engine = this.#engine;
    const log = this.#world.logs[this.#world.unit];
    const offset = log.length;
    log.push(...engine.unlogged());
    engine.logged(offset);
    this.#saved = { k: this.k, state: engine.state() };
    expect(ShardedEngine.exchangeNeeds(this.#saved.state!)).toBeLessThanOrEqual(
      engine.exchangeNext,
    );
    this.#pages.save(this.#slabs);
    this.#scanPages.save(this.#scanSlabs);
    for (const source of this.sources) {
      const { stream, partition, at } = source;
      expect(engine.lowestUnapplied(stream, partition)).toBe(at);
      source.saved = { at, state: engine.scanState(stream, partition) };
    }
  }

  /** Starts again from the last checkpoint; what was printed stays. */
  restart(): void {
    this.#slabs = this.#pages.load();
    this.#scanSlabs = this.#scanPages.load();
    this.#epoch++;
    for (const source of this.sources) {
      source.at = source.saved.at;
      source.ended = false;
    }
    this.k = this.#saved.k;
    this.#engine = this.#start();
  }

  /** One entry for each row that came too late. */
  late(): string[] {
    return this.#plan.streams.flatMap((_, stream) =>
      Array.from({ length: this.#engine.counts(stream).late }, () => 'late'),
    );
  }

  #print(batches: readonly (EmissionBatch | null)[]): void {
    batches.forEach((batch, e) => {
      if (batch !== null) this.out[e].push(...printLines(this.#printers[e], batch));
    });
  }

  #start(): ShardedEngine {
    const { unit, partitions } = this.#world;
    const engine = new ShardedEngine(this.#plan, {
      ...{ unit, units: UNITS, partitions, epoch: this.#epoch },
      ...{ slabs: this.#slabs, scanSlabs: this.#scanSlabs, budget: null, spill: null },
      ...{ bufferBytesMax: Number.POSITIVE_INFINITY, state: this.#saved.state },
    });
    engine.complete();
    for (const { stream, partition, saved } of this.sources) {
      engine.addPartition(stream, partition, structuredClone(saved.state));
    }
    engine.skipBelow(this.k);
    return engine;
  }
}
