/** An output folder: whose it is, starting it, starting it over. */
import { join } from 'node:path';
import type { Plan } from '../../compiler/plan/plan.ts';
import { PROGRESS_SEGMENT_BYTES } from '../config.ts';
import { Fault } from '../fault.ts';
import type { Files } from '../files.ts';
import { EmbeddedLog } from '../log/embedded-log.ts';
import { checkIdentity, parseIdentity, type RunIdentity } from './run-identity.ts';
import { parseOrigin, type RunOrigin } from './run-origin.ts';

/** What the engine keeps for itself, inside the output folder. */
export const PRIVATE = '.millrace';
const IDENTITY = 'run.json';
/** What the folder is changing to: there from before it is decided until it has happened. */
const NEXT = 'next.json';
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
  const saved = await readIdentity(folder, files);
  if (saved !== null) {
    checkIdentity(folder, saved, identity);
    return;
  }
  await refuseForeign(folder, outputs, files);
  await writeRunFolder(folder, { identity, plan, origin }, files);
}

/** A Fault where a file that is going to be written is there already. */
export async function refuseForeign(
  folder: string,
  outputs: readonly string[],
  files: Files,
): Promise<void> {
  const present = new Set(await files.list(folder));
  const lost = outputs.find((name) => present.has(name));
  if (lost === undefined) return;
  throw new Fault(
    'folder_not_ours',
    `${join(folder, lost)} exists and was not made by a run that can go on. Give another folder with --to, or replace it with --fresh.`,
    { context: { path: folder, file: lost } },
  );
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

/** Whose a folder is, the plan it is run with, and where its inputs are (null: it was not told). */
export type RunFolder = {
  readonly plan: Plan;
  readonly identity: RunIdentity;
  readonly origin: RunOrigin | null;
};

/** What the folder says of its run; a Fault where no run began. */
export async function readRunFolder(folder: string, files: Files): Promise<RunFolder> {
  const found = await findRunFolder(folder, files);
  if (found !== null) return found;
  throw new Fault(
    'no_run_here',
    `${folder} is not the output folder of a run: give the DIR of \`run --to DIR\`.`,
    { context: { path: folder } },
  );
}

/** Null: no run began in it. */
export async function findRunFolder(folder: string, files: Files): Promise<RunFolder | null> {
  const read = (name: string) => files.read(join(folder, PRIVATE, name));
  const identity = await readIdentity(folder, files);
  const plan = await read(PLAN);
  if (plan === null || identity === null) return null;
  const origin = await read(ORIGIN);
  return {
    plan: readPlan(folder, Buffer.from(plan).toString()),
    identity,
    origin: origin === null ? null : parseOrigin(Buffer.from(origin).toString()),
  };
}

/** Its progress and its decisions. */
export function ownLog(folder: string, files: Files): EmbeddedLog {
  const path = join(folder, PRIVATE, 'log');
  return new EmbeddedLog(path, { files, segmentBytes: PROGRESS_SEGMENT_BYTES });
}

/** A Fault where rows of the folder are of a changed program: nobody can make them again with one plan. */
export function refuseChanged(folder: string, { takenOver }: Plan, what: string): void {
  if (takenOver === undefined) return;
  const at = new Date(takenOver.k).toISOString();
  throw new Fault(
    'program_changed',
    `${what} reads the inputs again from the beginning with one program, and ${folder} went on with a changed one at ${at}. Make it with that one alone first: the command of its run with --fresh.`,
    { context: { path: folder } },
  );
}

/** What the folder was about to change to; null: nothing. */
export async function readNext(folder: string, files: Files): Promise<RunFolder | null> {
  const bytes = await files.read(join(folder, PRIVATE, NEXT));
  return bytes === null ? null : (JSON.parse(Buffer.from(bytes).toString()) as RunFolder);
}

/** Before the change is decided. */
export async function writeNext(folder: string, next: RunFolder, files: Files): Promise<void> {
  await files.replace(join(folder, PRIVATE, NEXT), Buffer.from(JSON.stringify(next)));
}

/** The change was not decided. */
export async function dropNext(folder: string, files: Files): Promise<void> {
  await files.remove(join(folder, PRIVATE, NEXT));
}

/** The folder is the next one's. */
export async function becomeNext(folder: string, next: RunFolder, files: Files): Promise<void> {
  await writeRunFolder(folder, next, files);
  await dropNext(folder, files);
}

/** The identity last: without it the folder is nobody's. */
async function writeRunFolder(
  folder: string,
  { identity, plan, origin }: RunFolder,
  files: Files,
): Promise<void> {
  const write = (name: string, text: string) =>
    files.replace(join(folder, PRIVATE, name), Buffer.from(text));
  await write(PLAN, JSON.stringify(plan));
  if (origin !== null) await write(ORIGIN, JSON.stringify(origin));
  await write(IDENTITY, `${JSON.stringify(identity, null, 2)}\n`);
}

async function readIdentity(folder: string, files: Files): Promise<RunIdentity | null> {
  const path = join(folder, PRIVATE, IDENTITY);
  const bytes = await files.read(path);
  if (bytes === null) return null;
  return parseIdentity(Buffer.from(bytes).toString()) ?? damaged(path);
}

function readPlan(folder: string, text: string): Plan {
  try {
    return JSON.parse(text);
  } catch {
    return damaged(join(folder, PRIVATE, PLAN));
  }
}

function damaged(path: string): never {
  const message = `${path} is damaged: it cannot be told what the folder was made from. Give another folder with --to, or start over with --fresh (it deletes what this one holds).`;
  throw new Fault('folder_damaged', message, { context: { path } });
}
