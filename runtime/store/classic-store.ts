import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { INDEX_READ_ENTRIES } from '../config.ts';
import { openPageFile } from './page-file.ts';
import type { IndexEntry, PageIndex } from './page-index.ts';
import { openPageStore, PAGE_FILE } from './page-store.ts';
import { META_KEY, PAGES_FROM, PAGES_TO, type StateStore } from './state-store.ts';
import { storeFault } from './store-fault.ts';

/** Opens (or makes) the LevelDB of a folder: the fallback where RocksDB has no build for this machine. */
export async function openClassicStore(folder: string): Promise<StateStore> {
  const db = new ClassicLevel<Buffer, Buffer>(folder, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    compression: false,
  });
  try {
    await db.open();
  } catch (error) {
    throw storeFault('open', folder, error);
  }
  return openPageStore(new ClassicIndex(folder, db), await openPageFile(join(folder, PAGE_FILE)));
}

class ClassicIndex implements PageIndex {
  readonly kind = 'leveldb';
  readonly folder: string;
  readonly #db: ClassicLevel<Buffer, Buffer>;

  constructor(folder: string, db: ClassicLevel<Buffer, Buffer>) {
    this.folder = folder;
    this.#db = db;
  }

  async places(): Promise<IndexEntry[]> {
    const places: IndexEntry[] = [];
    try {
      const iterator = this.#db.iterator({ gte: PAGES_FROM, lt: PAGES_TO });
      try {
        for (;;) {
          const entries = await iterator.nextv(INDEX_READ_ENTRIES);
          if (entries.length === 0) return places;
          for (const entry of entries) places.push(entry);
        }
      } finally {
        await iterator.close();
      }
    } catch (error) {
      throw storeFault('read', this.folder, error);
    }
  }

  async meta(): Promise<Uint8Array | null> {
    try {
      return (await this.#db.get(META_KEY)) ?? null;
    } catch (error) {
      throw storeFault('read', this.folder, error);
    }
  }

  async write(entries: readonly IndexEntry[], gone: readonly Buffer[]): Promise<void> {
    try {
      const batch = this.#db.batch();
      for (const [key, value] of entries) batch.put(key, value);
      for (const key of gone) batch.del(key);
      await batch.write({ sync: true });
    } catch (error) {
      throw storeFault('write', this.folder, error);
    }
  }

  async close(): Promise<void> {
    await this.#db.close();
  }
}
