/** The output folder of a run as the beginning of an application: what unit-handover.ts asks for, on the disk. */
import { cp, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Plan } from '../../compiler/plan/plan.ts';
import { Fault } from '../fault.ts';
import { disk } from '../files.ts';
import { handOver, readEndedRun } from '../run/hand-over.ts';
import { PRIVATE } from '../run/run-folder.ts';
import { type CheckpointMeta, changeMeta } from '../store/checkpoint.ts';
import { isStateOf, openStateStore } from '../store/open-store.ts';
import type { Began, Handover } from './unit-handover.ts';

/** `state`: the unit's local state, a folder. */
export function folderHandover(
  folder: string,
  to: { readonly app: string; readonly program: Plan; readonly state: string },
): Handover {
  return {
    folder,
    read: () => readEndedRun(folder, disk, to),
    claim: () => handOver(folder, disk, to.app),
    fill: (began, place) => fillState(folder, to.state, { began, place }),
  };
}

/** Copied beside, changed there, and renamed: the unit finds all of it or nothing. Keys on the disk come along. */
async function fillState(
  folder: string,
  state: string,
  how: {
    readonly began: Began;
    readonly place: (saved: CheckpointMeta) => CheckpointMeta;
  },
): Promise<void> {
  const { began, place } = how;
  const own = join(folder, PRIVATE);
  const beside = `${state}.taking`;
  await rm(beside, { recursive: true, force: true });
  await mkdir(beside, { recursive: true });
  for (const name of (await readdir(own)).filter(isStateOf)) {
    await cp(join(own, name), join(beside, name), { recursive: true });
  }
  const store = await openStateStore(beside, () => undefined);
  try {
    await changeMeta(store, (saved) => {
      if (saved.planDigest !== began.plan.digest || saved.k !== began.k) throw noState(folder);
      return place(saved);
    });
  } catch (error) {
    if (error instanceof Fault && error.kind === 'no_saved_state') throw noState(folder);
    throw error;
  } finally {
    await store.close();
  }
  await rename(beside, state);
}

function noState(folder: string): Fault {
  return new Fault(
    'no_saved_state',
    `cannot continue from ${folder}: it holds no state as of its end. Make it without --state memory.`,
    { context: { path: folder } },
  );
}
