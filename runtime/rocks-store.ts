import type { RocksLevel as RocksLevelType } from '@nxtedition/rocksdb';
import { RESTORE_PAGES, STORE_MEMTABLE_BYTES } from './config.ts';
import { RocksColdStore } from './rocks-cold-store.ts';
import {
  decodePageKey,
  encodePageKey,
  META_KEY,
  PAGES_FROM,
  PAGES_TO,
  type SavedPage,
  type StateStore,
} from './state-store.ts';
import { storeFault } from './store-fault.ts';

/** Opens (or makes) the RocksDB of a folder. Throws what `import` throws where the binding has no build for this machine. */
export async function openRocksStore(folder: string): Promise<StateStore> {
  const { RocksLevel } = await import('@nxtedition/rocksdb');
  const db = new RocksLevel(folder, { keyEncoding: 'buffer', valueEncoding: 'buffer' });
  try {
    // Pages are overwritten whole and read once: no compression, no cache, one copy of each in the end.
    await db.open({
      createIfMissing: true,
      compression: false,
      walCompression: false,
      cacheSize: 0,
      parallelism: 1,
      memtableMemoryBudget: STORE_MEMTABLE_BYTES,
    });
  } catch (error) {
    throw storeFault('open', folder, error);
  }
  return new RocksStore(folder, db);
}

class RocksStore implements StateStore {
  readonly kind = 'rocksdb';
  readonly cold: RocksColdStore;
  readonly #folder: string;
  readonly #db: RocksLevelType;

  constructor(folder: string, db: RocksLevelType) {
    this.#folder = folder;
    this.#db = db;
    this.cold = new RocksColdStore(folder, db);
  }

  async load(page: (page: SavedPage) => void): Promise<Uint8Array | null> {
    try {
      const iterator = this.#db.iterator({
        gte: PAGES_FROM,
        lt: PAGES_TO,
        highWaterMarkBytes: RESTORE_PAGES * 65_536,
      });
      try {
        for (;;) {
          const entries = await iterator.nextv(RESTORE_PAGES);
          if (entries.length === 0) break;
          for (const [key, bytes] of entries) page({ ...decodePageKey(key), bytes });
        }
      } finally {
        await iterator.close();
      }
    } catch (error) {
      throw storeFault('read', this.#folder, error);
    }
    return this.meta();
  }

  async meta(): Promise<Uint8Array | null> {
    try {
      const [meta] = this.#db._getManySync([META_KEY], {});
      return meta ?? null;
    } catch (error) {
      throw storeFault('read', this.#folder, error);
    }
  }

  async write(pages: Iterable<SavedPage>, meta: Uint8Array): Promise<void> {
    const batch = this.#db.batch();
    try {
      for (const page of pages) {
        const { bytes } = page;
        batch.put(encodePageKey(page), Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
      }
      batch.put(META_KEY, Buffer.from(meta));
      await batch.write({ sync: true });
    } catch (error) {
      throw storeFault('write', this.#folder, error);
    } finally {
      await batch.close().catch(() => undefined);
    }
  }

  async close(): Promise<void> {
    await this.#db.close();
  }
}
