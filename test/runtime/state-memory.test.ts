import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ColdStore } from '../../operators/state/cold-store.ts';
import { MemoryColdStore } from '../../operators/state/memory-cold-store.ts';
import { StateBudget, type StateSizes } from '../../operators/state/state-budget.ts';
import { main } from '../../runtime/command/cli.ts';
import { PipelineEngine } from '../../runtime/run/pipeline-engine.ts';
import { type RunRequest, run } from '../../runtime/run/run.ts';
import { openReader } from '../../runtime/source/open-reader.ts';
import { MemoryStore } from '../../runtime/store/memory-store.ts';
import { openStateStore } from '../../runtime/store/open-store.ts';
import type { SavedPage, StateStore } from '../../runtime/store/state-store.ts';
import { type Rng, rng } from '../random.ts';
import { planOf } from '../run-in-memory.ts';
import { startChild } from './child.ts';
import { Crash, SimulatedDisk } from './simulated-disk.ts';

const PROGRAM = `stream impression from "ads.impressions" {
  id   impression_id : string
  time ts            : timestamp
  user_id, ad_id : string
  late 5s
}

stream click from "ads.clicks" {
  id   click_id : string
  time ts       : timestamp
  impression_id, user_id, ad_id : string
  late 5s
}

feature user_imps   = count(impression)    by user_id over [5m, 1h, 24h]
feature user_clicks = count(click)         by user_id over [5m, 1h, 24h]
feature recent_ads  = last(click.ad_id, 5) by user_id over 1h
feature shown_ads   = distinct(impression.ad_id) by user_id over 24h
feature pair_imps   = count(impression)    by (user_id, ad_id) over 24h
feature ad_imps     = count(impression)    by ad_id over 1h

label clicked = click on impression_id within 1m

examples ads_ctr for impression {
  features user_imps, user_clicks, recent_ads, shown_ads, pair_imps, ad_imps, impression.ad_id
  label clicked wait 1m
}
`;
const MAIN = '../../runtime/main.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-budget-'));
  await writeFile(join(folder, 'ads.feat'), PROGRAM);
  await writeTraffic('small', 6_000, 1500);
  await writeTraffic('large', 40_000, 15_000);
});
afterAll(() => rm(folder, { recursive: true }));

async function writeTraffic(name: string, n: number, users: number): Promise<void> {
  const random = rng(n);
  const imps: string[] = [];
  const clicks: string[] = [];
  for (let i = 0; i < n; i++) {
    const ts = 1_730_000_000_000 + i * 200 - random.below(3000);
    // Some users are seen all the time, most now and then.
    const user_id = `u${Math.floor(users * random.next() ** 2)}`;
    const ad_id = `a${random.below(40)}`;
    imps.push(JSON.stringify({ impression_id: `i${i}`, ts, user_id, ad_id }));
    if (!random.chance(0.1)) continue;
    const click = { click_id: `c${i}`, ts: ts + 2000, impression_id: `i${i}`, user_id, ad_id };
    clicks.push(JSON.stringify(click));
  }
  await writeFile(join(folder, `${name}-imps.ndjson`), `${imps.join('\n')}\n`);
  await writeFile(join(folder, `${name}-clicks.ndjson`), `${clicks.join('\n')}\n`);
}

/** A checkpoint is there whole or not at all; of what went to the cold store since the last, a part is. */
class FragileStore implements StateStore, ColdStore {
  readonly kind = 'memory';
  readonly cold: ColdStore = this;
  readonly #inner = new MemoryStore();
  readonly #disk: SimulatedDisk;
  #since = new MemoryColdStore();
  #writes: [Uint8Array, Uint8Array][] = [];

  constructor(disk: SimulatedDisk) {
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
    this.#disk.act((share) => this.keep(share));
    this.keep(1);
    await this.#inner.write(copied, meta);
  }

  async close(): Promise<void> {}

  read(keys: readonly Uint8Array[]): readonly (Uint8Array | null)[] {
    const older = this.#inner.cold.read(keys);
    return this.#since.read(keys).map((value, i) => value ?? older[i]!);
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#writes.push([key.slice(), value.slice()]);
    this.#since.put(key, value);
  }

  flush(): void {}

  keep(share: number): void {
    const kept = Math.floor(this.#writes.length * share);
    for (let i = 0; i < kept; i++) this.#inner.cold.put(...this.#writes[i]!);
    this.#writes = [];
    this.#since = new MemoryColdStore();
  }
}

type World = { disk: SimulatedDisk; store: FragileStore; sizes: StateSizes[] };

function world(seed: number): World {
  const disk = new SimulatedDisk(rng(seed));
  return { disk, store: new FragileStore(disk), sizes: [] };
}

function request(w: World, bytesMax: number, shards: number): RunRequest {
  let clock = 0;
  let budget: StateBudget | null = null;
  const plan = planOf(PROGRAM);
  return {
    plan,
    inputs: plan.scans.map(({ topic, fields }, scan) => {
      const path = join(
        folder,
        topic === 'ads.clicks' ? 'small-clicks.ndjson' : 'small-imps.ndjson',
      );
      const open: RunRequest['inputs'][number]['open'] = async (at) => {
        const reader = await openReader(path, fields, { at });
        // Small batches: a few hundred keys each, and a commit now and then.
        return {
          read: () => reader.read(400),
          position: () => reader.position(),
          close: () => reader.close(),
        };
      };
      return { scan, partition: 0, path, open };
    }),
    folder: join(folder, 'simulated'),
    format: 'ndjson',
    complete: true,
    shards,
    fresh: false,
    state: 'rocksdb',
    commitEveryMs: 2,
    checkpointEveryMs: 5,
    stop: { requested: false },
    makeEngine: (of, slabs, count, copies) => {
      budget = new StateBudget(copies!, bytesMax, [...slabs.values()]);
      return new PipelineEngine(of, {
        slabs: Array.from({ length: count }, (_, shard) => slabs.get(`shard-${shard}`)!),
        scanSlabs: slabs.get('scan')!,
        codegen: true,
        spill: null,
        bufferBytesMax: Number.POSITIVE_INFINITY,
        budget,
      });
    },
    say: () => undefined,
    onBatch: () => w.sizes.push(budget!.sizes()),
    now: () => clock++,
    files: w.disk,
    openStore: async () => w.store,
  };
}

function examples(w: World): string {
  return w.disk.content(join(folder, 'simulated', 'ads_ctr.ndjson'));
}

async function throughCrashes(w: World, random: Rng, next: () => RunRequest): Promise<number> {
  for (let life = 1; life < 100; life++) {
    w.disk.actsLeft = 20 + random.below(60) * life;
    try {
      await run(next());
      return life;
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
    }
    w.disk.restart();
    w.store.keep(random.pick([0, random.next(), 1]));
  }
  throw new Error('the run never came to its end');
}

describe('a run with ten times the state it may hold in memory', () => {
  it.each([1, 3])(
    'writes the same bytes, with %i shards, also when it loses power',
    async (shards) => {
      const calm = world(1);
      await run(request(calm, Number.POSITIVE_INFINITY, shards));
      const expected = examples(calm);
      expect(expected.split('\n').length).toBeGreaterThan(5000);
      const whole = calm.sizes.at(-1)!;
      expect(whole.coldKeys).toBe(0);

      const tight = world(2);
      await run(request(tight, whole.heldBytes / 10, shards));
      expect(examples(tight)).toBe(expected);
      const { keys, coldKeys, evictions, loads } = tight.sizes.at(-1)!;
      expect(keys + coldKeys).toBe(whole.keys);
      expect(coldKeys).toBeGreaterThan(keys);
      expect(evictions).toBeGreaterThan(whole.keys / 2);
      expect(loads).toBeGreaterThan(1000);

      for (let seed = 0; seed < 6; seed++) {
        const wild = world(seed);
        const random = rng(seed + 50);
        // Also a budget that changes, and none, from one life to the next.
        const lives = await throughCrashes(wild, random, () =>
          request(wild, random.pick([0.05, 0.1, 0.4, 99]) * whole.heldBytes, shards),
        );
        expect(lives, `seed ${seed}: no crash happened`).toBeGreaterThan(2);
        expect(examples(wild), `seed ${seed}`).toBe(expected);
      }
    },
  );
});

const runArgs = (to: string, ...more: string[]) => [
  ...['run', join(folder, 'ads.feat'), '--to', join(folder, to), '--complete'],
  ...['--from', `impression=${join(folder, 'large-imps.ndjson')}`],
  ...['--from', `click=${join(folder, 'large-clicks.ndjson')}`],
  ...more,
];

async function cli(...args: string[]): Promise<{ code: number; err: string }> {
  let err = '';
  const error = (text: string) => {
    err += `${text}\n`;
  };
  const progress = { write: () => true };
  const code = await main(args, { print: () => undefined, error, progress }, '0.0.0');
  return { code, err };
}

const OUTPUTS = ['ads_ctr.ndjson', 'late.ndjson', 'manifest.json'];

async function outputs(to: string): Promise<string[]> {
  const names = (await readdir(join(folder, to))).filter((name) => OUTPUTS.includes(name)).sort();
  return Promise.all(names.map((name) => readFile(join(folder, to, name), 'utf8')));
}

describe('run --state-memory', () => {
  it('writes the same bytes from a tenth of the memory, killed again and again too', async () => {
    const probe = await openStateStore(join(folder, 'probe'), () => undefined);
    await probe.close();
    expect((await cli(...runArgs('roomy', '--state-memory', '4096'))).err).not.toMatch(/on disk/);
    const expected = await outputs('roomy');
    expect(expected[0]!.split('\n').length).toBeGreaterThan(39_000);
    if (probe.kind !== 'rocksdb') return;

    for (const shards of ['1', '3']) {
      const to = `tight-${shards}`;
      const { code, err } = await cli(...runArgs(to, '--state-memory', '2', '--shards', shards));
      expect(code).toBe(0);
      expect(err).toMatch(/State: .* keys in memory .* on disk; .* went out, .* came back/);
      expect(await outputs(to)).toEqual(expected);
    }

    const random = rng(3);
    const pace = ['--commit-every', '0', '--checkpoint-every', '0.1', '--quiet'];
    const args = runArgs('killed', '--state-memory', '2', ...pace);
    for (let kills = 0; ; ) {
      const child = startChild(MAIN, args);
      const closed = new Promise<number | null>((resolve) => child.on('close', resolve));
      if (kills < 5) {
        await Promise.race([closed, sleep(700 + random.below(1500))]);
        if (child.exitCode === null) kills++;
        child.kill('SIGKILL');
      }
      if ((await closed) === 0) break;
      expect(child.signalCode).toBe('SIGKILL');
    }
    expect(await outputs('killed')).toEqual(expected);
  });

  it('is refused where colder keys have nowhere to go', async () => {
    const { code, err } = await cli(...runArgs('no', '--state', 'memory', '--state-memory', '64'));
    expect(code).toBe(2);
    expect(err).toMatch(/--state-memory/);
  });
});
