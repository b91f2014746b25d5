import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PAGE_WORDS, SlabSet } from '../../operators/state/slab.ts';
import {
  type CheckpointMeta,
  restoreCheckpoint,
  saveCheckpoint,
} from '../../runtime/store/checkpoint.ts';
import { openPageFile } from '../../runtime/store/page-file.ts';
import type { IndexEntry, PageIndex } from '../../runtime/store/page-index.ts';
import { openPageStore } from '../../runtime/store/page-store.ts';
import { META_KEY } from '../../runtime/store/state-store.ts';
import { rng } from '../random.ts';
import { Crash, SimulatedDisk } from './simulated-disk.ts';
import { SimulatedPageFile } from './simulated-page-file.ts';

const PAGE_BYTES = PAGE_WORDS * 8;

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-pages-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A database whose batches are whole or absent, on a disk that may lose power. */
class SimulatedIndex implements PageIndex {
  readonly kind = 'memory';
  readonly folder = 'index';
  readonly entries = new Map<string, IndexEntry>();
  readonly #disk: SimulatedDisk;

  constructor(disk: SimulatedDisk) {
    this.#disk = disk;
  }

  async places(): Promise<IndexEntry[]> {
    return [...this.entries.values()].filter(([key]) => !key.equals(META_KEY));
  }

  async meta(): Promise<Uint8Array | null> {
    return this.entries.get('meta')?.[1] ?? null;
  }

  async write(entries: readonly IndexEntry[]): Promise<void> {
    const put = () => {
      for (const entry of entries) this.entries.set(entry[0].toString('latin1'), entry);
    };
    this.#disk.act((share) => {
      if (share < 0.5) put();
    });
    put();
  }

  async close(): Promise<void> {}
}

const meta = (k: number): CheckpointMeta => ({ planDigest: 'p', k, sources: [] });

function world(seed: number) {
  const random = rng(seed);
  const disk = new SimulatedDisk(random);
  const index = new SimulatedIndex(disk);
  const file = new SimulatedPageFile(disk);
  return { random, disk, index, file, open: () => openPageStore(index, file) };
}

const newSets = () => new Map([['shard-0', new SlabSet()]]);

type Sets = ReturnType<typeof newSets>;

function content(sets: Sets): string {
  const slabs = [...sets.get('shard-0')!.all()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return slabs
    .map(
      (slab) => `${slab.name}:${Buffer.from(slab.u8.subarray(0, slab.used * 8)).toString('hex')}`,
    )
    .join('\n');
}

describe('pages in slots', () => {
  it.each([1, 2, 3, 4, 5, 6])(
    'are those of one whole checkpoint after a crash at any moment (seed %i)',
    async (seed) => {
      const w = world(seed);
      let live = newSets();
      const saved = new Map<number, string>();
      let k = 0;
      let last = -1;
      for (let round = 0; round < 40; round++) {
        const store = w.open();
        w.disk.actsLeft = 1 + w.random.below(12);
        try {
          for (;;) {
            for (let change = 0; change < 4; change++) {
              const slab = live.get('shard-0')!.open(`operator ${w.random.below(3)}`);
              if (slab.used < 5 * PAGE_WORDS) slab.bump(1 + w.random.below(PAGE_WORDS));
              const at = 64 + w.random.below(slab.used - 64);
              slab.f64[at] = w.random.next();
              slab.mark(at, 1);
            }
            saved.set(k, content(live));
            await saveCheckpoint(store, live, meta(k));
            last = k++;
          }
        } catch (error) {
          expect(error, `seed ${seed}`).toBeInstanceOf(Crash);
        }
        w.disk.restart();
        w.file.restart(w.random);
        live = newSets();
        const found = await restoreCheckpoint(w.open(), live, 'p');
        const at = found?.k ?? -1;
        // The last that returned, or the one under way.
        expect([last, last + 1], `seed ${seed}, round ${round}`).toContain(at);
        if (at >= 0) expect(content(live), `seed ${seed}, round ${round}`).toBe(saved.get(at));
        else live = newSets();
        last = at;
        k = at + 1;
      }
    },
  );

  it('take the slots of older pages again', async () => {
    const w = world(7);
    const store = w.open();
    const live = newSets();
    const slab = live.get('shard-0')!.open('x');
    slab.bump(9 * PAGE_WORDS);
    for (let k = 0; k < 20; k++) {
      slab.mark(0, slab.used);
      await saveCheckpoint(store, live, meta(k));
    }
    expect(w.file.bytes.length).toBe(2 * 10 * PAGE_BYTES);
  });

  it('stay as they were where the disk is full, and go on when there is room', async () => {
    const w = world(8);
    const store = w.open();
    const live = newSets();
    const slab = live.get('shard-0')!.open('x');
    slab.bump(2 * PAGE_WORDS);
    await saveCheckpoint(store, live, meta(1));
    const before = content(live);
    slab.f64.fill(7, 64, slab.used);
    slab.mark(64, slab.used - 64);
    w.disk.bytesLeft = PAGE_BYTES;
    await expect(saveCheckpoint(store, live, meta(2))).rejects.toMatchObject({ kind: 'disk_full' });
    const restored = newSets();
    expect((await restoreCheckpoint(w.open(), restored, 'p'))?.k).toBe(1);
    expect(content(restored)).toBe(before);
    w.disk.bytesLeft = Number.POSITIVE_INFINITY;
    await saveCheckpoint(store, live, meta(2));
    const again = newSets();
    await restoreCheckpoint(w.open(), again, 'p');
    expect(content(again)).toBe(content(live));
  });

  it('that are damaged, cut off or wrongly listed are refused', async () => {
    const w = world(9);
    const live = newSets();
    live
      .get('shard-0')!
      .open('x')
      .bump(3 * PAGE_WORDS);
    await saveCheckpoint(w.open(), live, meta(1));
    const whole = w.file.bytes.slice();
    const damaged = { name: 'Fault', kind: 'state_damaged' };
    w.file.bytes[PAGE_BYTES + 17]! ^= 4;
    await expect(restoreCheckpoint(w.open(), newSets(), 'p')).rejects.toMatchObject(damaged);
    w.file.bytes = whole.slice(0, whole.length - 1);
    await expect(restoreCheckpoint(w.open(), newSets(), 'p')).rejects.toMatchObject(damaged);
    w.file.bytes = whole;
    const [key, entry] = [...w.index.entries].find(([name]) => name !== 'meta')!;
    w.index.entries.set(key, [entry[0], Buffer.from([1, 2])]);
    await expect(restoreCheckpoint(w.open(), newSets(), 'p')).rejects.toMatchObject(damaged);
  });
});

describe('the page file on the disk', () => {
  it('keeps bytes at any address and position', async () => {
    const path = join(folder, 'pages');
    const file = await openPageFile(path);
    const random = rng(5);
    const aligned = new SlabSet().open('x', 64 * PAGE_WORDS).u8;
    const expected = new Uint8Array(40 * PAGE_BYTES);
    for (let i = 0; i < 30; i++) {
      const bytes =
        i % 2 === 0
          ? aligned.subarray(0, PAGE_BYTES * (1 + random.below(4)))
          : new Uint8Array(PAGE_BYTES * 2 + 8).subarray(8, PAGE_BYTES + 8);
      bytes.fill(1 + random.below(255));
      const slot = random.below(36);
      await file.writeAt(slot * PAGE_BYTES, bytes);
      expected.set(bytes, slot * PAGE_BYTES);
    }
    await file.writeAt(39 * PAGE_BYTES, expected.subarray(39 * PAGE_BYTES));
    await file.sync();
    expect(Buffer.compare(await file.readAt(0, expected.length), expected)).toBe(0);
    expect(await file.readAt(39 * PAGE_BYTES, 2 * PAGE_BYTES)).toHaveLength(PAGE_BYTES);
    await file.close();
  });
});
