import { join } from 'node:path';
import type { RocksLevel as RocksLevelType } from '@nxtedition/rocksdb';
import { INDEX_READ_ENTRIES, STORE_MEMTABLE_BYTES } from '../config.ts';
import { openPageFile } from './page-file.ts';
import type { IndexEntry, PageIndex } from './page-index.ts';
import { openPageStore, PAGE_FILE } from './page-store.ts';
import { RocksColdStore } from './rocks-cold-store.ts';
import { META_KEY, PAGES_FROM, PAGES_TO, type StateStore } from './state-store.ts';
import { storeFault } from './store-fault.ts';

/**
 * Opens (or makes) the RocksDB of a folder, with its page file. Throws what `import` throws where the binding has no
 * build for this machine.
 */
export async function openRocksStore(folder: string): Promise<StateStore> {
  const { RocksLevel } = await import('@nxtedition/rocksdb');
  const db = new RocksLevel(folder, { keyEncoding: 'buffer', valueEncoding: 'buffer' });
  try {
    // Places of pages are small, and cold keys are packed already: no compression. Cold keys are written and read one by
    // one, in no order: small memtables (which skip lists are slow beyond) with filters, and few rewrites.
    await db.open({
      createIfMissing: true,
      compression: false,
      walCompression: false,
      compaction: 'universal',
      optimize: 'point-lookup',
      cacheSize: 0,
      parallelism: 1,
      memtableMemoryBudget: STORE_MEMTABLE_BYTES,
    });
  } catch (error) {
    throw storeFault('open', folder, error);
  }
  return openPageStore(new RocksIndex(folder, db), await openPageFile(join(folder, PAGE_FILE)));
}

const INDEX_READ_BYTES = 1 << 20;

class RocksIndex implements PageIndex {
  readonly kind = 'rocksdb';
  readonly folder: string;
  readonly cold: RocksColdStore;
  readonly #db: RocksLevelType;

  constructor(folder: string, db: RocksLevelType) {
    this.folder = folder;
    this.#db = db;
    this.cold = new RocksColdStore(folder, db);
  }

  async places(): Promise<IndexEntry[]> {
    const places: IndexEntry[] = [];
    try {
      const iterator = this.#db.iterator({
        gte: PAGES_FROM,
        lt: PAGES_TO,
        highWaterMarkBytes: INDEX_READ_BYTES,
      });
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
      const [meta] = this.#db._getManySync([META_KEY], {});
      return meta ?? null;
    } catch (error) {
      throw storeFault('read', this.folder, error);
    }
  }

  async write(entries: readonly IndexEntry[], gone: readonly Buffer[]): Promise<void> {
    const batch = this.#db.batch();
    try {
      for (const [key, value] of entries) batch.put(key, value);
      for (const key of gone) batch.del(key);
      await batch.write({ sync: true });
    } catch (error) {
      throw storeFault('write', this.folder, error);
    } finally {
      await batch.close().catch(() => undefined);
    }
  }

  async close(): Promise<void> {
    await this.#db.close();
  }
}
