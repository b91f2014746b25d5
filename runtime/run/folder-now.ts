/**
 * What an output folder is run with. A change of its program that was decided and cut off (upgrade-folder.ts) has happened:
 * whoever opens the folder finishes it first, so nobody reads the plan of before.
 */
import { join } from 'node:path';
import type { Files } from '../files.ts';
import { DecisionLog } from '../log/decisions.ts';
import { FolderLock } from './folder-lock.ts';
import {
  becomeNext,
  dropNext,
  findRunFolder,
  ownLog,
  PRIVATE,
  type RunFolder,
  readNext,
  readRunFolder,
} from './run-folder.ts';

/** Null: it is nobody's yet. The folder is locked by the caller. */
export async function folderNow(folder: string, files: Files): Promise<RunFolder | null> {
  const next = await readNext(folder, files);
  if (next !== null) {
    if (await isDecided(folder, next, files)) await becomeNext(folder, next, files);
    else await dropNext(folder, files);
  }
  return findRunFolder(folder, files);
}

/** Locks the folder for `use`. A Fault where no run began, or one is at work. */
export async function inRunFolder<T>(
  folder: string,
  files: Files,
  use: (run: RunFolder) => Promise<T>,
): Promise<T> {
  // First: taking the lock of a folder that is nobody's would make one.
  const found = await readRunFolder(folder, files);
  const lock = await FolderLock.take(join(folder, PRIVATE));
  try {
    return await use((await folderNow(folder, files)) ?? found);
  } finally {
    await lock.release();
  }
}

/** For whoever only reads, beside a run that may be at work: locks where a change is to be finished, and no longer than that. */
export async function readFolderNow(folder: string, files: Files): Promise<RunFolder> {
  const found = await readRunFolder(folder, files);
  if ((await readNext(folder, files)) === null) return found;
  return inRunFolder(folder, files, async (run) => run);
}

async function isDecided(folder: string, { plan }: RunFolder, files: Files): Promise<boolean> {
  const log = ownLog(folder, files);
  try {
    const { taken } = await DecisionLog.open(await log.open('decisions', 0));
    return taken.some((each) => each.kind === 'plan' && each.to === plan.digest);
  } finally {
    await log.close();
  }
}
