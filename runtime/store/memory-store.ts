import { MemoryColdStore } from '../../operators/state/memory-cold-store.ts';
import type { SavedPage, StateStore } from './state-store.ts';
import { decodePageKey, encodePageKey } from './state-store.ts';

/** Checkpoints in memory: the twin of the RocksDB store, and `--state memory`, which a crash empties. */
export class MemoryStore implements StateStore {
  readonly kind = 'memory';
  readonly cold = new MemoryColdStore();
  readonly #pages = new Map<string, Uint8Array>();
  #meta: Uint8Array | null = null;
  #unwanted: string[] = [];

  async load(page: (page: SavedPage) => boolean | undefined): Promise<Uint8Array | null> {
    for (const [key, bytes] of this.#pages) {
      if (page({ ...decodePageKey(Buffer.from(key)), bytes }) === false) this.#unwanted.push(key);
    }
    return this.#meta;
  }

  async meta(): Promise<Uint8Array | null> {
    return this.#meta;
  }

  async write(pages: Iterable<SavedPage>, meta: Uint8Array): Promise<void> {
    for (const key of this.#unwanted) this.#pages.delete(key);
    this.#unwanted = [];
    for (const page of pages) this.#pages.set(encodePageKey(page).toString(), page.bytes.slice());
    this.#meta = meta.slice();
  }

  async close(): Promise<void> {}
}

/** Keeps nothing at all: state lives in the slabs, recovery re-reads the sources from their beginning. */
export class NoStore implements StateStore {
  readonly kind = 'memory';

  async load(): Promise<null> {
    return null;
  }

  async meta(): Promise<null> {
    return null;
  }

  async write(): Promise<void> {}

  async close(): Promise<void> {}
}
