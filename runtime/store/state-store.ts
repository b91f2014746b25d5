import type { ColdStore } from '../../operators/state/cold-store.ts';

/** One 64 KiB page of one slab: `set` is a shard (or the scans), `slab` an operator's name for it. */
export type PageKey = { readonly set: string; readonly slab: string; readonly page: number };

export type SavedPage = PageKey & { readonly bytes: Uint8Array };

/**
 * Where checkpoints live: pages and one meta record. A write is atomic and durable on return: after a crash either all
 * of it is there or none.
 */
export type StateStore = {
  readonly kind: 'rocksdb' | 'leveldb' | 'memory';
  /**
   * Hands out every saved page (bytes are lent until the callback returns) and gives the meta record; null: never written.
   * Pages for which the callback says false are deleted with the next write.
   */
  load(page: (page: SavedPage) => boolean | undefined): Promise<Uint8Array | null>;
  /** Only the meta record. */
  meta(): Promise<Uint8Array | null>;
  write(pages: Iterable<SavedPage>, meta: Uint8Array): Promise<void>;
  /** Where keys go that are not in memory; absent: the store cannot be read without waiting. */
  readonly cold?: ColdStore;
  close(): Promise<void>;
};

export const META_KEY = Buffer.from('meta');
/** Pages are `p` set NUL slab NUL page (8 hex digits); `q` is the first key behind them. */
export const PAGES_FROM = Buffer.from('p');
export const PAGES_TO = Buffer.from('q');

export function encodePageKey(key: PageKey): Buffer {
  return Buffer.from(`p${key.set}\0${key.slab}\0${key.page.toString(16).padStart(8, '0')}`);
}

export function decodePageKey(key: Buffer): PageKey {
  const [set, slab, page] = key.toString('utf8', 1).split('\0');
  return { set: set ?? '', slab: slab ?? '', page: Number.parseInt(page ?? '', 16) };
}
