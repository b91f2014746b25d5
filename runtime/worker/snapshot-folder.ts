/**
 * The folder of a unit's snapshots, which every worker reaches.
 *
 * A file is named by the epoch of the life that wrote it, the number of the *chain* within that life, and its place in the
 * chain: the first ones are the base, each later one holds what has changed since the one before. So no two lives ever write the
 * same name, and the order of names is the order of the states: a life takes no snapshot before it has come to what was
 * committed when it began, and one that was replaced commits nothing that a snapshot could be of.
 *
 * There is no manifest. A file is there whole under its name or not at all, and says itself what it is; nothing is ever replaced
 * that a worker which was thought dead could replace again.
 */
import { join } from 'node:path';
import { Fault } from '../fault.ts';
import type { Files } from '../files.ts';
import { type CheckpointMeta, readCheckpointMeta } from '../store/checkpoint.ts';
import type { SavedPage, StateStore } from '../store/state-store.ts';
import { ShardedEngine } from './sharded-engine.ts';
import { SnapshotFile } from './snapshot-file.ts';

const SUFFIX = '.snapshot';
const NAME = /^\d{16}-\d{6}-\d{6}\.snapshot(\.tmp)?$/;
const CHAIN_LENGTH = 23;

export type SnapshotName = {
  readonly epoch: number;
  readonly chain: number;
  readonly place: number;
};

export function snapshotName({ epoch, chain, place }: SnapshotName): string {
  const digits = (value: number, width: number) => String(value).padStart(width, '0');
  return `${digits(epoch, 16)}-${digits(chain, 6)}-${digits(place, 6)}${SUFFIX}`;
}

/** One file of a chain, and the checkpoint that is there with it and those before it. */
export type ChainFile = {
  readonly name: string;
  readonly bytes: number;
  /** Whether the base is whole with it. */
  readonly isComplete: boolean;
  /** Where it reads its exchange partition on; infinite where there is none. */
  readonly exchangeFrom: number;
};

/** A base and what follows it; complete as far as it goes. */
export type Chain = { readonly name: string; readonly files: ChainFile[] };

/** A chain up to one of its files. */
export type SnapshotState = { readonly names: readonly string[]; readonly meta: CheckpointMeta };

export function chainName(name: string): string {
  return name.slice(0, CHAIN_LENGTH);
}

/** Whether it is the name of a file of a chain, also of one that is being written. */
export function isOfChain(name: string): boolean {
  return NAME.test(name);
}

/** The names of snapshot files that are there, oldest first. */
export async function snapshotNames(files: Files, folder: string): Promise<string[]> {
  return (await files.list(folder))
    .filter((name) => NAME.test(name) && name.endsWith(SUFFIX))
    .sort();
}

/**
 * What the names stand for: the states that could be restored, newest first, as their files describe themselves; no page is read.
 * `complain` is told of files that are no use.
 */
export async function readSnapshots(
  files: Files,
  folder: string,
  of: { readonly names: readonly string[]; readonly planDigest: string },
  complain: (fault: Fault) => void,
): Promise<{ readonly chains: Chain[]; readonly states: SnapshotState[] }> {
  const chains: Chain[] = [];
  const states: SnapshotState[] = [];
  for (const name of [...new Set(of.names.map(chainName))].sort().reverse()) {
    const chain: Chain = { name, files: [] };
    const own: SnapshotState[] = [];
    for (const file of of.names.filter((each) => chainName(each) === name)) {
      // Behind a gap nothing fits.
      if (!file.endsWith(`-${String(chain.files.length).padStart(6, '0')}${SUFFIX}`)) break;
      try {
        const opened = await SnapshotFile.open(files, join(folder, file));
        const { bytes, isComplete } = opened;
        await opened.close();
        const meta = readCheckpointMeta(opened.meta, of.planDigest);
        chain.files.push(chainFile({ name: file, bytes, isComplete }, meta));
        if (isComplete) own.unshift({ names: chain.files.map((each) => each.name), meta });
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        complain(error);
        break;
      }
    }
    if (own.length > 0) chains.unshift(chain);
    states.push(...own);
  }
  return { chains, states };
}

export function chainFile(
  file: Omit<ChainFile, 'exchangeFrom'>,
  { shard }: CheckpointMeta,
): ChainFile {
  const exchangeFrom =
    shard === undefined ? Number.POSITIVE_INFINITY : ShardedEngine.exchangeNeeds(shard);
  return { ...file, exchangeFrom };
}

/** The files of a state as a store that can be loaded from. A Fault `snapshot_damaged` names the file in its context. */
export function snapshotStore(
  files: Files,
  folder: string,
  names: readonly string[],
  onBytes: (bytes: number) => void,
): Pick<StateStore, 'load' | 'meta'> {
  const path = (name: string) => join(folder, name);
  const meta = async () => {
    const last = await SnapshotFile.open(files, path(names.at(-1)!));
    await last.close();
    return last.meta;
  };
  const load = async (page: (page: SavedPage) => void) => {
    for (const name of names) {
      const file = await SnapshotFile.open(files, path(name));
      try {
        await file.load((saved) => {
          onBytes(saved.bytes.length);
          page(saved);
        });
      } finally {
        await file.close();
      }
    }
    return meta();
  };
  return { load, meta };
}
