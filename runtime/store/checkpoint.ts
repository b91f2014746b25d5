/**
 * A checkpoint is the state as of a committed K: every page of every slab, and where to read the sources on from.
 *
 *  1. The task commits its outputs up to K, then asks for a checkpoint at that K.
 *  2. Every page written since the last checkpoint and the meta record go to the store in one atomic, durable batch.
 *     Copies of cold keys (cold-copies.ts) were handed to the same store before it.
 *  3. Only then are the pages clean. A batch that fails leaves them dirty, and the store as it was.
 *
 * Restore puts the pages back before any operator opens its slab, and gives the meta record.
 */
import type { ColdCopies, ColdMark } from '../../operators/state/cold-copies.ts';
import { SlabSet } from '../../operators/state/slab.ts';
import { Fault } from '../fault.ts';
import { fromJsonTime, type JsonTime, toJsonTime } from '../json-time.ts';
import type { SavedPage, StateStore } from './state-store.ts';

export const CHECKPOINT_VERSION = 2;

/** Where to read a source partition on from: a record boundary, and the decisions of its streams' scans as of it. */
export type ScanSnapshot = {
  /** Records of the partition before it. */
  readonly rows: number;
  /** The reader's own mark of the place (bytes of a plain file). */
  readonly bytes: number;
  /** State of each stream's partition scan, in the order of the scan's streams; JSON. */
  readonly scans: readonly unknown[];
};

export type SourceSnapshot = ScanSnapshot & { readonly topic: string; readonly partition: number };

export type CheckpointMeta = {
  readonly planDigest: string;
  /** All steps with time < k are in the pages. */
  readonly k: number;
  readonly sources: readonly SourceSnapshot[];
  /** What a shard of several says of itself beside its pages; absent: there is one shard. */
  readonly shard?: string;
  /** Which copies of cold keys go with the pages; absent: there never were any. */
  readonly cold?: ColdMark;
};

/** State of another plan that one goes on with, as of a checkpoint of that plan at `k`. */
export type StateTaken = {
  readonly from: string;
  readonly k: number;
  readonly takes: (slab: string) => boolean;
  readonly sources: (saved: readonly SourceSnapshot[]) => readonly SourceSnapshot[];
};

/** The slab set of all gates (operators/checks/gate.ts), beside those of shards and scans. */
export const GATE_SLABS = 'checks';

/** Slab sets by name: `shard-0` …, `scan`, `checks`. */
export type SlabSets = ReadonlyMap<string, SlabSet>;

/** Empty sets of the scans, the checks and each shard. */
export function newSlabSets(shards: number): SlabSets {
  const sets = new Map<string, SlabSet>();
  for (const name of ['scan', GATE_SLABS]) sets.set(name, new SlabSet());
  for (let shard = 0; shard < shards; shard++) sets.set(`shard-${shard}`, new SlabSet());
  return sets;
}

/** Writes what changed; gives the number of pages written. */
export async function saveCheckpoint(
  store: StateStore,
  sets: SlabSets,
  meta: CheckpointMeta,
  copies: ColdCopies | null = null,
): Promise<number> {
  const count = { pages: 0 };
  const saved = copies === null ? meta : { ...meta, cold: copies.mark() };
  await store.write(dirtyPages(sets, count), encodeMeta(saved));
  copies?.checkpointed();
  for (const set of sets.values()) for (const slab of set.all()) slab.clean();
  return count.pages;
}

/**
 * Loads the pages into the (fresh) sets; null when nothing was ever saved. A Fault when it is neither this plan's state nor
 * `taken`, which it may take over: pages that it does not take are deleted by its first checkpoint.
 */
export async function restoreCheckpoint(
  store: Pick<StateStore, 'meta' | 'load'>,
  sets: SlabSets,
  planDigest: string,
  taken: StateTaken | null = null,
): Promise<CheckpointMeta | null> {
  const saved = await store.meta();
  if (saved === null) return null;
  const { meta, isTaken } = metaTaken(saved, planDigest, taken);
  await store.load(({ set, slab, page, bytes }) => {
    if (isTaken && !taken!.takes(slab)) return false;
    const into = sets.get(set);
    if (into === undefined) {
      throw new Fault('state_damaged', `the saved state has pages of an unknown shard ${set}`);
    }
    into.open(slab).load(page, bytes);
    return true;
  });
  return meta;
}

/** What a meta record says to the plan, which may take over the state of another. A Fault where it is neither's. */
export function metaTaken(
  saved: Uint8Array,
  planDigest: string,
  taken: StateTaken | null,
): { readonly meta: CheckpointMeta; readonly isTaken: boolean } {
  const found = decodeMeta(saved);
  const isTaken = taken?.from === found.planDigest && taken.k === found.k;
  if (!isTaken) return { meta: readCheckpointMeta(saved, planDigest), isTaken };
  return { meta: { ...found, planDigest, sources: taken.sources(found.sources) }, isTaken };
}

/** What the last checkpoint says of itself becomes what `change` makes of it; the pages stay. */
export async function changeMeta(
  store: StateStore,
  change: (saved: CheckpointMeta) => CheckpointMeta,
): Promise<void> {
  const saved = await savedMeta(store);
  if (saved === null) throw new Fault('no_saved_state', 'there is no saved state');
  await store.write([], encodeMeta(change(saved)));
}

/** What the last checkpoint says of itself; null when nothing was ever saved. */
export async function savedMeta(store: StateStore): Promise<CheckpointMeta | null> {
  const saved = await store.meta();
  return saved === null ? null : decodeMeta(saved);
}

/** What a store's meta record says; a Fault when it is not this plan's state. */
export function readCheckpointMeta(saved: Uint8Array, planDigest: string): CheckpointMeta {
  const meta = decodeMeta(saved);
  if (meta.planDigest === planDigest) return meta;
  throw new Fault(
    'state_of_other_plan',
    `the saved state belongs to another program (plan ${meta.planDigest.slice(0, 12)}, not ${planDigest.slice(0, 12)}). Start over with --fresh.`,
  );
}

function* dirtyPages(sets: SlabSets, count: { pages: number }): Generator<SavedPage> {
  for (const [set, slabs] of sets) {
    for (const slab of slabs.all()) {
      for (const { page, bytes } of slab.dirtyPages()) {
        count.pages++;
        yield { set, slab: slab.name, page, bytes };
      }
    }
  }
}

type SavedMeta = {
  readonly version: number;
  readonly planDigest: string;
  readonly k: JsonTime;
  readonly sources: readonly SourceSnapshot[];
  readonly shard?: string;
  readonly cold?: ColdMark;
};

function encodeMeta(meta: CheckpointMeta): Uint8Array {
  const saved: SavedMeta = { version: CHECKPOINT_VERSION, ...meta, k: toJsonTime(meta.k) };
  return Buffer.from(JSON.stringify(saved));
}

function decodeMeta(bytes: Uint8Array): CheckpointMeta {
  const saved: SavedMeta = JSON.parse(Buffer.from(bytes).toString());
  if (saved.version !== CHECKPOINT_VERSION) {
    throw new Fault(
      'state_version',
      `the saved state has format ${saved.version}; this version reads ${CHECKPOINT_VERSION}. Start over with --fresh.`,
    );
  }
  const { version: _, ...meta } = saved;
  return { ...meta, k: fromJsonTime(saved.k) };
}
