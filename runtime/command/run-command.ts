/** `millrace run PATH… --from … --to DIR`: the command around `run`. */
import { join } from 'node:path';
import type { Plan } from '../../compiler/plan/plan.ts';
import { hasErrors } from '../../dsl/diagnostic.ts';
import type { ErasedKey } from '../../operators/scan/erasure.ts';
import type { ColdCopies } from '../../operators/state/cold-copies.ts';
import { StateBudget } from '../../operators/state/state-budget.ts';
import type { BlockOptions } from '../block/block-writer.ts';
import type { Console } from '../console-output.ts';
import { showDiagnostics } from '../console-output.ts';
import type { Decision } from '../log/decisions.ts';
import { ownCommand, shownPath } from '../own-command.ts';
import { compileProgram, readProgram } from '../program-files.ts';
import { type ProgressState, ProgressView } from '../progress-view.ts';
import { decisionsOf } from '../run/decided-folder.ts';
import type { Manifest } from '../run/manifest.ts';
import { PipelineEngine } from '../run/pipeline-engine.ts';
import { type RunRequest, type RunResult, run } from '../run/run.ts';
import { PRIVATE } from '../run/run-folder.ts';
import { originOf } from '../run/run-origin.ts';
import type { OnCommit, Task } from '../run/task.ts';
import type { SourceInput } from '../run/task-source.ts';
import type { OutputFormat } from '../sink/sink.ts';
import { parseInputs } from '../source/inputs.ts';
import type { SlabSets } from '../store/checkpoint.ts';
import { SpillFile } from '../store/spill-file.ts';
import { stateText } from '../store/state-memory.ts';
import { UsageError } from '../usage-error.ts';

export type RunFlags = {
  readonly from: readonly string[];
  /** Protobuf schemas, as `--schema` takes them. */
  readonly schema?: readonly string[];
  readonly to: string;
  readonly format: OutputFormat;
  /** How blocks are written. */
  readonly block?: BlockOptions;
  readonly complete: boolean;
  /** Read events before it alone, ms; absent: all. */
  readonly until?: number | undefined;
  readonly shards: number;
  readonly checkpointEveryMs: number;
  readonly commitEveryMs: number;
  readonly memoryBytes: number;
  /** Bytes of state in memory; beyond it keys go to disk. */
  readonly stateBytes: number;
  readonly fresh: boolean;
  /** Take over what another program left in the folder. */
  readonly upgrade?: boolean;
  readonly state: 'rocksdb' | 'memory';
  /** Output folder whose decisions are obeyed; null or absent: they are taken anew. */
  readonly decisions?: string | null;
  readonly quiet: boolean;
};

/** Exit codes of a run that was asked to stop: 128 + the signal's number. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

/** Gives the exit code; throws UsageError, Fault. */
export async function runCommand(
  paths: readonly string[],
  flags: RunFlags,
  out: Console,
): Promise<number> {
  const program = readProgram(paths);
  const { plan, diagnostics } = compileProgram(program);
  showDiagnostics(diagnostics, program.texts, out);
  if (plan === null || hasErrors(diagnostics)) return 1;
  if (plan.examples.length === 0) {
    throw new UsageError('the program has no examples block: there is nothing to write');
  }
  const inputs = await parseInputs(plan, flags.from, flags.schema);
  const decided = flags.decisions ? await decisionsOf(flags.decisions) : undefined;
  const { outcome, manifest, code } = await runPlan(
    { plan, inputs },
    { ...flags, complete: flags.complete || decided?.some(isComplete) === true },
    out,
    {
      decided,
      ...(flags.upgrade ? { upgrade: (before: Plan) => inputsBefore(before, flags) } : {}),
    },
  );
  if (outcome === 'already_done') {
    out.error(`${flags.to} is done already: nothing to do. (--fresh makes it again.)`);
  } else if (outcome === 'stopped') {
    out.error('Stopped at a commit. Run the same command again to go on.');
  } else {
    out.print(summary(flags, manifest!));
    for (const warning of manifest!.warnings) out.error(`warning: ${warning}`);
  }
  return code;
}

/** What the program before read, of the inputs that are given now. */
function inputsBefore(before: Plan, { from, schema }: RunFlags): Promise<SourceInput[]> {
  const names = new Set([
    ...before.streams.map(({ name }) => name),
    ...before.scans.map(({ topic }) => topic),
  ]);
  const isKnown = (option: string) => names.has(option.slice(0, option.indexOf('=')));
  return parseInputs(before, from.filter(isKnown), schema?.filter(isKnown));
}

function isComplete({ kind }: Decision): boolean {
  return kind === 'complete';
}

/** What a command built around a run adds to it. */
export type RunHooks = {
  /** Decisions to obey. */
  readonly decided?: readonly Decision[] | undefined;
  /** A person to be erased, and everything made again without them. */
  readonly erase?: readonly ErasedKey[];
  readonly onCommit?: OnCommit;
  readonly upgrade?: RunRequest['upgrade'];
  /** Records there are to read, for the progress display. */
  readonly eventsTotal?: number;
  /** One more line for the progress display. */
  readonly note?: () => NonNullable<ProgressState['note']>;
};

/** Runs a plan with progress shown and signals watched; `code` is the exit code. Throws Fault. */
export async function runPlan(
  of: { readonly plan: Plan; readonly inputs: readonly SourceInput[] },
  flags: RunFlags,
  out: Console,
  hooks: RunHooks = {},
): Promise<RunResult & { readonly code: number }> {
  const { stop, code, unwatch } = watchSignals(out);
  const meter = new Meter(of.plan, flags.quiet ? null : out, hooks);
  let spill: SpillFile | null = null;
  let budget: StateBudget | null = null;
  try {
    const { upgrade: _, ...rest } = flags;
    const result = await run({
      ...rest,
      ...of,
      folder: flags.to,
      origin: originOf(flags.from, flags.schema),
      stop,
      makeEngine: (plan, slabs, shards, copies) => {
        // Only now is the folder ours.
        spill = new SpillFile(join(flags.to, PRIVATE, 'spill'));
        budget = copies === null ? null : stateBudget(copies, slabs, flags);
        if (budget === null && flags.state === 'rocksdb') out.error(ALL_IN_MEMORY);
        meter.watch(budget);
        return makeEngine(plan, { slabs, shards, flags, spill, budget });
      },
      say: (line) => out.error(line),
      onBatch: (task) => meter.show(task),
      onCommit: hooks.onCommit,
      decided: hooks.decided,
      erase: hooks.erase,
      upgrade: hooks.upgrade,
    });
    if (result.outcome === 'done') meter.finish();
    const state = stateLine(budget);
    if (state !== null && !flags.quiet) out.error(`State: ${state}.`);
    return { ...result, code: result.outcome === 'stopped' ? code() : 0 };
  } finally {
    unwatch();
    closeSpill(spill);
  }
}

function stateLine(budget: StateBudget | null): string | null {
  return budget === null ? null : stateText(budget.sizes());
}

function stateBudget(copies: ColdCopies, slabs: SlabSets, flags: RunFlags): StateBudget {
  return new StateBudget(copies, flags.stateBytes, [...slabs.values()]);
}

const ALL_IN_MEMORY =
  'LevelDB cannot hold keys that are not in memory: all state stays in memory, whatever --state-memory says.';

/** A parameter of its own, since the compiler does not see the callback's assignment. */
function closeSpill(spill: SpillFile | null): void {
  spill?.close();
}

function makeEngine(
  plan: Plan,
  more: {
    readonly slabs: SlabSets;
    readonly shards: number;
    readonly flags: RunFlags;
    readonly spill: SpillFile;
    readonly budget: StateBudget | null;
  },
): PipelineEngine {
  const { slabs, shards, flags, spill, budget } = more;
  return new PipelineEngine(plan, {
    slabs: Array.from({ length: shards }, (_, shard) => slabs.get(`shard-${shard}`)!),
    scanSlabs: slabs.get('scan')!,
    codegen: true,
    spill,
    bufferBytesMax: flags.memoryBytes,
    budget,
  });
}

/** The first signal asks for a stop at the next commit, the second ends the process at once. */
function watchSignals(out: Console) {
  const stop = { requested: false };
  let exit = 0;
  const listeners = Object.entries(SIGNALS).map(([signal, code]) => {
    const listener = () => {
      if (stop.requested) process.exit(code);
      stop.requested = true;
      exit = code;
      out.error('Stopping at the next commit… (once more: at once; what is committed stays)');
    };
    process.on(signal, listener);
    return () => process.off(signal, listener);
  });
  const unwatch = () => {
    for (const off of listeners) off();
  };
  return { stop, code: () => exit, unwatch };
}

/** Turns a task's counts into the progress display. */
class Meter {
  readonly #plan: Plan;
  readonly #view: ProgressView | null;
  readonly #hooks: RunHooks;
  readonly #startedAt = performance.now();
  #task: Task | null = null;
  #budget: StateBudget | null = null;
  #rate = { at: 0, rows: 0, perSecond: 0 };
  #shownAt = 0;

  constructor(plan: Plan, out: Console | null, hooks: RunHooks) {
    this.#plan = plan;
    this.#hooks = hooks;
    this.#view = out === null ? null : new ProgressView(out.progress);
  }

  /** The state to say something of. */
  watch(budget: StateBudget | null): void {
    this.#budget = budget;
  }

  show(task: Task): void {
    this.#task = task;
    const now = performance.now();
    if (this.#view === null || now - this.#shownAt < METER_EVERY_MS) return;
    this.#shownAt = now;
    this.#view.show(this.#state(task, now - this.#startedAt));
  }

  finish(): void {
    if (this.#task === null || this.#view === null) return;
    this.#view.finish(this.#state(this.#task, performance.now() - this.#startedAt));
  }

  #state(task: Task, elapsedMs: number): ProgressState {
    const { engine, sources, landings } = task.parts;
    let rows = 0;
    let newest = Number.NEGATIVE_INFINITY;
    for (const source of sources) {
      rows += source.rows;
      newest = Math.max(newest, source.watermark());
    }
    const sum = { late: 0, duplicate: 0, malformed: 0 };
    this.#plan.streams.forEach((stream, i) => {
      if (stream.kind === 'label') return;
      const counts = engine.counts(i);
      sum.late += counts.late;
      sum.duplicate += counts.duplicate;
      sum.malformed += counts.malformed;
    });
    if (elapsedMs - this.#rate.at >= RATE_EVERY_MS || this.#rate.at === 0) {
      const seconds = (elapsedMs - this.#rate.at) / 1000;
      const perSecond = (rows - this.#rate.rows) / Math.max(seconds, 1e-3);
      this.#rate = { at: elapsedMs, rows, perSecond };
    }
    // Infinity: every input has ended, and its newest event is as far as time has come.
    const reached = task.k === Number.POSITIVE_INFINITY ? newest : task.k;
    const isKnown = Number.isFinite(reached);
    return {
      elapsedMs,
      eventsRead: rows,
      eventsTotal: this.#hooks.eventsTotal ?? null,
      eventsPerSecond: this.#rate.perSecond,
      eventTimeMs: isKnown ? reached : null,
      lagMs: isKnown && Number.isFinite(newest) ? Math.max(0, newest - reached) : null,
      late: sum.late,
      duplicates: sum.duplicate,
      malformed: sum.malformed,
      emitted: landings.reduce((total, { sink }) => total + sink.rows, 0),
      memoryBytes: process.memoryUsage.rss(),
      state: stateLine(this.#budget),
      ...(this.#hooks.note === undefined ? {} : { note: this.#hooks.note() }),
    };
  }
}

const METER_EVERY_MS = 100;
const RATE_EVERY_MS = 1_000;

/** How many records a run read, and how many of them it set aside. */
export function recordsText({ read, late, duplicate, malformed }: Manifest): string {
  return `${read} records read (${late} late, ${duplicate} duplicate, ${malformed} malformed)`;
}

function summary({ to: folder, until }: RunFlags, manifest: Manifest): string {
  const { late, malformed, emitted, quarantined } = manifest;
  const lines = [`${recordsText(manifest)}, ${emitted} examples written to ${folder}`];
  const kept = [late > 0 ? 'late.ndjson' : '', malformed > 0 ? 'malformed.ndjson' : ''];
  const files = kept.filter((name) => name !== '').map((name) => join(folder, name));
  if (files.length > 0) lines.push(`set aside with the reason: ${files.join(', ')}`);
  if (quarantined > 0) {
    lines.push(
      `${quarantined} kept aside by checks: ${ownCommand()} quarantine list ${shownPath(folder)}`,
    );
  }
  for (const [set, { judged, failed }] of Object.entries(manifest.examples)) {
    if (failed > 0)
      lines.push(`${set}: ${failed} of ${judged} buckets of rows failed their checks`);
  }
  for (const [set, { pending }] of Object.entries(manifest.examples)) {
    const waiting = Object.entries(pending).filter(([, count]) => count > 0);
    if (waiting.length === 0) continue;
    const labels = waiting.map(([label, count]) => `${count} of ${label}`).join(', ');
    lines.push(
      until === undefined
        ? `${set}: labels not due yet when the inputs ended: ${labels} (--complete lets every wait elapse)`
        : `${set}: labels that wait still: ${labels}`,
    );
  }
  return lines.join('\n');
}
