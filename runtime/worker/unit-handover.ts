/**
 * An application that goes on from a run over files: which run, and that it is this application's.
 *
 *  1. The unit's first life fills its local state from the folder.
 *  2. The folder is marked: no other application takes it, nobody makes it again.
 *  3. The first commit says the plan, the time T and the handover. From here on the application has begun.
 *
 * A crash anywhere before 3 begins again at 1. Rows of the topics with a time before T are passed over, by every life: they are
 * the folder's, as rows from T on were not.
 */
import type { Plan } from '../../compiler/plan/plan.ts';
import { Fault } from '../fault.ts';
import type { EndedRun } from '../run/hand-over.ts';
import type { CheckpointMeta } from '../store/checkpoint.ts';
import type { UnitGates } from './unit-gates.ts';
import type { PlanStage } from './unit-plans.ts';
import type { UnitProgress } from './unit-progress.ts';
import type { UnitRequest } from './unit-recovery.ts';
import { nameOf, nothingYet } from './unit-shard.ts';

/** A folder that was named to go on from. It is read when it is needed, which it is not in every life. */
export type Handover = {
  readonly folder: string;
  /** A Fault where there is nothing to go on from. */
  readonly read: () => Promise<EndedRun>;
  /** Marks the folder as the application's; gives the handover's name, every time the same. */
  readonly claim: () => Promise<string>;
  /** Makes the folder's state the unit's local one, what it says of itself changed by `place`: all of it or nothing. */
  readonly fill: (began: Began, place: (saved: CheckpointMeta) => CheckpointMeta) => Promise<void>;
};

/** The state that the application began with; `id`: null before anything was committed. */
export type Began = { readonly plan: Plan; readonly k: number; readonly id: string | null };

/** What the application began with, or is about to; null: with nothing. */
export async function beganWith(
  { app, handover }: UnitRequest,
  { progress, stages }: { readonly progress: UnitProgress | null; readonly stages: PlanStage[] },
): Promise<Began | null> {
  if (progress === null) {
    if (handover === undefined) return null;
    const { plan, k } = await handover.read();
    return { plan, k, id: null };
  }
  const first = stages[0];
  if (first !== undefined && first.handover !== null) {
    return { plan: first.plan, k: first.from, id: first.handover };
  }
  if (handover === undefined) return null;
  throw new Fault(
    'app_has_begun',
    `the application ${app} has begun without ${handover.folder}: it cannot continue from it any more. Give another name with --app, or leave --continue-from out.`,
    { context: { app, path: handover.folder } },
  );
}

/** What an application that goes on from files has committed with its first record; null: it begins with nothing. */
export function firstProgress(
  plan: Plan,
  of: {
    readonly began: Began | null;
    readonly checkpoint: CheckpointMeta | null;
    readonly starts: Readonly<Record<string, number>>;
    readonly gates: UnitGates;
  },
): UnitProgress | null {
  const { began, checkpoint, starts, gates } = of;
  if (began === null) return null;
  const unapplied = (checkpoint?.sources ?? []).map((source) => {
    return [nameOf(source), { rows: source.rows, offset: source.bytes }] as const;
  });
  return {
    ...nothingYet(plan, starts),
    ...{ k: began.k, unapplied: Object.fromEntries(unapplied), waiting: gates.waiting },
  };
}
