/**
 * An erasure takes effect by making the run again without the person's events: first everything that was derived is
 * deleted, then the progress log says that nothing is out. The order makes a crash harmless: until that last record the
 * folder is cleared again, after it a run begins from nothing, and obeys the erasure as any rerun does.
 */
import { join } from 'node:path';
import type { Plan } from '../../compiler/plan/plan.ts';
import { ERASURES_MAX, type ErasedKey } from '../../operators/scan/erasure.ts';
import { Fault } from '../fault.ts';
import type { Files } from '../files.ts';
import { toJsonTime } from '../json-time.ts';
import type { DecisionLog, EraseDecision } from '../log/decisions.ts';
import type { LogPartition } from '../log/log.ts';
import { type Progress, writeProgress } from '../log/progress.ts';
import { outputNames } from '../sink/open-sink.ts';
import { beginReceipts } from './erasure-receipt.ts';
import { ERASED, KEPT_BY_ERASURE, PRIVATE } from './run-folder.ts';

/** Gives the progress from which the folder goes on. The folder is locked by the caller. */
export async function settleErasures(
  of: { readonly folder: string; readonly plan: Plan; readonly files: Files },
  log: {
    readonly decisions: DecisionLog;
    readonly progress: Progress | null;
    readonly progressLog: LogPartition;
  },
): Promise<Progress | null> {
  const { decisions, progress, progressLog } = log;
  const erased = decisions.erasures.length;
  if (progress === null || erased === progress.erased) return progress;
  await beginReceipts(of, decisions, progress);
  const { folder, plan, files } = of;
  const own = join(folder, PRIVATE);
  for (const name of await files.list(own)) {
    if (!KEPT_BY_ERASURE.has(name)) await files.remove(join(own, name));
  }
  for (const name of outputNames(plan)) await files.remove(join(folder, name));
  const nothing: Progress = {
    k: Number.NEGATIVE_INFINITY,
    outputs: {},
    sideRows: {},
    decided: 0,
    erased,
    done: false,
  };
  await writeProgress(progressLog, nothing);
  return nothing;
}

type InFolder = { readonly folder: string; readonly files: Files };

/** Erasures that a folder has seen, in their order, whatever became of its log. */
export async function keptErasures({ folder, files }: InFolder): Promise<EraseDecision[]> {
  const bytes = await files.read(join(folder, PRIVATE, ERASED));
  return bytes === null ? [] : JSON.parse(Buffer.from(bytes).toString());
}

/** A crash may have kept one from the log. */
export async function adoptErasures(of: InFolder, decisions: DecisionLog): Promise<void> {
  if (!decisions.has('started')) return;
  const taken = new Set(decisions.taken.map((each) => JSON.stringify(each)));
  const missing = (await keptErasures(of)).filter((each) => !taken.has(JSON.stringify(each)));
  if (missing.length > 0) await decisions.take(...missing);
}

/** Durable on return. */
export async function keepErasures(
  { folder, files }: InFolder,
  erasures: readonly EraseDecision[],
): Promise<void> {
  await files.replace(join(folder, PRIVATE, ERASED), Buffer.from(JSON.stringify(erasures)));
}

/**
 * Writes the decision down, unless it was taken already. It reaches as far as what is out, or as an erasure before it: while
 * the run is made again for that one, less may be out than once was.
 */
export async function decideErasure(
  of: InFolder,
  keys: readonly ErasedKey[],
  { decisions, progress }: { readonly decisions: DecisionLog; readonly progress: Progress | null },
): Promise<void> {
  if (progress === null) {
    throw new Fault(
      'nothing_to_erase',
      'the run has committed nothing yet: there is nothing to erase.',
    );
  }
  const earlier = decisions.erasures;
  const before = Math.max(progress.k, ...earlier.map((each) => each.before));
  const wanted = JSON.stringify(keys);
  if (earlier.some((each) => each.before === before && JSON.stringify(each.keys) === wanted))
    return;
  if (earlier.length >= ERASURES_MAX) {
    throw new Fault(
      'too_many_erasures',
      `${of.folder} has seen ${ERASURES_MAX} erasures: make it anew from inputs that these people are not in.`,
      { context: { path: of.folder } },
    );
  }
  const decision = {
    ...{ kind: 'erase' as const, keys, k: toJsonTime(before) },
    at: new Date().toISOString(),
  };
  // Here first: a log may be lost to a fresh start, an erasure must not be. A run takes what it finds here.
  await keepErasures(of, [...(await keptErasures(of)), decision]);
  await decisions.take(decision);
}
