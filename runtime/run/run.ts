/** One run over files: claims the folder, puts log, state, engine, sources and sinks together, runs the task to its end. */
import { dirname, join, resolve } from 'node:path';
import type { Plan } from '../../compiler/plan/plan.ts';
import type { BucketBounds } from '../../operators/checks/buckets.ts';
import { type ErasedKey, ErasedRows } from '../../operators/scan/erasure.ts';
import { TimeSpan } from '../../operators/scan/time-span.ts';
import { ColdCopies } from '../../operators/state/cold-copies.ts';
import { BLOCK_OPTIONS, type BlockOptions } from '../block/block-writer.ts';
import { Fault } from '../fault.ts';
import { disk, type Files } from '../files.ts';
import { type Decision, DecisionLog } from '../log/decisions.ts';
import type { Log, LogPartition } from '../log/log.ts';
import { type Progress, readProgress } from '../log/progress.ts';
import { formatText } from '../sink/format-text.ts';
import { openOutputs } from '../sink/open-outputs.ts';
import { folderNames, outputNames } from '../sink/open-sink.ts';
import type { OutputFormat } from '../sink/sink.ts';
import {
  type CheckpointMeta,
  newSlabSets,
  restoreCheckpoint,
  type SlabSets,
} from '../store/checkpoint.ts';
import { NoStore } from '../store/memory-store.ts';
import { openStateStore } from '../store/open-store.ts';
import type { StateStore } from '../store/state-store.ts';
import type { Engine } from './engine.ts';
import { finish } from './finish-run.ts';
import { FolderLock } from './folder-lock.ts';
import { folderNow } from './folder-now.ts';
import { refuseHandedOver } from './hand-over.ts';
import type { Manifest } from './manifest.ts';
import { isOfProgram } from './plan-program.ts';
import { claimFolder, clearFolder, findRunFolder, ownLog, PRIVATE } from './run-folder.ts';
import { IDENTITY_VERSION, identifyFile, type RunIdentity } from './run-identity.ts';
import type { RunOrigin } from './run-origin.ts';
import { settleDone } from './settle-done.ts';
import { adoptErasures, decideErasure, settleErasures } from './settle-erasures.ts';
import { startDecisions } from './start-decisions.ts';
import { stateTaken } from './taken-state.ts';
import { type OnCommit, Task, type TaskOptions } from './task.ts';
import { type SourceInput, TaskSource } from './task-source.ts';
import { type Upgrade, upgradeFolder } from './upgrade-folder.ts';

export type RunRequest = {
  readonly plan: Plan;
  readonly inputs: readonly SourceInput[];
  /** Where the inputs are, for whoever reads them again; absent: nobody is told. */
  readonly origin?: RunOrigin | undefined;
  readonly folder: string;
  readonly format: OutputFormat;
  /** How blocks are written; by default exactly, and not packed. */
  readonly block?: BlockOptions | undefined;
  readonly complete: boolean;
  /** Read events before this time alone, ms, and leave the waits open that are due later; absent: all of them. */
  readonly until?: number | undefined;
  readonly shards: number;
  /** Delete what an earlier run left in the folder. */
  readonly fresh: boolean;
  /** The inputs of the program before: `plan` may take over what that left in the folder. */
  readonly upgrade?: ((before: Plan) => Promise<readonly SourceInput[]>) | undefined;
  /** A stop waits until everything that is out is in the state, too. */
  readonly settles?: boolean;
  readonly state: 'rocksdb' | 'memory';
  /** Decisions of an earlier run of the same plan, which this one obeys; none: they are taken anew. */
  readonly decided?: readonly Decision[] | undefined;
  /** A person to be erased: the run is made again without their events. */
  readonly erase?: readonly ErasedKey[] | undefined;
  readonly commitEveryMs: number;
  readonly checkpointEveryMs: number;
  /** Set `requested` to stop at the next commit. */
  readonly stop: { requested: boolean };
  /** `copies`: of keys that are not in memory; null: the state store cannot hold any. */
  readonly makeEngine: (
    plan: Plan,
    slabs: SlabSets,
    shards: number,
    copies: ColdCopies | null,
  ) => Engine;
  /** One line for people, now and then. */
  readonly say: (line: string) => void;
  readonly onBatch: (task: Task) => void;
  readonly onCommit?: OnCommit | undefined;
  /** Tests put failing ones in their place. */
  readonly files?: Files;
  readonly now?: () => number;
  readonly bucketBounds?: BucketBounds;
  readonly openStore?: (folder: string, say: (line: string) => void) => Promise<StateStore>;
};

export type RunResult = {
  /** `already_done`: an earlier run of the same command finished, and nothing was done. */
  readonly outcome: 'done' | 'already_done' | 'stopped';
  readonly manifest: Manifest | null;
};

/** Runs to the end of the inputs, to a stop, or throws a Fault; the same call again goes on from the last commit. */
export async function run(request: RunRequest): Promise<RunResult> {
  const own = join(request.folder, PRIVATE);
  const lock = await FolderLock.take(own);
  try {
    const files = request.files ?? disk;
    if (request.fresh || request.erase !== undefined) {
      await refuseHandedOver(request.folder, files);
    }
    const claimed = request.fresh ? null : await folderNow(request.folder, files);
    if (claimed === null) return await runIn(request, own);
    if (isOfProgram(claimed.plan, request.plan))
      return await runIn({ ...request, plan: claimed.plan }, own);
    if (request.upgrade === undefined) return await runIn(request, own);
    const plan = await upgradeFolder(claimed, await upgradeOf(request, own));
    return await runIn({ ...request, plan }, own);
  } finally {
    await lock.release();
  }
}

async function upgradeOf(request: RunRequest, own: string): Promise<Upgrade> {
  const { folder, plan: program, say, upgrade, state } = request;
  if (state === 'memory')
    throw new Fault(
      'no_saved_state',
      '--upgrade goes on with saved state: --state memory has none',
    );
  const files = request.files ?? disk;
  const catchUp = async (old: Plan) => {
    const inputs = await upgrade!(old);
    await runIn(
      { ...request, plan: old, inputs, stop: { requested: true }, settles: true, fresh: false },
      own,
    );
  };
  const identity = await identityOf(request);
  const open = () => openStore(request, own);
  const origin = request.origin ?? null;
  return { folder, files, program, identity, origin, openStore: open, catchUp, say };
}

/** In a folder that is locked. */
async function runIn(request: RunRequest, own: string): Promise<RunResult> {
  const closing: (() => Promise<void>)[] = [];
  try {
    await prepareFolder(request);
    const log = ownLog(request.folder, request.files ?? disk);
    closing.push(() => log.close());
    const progressLog = await openOwn(log, 'progress');
    const decisions = await DecisionLog.open(await openOwn(log, 'decisions'));
    const inFolder = { folder: request.folder, files: request.files ?? disk };
    const last = await readProgress(progressLog);
    await adoptErasures(inFolder, decisions);
    if (request.erase !== undefined) {
      await decideErasure(inFolder, request.erase, { decisions, progress: last });
    }
    const progress = await settleErasures(
      { ...inFolder, plan: request.plan },
      { decisions, progress: last, progressLog },
    );
    if (progress?.done) {
      await settleDone(request, { decisions, progress, log: progressLog });
      return { outcome: 'already_done', manifest: null };
    }
    if (progress !== null && request.inputs.some(({ path }) => path === '-')) {
      request.say('going on: standard input must bring the same bytes again, from the first');
    }
    await startDecisions(decisions, { ...request, files: inFolder.files });

    const store = await openStore(request, own);
    closing.push(() => store.close());
    const slabs = newSlabSets(request.shards);
    const checkpoint = await restoreCheckpoint(
      store,
      slabs,
      request.plan.digest,
      stateTaken(request.plan, true),
    );
    checkProgress(own, progress, checkpoint);
    const copies = store.cold && new ColdCopies(store.cold, checkpoint?.cold ?? null);
    const engine = request.makeEngine(request.plan, slabs, request.shards, copies ?? null);
    const outputs = await openOutputs(request, { progress, slabs, decisions }, closing);
    const { erasures } = decisions;
    const erased = erasures.length === 0 ? null : new ErasedRows(request.plan, erasures);
    const sources = await openSources(request, { engine, checkpoint, erased }, closing);
    const task = new Task(
      {
        ...{ plan: request.plan, engine, sources, ...outputs, decisions, progress: progressLog },
        ...{ store, slabs, copies: copies ?? null },
      },
      { progress, checkpoint },
      taskOptions(request),
    );
    if ((await task.run()) === 'stopped') return { outcome: 'stopped', manifest: null };
    return { outcome: 'done', manifest: await finish(request, task) };
  } finally {
    for (const close of closing.reverse()) await close().catch(() => undefined);
  }
}

async function prepareFolder(request: RunRequest): Promise<void> {
  const { plan, folder } = request;
  const files = request.files ?? disk;
  const outputs = outputNames(plan);
  refuseOwnOutputs(request, folderNames(plan));
  if (request.fresh) {
    const was = await plansOf(folder, files);
    await clearFolder(folder, files, [plan, ...was].flatMap(folderNames));
  }
  const origin = request.origin ?? null;
  await claimFolder(folder, await identityOf(request), { files, outputs, plan, origin });
}

/** Whoever made the folder may have files of other names in it. */
async function plansOf(folder: string, files: Files): Promise<Plan[]> {
  const claimed = await findRunFolder(folder, files).catch(() => null);
  return claimed === null ? [] : [claimed.plan];
}

async function identityOf(request: RunRequest): Promise<RunIdentity> {
  const { plan, shards, complete, until, block = BLOCK_OPTIONS } = request;
  const format = formatText(request.format, block);
  const sources = await Promise.all(
    request.inputs.map(async ({ scan, partition, path, schema }) => ({
      ...(await identifyFile(`${plan.scans[scan]!.topic}/${partition}`, path)),
      ...(schema === undefined ? {} : { schema }),
    })),
  );
  const version = IDENTITY_VERSION;
  const ends = { complete, ...(until === undefined ? {} : { until }) };
  return { version, planDigest: plan.digest, shards, format, ...ends, sources };
}

/**
 * Reading what the run itself replaces (--fresh would delete the input first), or writing among the inputs: the next run
 * over `FOLDER/*.ndjson` would read this one's outputs.
 */
function refuseOwnOutputs(request: RunRequest, outputs: readonly string[]): void {
  const folder = resolve(request.folder);
  const made = new Set(outputs.map((name) => resolve(folder, name)));
  for (const { path } of request.inputs) {
    if (path === '-' || path.startsWith('log:')) continue;
    if (!made.has(resolve(path))) {
      if (dirname(resolve(path)) !== folder) continue;
      throw new Fault(
        'output_among_inputs',
        `${path} is an input, and --to ${request.folder} is the folder it lies in: outputs would lie among inputs. Give a folder of its own with --to, such as ${join(request.folder, 'out')}.`,
        { context: { path } },
      );
    }
    throw new Fault(
      'input_is_output',
      `${path} is an input, and an output of this run as well. Give another folder with --to.`,
      { context: { path } },
    );
  }
}

/** The outputs must be at least as far as the state: what lies between is in neither, if the progress log was lost. */
function checkProgress(folder: string, progress: Progress | null, state: CheckpointMeta | null) {
  if (state === null || state.k <= (progress?.k ?? Number.NEGATIVE_INFINITY)) return;
  throw new Fault(
    'progress_lost',
    `the saved state in ${folder} is ahead of its progress log, which was damaged or replaced. Start over with --fresh (it deletes what the folder holds).`,
    { context: { path: folder } },
  );
}

/** A log of the run's own; when it is damaged, only a fresh start helps. */
async function openOwn(log: Log, topic: string): Promise<LogPartition> {
  try {
    return await log.open(topic, 0);
  } catch (cause) {
    if (!(cause instanceof Fault) || cause.kind !== 'log_damaged') throw cause;
    const message = `${cause.message} Start over with --fresh (it deletes what the folder holds).`;
    throw new Fault(cause.kind, message, { cause, context: cause.context });
  }
}

function openStore(request: RunRequest, own: string): Promise<StateStore> {
  if (request.state === 'memory') return Promise.resolve(new NoStore());
  return (request.openStore ?? openStateStore)(own, request.say);
}

async function openSources(
  request: RunRequest,
  {
    engine,
    checkpoint,
    erased,
  }: {
    readonly engine: Engine;
    readonly checkpoint: CheckpointMeta | null;
    readonly erased: ErasedRows | null;
  },
  closing: (() => Promise<void>)[],
): Promise<TaskSource[]> {
  const { plan, until } = request;
  const from = Number.NEGATIVE_INFINITY;
  const span = until === undefined ? null : new TimeSpan(plan, { from, to: until });
  const sources: TaskSource[] = [];
  for (const input of request.inputs) {
    const scan = plan.scans[input.scan]!;
    const { topic } = scan;
    const { partition, path } = input;
    const at = checkpoint?.sources.find((s) => s.topic === topic && s.partition === partition);
    const streams = scan.streams.map((index) => plan.streams[index]!);
    const source = await TaskSource.open(input, scan, {
      engine,
      sides: streams.map((stream) => ({ stream: stream.name, partition, file: path })),
      isStatic: streams.every((stream) => stream.timeField < 0),
      at: at ?? null,
      erased,
      span,
    });
    closing.push(() => source.close());
    sources.push(source);
  }
  return sources;
}

function taskOptions(request: RunRequest): TaskOptions {
  const { commitEveryMs, checkpointEveryMs, complete, until, stop, onBatch, onCommit } = request;
  const { settles = false } = request;
  const now = request.now ?? (() => performance.now());
  return {
    commitEveryMs,
    checkpointEveryMs,
    complete,
    until,
    stop,
    settles,
    onBatch,
    onCommit,
    now,
  };
}
