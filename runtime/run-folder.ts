/** An output folder: whose it is, starting it, starting it over. */
import { join } from 'node:path';
import type { Plan } from '../compiler/plan.ts';
import { Fault } from './fault.ts';
import type { Files } from './files.ts';
import { checkIdentity, parseIdentity, type RunIdentity } from './run-identity.ts';
import { parseOrigin, type RunOrigin } from './run-origin.ts';

/** What the engine keeps for itself, inside the output folder. */
export const PRIVATE = '.millrace';
const IDENTITY = 'run.json';
/** The plan of the run, for whoever reads its outputs later. */
export const PLAN = 'plan.json';
/** Where its inputs were. */
const ORIGIN = 'origin.json';
/** Kept by --fresh: the lock is held while it works. */
const LOCK = 'lock';
/** Erasures of the folder, once more beside its decision log: they outlive a fresh start. */
export const ERASED = 'erased.json';
/** What an erasure leaves of what the engine keeps for itself: nothing that was derived from events. */
export const KEPT_BY_ERASURE: ReadonlySet<string> = new Set([
  LOCK,
  IDENTITY,
  PLAN,
  ORIGIN,
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
  more: { files: Files; outputs: readonly string[]; plan: Plan; origin: RunOrigin | null },
): Promise<void> {
  const { files, outputs, plan, origin } = more;
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
  if (origin !== null) {
    await files.replace(join(folder, PRIVATE, ORIGIN), Buffer.from(JSON.stringify(origin)));
  }
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

/** What the folder says of its run; a Fault where no run began. `origin` null: it was not told where its inputs are. */
export async function readRunFolder(
  folder: string,
  files: Files,
): Promise<{
  readonly plan: Plan;
  readonly identity: RunIdentity;
  readonly origin: RunOrigin | null;
}> {
  const read = (name: string) => files.read(join(folder, PRIVATE, name));
  const text = await read(IDENTITY);
  const plan = await read(PLAN);
  const identity = text === null ? null : parseIdentity(Buffer.from(text).toString());
  if (plan === null || identity === null) {
    throw new Fault(
      'no_run_here',
      `${folder} is not the output folder of a run: give the DIR of \`run --to DIR\`.`,
      { context: { path: folder } },
    );
  }
  const origin = await read(ORIGIN);
  return {
    plan: JSON.parse(Buffer.from(plan).toString()),
    identity,
    origin: origin === null ? null : parseOrigin(Buffer.from(origin).toString()),
  };
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
