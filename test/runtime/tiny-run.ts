/** Runs of the tiny engine on a disk and a store that lose power together. */
import { join } from 'node:path';
import { expect } from 'vitest';
import { type RunRequest, type RunResult, run } from '../../runtime/run/run.ts';
import { MemoryStore } from '../../runtime/store/memory-store.ts';
import type { SavedPage, StateStore } from '../../runtime/store/state-store.ts';
import { type Rng, rng } from '../random.ts';
import { Crash, SimulatedDisk } from './simulated-disk.ts';
import { BAD, TinyEngine, TinyReader, tinyPlan } from './tiny-engine.ts';

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
export class CrashingStore implements StateStore {
  readonly kind = 'memory';
  readonly #inner: MemoryStore;
  readonly #disk: SimulatedDisk;

  constructor(inner: MemoryStore, disk: SimulatedDisk) {
    this.#inner = inner;
    this.#disk = disk;
  }

  load(page: (page: SavedPage) => boolean | undefined): Promise<Uint8Array | null> {
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

export type World = { disk: SimulatedDisk; store: MemoryStore; inputs: number[][]; path: string };

/** A seeded input with a fresh disk and store; `path` is the output folder. */
export function world(seed: number, path: string, records = 1500): World {
  const random = rng(seed);
  return {
    disk: new SimulatedDisk(random),
    store: new MemoryStore(),
    inputs: [times(random, records), times(random, records), times(random, records / 3)],
    path,
  };
}

export function request(w: World, more: Partial<RunRequest> = {}): RunRequest {
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

/** Every file the run makes for its users. */
export function outputs(w: World): Record<string, string> {
  return Object.fromEntries(FILES.map((name) => [name, w.disk.content(join(w.path, name))]));
}

/** Runs to the end however often the power goes; gives the number of lives it took. */
export async function runThroughCrashes(
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
