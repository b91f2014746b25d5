/**
 * One task: sources in, engine, sinks out, with commits and checkpoints at their paces. The only place where waiting
 * happens; the engine itself is synchronous.
 *
 * Recovery. The progress record says what is out (everything emitted before K_c), the checkpoint what is in the state
 * (every step before K_s <= K_c). So:
 *
 *  1. The state's pages were loaded before the engine was made; outputs were cut to their committed lengths.
 *  2. The sources are read again from the checkpoint's places; rows with step time < K_s are dropped.
 *  3. Until the frontier has passed K_c, what is emitted is thrown away; the frontier stops at K_c exactly.
 *  4. From there on it is an ordinary run.
 */
import type { Plan } from '../../compiler/plan/plan.ts';
import { assert } from '../../operators/assert.ts';
import type { ColdCopies } from '../../operators/state/cold-copies.ts';
import { Fault } from '../fault.ts';
import { fromJsonTime } from '../json-time.ts';
import type { DecisionLog } from '../log/decisions.ts';
import type { LogPartition } from '../log/log.ts';
import { type OutputPosition, type Progress, writeProgress } from '../log/progress.ts';
import { settlesFirst } from '../settles-first.ts';
import type { Landing } from '../sink/landing.ts';
import type { SideRecords } from '../sink/side-records.ts';
import { type CheckpointMeta, type SlabSets, saveCheckpoint } from '../store/checkpoint.ts';
import type { StateStore } from '../store/state-store.ts';
import type { Engine } from './engine.ts';
import { furthestBehind } from './furthest-behind.ts';
import { malformedFault, type TaskSource } from './task-source.ts';

export type TaskParts = {
  readonly plan: Plan;
  readonly engine: Engine;
  readonly sources: readonly TaskSource[];
  /** By example set. */
  readonly landings: readonly Landing[];
  readonly decisions: DecisionLog;
  readonly side: SideRecords;
  readonly progress: LogPartition;
  readonly store: StateStore;
  readonly slabs: SlabSets;
  /** Of keys that are not in memory; null: all are. */
  readonly copies: ColdCopies | null;
};

export type TaskOptions = {
  readonly commitEveryMs: number;
  readonly checkpointEveryMs: number;
  /** Declares that the streams end where their inputs end. */
  readonly complete: boolean;
  /** Or declares that they hold all events before this time; absent: neither. */
  readonly until?: number | undefined;
  /** Set to stop at the next commit. */
  readonly stop: { requested: boolean };
  /** A stop waits until the state is as far as what is out. */
  readonly settles?: boolean;
  /** Wall clock, ms: paces only, never results. */
  readonly now: () => number;
  /** Told after every batch. */
  readonly onBatch: (task: Task) => void;
  /** Told after every commit, and waited for: readers that follow the outputs may read so far. */
  readonly onCommit?: OnCommit | undefined;
};

/** Rows read between two advances of the engine: larger batches are cheaper per row. */
const ADVANCE_ROWS = 16_384;
/** While an input is silent, how often the task looks for something else to do: a commit that is due, a stop. */
const LOOK_EVERY_MS = 100;

/** Gets what is committed of each output, by file name inside the output folder. */
export type OnCommit = (outputs: Readonly<Record<string, OutputPosition>>) => Promise<void>;

export class Task {
  readonly parts: TaskParts;
  readonly #options: TaskOptions;
  /** Steps with time < k are applied. */
  #k: number;
  /** What is out. */
  #committedK: number;
  #checkpointK: number;
  readonly #sideRows: Record<string, number>;
  /** Releases and drops that were acted on, and those whose effect is out. */
  #decided = 0;
  #decidedOut: number;
  #rowsSinceAdvance = 0;
  #rowsSinceCommit = 0;
  #rowsSinceCheckpoint = 0;

  constructor(
    parts: TaskParts,
    from: { progress: Progress | null; checkpoint: CheckpointMeta | null },
    options: TaskOptions,
  ) {
    this.parts = parts;
    this.#options = options;
    this.#k = from.checkpoint?.k ?? Number.NEGATIVE_INFINITY;
    this.#checkpointK = this.#k;
    this.#committedK = from.progress?.k ?? Number.NEGATIVE_INFINITY;
    this.#decidedOut = from.progress?.decided ?? 0;
    this.#sideRows = { ...from.progress?.sideRows };
    parts.engine.skipBelow(this.#k);
  }

  /** Event time reached. */
  get k(): number {
    return this.#k;
  }

  get isReplaying(): boolean {
    return this.#k < this.#committedK;
  }

  /** Runs to the end of every source, or to a commit after a stop was asked for. */
  async run(): Promise<'ended' | 'stopped'> {
    const { now, commitEveryMs, checkpointEveryMs, complete, until } = this.#options;
    // From the start: a stream that ends early must not hold labels until the others end.
    if (complete || until !== undefined) this.parts.engine.complete(until);
    await this.#decide();
    let committedAt = now();
    let checkpointedAt = now();
    for (let source = this.#next(); source !== null; source = this.#next()) {
      if (await this.#isThere(source, committedAt + commitEveryMs)) {
        await this.#read(source);
        if (this.#rowsSinceAdvance >= ADVANCE_ROWS) await this.#advance();
        this.#options.onBatch(this);
      }
      const stops = this.#stops;
      if (stops || now() - committedAt >= commitEveryMs) {
        await this.#advance();
        await this.commit();
        committedAt = now();
        if (stops || now() - checkpointedAt >= checkpointEveryMs) {
          await this.checkpoint();
          checkpointedAt = now();
        }
        if (stops) return 'stopped';
      }
    }
    await this.#advance();
    if (this.isReplaying) {
      throw new Fault(
        'input_shorter',
        'the inputs end before what was already written out: they are not those this folder was made from. Start over with --fresh.',
      );
    }
    await this.commit();
    await this.checkpoint();
    return 'ended';
  }

  /** Positions of all outputs; everything written is on the disk. */
  async outputs(): Promise<Record<string, OutputPosition>> {
    const outputs = await this.parts.side.commit();
    // Every file is waited for, also when one fails: none may be written to once the task has given up.
    const settled = await Promise.allSettled(this.parts.landings.map((each) => each.commit()));
    for (const result of settled) {
      if (result.status === 'rejected') throw result.reason;
      for (const [name, position] of result.value) outputs[name] = position;
    }
    return outputs;
  }

  /** Makes everything emitted so far durable and says so in the progress partition. */
  async commit(done = false): Promise<void> {
    // While replaying the older, larger commit stands.
    const isClean = this.#rowsSinceCommit === 0 && this.#k === this.#committedK;
    if (this.isReplaying || (isClean && !done)) return;
    const outputs = await this.outputs();
    // Verdicts are written down before their rows are out.
    await this.parts.decisions.flush();
    await writeProgress(this.parts.progress, {
      k: this.#k,
      outputs,
      sideRows: this.#sideRows,
      decided: this.#decidedOut,
      erased: this.parts.decisions.erasures.length,
      done,
    });
    this.#committedK = this.#k;
    this.#rowsSinceCommit = 0;
    await this.#options.onCommit?.(outputs);
  }

  /** Writes the state as of the last commit. */
  async checkpoint(): Promise<void> {
    const isClean = this.#rowsSinceCheckpoint === 0 && this.#k === this.#checkpointK;
    if (this.isReplaying || isClean) return;
    assert(this.#k === this.#committedK, 'a checkpoint is of a committed state');
    const { plan, store, slabs, sources, copies } = this.parts;
    const places = sources.map((source) => source.snapshot());
    const meta = { planDigest: plan.digest, k: this.#k, sources: places };
    await saveCheckpoint(store, slabs, meta, copies);
    this.#checkpointK = this.#k;
    this.#rowsSinceCheckpoint = 0;
  }

  /** What to read now; null when all have ended. */
  #next(): TaskSource | null {
    return furthestBehind(this.parts.sources)[0]?.input ?? null;
  }

  get #stops(): boolean {
    const { stop, settles } = this.#options;
    return stop.requested && !(settles && this.isReplaying);
  }

  /** Waits for the source's next batch; false: it is silent, and there is a stop or, from `dueAt` on, a commit to be made. */
  #isThere(source: TaskSource, dueAt: number): Promise<boolean> {
    const { now } = this.#options;
    return settlesFirst(source.ready(), LOOK_EVERY_MS, () => {
      const isDirty = this.#rowsSinceCommit > 0 && !this.isReplaying;
      return this.#stops || (isDirty && now() >= dueAt);
    });
  }

  async #read(source: TaskSource): Promise<void> {
    const before = source.rows;
    const read = await source.read();
    // The end of a source moves the frontier too.
    this.#rowsSinceCommit++;
    this.#rowsSinceCheckpoint++;
    if (read === null) return;
    this.#rowsSinceAdvance += source.rows - before;
    for (const [i, aside] of read.aside.entries()) {
      const side = source.sides[i]!;
      const key = `${side.stream}/${side.partition}`;
      const known = this.#sideRows[key] ?? 0;
      await this.parts.side.write(
        'late',
        side,
        aside.late.filter((r) => r.offset >= known),
      );
      await this.parts.side.write(
        'malformed',
        side,
        aside.malformed.filter((r) => r.offset >= known),
      );
      this.#sideRows[key] = Math.max(known, source.rows);
      const stream = source.scan.streams[i]!;
      await this.#checkMalformed(stream);
    }
  }

  async #checkMalformed(stream: number): Promise<void> {
    const { plan, engine, side } = this.parts;
    const fault = malformedFault(plan.streams[stream]!, engine.counts(stream), side.place);
    if (fault === null) return;
    // What the message points at must be there to be read.
    await side.commit();
    throw fault;
  }

  async #advance(): Promise<void> {
    this.#rowsSinceAdvance = 0;
    const frontier = this.parts.engine.frontier();
    for (;;) {
      // The frontier stops exactly where the last commit was, and where somebody decided something.
      const replayTo = this.isReplaying ? this.#committedK : Number.POSITIVE_INFINITY;
      const target = Math.min(frontier, replayTo, this.#nextDecisionK());
      if (target <= this.#k) break;
      await this.#advanceTo(target);
      await this.#decide();
    }
    if (this.isReplaying) return;
    // The next checkpoint will read on from here at the earliest; a restart before it has the ids of the last one.
    for (const source of this.parts.sources) source.forgetBefore(source.snapshot());
  }

  async #advanceTo(target: number): Promise<void> {
    const { engine, landings } = this.parts;
    // What is out already is applied for its effect on the state.
    const isOut = this.isReplaying;
    for (const emitted of engine.advance(target)) {
      for (const [set, batch] of emitted.entries()) {
        if (batch !== null && batch.n > 0) await landings[set]!.take(batch, isOut);
      }
    }
    for (const landing of landings) await landing.reach(target, isOut);
    this.#k = target;
  }

  #nextDecisionK(): number {
    const next = this.parts.decisions.lots[this.#decided];
    return next === undefined ? Number.POSITIVE_INFINITY : fromJsonTime(next.k);
  }

  /** Acts on the releases and drops that are due. */
  async #decide(): Promise<void> {
    const { decisions, landings } = this.parts;
    const { lots } = decisions;
    for (; this.#decided < lots.length; this.#decided++) {
      const decision = lots[this.#decided]!;
      if (fromJsonTime(decision.k) > this.#k) return;
      const landing = landings.find(({ plan }) => plan.name === decision.set);
      const isOut = this.#decided < this.#decidedOut;
      const count = lots
        .slice(0, this.#decided + 1)
        .filter(({ set }) => set === decision.set).length;
      await landing?.decide(decision, count, isOut);
      if (isOut) continue;
      this.#decidedOut = this.#decided + 1;
      this.#rowsSinceCommit++;
      this.#rowsSinceCheckpoint++;
    }
  }
}
