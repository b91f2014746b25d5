/**
 * A unit's snapshots while a life of it goes on: copies of its checkpoints in a folder that other workers reach, at a pace of their own.
 *
 * A life begins a chain with a base: all pages, a slice in each file, and with it what has changed of the slices before; with the last
 * one it is whole. What checkpoints write after that is noted, and is the next file of the chain. When those have outgrown the base, or are many, another chain is begun. The two newest chains are kept. What both can do without goes from
 * the unit's partition of the exchange: nobody else reads it.
 *
 * Nothing in here stops the unit. What cannot be written is said and counted, and tried again at the next pace; a write that
 * hangs is left behind, and while it hangs no other is begun.
 */
import { join } from 'node:path';
import { PAGE_WORDS } from '../../operators/state/slab.ts';
import { Fault } from '../fault.ts';
import type { Files } from '../files.ts';
import { readCheckpointMeta, type SlabSets } from '../store/checkpoint.ts';
import type { SavedPage, StateStore } from '../store/state-store.ts';
import type { Cluster } from './cluster.ts';
import { writeSnapshotFile } from './snapshot-file.ts';
import {
  type Chain,
  type ChainFile,
  chainFile,
  chainName,
  isOfChain,
  snapshotName,
} from './snapshot-folder.ts';

/** What a person sees of a unit's snapshots; lives as long as the worker. */
export type SnapshotFigures = {
  /** When the newest one of ours was complete, epoch ms; null: none yet. */
  takenAt: number | null;
  /** Of the files that are kept. */
  bytes: number;
  failures: number;
  /** By the last restore, so far. */
  restoredBytes: number;
  /** Offset of the exchange below which records were let go. */
  truncatedBefore: number;
};

export function noSnapshotYet(): SnapshotFigures {
  return { takenAt: null, bytes: 0, failures: 0, restoredBytes: 0, truncatedBefore: 0 };
}

export type SnapshotSpec = {
  readonly files: Files;
  /** Of the unit. */
  readonly folder: string;
  readonly everyMs: number;
  /** Files behind a base, at most: each is opened by who restores it. */
  readonly chainFilesMax: number;
  /** Pages of a base in one file, at most. */
  readonly slicePages: number;
  /** One at a time for all units of a worker: a folder that hangs holds one thread of the process, not all. */
  readonly turn: { isTaken: boolean };
  readonly figures: SnapshotFigures;
};

export type SnapshotsParts = {
  readonly spec: SnapshotSpec;
  readonly cluster: Cluster;
  readonly planDigest: string;
  readonly unit: number;
  /** Of this life: greater than that of every earlier one. */
  readonly epoch: number;
  /** What earlier lives left, oldest first. */
  readonly chains: readonly Chain[];
  /** Lets records of the unit's exchange partition go. */
  readonly truncate: ((before: number) => Promise<void>) | null;
  readonly say: (event: string, more?: Readonly<Record<string, string | number>>) => void;
};

/** Up to so much is copied, and written while the unit goes on; more is written from where it lies, while the unit waits. */
const COPY_BYTES_MAX = 256 << 20;
/** How long the unit waits, ms. */
const WAIT_MS_MAX = 20_000;
/** How long a unit that is leaving waits, ms. */
const LAST_MS_MAX = 5_000;
const CHAINS_KEPT = 2;

/** Pages by name. */
type Pages = Map<string, Omit<SavedPage, 'bytes'>>;

type Attempt = {
  readonly pages: readonly SavedPage[];
  readonly meta: Uint8Array;
  /** What the file takes off the two lists; it is put back where the file does not come to be. */
  readonly slice: Pages;
  readonly changed: Pages;
  readonly isComplete: boolean;
  /** The unit goes on and its pages change: what is not written by then is no snapshot. */
  isWanted: boolean;
};

export class UnitSnapshots {
  readonly #parts: SnapshotsParts;
  readonly #chains: Chain[];
  /** The one that this life goes on with; null: none yet. */
  #chain: Chain | null = null;
  #begun = 0;
  /** Of its base, not written yet. */
  #toCome: Pages = new Map();
  /** What checkpoints wrote since the last file. */
  #changed: Pages = new Map();
  #meta: Uint8Array | null = null;
  #dueAt: number;
  #isOver = false;
  #saidCold = false;

  constructor(parts: SnapshotsParts) {
    this.#parts = parts;
    this.#chains = [...parts.chains];
    this.#dueAt = parts.cluster.now() + parts.spec.everyMs;
  }

  /** The store, seen through: what is written to it is noted. */
  around(store: StateStore): StateStore {
    return {
      kind: store.kind,
      ...(store.cold === undefined ? {} : { cold: store.cold }),
      load: (page) => store.load(page),
      meta: () => store.meta(),
      write: async (pages, meta) => {
        const all = [...pages];
        await store.write(all, meta);
        for (const { set, slab, page } of all) {
          this.#changed.set(nameOf(set, slab, page), { set, slab, page });
        }
        this.#meta = meta;
      },
      close: () => store.close(),
    };
  }

  /**
   * Told after every checkpoint; nothing is taken where the slabs are no longer as it left them. `isLast`: the unit is about to be left
   * to others. `isCold`: keys lie in the local database, where a snapshot does not reach.
   */
  async checkpointed(slabs: SlabSets, isCold: boolean, isLast: boolean): Promise<void> {
    const { spec, cluster } = this.#parts;
    const isDue = isLast || cluster.now() >= this.#dueAt;
    if (this.#meta === null || !isDue || spec.turn.isTaken || this.#isOver) return;
    if (isDirty(slabs)) return;
    if (isCold) {
      if (!this.#saidCold) this.#failed('keys are kept on the local disk: raise --state-memory');
      this.#saidCold = true;
      return;
    }
    if (this.#chain === null || (this.#toCome.size === 0 && isOutgrown(this.#chain, spec))) {
      this.#begin(slabs);
    }
    if (isLast && this.#toCome.size > spec.slicePages) return;
    const attempt = this.#attempt(slabs, this.#meta);
    const isCopied = attempt.pages.length * PAGE_WORDS * 8 <= COPY_BYTES_MAX;
    this.#dueAt = cluster.now() + spec.everyMs;
    spec.turn.isTaken = true;
    const own = isCopied ? attempt.pages.map(copied) : attempt.pages;
    const trying = { ...attempt, pages: own };
    const writing = this.#take(trying, this.#chain!).finally(() => {
      spec.turn.isTaken = false;
    });
    if (isCopied && !isLast) return;
    await Promise.race([writing, cluster.sleep(isLast ? LAST_MS_MAX : WAIT_MS_MAX)]);
    if (!isCopied) trying.isWanted = false;
  }

  /** The life is over: what is being written gets no name any more. */
  close(): void {
    this.#isOver = true;
  }

  async #take(attempt: Attempt, chain: Chain): Promise<void> {
    const { spec, cluster, epoch, planDigest, unit, say } = this.#parts;
    const startedAt = cluster.now();
    const { isComplete } = attempt;
    const name = snapshotName({ epoch, chain: this.#begun, place: chain.files.length });
    try {
      const isWanted = () => attempt.isWanted && !this.#isOver;
      const path = join(spec.folder, name);
      const bytes = await writeSnapshotFile(spec.files, path, attempt, isWanted);
      const meta = readCheckpointMeta(attempt.meta, planDigest);
      chain.files.push(chainFile({ name, bytes, isComplete }, meta));
      say('snapshot', { unit, name, bytes, ms: cluster.now() - startedAt });
      // The rest of a base follows with the next checkpoints.
      if (!isComplete) this.#dueAt = cluster.now();
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.#toCome = new Map([...attempt.slice, ...this.#toCome]);
      this.#changed = new Map([...attempt.changed, ...this.#changed]);
      this.#failed(error.message);
      return;
    }
    if (!isComplete) return;
    spec.figures.takenAt = cluster.now();
    if (!this.#chains.includes(chain)) this.#chains.push(chain);
    try {
      await this.#forget();
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.#failed(error.message);
    }
  }

  #begin(slabs: SlabSets): void {
    const name = snapshotName({ epoch: this.#parts.epoch, chain: ++this.#begun, place: 0 });
    this.#chain = { name: chainName(name), files: [] };
    this.#changed = new Map();
    this.#toCome = allPages(slabs);
  }

  /** What the next file holds: a slice of the base, and what has changed of what was written before. */
  #attempt(slabs: SlabSets, meta: Uint8Array): Attempt {
    const changed = this.#changed;
    const slice = new Map([...this.#toCome].slice(0, this.#parts.spec.slicePages));
    const again = [...changed].filter(([name]) => !this.#toCome.has(name));
    const pages = [...slice, ...again].map(([, { set, slab, page }]) => {
      const { u8 } = slabs.get(set)!.open(slab);
      return { set, slab, page, bytes: pageOf(u8, page) };
    });
    for (const name of slice.keys()) this.#toCome.delete(name);
    this.#changed = new Map();
    return { pages, meta, slice, changed, isComplete: this.#toCome.size === 0, isWanted: true };
  }

  /** Lets go of what the two newest chains can do without: older files, and records of the exchange. */
  async #forget(): Promise<void> {
    const { spec, truncate, unit, say } = this.#parts;
    const { files, folder, figures } = spec;
    this.#chains.splice(0, Math.max(0, this.#chains.length - CHAINS_KEPT));
    const all = this.#chains.flatMap((chain) => chain.files);
    figures.bytes = all.reduce((sum, { bytes }) => sum + bytes, 0);
    const [older, newer] = this.#chains;
    if (older === undefined || newer === undefined) return;
    const there = await files.list(folder);
    if (!older.files.every(({ name }) => there.includes(name))) {
      this.#chains.shift();
      throw new Fault('snapshot_gone', `${folder} no longer holds the snapshots written to it`);
    }
    for (const name of there) {
      if (isOfChain(name) && name < older.name) await files.remove(join(folder, name));
    }
    const before = Math.min(
      ...[...older.files.slice(-1), ...newer.files.filter(isWhole)].map(needs),
    );
    if (truncate === null || !(before > figures.truncatedBefore)) return;
    await truncate(before);
    figures.truncatedBefore = before;
    say('exchange_truncated', { unit, before });
  }

  #failed(reason: string): void {
    const { spec, unit, say } = this.#parts;
    spec.figures.failures++;
    say('snapshot_failed', { unit, reason });
  }
}

function allPages(slabs: SlabSets): Pages {
  const pages: Pages = new Map();
  for (const [set, all] of slabs) {
    for (const { name, used } of all.all()) {
      const count = Math.ceil(used / PAGE_WORDS);
      for (let page = 0; page < count; page++) {
        pages.set(nameOf(set, name, page), { set, slab: name, page });
      }
    }
  }
  return pages;
}

function nameOf(set: string, slab: string, page: number): string {
  return `${set}\0${slab}\0${page}`;
}

function copied(page: SavedPage): SavedPage {
  return { ...page, bytes: page.bytes.slice() };
}

function isDirty(slabs: SlabSets): boolean {
  for (const set of slabs.values()) {
    for (const slab of set.all()) if (slab.dirtyPages().next().done !== true) return true;
  }
  return false;
}

function pageOf(bytes: Uint8Array, page: number): Uint8Array {
  return bytes.subarray(page * PAGE_WORDS * 8, (page + 1) * PAGE_WORDS * 8);
}

/** Whether what follows the base is as much, or as many files, as may be. */
function isOutgrown({ files }: Chain, { chainFilesMax }: SnapshotSpec): boolean {
  const base = files.findIndex(isWhole) + 1;
  const sum = (of: readonly ChainFile[]) => of.reduce((total, { bytes }) => total + bytes, 0);
  return files.length - base >= chainFilesMax || sum(files.slice(base)) > sum(files.slice(0, base));
}

function isWhole({ isComplete }: ChainFile): boolean {
  return isComplete;
}

function needs({ exchangeFrom }: ChainFile): number {
  return exchangeFrom;
}
