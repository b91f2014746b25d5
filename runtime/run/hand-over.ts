/**
 * A run over files that was ended at a time (`--until`) goes on as an application on Kafka. What the folder holds is then the
 * application's beginning: its state is copied, never changed, so it can be taken again whenever the application has lost all
 * others.
 *
 * The decision `handed_over` in the folder's log comes before anything is committed on Kafka. From then on the state is that
 * application's: no other takes it, and the folder is not made again.
 */
import { randomUUID } from 'node:crypto';
import type { Plan } from '../../compiler/plan/plan.ts';
import { Fault } from '../fault.ts';
import type { Files } from '../files.ts';
import { type Decision, DecisionLog } from '../log/decisions.ts';
import type { EmbeddedLog } from '../log/embedded-log.ts';
import { readProgress } from '../log/progress.ts';
import { inRunFolder } from './folder-now.ts';
import { isOfProgram } from './plan-program.ts';
import { findRunFolder, ownLog, type RunFolder } from './run-folder.ts';

type HandOver = Extract<Decision, { readonly kind: 'handed_over' }>;

/** What there is to go on with. */
export type EndedRun = {
  /** Of the state: the program over whatever it took over before. */
  readonly plan: Plan;
  /** Everything before it is in the state, and out. */
  readonly k: number;
  /** Of the handover; null: it was not handed over yet. */
  readonly id: string | null;
};

type Taker = { readonly app: string; readonly program: Plan };

/** A Fault where the folder is no run that the application can go on from. */
export function readEndedRun(folder: string, files: Files, taker: Taker): Promise<EndedRun> {
  return inFolder(folder, files, async ({ run, decisions, log }) => {
    const k = endOf(folder, run, taker);
    const progress = await readProgress(await log.open('progress', 0));
    if (progress?.done !== true || progress.k !== k) {
      throw refused(folder, 'its run has not come to its end: run its command again first');
    }
    const before = handOverOf(decisions);
    refuseOther(folder, before, taker.app);
    return { plan: run.plan, k, id: before?.id ?? null };
  });
}

/** Makes the folder the application's, durably; gives the name of this handover, the same whenever it is asked for. */
export function handOver(folder: string, files: Files, app: string): Promise<string> {
  return inFolder(folder, files, async ({ decisions }) => {
    const before = handOverOf(decisions);
    refuseOther(folder, before, app);
    if (before !== null) return before.id;
    const id = randomUUID();
    await decisions.take({ kind: 'handed_over', app, id, at: new Date().toISOString() });
    return id;
  });
}

/** A Fault where the folder is an application's: it must not be made again. The folder is locked by the caller. */
export async function refuseHandedOver(folder: string, files: Files): Promise<void> {
  if ((await findRunFolder(folder, files).catch(() => null)) === null) return;
  const log = ownLog(folder, files);
  try {
    const decisions = await DecisionLog.open(await log.open('decisions', 0));
    const found = handOverOf(decisions);
    if (found !== null) throw handedOver(folder, found);
  } catch (error) {
    // A damaged log says nothing of anybody.
    if (!(error instanceof Fault) || error.kind === 'handed_over') throw error;
  } finally {
    await log.close();
  }
}

function handedOver(folder: string, { app, at }: HandOver): Fault {
  return new Fault(
    'handed_over',
    `${folder} was handed over to the application ${app} on Kafka at ${at}, which began with its state: making it again would give other examples than the application went on from. Give another folder; or delete this one by hand, once the application can do without.`,
    { context: { path: folder, app } },
  );
}

function endOf(folder: string, { plan, identity }: RunFolder, { program }: Taker): number {
  if (identity.until === undefined) {
    throw refused(
      folder,
      'it says nothing of a time up to which it is whole: make it with --until TIME',
    );
  }
  if (identity.shards !== 1) {
    throw refused(
      folder,
      `it was made with --shards ${identity.shards}, and an application that goes on from files has one: make it without`,
    );
  }
  if (!isOfProgram(plan, program)) {
    throw refused(
      folder,
      'it was made by another program: go on with that one, and change it then with --upgrade',
    );
  }
  return identity.until;
}

function refused(folder: string, why: string): Fault {
  return new Fault('cannot_continue', `cannot continue from ${folder}: ${why}.`, {
    context: { path: folder },
  });
}

function refuseOther(folder: string, found: HandOver | null, app: string): void {
  if (found === null || found.app === app) return;
  throw refused(
    folder,
    `it was handed over to the application ${found.app} at ${found.at}: two would give its examples twice`,
  );
}

function handOverOf(decisions: DecisionLog): HandOver | null {
  return decisions.taken.find((each): each is HandOver => each.kind === 'handed_over') ?? null;
}

async function inFolder<T>(
  folder: string,
  files: Files,
  use: (of: {
    readonly run: RunFolder;
    readonly decisions: DecisionLog;
    readonly log: EmbeddedLog;
  }) => Promise<T>,
): Promise<T> {
  return inRunFolder(folder, files, async (run) => {
    const log = ownLog(folder, files);
    try {
      const decisions = await DecisionLog.open(await log.open('decisions', 0));
      return await use({ run, decisions, log });
    } finally {
      await log.close();
    }
  });
}
