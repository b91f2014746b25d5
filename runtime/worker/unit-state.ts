/**
 * What a life goes on from: of the unit's local state and its snapshots whichever is furthest, of those that are whole, were committed,
 * and whose logs still reach back to where they read on. With none of them everything is read from its beginning.
 */
import { basename } from 'node:path';
import { ColdCopies } from '../../operators/state/cold-copies.ts';
import { Fault } from '../fault.ts';
import { stateTaken } from '../run/taken-state.ts';
import {
  type CheckpointMeta,
  metaTaken,
  newSlabSets,
  restoreCheckpoint,
  type SlabSets,
} from '../store/checkpoint.ts';
import type { StateStore } from '../store/state-store.ts';
import { type Cluster, ClusterFault } from './cluster.ts';
import type { LogReach } from './log-reach.ts';
import { ShardedEngine } from './sharded-engine.ts';
import {
  type Chain,
  readSnapshots,
  type SnapshotState,
  snapshotNames,
  snapshotStore,
} from './snapshot-folder.ts';
import type { Began } from './unit-handover.ts';
import type { UnitProgress } from './unit-progress.ts';
import type { UnitRequest } from './unit-recovery.ts';
import { nameOf } from './unit-shard.ts';

export type UnitState = {
  readonly store: StateStore;
  readonly slabs: SlabSets;
  readonly checkpoint: CheckpointMeta | null;
  readonly copies: ColdCopies | null;
};

/** What earlier lives left in the snapshot folder; `isUnknown`: it could not be read. */
export type LeftSnapshots = {
  readonly chains: readonly Chain[];
  readonly states: readonly SnapshotState[];
  readonly isUnknown: boolean;
};

/** A folder that does not answer for so long is not there, ms. */
const SILENT_MS_MAX = 20_000;

/** Faults of a saved state that reading the log again cures. */
const UNUSABLE = new Set([
  ...['state_ahead', 'state_cut_off', 'state_damaged', 'state_of_other_plan', 'state_version'],
]);

/** Of a folder: it may be there again. */
const PASSING = new Set(['snapshots_silent', 'file_io', 'no_access']);

/** Files of the snapshot folder; `isUnknown`: it could not be read. */
export type LeftFiles = { readonly names: readonly string[]; readonly isUnknown: boolean };

/**
 * To be asked between fencing and reading the progress: whoever was fenced has nothing more to begin, and what is there although nothing
 * was ever committed is of an earlier application.
 */
export async function leftFiles(request: UnitRequest): Promise<LeftFiles> {
  const { snapshots: spec, cluster } = request;
  if (spec === null) return { names: [], isUnknown: false };
  try {
    const names = await whileMoving(cluster, () => snapshotNames(spec.files, spec.folder));
    return { names, isUnknown: false };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { names: [], isUnknown: complain(request, error) };
  }
}

/** What the files hold of the request's plan; `hasChanged`: there may be some of plans before or after it. */
export async function leftSnapshots(
  request: UnitRequest,
  { names, isUnknown: wasUnknown }: LeftFiles,
  hasChanged: boolean,
): Promise<LeftSnapshots> {
  const { snapshots: spec, cluster, plan } = request;
  let isUnknown = wasUnknown;
  const tell = (fault: Fault) => {
    if (hasChanged && fault.kind === 'state_of_other_plan') return;
    isUnknown = complain(request, fault) || isUnknown;
  };
  if (spec === null || names.length === 0) return { chains: [], states: [], isUnknown };
  try {
    const of = { names, planDigest: plan.digest };
    const found = await whileMoving(cluster, () =>
      readSnapshots(spec.files, spec.folder, of, tell),
    );
    return { ...found, isUnknown };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    tell(error);
    return { chains: [], states: [], isUnknown };
  }
}

/** Whether it may work the next time. */
function complain({ snapshots, unit, say }: UnitRequest, fault: Fault): boolean {
  if (snapshots !== null) snapshots.figures.failures++;
  say('snapshot_unusable', { unit, reason: fault.message });
  return PASSING.has(fault.kind);
}

/** Null: there is none of the request's plan, which was not the application's first. */
export async function loadState(
  request: UnitRequest,
  of: {
    readonly progress: UnitProgress | null;
    readonly reach: LogReach;
    readonly left: LeftSnapshots;
    /** What the application began with, where it was not nothing. */
    readonly began: Began | null;
    /** How far the plan goes. */
    readonly stopAt: number;
    readonly isFirst: boolean;
  },
): Promise<UnitState | null> {
  const { reach, left } = of;
  const committed = Math.min(of.progress?.k ?? Number.NEGATIVE_INFINITY, of.stopAt);
  const check = (meta: CheckpointMeta) => {
    if (meta.k > committed)
      throw new Fault('state_ahead', 'it is ahead of what was ever committed');
    const missing = reach.missing(meta);
    if (missing !== null) throw new Fault('state_cut_off', missing.message);
  };
  checkOwn(request, of.progress, left);
  const local = left.states.length === 0 ? null : await localMeta(request, check);
  const how: Trying = { check, damaged: new Set(), isUnknown: left.isUnknown };
  for (const state of left.states) {
    if (local !== null && !isFurther(state.meta, local)) break;
    const restored = await fromSnapshot(request, state, how);
    if (restored !== null) return restored;
  }
  const own = await fromLocal(request, check);
  if (own !== null) return own;
  for (const state of local === null ? [] : left.states) {
    const restored = await fromSnapshot(request, state, how);
    if (restored !== null) return restored;
  }
  return of.isFirst ? fromBeginning(request, of, how.isUnknown) : null;
}

/** Snapshots of a life that committed nothing are those of somebody else. */
function checkOwn(
  { app, snapshots }: UnitRequest,
  progress: UnitProgress | null,
  { states }: LeftSnapshots,
): void {
  if (progress !== null || states.length === 0 || snapshots === null) return;
  throw new Fault(
    'snapshots_of_other_app',
    `${snapshots.folder} holds snapshots of an earlier application ${app}: this one has committed nothing yet. Empty that folder, or give another name with --app.`,
    { context: { app, path: snapshots.folder } },
  );
}

type Trying = {
  /** Throws a Fault where a state cannot be gone on from. */
  readonly check: (meta: CheckpointMeta) => void;
  /** Files that are no use. */
  readonly damaged: Set<string>;
  /** Something failed that may work the next time. */
  isUnknown: boolean;
};

/** What the local state says of itself; null where it is of no use. */
async function localMeta(
  { openStore, plan }: UnitRequest,
  check: (meta: CheckpointMeta) => void,
): Promise<CheckpointMeta | null> {
  try {
    const store = await openStore();
    const saved = await store.meta().finally(() => store.close());
    if (saved === null) return null;
    const { meta } = metaTaken(saved, plan.digest, stateTaken(plan, false));
    check(meta);
    return meta;
  } catch (error) {
    if (error instanceof Fault && UNUSABLE.has(error.kind)) return null;
    throw error;
  }
}

/** The local state; null where there is none, or none that can be used. */
async function fromLocal(
  request: UnitRequest,
  check: (meta: CheckpointMeta) => void,
): Promise<UnitState | null> {
  const { plan, unit, say } = request;
  const store = await request.openStore();
  try {
    const slabs = newSlabSets(1);
    const checkpoint = await restoreCheckpoint(
      ...([moving(store, request.moved), slabs, plan.digest, stateTaken(plan, false)] as const),
    );
    if (checkpoint !== null) {
      check(checkpoint);
      return { store, slabs, checkpoint, copies: copiesOf(store, checkpoint) };
    }
    await store.close();
  } catch (error) {
    await store.close();
    if (!(error instanceof Fault) || !UNUSABLE.has(error.kind)) throw error;
    // The log has everything: a state that cannot be used is one that is not there.
    if (error.kind !== 'state_of_other_plan' || plan.takenOver === undefined)
      say('state_dropped', { unit, reason: error.message });
  }
  return null;
}

/** A snapshot, as if it had just been computed: the next checkpoint writes all of it. Null where it cannot be used. */
async function fromSnapshot(
  request: UnitRequest,
  { names, meta }: SnapshotState,
  how: Trying,
): Promise<UnitState | null> {
  const { snapshots: spec, cluster, unit, say, plan } = request;
  if (spec === null || names.some((name) => how.damaged.has(name))) return null;
  const { figures } = spec;
  const name = names.at(-1)!;
  try {
    how.check(meta);
    say('restoring', { unit, name, files: names.length });
    figures.restoredBytes = 0;
    const slabs = newSlabSets(1);
    const saved = snapshotStore(spec.files, spec.folder, names, (bytes) => {
      figures.restoredBytes += bytes;
      request.moved();
    });
    const checkpoint = await whileMoving(
      cluster,
      () => restoreCheckpoint(saved, slabs, plan.digest),
      () => figures.restoredBytes,
    );
    for (const set of slabs.values()) for (const slab of set.all()) slab.mark(0, slab.used);
    say('restored', { unit, name, bytes: figures.restoredBytes });
    return await beginning(request, slabs, checkpoint);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    figures.failures++;
    say('snapshot_unusable', { unit, name, reason: error.message });
    how.isUnknown ||= PASSING.has(error.kind);
    const { path } = error.context;
    if (typeof path === 'string') how.damaged.add(basename(path));
    else for (const each of names) how.damaged.add(each);
    return null;
  }
}

/** Every page that is read counts as getting on. */
function moving(store: StateStore, moved: () => void): Pick<StateStore, 'load' | 'meta'> {
  const load: StateStore['load'] = (page) =>
    store.load((saved) => {
      moved();
      return page(saved);
    });
  return { load, meta: () => store.meta() };
}

async function fromBeginning(
  request: UnitRequest,
  { reach, began }: { readonly reach: LogReach; readonly began: Began | null },
  isUnknown: boolean,
): Promise<UnitState> {
  const missing = reach.missing(null) ?? (began === null ? null : missingFolder(request, began));
  if (missing === null) {
    return began === null
      ? beginning(request, newSlabSets(1), null)
      : fromFolder(request, reach, began);
  }
  if (!isUnknown) throw missing;
  // Once the folder is there again all is well.
  throw new ClusterFault('retriable', 'snapshots_unknown', missing.message, { cause: missing });
}

/** The state of the run that the application goes on from, as the unit's own: it reads the topics on from where they begin. */
async function fromFolder(
  request: UnitRequest,
  { starts }: LogReach,
  began: Began,
): Promise<UnitState> {
  const { plan, unit, say, handover } = request;
  await checkFolder(request, began);
  say('continuing', { unit, folder: handover!.folder });
  await request.dropState();
  await handover!.fill(began, (meta) => ({
    ...meta,
    sources: meta.sources.flatMap((source) => {
      const start = starts[nameOf(source)];
      return start === undefined ? [] : [{ ...source, bytes: start }];
    }),
  }));
  const store = await request.openStore();
  const slabs = newSlabSets(1);
  const checkpoint = await restoreCheckpoint(moving(store, request.moved), slabs, plan.digest);
  return { store, slabs, checkpoint, copies: copiesOf(store, checkpoint) };
}

/** Once the application has begun, no folder will do but the one that it began with. */
async function checkFolder({ app, handover }: UnitRequest, began: Began): Promise<void> {
  if (began.id === null || (await handover!.read()).id === began.id) return;
  const { folder } = handover!;
  throw new Fault(
    'other_handover',
    `the application ${app} did not begin with the state in ${folder} (handover ${began.id}): give the folder that it began with.`,
    { context: { app, path: folder } },
  );
}

function missingFolder({ app, handover }: UnitRequest, { id }: Began): Fault | null {
  if (handover !== undefined) return null;
  return new Fault(
    'no_handover',
    `the application ${app} went on from a folder (handover ${id}), and its own state is not here: start the worker with --continue-from DIR, that folder, or with the folder that holds the unit's snapshots (--snapshots) or state (--state-dir).`,
    { context: { app } },
  );
}

/** With an empty local store. */
async function beginning(
  request: UnitRequest,
  slabs: SlabSets,
  checkpoint: CheckpointMeta | null,
): Promise<UnitState> {
  await request.dropState();
  const store = await request.openStore();
  return { store, slabs, checkpoint, copies: copiesOf(store, checkpoint) };
}

function copiesOf(store: StateStore, checkpoint: CheckpointMeta | null): ColdCopies | null {
  return store.cold ? new ColdCopies(store.cold, checkpoint?.cold ?? null) : null;
}

function isFurther(a: CheckpointMeta, b: CheckpointMeta): boolean {
  return a.k > b.k || (a.k === b.k && exchangeFrom(a) > exchangeFrom(b));
}

function exchangeFrom({ shard }: CheckpointMeta): number {
  return shard === undefined ? 0 : ShardedEngine.exchangeNeeds(shard);
}

/** The act, given up on when what it has read has not grown for a while: a folder may hang. */
async function whileMoving<T>(
  cluster: Cluster,
  act: () => Promise<T>,
  read: () => number = () => 0,
): Promise<T> {
  let isOver = false;
  const silence = async (): Promise<void> => {
    for (let before = -1; before !== read(); ) {
      before = read();
      await cluster.sleep(SILENT_MS_MAX);
    }
    if (isOver) return;
    const text = `the snapshot folder has not answered in ${SILENT_MS_MAX} ms`;
    throw new Fault('snapshots_silent', text);
  };
  const acting = act().finally(() => {
    isOver = true;
  });
  await Promise.race([acting, silence()]);
  return acting;
}
