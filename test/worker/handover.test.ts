/**
 * A run over files up to T, and the application that goes on from it, are one: together they give what one run over all events
 * gives, whatever both of them can see of the other's, and whenever the application is killed.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Plan } from '../../compiler/plan/plan.ts';
import { readBlocks } from '../../runtime/block/block-reader.ts';
import { blockRow } from '../../runtime/block/block-row.ts';
import type { ExampleRow } from '../../runtime/block/example-row.ts';
import { PipelineEngine } from '../../runtime/run/pipeline-engine.ts';
import type { ReadPosition } from '../../runtime/run/record-reader.ts';
import { run } from '../../runtime/run/run.ts';
import { openReader } from '../../runtime/source/open-reader.ts';
import { changeMeta } from '../../runtime/store/checkpoint.ts';
import { MemoryStore } from '../../runtime/store/memory-store.ts';
import type { Handover } from '../../runtime/worker/unit-handover.ts';
import type { Partition } from '../run-in-memory.ts';
import { expectedOf } from './expected.ts';
import { changedInOne } from './expected-change.ts';
import type { SimulatedProcess } from './simulator/simulated-process.ts';
import { copyOf, type Machine, SMALL_BUCKETS, UnitWorld } from './simulator/unit-world.ts';
import { changedProgram, cutAt, partOf, START, smallEvents, smallPlan } from './small-app.ts';

const SEEDS = 8;
const CHANGES = 2;
const PLANS = [smallPlan(), smallPlan(true)];

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-handover-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('an application that goes on from files', () => {
  it('gives with them what one run gives, whenever it is killed', async () => {
    const sum = { files: 0, live: 0, early: 0, late: 0 };
    for (let seed = 0; seed < SEEDS; seed++) {
      const { files, live, late, t } = await expectOne(seed);
      sum.late += late;
      sum.files += files.length;
      sum.live += live.length;
      // Of anchors that the files had, and their labels by the topics' events.
      sum.early += live.filter(({ time }) => time < t).length;
    }
    expect(sum.files).toBeGreaterThan(20 * SEEDS);
    expect(sum.live).toBeGreaterThan(20 * SEEDS);
    expect(sum.late).toBeGreaterThan(0);
    expect(sum.early).toBeGreaterThan(SEEDS);
  });

  it('changes its program like any other, also when only the folder is left', async () => {
    for (let seed = 20; seed < 20 + CHANGES; seed++) {
      const plan = PLANS[seed % PLANS.length]!;
      const now = smallPlan(plan === PLANS[1], changedProgram);
      const events = smallEvents(seed, 220, 1);
      // Some of the topics' events come after the change.
      const t = START + 9_000;
      const files = await backfill(plan, events, { to: join(folder, `${seed}`), until: t });
      const world = new UnitWorld(seed);
      world.makeTopics(plan, 1);
      const taken = new Taken(plan, t, files.store);
      const machine: Machine = { store: new MemoryStore() };
      const handover = (at: SimulatedProcess) => taken.by(at, machine);
      for (const part of [0, 1, 2]) world.produce(plan, partOf(events, part, 4));
      const first = world.start(plan, { machine, handover });
      await world.until(() => world.k() > t);
      first.stop.requested = true;
      expect(await world.ended(first)).toBe(true);
      world.loseSnapshots();
      machine.store = new MemoryStore();
      world.produce(plan, partOf(events, 3, 4));
      const last = world.start(now, { machine, handover, upgrade: true, isLast: true });
      expect(await world.ended(last)).toBe(true);
      expect(last.said.filter((event) => event === 'continuing')).toHaveLength(1);
      expect(last.said).toContain('led_up');
      const [began, ...changed] = world.stages();
      const stages = [{ ...began!, from: Number.NEGATIVE_INFINITY }, ...changed];
      const wanted = changedInOne(stages, cutAt(events, t), { bounds: SMALL_BUCKETS });
      for (const [name, rows] of wanted) {
        const set = plan.examples.findIndex((each) => each.name === name);
        const all = [...(files.rows[set] ?? []), ...world.rows(`app.${name}`)];
        expect(all, `seed ${seed}, ${name}`).toEqual(rows);
        expect(all.length).toBeGreaterThan(0);
      }
    }
  });

  it('has not begun with anything else', async () => {
    const [plan] = PLANS as [Plan];
    const world = new UnitWorld(1);
    world.makeTopics(plan, 1);
    world.produce(plan, smallEvents(1, 50, 1));
    const machine: Machine = { store: new MemoryStore() };
    await world.killAfter(world.start(plan, { machine }), 2_000);
    const taken = new Taken(plan, START, new MemoryStore());
    const worker = world.start(plan, { machine, handover: (at) => taken.by(at, machine) });
    await expect(world.ended(worker)).rejects.toThrow('the application app has begun without out');
  });
});

/** Gives the rows of labels that came by either way. */
async function expectOne(seed: number) {
  const plan = PLANS[seed % PLANS.length]!;
  const partitions = 1 + ((seed >> 1) % 2);
  const events = smallEvents(seed, 220, partitions);
  const t = START + 14_000 + ((seed * 1_777) % 6_000);
  // The files need not be cut as the topics are.
  const inFiles = seed % 3 === 2 ? inOne(events) : events;
  const files = await backfill(plan, inFiles, { to: join(folder, `${seed}`), until: t });
  const all = cutAt(events, t, inFiles);
  const wanted = expectedOf(plan, all, { complete: true, bounds: SMALL_BUCKETS });
  const world = new UnitWorld(seed);
  world.makeTopics(plan, partitions);
  // Both have everything: who counts what is said by T alone.
  world.produce(plan, events);
  const taken = new Taken(plan, t, files.store);
  const machine: Machine = { store: new MemoryStore() };
  const handover = (at: SimulatedProcess) => taken.by(at, machine);
  for (let kill = 0; kill < 3; kill++) {
    await world.killAfter(world.start(plan, { machine, handover }), 150 * world.random.next());
    if (world.random.chance(0.3)) machine.store = new MemoryStore();
  }
  expect(await world.ended(world.start(plan, { machine, handover, isLast: true }))).toBe(true);
  const live = plan.examples.map(({ name }) => world.rows(`app.${name}`));
  for (const [set, rows] of live.entries()) {
    expect([...files.rows[set]!, ...rows], `seed ${seed}`).toEqual(wanted.rows[set]);
  }
  // What the other has counted is no late record either.
  expect(files.late + world.late(), `seed ${seed}`).toBe(wanted.late);
  const shown = plan.examples.findIndex(({ name }) => name === 'shown');
  return { files: files.rows[shown]!, live: live[shown]!, late: wanted.late, t };
}

/** The partitions of each stream as one, whose rows take turns. */
function inOne(events: readonly Partition[]): Partition[] {
  return ['imp', 'clk'].map((stream) => {
    const own = events.filter((each) => each.stream === stream);
    const longest = Math.max(...own.map(({ rows }) => rows.length));
    const rows = Array.from({ length: longest }, (_, i) =>
      own.flatMap(({ rows }) => rows[i] ?? []),
    );
    return { stream, partition: 0, rows: rows.flat() };
  });
}

async function backfill(
  plan: Plan,
  events: readonly Partition[],
  { to, until }: { readonly to: string; readonly until: number },
): Promise<{ readonly rows: ExampleRow[][]; readonly late: number; readonly store: MemoryStore }> {
  const store = new MemoryStore();
  const inputs = events.map(async ({ stream, partition, rows }) => {
    const path = `${to}-${stream}-${partition}.ndjson`;
    const lines = rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row)));
    await writeFile(path, `${lines.join('\n')}\n`);
    const { scan } = plan.streams.find(({ name }) => name === stream)!;
    const { fields } = plan.scans[scan]!;
    const open = (at: ReadPosition | null) => openReader(path, fields, { at });
    return { scan, partition, path, open };
  });
  let clock = 0;
  const { outcome, manifest } = await run({
    ...{ plan, inputs: await Promise.all(inputs), folder: to, format: 'block', until },
    ...{ complete: false, shards: 1, fresh: false, state: 'rocksdb' },
    ...{ commitEveryMs: 2, checkpointEveryMs: 5, bucketBounds: SMALL_BUCKETS },
    stop: { requested: false },
    makeEngine: (of, slabs) =>
      new PipelineEngine(of, {
        ...{ slabs: [slabs.get('shard-0')!], scanSlabs: slabs.get('scan')!, codegen: true },
        ...{ spill: null, bufferBytesMax: Number.POSITIVE_INFINITY },
      }),
    say: () => undefined,
    onBatch: () => undefined,
    now: () => clock++,
    openStore: async () => store,
  });
  expect(outcome).toBe('done');
  const rows = plan.examples.map(async ({ name }) => {
    const found: ExampleRow[] = [];
    for await (const block of readBlocks(join(to, `${name}.block`))) {
      for (let row = 0; row < block.rows; row++) found.push(blockRow(block, row));
    }
    return found;
  });
  return { rows: await Promise.all(rows), late: manifest!.late, store };
}

/** The folder as workers find it. */
class Taken {
  readonly #run: { readonly plan: Plan; readonly k: number; id: string | null };
  readonly #store: MemoryStore;

  constructor(plan: Plan, k: number, store: MemoryStore) {
    this.#run = { plan, k, id: null };
    this.#store = store;
  }

  by(process: SimulatedProcess, machine: Machine): Handover {
    return {
      folder: 'out',
      read: async () => ({ ...this.#run }),
      claim: async () => {
        this.#run.id ??= 'h1';
        await process.sleep(10 * process.random.next());
        return this.#run.id;
      },
      fill: async (_, place) => {
        const copy = await copyOf(this.#store);
        await process.sleep(10 * process.random.next());
        await changeMeta(copy, place);
        machine.store = copy;
      },
    };
  }
}
