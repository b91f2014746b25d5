/**
 * An output folder as `millrace quarantine` sees it: what is kept aside in it, and decisions about that. The folder is
 * locked meanwhile, so no run is at work in it.
 */
import type { Plan } from '../../compiler/plan/plan.ts';
import { Fault } from '../fault.ts';
import { disk, type Files } from '../files.ts';
import { toJsonTime } from '../json-time.ts';
import { DecisionLog, type LotDecision } from '../log/decisions.ts';
import { type Progress, readProgress } from '../log/progress.ts';
import { parseFormat } from '../sink/format-text.ts';
import { Quarantine } from '../sink/quarantine.ts';
import { inRunFolder } from './folder-now.ts';
import { ownLog, type RunFolder } from './run-folder.ts';
import { settleDone } from './settle-done.ts';

/** Rows that were kept aside together. */
export type Lot = {
  readonly set: string;
  readonly lot: string;
  readonly rows: number;
  /** First and last emission time, ms. */
  readonly from: number;
  readonly to: number;
  /** The first row's. */
  readonly reason: string;
  readonly state: 'kept' | 'released' | 'dropped';
};

export type DecidedFolder = {
  readonly plan: Plan;
  readonly lots: readonly Lot[];
  /** By example set. */
  readonly quarantines: ReadonlyMap<string, Quarantine>;
  /** The run is over: what is decided takes effect at once, else when it goes on. */
  readonly isDone: boolean;
  /** What is out: null before the first commit. */
  readonly progress: Progress | null;
  /** Writes the decisions down, and in a finished folder acts on them. */
  readonly decide: (
    kind: LotDecision['kind'],
    lots: readonly Pick<Lot, 'set' | 'lot'>[],
  ) => Promise<void>;
};

/** Opens the folder for `use` and closes it after. Throws a Fault where no run began, or one is at work. */
export async function withDecidedFolder<T>(
  folder: string,
  use: (of: DecidedFolder) => Promise<T>,
  files: Files = disk,
): Promise<T> {
  return inRunFolder(folder, files, (run) => withDecisions(folder, run, use, files));
}

async function withDecisions<T>(
  folder: string,
  { plan, identity }: RunFolder,
  use: (of: DecidedFolder) => Promise<T>,
  files: Files,
): Promise<T> {
  const { format, block } = parseFormat(identity.format);
  const log = ownLog(folder, files);
  const closing: (() => Promise<void>)[] = [() => log.close()];
  try {
    const progressLog = await log.open('progress', 0);
    const decisions = await DecisionLog.open(await log.open('decisions', 0));
    const settle = async () => {
      const progress = await readProgress(progressLog);
      if (progress !== null && progress.erased < decisions.erasures.length)
        throw unfinished(folder);
      if (progress?.done)
        await settleDone(
          { plan, folder, format, block, files },
          { decisions, progress, log: progressLog },
        );
      return progress;
    };
    // What an interrupted command decided.
    const progress = await settle();
    const quarantines = new Map<string, Quarantine>();
    for (const example of plan.examples) {
      const committed = progress?.outputs ?? {};
      const quarantine = await Quarantine.open(folder, example, { files, committed });
      closing.push(() => quarantine.close());
      quarantines.set(example.name, quarantine);
    }
    return await use({
      plan,
      lots: await lotsOf(quarantines, decisions),
      quarantines,
      isDone: progress?.done === true,
      progress,
      decide: async (kind, lots) => {
        const k = toJsonTime(progress?.k ?? Number.NEGATIVE_INFINITY);
        const at = new Date().toISOString();
        await decisions.take(...lots.map(({ set, lot }) => ({ kind, set, lot, k, at })));
        await settle();
      },
    });
  } finally {
    for (const close of closing.reverse()) await close().catch(() => undefined);
  }
}

/** The decisions of a folder, in their order: for a run that is to obey them. */
export async function decisionsOf(
  folder: string,
  files: Files = disk,
): Promise<DecisionLog['taken']> {
  return inRunFolder(folder, files, async () => {
    const log = ownLog(folder, files);
    try {
      return (await DecisionLog.open(await log.open('decisions', 0))).taken;
    } finally {
      await log.close();
    }
  });
}

function unfinished(folder: string): Fault {
  return new Fault(
    'erasure_unfinished',
    `an erasure in ${folder} was cut off: run the command again that made the folder.`,
    { context: { path: folder } },
  );
}

async function lotsOf(
  quarantines: ReadonlyMap<string, Quarantine>,
  decisions: DecisionLog,
): Promise<Lot[]> {
  const decided = new Map(decisions.lots.map(({ set, lot, kind }) => [`${set} ${lot}`, kind]));
  const lots: Lot[] = [];
  for (const [set, quarantine] of quarantines) {
    const found = new Map<string, { -readonly [K in keyof Lot]: Lot[K] }>();
    for await (const { lot, reason, row } of quarantine.lines()) {
      const known = found.get(lot);
      if (known !== undefined) {
        known.rows++;
        known.to = row.emitted;
        continue;
      }
      const kind = decided.get(`${set} ${lot}`);
      const state = kind === undefined ? 'kept' : kind === 'release' ? 'released' : 'dropped';
      found.set(lot, { set, lot, rows: 1, from: row.emitted, to: row.emitted, reason, state });
    }
    lots.push(...found.values());
  }
  return lots;
}
