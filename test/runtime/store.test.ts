import { appendFile, mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PAGE_WORDS, SlabSet } from '../../operators/state/slab.ts';
import {
  type CheckpointMeta,
  restoreCheckpoint,
  saveCheckpoint,
} from '../../runtime/store/checkpoint.ts';
import { openClassicStore } from '../../runtime/store/classic-store.ts';
import { MemoryStore } from '../../runtime/store/memory-store.ts';
import { openRocksStore } from '../../runtime/store/rocks-store.ts';
import type { StateStore } from '../../runtime/store/state-store.ts';
import { rng } from '../random.ts';
import { runChild, startChild } from './child.ts';

let folder = '';
let made = 0;
const memory = new Map<string, MemoryStore>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-store-'));
});
afterAll(() => rm(folder, { recursive: true }));

const opens: Record<string, (path: string) => Promise<StateStore>> = {
  async memory(path) {
    const store = memory.get(path) ?? new MemoryStore();
    memory.set(path, store);
    return store;
  },
  rocksdb: openRocksStore,
  leveldb: openClassicStore,
};

const meta = (k: number): CheckpointMeta => ({
  planDigest: 'p',
  k,
  sources: [{ topic: 't', partition: 0, rows: 5, bytes: 100, scans: [{ max: 3 }] }],
});

const sets = () =>
  new Map([
    ['shard-0', new SlabSet()],
    ['scan', new SlabSet()],
  ]);

describe.each(Object.keys(opens))('the %s store', (kind) => {
  it('restores what was last checkpointed, page for page', async () => {
    const open = opens[kind]!;
    const path = join(folder, `${kind}-${made++}`);
    const random = rng(11);
    let store = await open(path);
    expect(store.kind).toBe(kind);
    let live = sets();
    expect(await restoreCheckpoint(store, live, 'p')).toBeNull();
    for (let round = 0; round < 6; round++) {
      for (const [name, set] of live) {
        for (let i = 0; i < 3; i++) {
          const slab = set.open(`${name}:operator ${i}`);
          const at = slab.bump(1 + random.below(PAGE_WORDS * 2));
          slab.f64[at] = random.next();
          const old = random.below(slab.used);
          if (old >= 64) {
            slab.f64[old] = random.next();
            slab.mark(old, 1);
          }
        }
      }
      await saveCheckpoint(store, live, meta(round));
      // A second one with nothing changed writes no page.
      expect(await saveCheckpoint(store, live, meta(round))).toBe(0);
      if (kind !== 'memory') {
        await store.close();
        store = await open(path);
      }
      const restored = sets();
      expect(await restoreCheckpoint(store, restored, 'p')).toEqual(meta(round));
      for (const [name, set] of live) {
        for (const slab of set.all()) {
          const again = restored.get(name)!.open(slab.name);
          expect(again.used).toBe(slab.used);
          expect(
            Buffer.compare(again.u8.subarray(0, slab.used * 8), slab.u8.subarray(0, slab.used * 8)),
          ).toBe(0);
        }
      }
      live = restored;
    }
    await store.close();
  });

  it('refuses the state of another plan', async () => {
    const store = await opens[kind]!(join(folder, `${kind}-${made++}`));
    await saveCheckpoint(store, sets(), meta(1));
    await expect(restoreCheckpoint(store, sets(), 'q')).rejects.toMatchObject({
      kind: 'state_of_other_plan',
    });
    await store.close();
  });
});

it('keeps infinite frontiers', async () => {
  const store = new MemoryStore();
  await saveCheckpoint(store, sets(), meta(Number.POSITIVE_INFINITY));
  expect((await restoreCheckpoint(store, sets(), 'p'))?.k).toBe(Number.POSITIVE_INFINITY);
});

it('leaves pages dirty when the write fails', async () => {
  const live = sets();
  live.get('scan')!.open('x').bump(10);
  const store = new MemoryStore();
  const failing: StateStore = {
    kind: 'memory',
    load: (page) => store.load(page),
    meta: () => store.meta(),
    close: () => store.close(),
    write: () => Promise.reject(new Error('broken')),
  };
  await expect(saveCheckpoint(failing, live, meta(1))).rejects.toThrow('broken');
  expect(await saveCheckpoint(store, live, meta(1))).toBe(1);
});

describe('RocksDB in the world', () => {
  it('says that another process holds the folder', async () => {
    const path = join(folder, 'held');
    const store = await openRocksStore(path);
    const { stdout } = await runChild('./children/store-child.ts', ['hold', path]);
    expect(stdout.trim()).toBe('state_locked');
    await store.close();
  });

  it('keeps every checkpoint that returned when its process is killed', async () => {
    const path = join(folder, 'killed');
    const child = startChild('./children/store-child.ts', ['write', path]);
    let last = -1;
    await new Promise<void>((resolve, reject) => {
      child.stderr.on('data', (bytes) => reject(new Error(String(bytes))));
      child.stdout.on('data', (bytes) => {
        last = Number(String(bytes).trim().split('\n').at(-1));
        if (last >= 5) child.kill('SIGKILL');
      });
      child.on('exit', () => resolve());
    });
    const store = await openRocksStore(path);
    const values = new Set<number>();
    const saved = Number(
      Buffer.from(
        (await store.load(({ bytes }) => {
          values.add(bytes[0]!);
          values.add(bytes[65_535]!);
        }))!,
      ).toString(),
    );
    // The whole of one batch: the last that returned, or the one under way.
    expect(saved).toBeGreaterThanOrEqual(last);
    expect([...values]).toEqual([saved % 256]);
    await store.close();
  });

  it('says that a damaged folder is damaged', async () => {
    const path = join(folder, 'damaged');
    const store = await openRocksStore(path);
    for (let i = 0; i < 3; i++) {
      await store.write(
        [{ set: 's', slab: 'x', page: i, bytes: new Uint8Array(65_536).fill(i) }],
        Buffer.from('m'),
      );
    }
    await store.close();
    for (const name of await readdir(path)) {
      if (name.startsWith('MANIFEST')) {
        await truncate(join(path, name), 7);
        await appendFile(join(path, name), 'garbage garbage garbage garbage');
      }
      if (name === 'CURRENT') await writeFile(join(path, name), 'MANIFEST-999999\n');
    }
    await expect(openRocksStore(path)).rejects.toMatchObject({
      name: 'Fault',
      kind: 'state_damaged',
    });
  });
});
