/**
 * Checkpoints on disk: pages in the slots of one file, and a database that says which slot holds which page.
 *
 *  1. Changed pages go to free slots, so what the last checkpoint relies on is never written over.
 *  2. The file is synced.
 *  3. The new places and the meta record go to the database in one atomic, durable batch. That is the checkpoint.
 *  4. Only then are the slots free in which those pages were before.
 *
 * A crash before 3 leaves the last checkpoint as it was, and the slots written since are free again. The file holds at
 * most the state and once more what one checkpoint writes. Every page carries a checksum in the database.
 */
import { assert } from '../../operators/assert.ts';
import type { ColdStore } from '../../operators/state/cold-store.ts';
import { PAGE_WORDS } from '../../operators/state/slab.ts';
import { RESTORE_PAGES } from '../config.ts';
import { Fault } from '../fault.ts';
import { crc32 } from './checksum.ts';
import type { PageFile } from './page-file.ts';
import type { IndexEntry, PageIndex } from './page-index.ts';
import {
  decodePageKey,
  encodePageKey,
  META_KEY,
  type SavedPage,
  type StateStore,
} from './state-store.ts';

/** Name of the page file, inside the database's folder. */
export const PAGE_FILE = 'pages.millrace';

const PAGE_BYTES = PAGE_WORDS * 8;
/** Pages handed to the file in one write. */
const WRITE_PAGES_MAX = 128;
/** Slot, checksum: u32 each. */
const PLACE_BYTES = 8;

/** Takes both over: they are closed with the store. */
export function openPageStore(index: PageIndex, file: PageFile): StateStore {
  return new PageStore(index, file);
}

type Place = { readonly slot: number; readonly checksum: number };

class PageStore implements StateStore {
  readonly kind: StateStore['kind'];
  readonly cold?: ColdStore;
  readonly #index: PageIndex;
  readonly #file: PageFile;
  /** By page key (latin1); null: not read yet. */
  #places: Map<string, Place> | null = null;
  readonly #slots = new Slots();
  /** Keys of pages that the next write deletes. */
  #unwanted: string[] = [];

  constructor(index: PageIndex, file: PageFile) {
    this.kind = index.kind;
    if (index.cold !== undefined) this.cold = index.cold;
    this.#index = index;
    this.#file = file;
  }

  meta(): Promise<Uint8Array | null> {
    return this.#index.meta();
  }

  async load(page: (page: SavedPage) => boolean | undefined): Promise<Uint8Array | null> {
    const places = [...(await this.#known())].sort((a, b) => a[1].slot - b[1].slot);
    for (let from = 0; from < places.length; ) {
      const first = places[from]![1].slot;
      let to = from + 1;
      while (
        to < places.length &&
        to - from < RESTORE_PAGES &&
        places[to]![1].slot === first + to - from
      )
        to++;
      const bytes = await this.#file.readAt(first * PAGE_BYTES, (to - from) * PAGE_BYTES);
      for (let i = from; i < to; i++) {
        const [key, { checksum }] = places[i]!;
        const one = bytes.subarray((i - from) * PAGE_BYTES, (i - from + 1) * PAGE_BYTES);
        if (one.length < PAGE_BYTES) throw this.#damaged('a page of it is missing');
        if (crc32(one) !== checksum) throw this.#damaged('the checksum of a page does not match');
        const wanted = page({ ...decodePageKey(Buffer.from(key, 'latin1')), bytes: one });
        if (wanted === false) this.#unwanted.push(key);
      }
      from = to;
    }
    return this.meta();
  }

  async write(pages: Iterable<SavedPage>, meta: Uint8Array): Promise<void> {
    const known = await this.#known();
    const written = new Map<string, Place>();
    try {
      await this.#writePages(pages, written);
    } catch (error) {
      for (const { slot } of written.values()) this.#slots.free(slot);
      throw error;
    }
    const entries: IndexEntry[] = [[META_KEY, Buffer.from(meta)]];
    for (const [key, place] of written) {
      entries.push([Buffer.from(key, 'latin1'), encodePlace(place)]);
    }
    // Where this fails nobody knows which of the two is on the disk: both keep their slots.
    const unwanted = this.#unwanted.filter((key) => !written.has(key));
    await this.#index.write(
      entries,
      unwanted.map((key) => Buffer.from(key, 'latin1')),
    );
    for (const key of unwanted) {
      this.#slots.free(known.get(key)!.slot);
      known.delete(key);
    }
    this.#unwanted = [];
    for (const [key, place] of written) {
      const before = known.get(key);
      if (before !== undefined) this.#slots.free(before.slot);
      known.set(key, place);
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
    await this.#index.close();
  }

  /** Puts pages into free slots, those that lie together in one write; the places go to `written`. */
  async #writePages(pages: Iterable<SavedPage>, written: Map<string, Place>): Promise<void> {
    const runs: Run[] = [];
    this.#slots.rewind();
    for (const page of pages) {
      assert(page.bytes.length === PAGE_BYTES, `a page of ${page.bytes.length} bytes`);
      const slot = this.#slots.take();
      written.set(encodePageKey(page).toString('latin1'), { slot, checksum: crc32(page.bytes) });
      if (runs.at(-1)?.extend(slot, page.bytes) !== true) runs.push(new Run(slot, page.bytes));
    }
    if (runs.length === 0) return;
    for (const run of runs) await run.write(this.#file);
    await this.#file.sync();
  }

  async #known(): Promise<Map<string, Place>> {
    if (this.#places !== null) return this.#places;
    const places = new Map<string, Place>();
    for (const [key, value] of await this.#index.places()) {
      if (value.length !== PLACE_BYTES) throw this.#damaged('an entry of a page is malformed');
      const place = { slot: value.readUInt32LE(0), checksum: value.readUInt32LE(4) };
      places.set(key.toString('latin1'), place);
      this.#slots.mark(place.slot);
    }
    this.#places = places;
    return places;
  }

  #damaged(what: string): Fault {
    const { path } = this.#file;
    return new Fault(
      'state_damaged',
      `the state in ${path} is damaged (${what}). Start over with --fresh: it deletes the output, and the inputs are read again from their beginning.`,
      { context: { path } },
    );
  }
}

/** Pages that follow each other both in memory and in the file. */
class Run {
  readonly #slot: number;
  readonly #bytes: Uint8Array;
  #pages = 1;

  constructor(slot: number, bytes: Uint8Array) {
    this.#slot = slot;
    this.#bytes = bytes;
  }

  /** Whether the page follows the run; then it is part of it. */
  extend(slot: number, bytes: Uint8Array): boolean {
    const follows =
      this.#pages < WRITE_PAGES_MAX &&
      slot === this.#slot + this.#pages &&
      bytes.buffer === this.#bytes.buffer &&
      bytes.byteOffset === this.#bytes.byteOffset + this.#pages * PAGE_BYTES;
    if (follows) this.#pages++;
    return follows;
  }

  write(file: PageFile): Promise<void> {
    const { buffer, byteOffset } = this.#bytes;
    const bytes = new Uint8Array(buffer, byteOffset, this.#pages * PAGE_BYTES);
    return file.writeAt(this.#slot * PAGE_BYTES, bytes);
  }
}

/** Which slots of the file are taken; the lowest free ones are taken first. */
class Slots {
  #taken = new Uint8Array(1024);
  #next = 0;

  /** The next `take` looks from the beginning. */
  rewind(): void {
    this.#next = 0;
  }

  take(): number {
    while (this.#taken[this.#next] === 1) this.#next++;
    this.mark(this.#next);
    return this.#next++;
  }

  mark(slot: number): void {
    if (slot >= this.#taken.length) {
      const grown = new Uint8Array(Math.max(this.#taken.length * 2, slot + 1));
      grown.set(this.#taken);
      this.#taken = grown;
    }
    this.#taken[slot] = 1;
  }

  free(slot: number): void {
    this.#taken[slot] = 0;
  }
}

function encodePlace({ slot, checksum }: Place): Buffer {
  const value = Buffer.allocUnsafe(PLACE_BYTES);
  value.writeUInt32LE(slot, 0);
  value.writeUInt32LE(checksum, 4);
  return value;
}
