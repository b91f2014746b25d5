/** An output folder: whose it is, starting it, starting it over. */
import { join } from 'node:path';
import type { Plan } from '../compiler/plan.ts';
import { Fault } from './fault.ts';
import type { Files } from './files.ts';
import { checkIdentity, parseIdentity, type RunIdentity } from './run-identity.ts';

/** What the engine keeps for itself, inside the output folder. */
export const PRIVATE = '.millrace';
const IDENTITY = 'run.json';
/** The plan of the run, for whoever reads its outputs later. */
export const PLAN = 'plan.json';
/** The run's inputs and flags, for a command that makes it again. */
export const COMMAND = 'command.json';
/** Kept by --fresh: the lock is held while it works. */
const LOCK = 'lock';
/** Erasures of the folder, once more beside its decision log: they outlive a fresh start. */
export const ERASED = 'erased.json';
/** What an erasure leaves of what the engine keeps for itself: nothing that was derived from events. */
export const KEPT_BY_ERASURE: ReadonlySet<string> = new Set([
  LOCK,
  IDENTITY,
  PLAN,
  COMMAND,
  ERASED,
  'log',
]);

/**
 * Makes the folder ready for this run: checks that it belongs to it, or writes that it does. `outputs` are the files the
 * run will write; in a folder that is nobody's yet, one that exists is a Fault, since it would be lost.
 */
export async function claimFolder(
  folder: string,
  identity: RunIdentity,
  more: { files: Files; outputs: readonly string[]; plan: Plan; command: unknown },
): Promise<void> {
  const { files, outputs, plan, command } = more;
  const path = join(folder, PRIVATE, IDENTITY);
  const saved = await readIdentity(path, files);
  if (saved !== null) {
    checkIdentity(folder, saved, identity);
    return;
  }
  const present = new Set(await files.list(folder));
  const lost = outputs.find((name) => present.has(name));
  if (lost !== undefined) {
    throw new Fault(
      'folder_not_ours',
      `${join(folder, lost)} exists and was not made by a run that can go on. Give another folder with --to, or replace it with --fresh.`,
      { context: { path: folder, file: lost } },
    );
  }
  await files.replace(join(folder, PRIVATE, PLAN), Buffer.from(JSON.stringify(plan)));
  if (command !== undefined)
    await files.replace(join(folder, PRIVATE, COMMAND), Buffer.from(JSON.stringify(command)));
  await files.replace(path, Buffer.from(`${JSON.stringify(identity, null, 2)}\n`));
}

/**
 * Deletes what an earlier run left: first what says whose the folder is, so that a crash in between leaves no folder that
 * could be gone on with, then state, logs and outputs. Files of others stay, and erasures: starting over is no way back.
 */
export async function clearFolder(
  folder: string,
  files: Files,
  outputs: readonly string[],
): Promise<void> {
  const own = join(folder, PRIVATE);
  await files.remove(join(own, IDENTITY));
  const known = new Set(outputs);
  for (const name of await files.list(own)) {
    if (name !== LOCK && name !== ERASED) await files.remove(join(own, name));
  }
  for (const name of known) await files.remove(join(folder, name));
}

async function readIdentity(path: string, files: Files): Promise<RunIdentity | null> {
  const bytes = await files.read(path);
  if (bytes === null) return null;
  const identity = parseIdentity(Buffer.from(bytes).toString());
  if (identity === null) {
    const message = `${path} is damaged: it cannot be told what the folder was made from. Give another folder with --to, or start over with --fresh (it deletes what this one holds).`;
    throw new Fault('folder_damaged', message, { context: { path } });
  }
  return identity;
}
