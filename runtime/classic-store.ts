import { ClassicLevel } from 'classic-level';
import { RESTORE_PAGES } from './config.ts';
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
  return new ClassicStore(folder, db);
}

class ClassicStore implements StateStore {
  readonly kind = 'leveldb';
  readonly #folder: string;
  readonly #db: ClassicLevel<Buffer, Buffer>;

  constructor(folder: string, db: ClassicLevel<Buffer, Buffer>) {
    this.#folder = folder;
    this.#db = db;
  }

  async load(page: (page: SavedPage) => void): Promise<Uint8Array | null> {
    try {
      const iterator = this.#db.iterator({ gte: PAGES_FROM, lt: PAGES_TO });
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
      return (await this.#db.get(META_KEY)) ?? null;
    } catch (error) {
      throw storeFault('read', this.#folder, error);
    }
  }

  async write(pages: Iterable<SavedPage>, meta: Uint8Array): Promise<void> {
    try {
      const batch = this.#db.batch();
      for (const page of pages) {
        const { bytes } = page;
        batch.put(encodePageKey(page), Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
      }
      batch.put(META_KEY, Buffer.from(meta));
      await batch.write({ sync: true });
    } catch (error) {
      throw storeFault('write', this.#folder, error);
    }
  }

  async close(): Promise<void> {
    await this.#db.close();
  }
}
