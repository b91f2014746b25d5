import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MemoryStore } from '../../runtime/memory-store.ts';
import { type RunRequest, type RunResult, run } from '../../runtime/run.ts';
import type { SavedPage, StateStore } from '../../runtime/state-store.ts';
import { type Rng, rng } from '../random.ts';
import { Crash, SimulatedDisk } from './simulated-disk.ts';
import { BAD, TinyEngine, TinyReader, tinyPlan } from './tiny-engine.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-recovery-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Times that mostly rise, with ties, disorder, late and malformed records. */
function times(random: Rng, n: number): number[] {
  let now = 1000;
  return Array.from({ length: n }, () => {
    now += random.below(6);
    if (random.chance(0.01)) return BAD;
    if (random.chance(0.02)) return now - 200;
    return now - random.below(40);
  });
}

/** A store whose writes take part in the disk's crashes: all of a batch is there or none. */
class CrashingStore implements StateStore {
  readonly kind = 'memory';
  readonly #inner: MemoryStore;
  readonly #disk: SimulatedDisk;

  constructor(inner: MemoryStore, disk: SimulatedDisk) {
    this.#inner = inner;
    this.#disk = disk;
  }

  load(page: (page: SavedPage) => void): Promise<Uint8Array | null> {
    return this.#inner.load(page);
  }

  meta(): Promise<Uint8Array | null> {
    return this.#inner.meta();
  }

  async write(pages: Iterable<SavedPage>, meta: Uint8Array): Promise<void> {
    const copied = [...pages].map((page) => ({ ...page, bytes: page.bytes.slice() }));
    let done = false;
    this.#disk.act((share) => {
      done = share < 0.5;
    });
    if (!done) await this.#inner.write(copied, meta);
  }

  async close(): Promise<void> {}
}

type World = { disk: SimulatedDisk; store: MemoryStore; inputs: number[][]; path: string };

function world(seed: number, records = 1500): World {
  const random = rng(seed);
  return {
    disk: new SimulatedDisk(random),
    store: new MemoryStore(),
    inputs: [times(random, records), times(random, records), times(random, records / 3)],
    path: join(folder, 'out'),
  };
}

function request(w: World, more: Partial<RunRequest> = {}): RunRequest {
  let clock = 0;
  return {
    plan: tinyPlan(),
    inputs: w.inputs.map((input, partition) => ({
      scan: 0,
      partition,
      path: '-',
      open: async (at) => new TinyReader(input, at?.rows ?? 0),
    })),
    folder: w.path,
    format: 'ndjson',
    complete: false,
    shards: 1,
    fresh: false,
    state: 'rocksdb',
    commitEveryMs: 3,
    checkpointEveryMs: 10,
    stop: { requested: false },
    makeEngine: (_plan, slabs) => new TinyEngine(slabs),
    say: () => undefined,
    onBatch: () => undefined,
    now: () => clock++,
    files: w.disk,
    openStore: async () => new CrashingStore(w.store, w.disk),
    ...more,
  };
}

const FILES = [
  'counted.ndjson',
  'late.ndjson',
  'malformed.ndjson',
  'quarantine/counted.ndjson',
  'manifest.json',
];

function outputs(w: World): Record<string, string> {
  return Object.fromEntries(FILES.map((name) => [name, w.disk.content(join(w.path, name))]));
}

async function runThroughCrashes(
  w: World,
  random: Rng,
  more: Partial<RunRequest> = {},
): Promise<number> {
  for (let life = 1; life < 200; life++) {
    w.disk.actsLeft = 1 + random.below(life < 20 ? 60 : 500);
    try {
      const result: RunResult = await run(request(w, more));
      w.disk.restart();
      expect(['done', 'already_done']).toContain(result.outcome);
      return life;
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
    }
    w.disk.restart();
  }
  throw new Error('the run never came to its end');
}

describe('a run that loses power at random', () => {
  it.each([
    ['with its state', {}],
    ['with --state memory', { state: 'memory' as const }],
    ['with --complete', { complete: true }],
  ])('writes the same bytes, %s', async (_, more) => {
    for (let seed = 0; seed < 25; seed++) {
      const calm = world(seed);
      expect((await run(request(calm, more))).outcome).toBe('done');
      const expected = outputs(calm);
      expect(expected['counted.ndjson']!.split('\n').length).toBeGreaterThan(300);
      expect(expected['quarantine/counted.ndjson']!.length).toBeGreaterThan(0);
      expect(expected['late.ndjson']!.length).toBeGreaterThan(0);

      const wild = world(seed);
      const lives = await runThroughCrashes(wild, rng(seed + 1000), more);
      expect(lives, `seed ${seed}: no crash happened`).toBeGreaterThan(1);
      expect(outputs(wild), `seed ${seed}`).toEqual(expected);
    }
  });

  it('survives a crash at every single act of its first life', async () => {
    const calm = world(99, 240);
    await run(request(calm));
    const expected = outputs(calm);
    for (let act = 1; act <= calm.disk.acts; act++) {
      const wild = world(99, 240);
      wild.disk.actsLeft = act;
      await expect(run(request(wild)), `act ${act}`).rejects.toBeInstanceOf(Crash);
      wild.disk.restart();
      await run(request(wild));
      expect(outputs(wild), `act ${act}`).toEqual(expected);
    }
  });
});

describe('a run that is stopped, full or done', () => {
  it('stops at a commit and goes on from it', async () => {
    const calm = world(5);
    await run(request(calm));
    const w = world(5);
    const stop = { requested: false };
    let batches = 0;
    const onBatch = () => {
      if (++batches === 40) stop.requested = true;
    };
    expect((await run(request(w, { stop, onBatch }))).outcome).toBe('stopped');
    expect((await run(request(w))).outcome).toBe('done');
    expect(outputs(w)).toEqual(outputs(calm));
  });

  it('does nothing when it is already done', async () => {
    const w = world(6);
    await run(request(w));
    const before = outputs(w);
    const inputs = request(w).inputs.map((input) => ({
      ...input,
      open: () => Promise.reject(new Error('was opened')),
    }));
    expect((await run(request(w, { inputs }))).outcome).toBe('already_done');
    expect(outputs(w)).toEqual(before);
  });

  it('says that the disk is full, keeps what was committed, and goes on when there is room', async () => {
    const calm = world(7);
    await run(request(calm));
    const w = world(7);
    w.disk.bytesLeft = 20_000;
    await expect(run(request(w))).rejects.toMatchObject({ kind: 'disk_full', retriable: true });
    w.disk.bytesLeft = Number.POSITIVE_INFINITY;
    await run(request(w));
    expect(outputs(w)).toEqual(outputs(calm));
  });

  it('refuses a folder of another program, other inputs or options, and starts over with --fresh', async () => {
    const w = world(8);
    await run(request(w));
    const other = { plan: tinyPlan('d2') };
    await expect(run(request(w, other))).rejects.toMatchObject({ kind: 'folder_of_other_run' });
    await expect(run(request(w, other))).rejects.toThrow(/program changed.*--fresh/s);
    await expect(run(request(w, { shards: 2 }))).rejects.toThrow(/--shards 1, not 2/);
    await expect(run(request(w, { complete: true }))).rejects.toThrow(/without --complete/);
    const fewer = request(w).inputs.slice(1);
    await expect(run(request(w, { inputs: fewer }))).rejects.toThrow(/events\/0.*was an input/);
    w.store = new MemoryStore();
    expect((await run(request(w, { ...other, fresh: true }))).outcome).toBe('done');
  });

  it('refuses to overwrite files that no run made', async () => {
    const w = world(9);
    await w.disk.replace(join(w.path, 'counted.ndjson'), Buffer.from('precious'));
    await expect(run(request(w))).rejects.toMatchObject({ kind: 'folder_not_ours' });
    expect(w.disk.content(join(w.path, 'counted.ndjson'))).toBe('precious');
  });

  it('says that an output was cut by somebody', async () => {
    const w = world(10);
    const stop = { requested: false };
    let batches = 0;
    await run(
      request(w, {
        stop,
        onBatch: () => {
          stop.requested = ++batches === 60;
        },
      }),
    );
    w.disk.nodes.get(join(w.path, 'counted.ndjson'))!.length = 1;
    await expect(run(request(w))).rejects.toMatchObject({ kind: 'output_cut' });
  });

  it('says that an input is shorter than what was already written out', async () => {
    const w = world(11);
    const stop = { requested: false };
    let batches = 0;
    await run(
      request(w, {
        stop,
        onBatch: () => {
          stop.requested = ++batches === 60;
        },
      }),
    );
    w.store = new MemoryStore();
    w.inputs = w.inputs.map((input) => input.slice(0, 20));
    await expect(run(request(w))).rejects.toMatchObject({ kind: 'input_shorter' });
  });

  it('lets one process at a time into a folder', async () => {
    const w = world(12);
    let second: unknown = null;
    const inputs = request(w).inputs.map((input) => ({
      ...input,
      open: async (at: { rows: number; bytes: number } | null) => {
        second ??= await run(request(w)).catch((error) => error);
        return input.open(at);
      },
    }));
    expect((await run(request(w, { inputs }))).outcome).toBe('done');
    expect(second).toMatchObject({ kind: 'folder_locked' });
  });
});
