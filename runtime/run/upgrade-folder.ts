/**
 * Another program goes on in an output folder. The folder is locked by the caller.
 *
 *  1. The old plan catches up with what it has committed, and saves its state as of that K.
 *  2. The new plan is put together over that state (operators/take-over); what cannot go on is refused, and nothing has changed.
 *  3. The new plan and identity are written beside the old ones (`next.json`).
 *  4. The decision `plan` is written: to the new plan, from K on. This is the change.
 *  5. Plan and identity are replaced. The new plan loads the state of K, and its first checkpoint deletes what it has dropped.
 *
 * A crash before 4 leaves the old program's folder, one after 4 the new one's: whoever opens it next finishes 5 (folder-now.ts).
 */
import type { Plan } from '../../compiler/plan/plan.ts';
import { sealPlan } from '../../compiler/plan/seal-plan.ts';
import { takeOver } from '../../operators/take-over/take-over.ts';
import { Fault } from '../fault.ts';
import type { Files } from '../files.ts';
import { toJsonTime } from '../json-time.ts';
import { DecisionLog } from '../log/decisions.ts';
import { type Progress, readProgress } from '../log/progress.ts';
import { outputNames } from '../sink/open-sink.ts';
import { savedMeta } from '../store/checkpoint.ts';
import type { StateStore } from '../store/state-store.ts';
import { becomeNext, ownLog, type RunFolder, refuseForeign, writeNext } from './run-folder.ts';
import { type RunIdentity, upgradeDifferences } from './run-identity.ts';
import type { RunOrigin } from './run-origin.ts';
import { keptErasures } from './settle-erasures.ts';
import { takeOverText } from './take-over-text.ts';

export type Upgrade = {
  readonly folder: string;
  readonly files: Files;
  /** As compiled. */
  readonly program: Plan;
  /** Of the new run; its plan is filled in. */
  readonly identity: RunIdentity;
  readonly origin: RunOrigin | null;
  readonly openStore: () => Promise<StateStore>;
  /** Runs the old plan until it has caught up, and stops. */
  readonly catchUp: (old: Plan) => Promise<void>;
  readonly say: (line: string) => void;
};

/** Gives the plan to go on with. */
export async function upgradeFolder(before: RunFolder, upgrade: Upgrade): Promise<Plan> {
  const { folder, files, program, say } = upgrade;
  const topics = (plan: Plan) => new Set(plan.scans.map(({ topic }) => topic));
  refuse(
    folder,
    upgradeDifferences(before.identity, upgrade.identity, {
      before: topics(before.plan),
      now: topics(program),
    }),
  );
  if (!(await isSaved(before.plan, upgrade))) await upgrade.catchUp(before.plan);
  return withLogs(folder, files, async ({ decisions, committed }) => {
    const { k } = await committed();
    const made = overState(before.plan, k, upgrade);
    const known = new Set(outputNames(before.plan));
    const outputs = outputNames(made).filter((name) => !known.has(name));
    await refuseForeign(folder, outputs, files);
    const identity = { ...upgrade.identity, planDigest: made.digest };
    const next = { identity, plan: made, origin: upgrade.origin };
    await writeNext(folder, next, files);
    const at = new Date().toISOString();
    await decisions.take({ kind: 'plan', to: made.digest, from: toJsonTime(k), at });
    await becomeNext(folder, next, files);
    for (const line of takeOverText(before.plan, made)) say(line);
    return made;
  });
}

/** Whether the saved state is the old plan's, as of what it has committed, and nothing else is left to do. */
async function isSaved(old: Plan, { folder, files, openStore }: Upgrade): Promise<boolean> {
  const { k, erased } = await withLogs(folder, files, ({ committed }) => committed());
  // An erasure is to be made with the old plan still.
  if (erased !== (await keptErasures({ folder, files })).length) return false;
  const store = await openStore();
  try {
    const saved = await savedMeta(store);
    return saved?.planDigest === old.digest && saved.k === k;
  } finally {
    await store.close();
  }
}

function overState(old: Plan, k: number, { folder, program }: Upgrade): Plan {
  const made = takeOver(old, program, k);
  refuse(folder, made.reasons ?? []);
  return sealPlan(made.plan!);
}

function refuse(folder: string, reasons: readonly string[]): void {
  if (reasons.length === 0) return;
  throw new Fault(
    'cannot_take_over',
    [
      `the program cannot take over what ${folder} holds:`,
      ...reasons.map((line) => `  - ${line}`),
      'Give another folder with --to, or start over with --fresh (it deletes what this one holds).',
    ].join('\n'),
    { context: { path: folder } },
  );
}

/** `committed`: what is out; a Fault where there is nothing to go on from. */
async function withLogs<T>(
  folder: string,
  files: Files,
  use: (of: {
    readonly decisions: DecisionLog;
    readonly committed: () => Promise<Progress>;
  }) => Promise<T>,
): Promise<T> {
  const log = ownLog(folder, files);
  try {
    const progress = await log.open('progress', 0);
    const decisions = await DecisionLog.open(await log.open('decisions', 0));
    const committed = async () => {
      const last = await readProgress(progress);
      if (last === null || last.done || !Number.isFinite(last.k)) {
        refuse(folder, [
          last?.done || last?.k === Number.POSITIVE_INFINITY
            ? 'its inputs were read to their end: there is nothing to go on with'
            : 'nothing of it is committed yet',
        ]);
      }
      return last!;
    };
    return await use({ decisions, committed });
  } finally {
    await log.close();
  }
}
