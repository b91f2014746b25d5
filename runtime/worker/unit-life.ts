/**
 * One life of a unit: from recovery to the first failure, or to the end. Nothing of it is kept for the next: whatever was
 * doubtful is decided by what the next life reads.
 *
 *   recover   fence -> read progress and decisions to their ends -> load the state -> open the sources where it reads on
 *   turn      read what has arrived, apply what is complete, commit and checkpoint when it is time
 *
 * Until the frontier has passed the committed K, what is emitted is out already and is thrown away.
 */
import type { Plan } from '../../compiler/plan/plan.ts';
import { assert } from '../../operators/assert.ts';
import type { ColdCopies } from '../../operators/state/cold-copies.ts';
import type { LiveEngine } from '../run/engine.ts';
import { furthestBehind } from '../run/furthest-behind.ts';
import { type CheckpointMeta, type SlabSets, saveCheckpoint } from '../store/checkpoint.ts';
import type { StateStore } from '../store/state-store.ts';
import type { Cluster, ClusterReader, TransactionalProducer } from './cluster.ts';
import type { LiveSource } from './live-source.ts';
import { SetAsideRecords } from './set-aside-records.ts';
import type { FloorDecision } from './unit-decisions.ts';
import type { UnitExchange } from './unit-exchange.ts';
import type { UnitGates } from './unit-gates.ts';
import type { UnitOutputs } from './unit-outputs.ts';
import type { SourcePlace, UnitProgress } from './unit-progress.ts';
import type { UnitSnapshots } from './unit-snapshots.ts';

export type UnitParts = {
  readonly plan: Plan;
  readonly cluster: Cluster;
  readonly engine: LiveEngine;
  readonly sources: readonly LiveSource[];
  readonly reader: ClusterReader;
  readonly outputs: UnitOutputs;
  readonly gates: UnitGates;
  readonly transactions: TransactionalProducer;
  readonly store: StateStore;
  readonly slabs: SlabSets;
  readonly copies: ColdCopies | null;
  /** Copies of the checkpoints, for others; null: none are taken. */
  readonly snapshots: UnitSnapshots | null;
  /** Of a unit among several; null: there is one. */
  readonly exchange: UnitExchange | null;
  readonly starts: Readonly<Record<string, number>>;
  /** Told of every piece of work that is done. */
  readonly moved: () => void;
};

export type UnitPaces = {
  readonly commitEveryMs: number;
  readonly checkpointEveryMs: number;
  /** A partition that has been at its end for so long holds nobody up. */
  readonly idleMs: number;
  /** No partition is read further than this ahead of the slowest, ms of event time. */
  readonly maxSkewMs: number;
};

/** A decision about a silent source that is about to be committed. */
type Floor = { readonly source: LiveSource; readonly decision: FloorDecision };

/** Rows read between two advances of the engine. */
const ADVANCE_ROWS = 16_384;
/** Nothing to read: how long to wait for something. */
const WAIT_MS = 50;

export class UnitLife {
  readonly parts: UnitParts;
  readonly #paces: UnitPaces;
  readonly #aside: SetAsideRecords;
  readonly #stopAt: number;
  /** Steps with time < k are applied. */
  #k: number;
  #committedK: number;
  #checkpointK: number;
  #committedAt: number;
  #checkpointedAt: number;
  /** What the last ones took, ms. */
  lastCommitMs = 0;
  lastCheckpointMs = 0;
  /** Rows read, floors decided, or ends reached since. */
  #newsSinceCommit = 0;
  #newsSinceCheckpoint = 0;
  #rowsSinceAdvance = 0;
  readonly #idleSince = new Map<LiveSource, number>();

  constructor(
    parts: UnitParts,
    from: {
      readonly progress: UnitProgress | null;
      readonly checkpoint: CheckpointMeta | null;
      /** Where another plan takes over; infinite: nowhere. */
      readonly stopAt: number;
    },
    paces: UnitPaces,
  ) {
    this.parts = parts;
    this.#paces = paces;
    this.#stopAt = from.stopAt;
    this.#k = from.checkpoint?.k ?? Number.NEGATIVE_INFINITY;
    this.#checkpointK = this.#k;
    this.#committedK = from.progress?.k ?? Number.NEGATIVE_INFINITY;
    this.#aside = new SetAsideRecords(parts.plan, parts.outputs, from.progress?.sideRows ?? {});
    const now = parts.cluster.now();
    this.#committedAt = now;
    this.#checkpointedAt = now;
  }

  /** Event time reached. */
  get k(): number {
    return this.#k;
  }

  get committedK(): number {
    return this.#committedK;
  }

  get isReplaying(): boolean {
    return this.#k < this.#committedK;
  }

  /** Applies what is out already, up to where another plan takes over: nothing of it is committed. */
  get isLeadingUp(): boolean {
    return this.#stopAt < Number.POSITIVE_INFINITY;
  }

  /**
   * One round; `done`: every source has come to its decided end, and all of it is out. `led_up`: the state that another plan takes
   * over is saved.
   */
  async turn(): Promise<'busy' | 'waiting' | 'done' | 'led_up'> {
    const pulled = this.parts.exchange?.pull() ?? 0;
    if (pulled > 0) this.#news();
    const source = await this.#next();
    if (source === null || this.#rowsSinceAdvance >= ADVANCE_ROWS) await this.#advance();
    if (this.isLeadingUp && this.#k >= this.#stopAt) {
      await this.#checkpointNow(false);
      return 'led_up';
    }
    if (source === null && this.#isOver()) {
      await this.commit(true);
      await this.checkpoint(true);
      return 'done';
    }
    const { now } = this.parts.cluster;
    if (now.call(this.parts.cluster) - this.#committedAt >= this.#paces.commitEveryMs) {
      await this.#advance();
      const floors = await this.#decideFloors();
      await this.commit(false);
      // Only a decision that is committed may show: in the exchange others would act on it.
      for (const { source, decision } of floors) source.obey(decision);
      if (now.call(this.parts.cluster) - this.#checkpointedAt >= this.#paces.checkpointEveryMs) {
        await this.checkpoint();
      }
    }
    if (source !== null || pulled > 0) return 'busy';
    await this.parts.reader.wait(WAIT_MS);
    return 'waiting';
  }

  /** A unit among several is not done before the others have sent it everything. */
  #isOver(): boolean {
    const { sources, exchange } = this.parts;
    const isOut = exchange === null || this.#k === Number.POSITIVE_INFINITY;
    return isOut && sources.every(({ ended }) => ended);
  }

  /** Makes everything emitted so far visible, together with how far it goes. */
  async commit(done: boolean): Promise<void> {
    this.#committedAt = this.parts.cluster.now();
    // While replaying the older, larger commit stands.
    if (this.isReplaying || this.isLeadingUp) return;
    const { outputs } = this.parts;
    const isClean = outputs.isEmpty && this.#k === this.#committedK && this.#newsSinceCommit === 0;
    if (isClean && !done) return;
    await this.#commitNow(done);
    this.lastCommitMs = this.parts.cluster.now() - this.#committedAt;
  }

  async #commitNow(done: boolean): Promise<void> {
    const { plan, outputs, starts, sources } = this.parts;
    const unapplied: Record<string, SourcePlace> = {};
    for (const source of sources) {
      const { rows, bytes } = source.snapshot();
      unapplied[placeOf(source)] = { rows, offset: bytes };
    }
    await outputs.commit({
      planDigest: plan.digest,
      k: this.#k,
      starts,
      unapplied,
      sideRows: this.#aside.rows(),
      rows: outputs.rows(),
      waiting: this.parts.gates.waiting,
      done,
    });
    this.#committedK = this.#k;
    this.#newsSinceCommit = 0;
  }

  /**
   * Writes the state as of the last commit. Of a unit among several it says what was sent to others; that is true only if
   * nobody had fenced us by then, since what a fenced unit sends is dropped. A commit behind the sends tells.
   */
  async checkpoint(done = false): Promise<void> {
    this.#checkpointedAt = this.parts.cluster.now();
    const isClean = this.#newsSinceCheckpoint === 0 && this.#k === this.#checkpointK;
    if (this.isReplaying || isClean) return;
    await this.#checkpointNow(done);
    this.lastCheckpointMs = this.parts.cluster.now() - this.#checkpointedAt;
    await this.#snapshot(false);
  }

  async #checkpointNow(done: boolean): Promise<void> {
    assert(this.#k === this.#committedK, 'a checkpoint is of a committed state');
    const { plan, store, slabs, sources, copies, exchange } = this.parts;
    const shard = await exchange?.settle();
    const places = sources.map((source) => source.snapshot());
    const meta = {
      ...{ planDigest: plan.digest, k: this.#k, sources: places },
      ...(shard === undefined ? {} : { shard }),
    };
    if (exchange !== null) await this.#commitNow(done);
    await saveCheckpoint(store, slabs, meta, copies);
    this.#checkpointK = this.#k;
    this.#newsSinceCheckpoint = 0;
  }

  async #snapshot(isLast: boolean): Promise<void> {
    const { snapshots, slabs, copies } = this.parts;
    await snapshots?.checkpointed(slabs, copies?.isUsed === true, isLast);
  }

  /** Commits what is complete and saves the state, for whoever takes over. */
  async drain(): Promise<void> {
    await this.#advance();
    await this.commit(false);
    await this.checkpoint();
    await this.#snapshot(true);
  }

  /** Reads one batch of whoever is furthest behind and has something; null: nobody has, or may. */
  async #next(): Promise<LiveSource | null> {
    const { maxSkewMs } = this.#paces;
    const open = furthestBehind(this.parts.sources);
    // Of all units, as far as this one has heard.
    const others = this.parts.exchange?.engine.activeSources() ?? Number.POSITIVE_INFINITY;
    const slowest = Math.min(open[0]?.reached ?? 0, others);
    for (const { input, reached } of open) {
      if (reached > slowest + maxSkewMs && Number.isFinite(slowest)) break;
      if (await this.#read(input)) return input;
    }
    return null;
  }

  async #read(source: LiveSource): Promise<boolean> {
    const before = source.rows;
    const read = await source.read();
    if (source.ended) this.#news();
    if (read === null) return false;
    this.#rowsSinceAdvance += source.rows - before;
    this.#news();
    this.#idleSince.delete(source);
    await this.#aside.add(source, read);
    const fault = this.#aside.fault(this.parts.engine, source);
    if (fault !== null) {
      // What the message points at must be there to be read.
      await this.commit(false);
      throw fault;
    }
    return true;
  }

  /**
   * Applies what is complete, and sends what came of it: before the commit that follows, since a unit that is done is never
   * lived again. What a floor changes is sent by the next one, once the decision is committed.
   */
  async #advance(): Promise<void> {
    await this.#apply();
    await this.parts.exchange?.push();
  }

  async #apply(): Promise<void> {
    this.#rowsSinceAdvance = 0;
    const { engine, sources } = this.parts;
    const frontier = Math.min(engine.frontier(), this.#stopAt);
    if (this.isReplaying) {
      const target = Math.min(frontier, this.#committedK);
      if (target <= this.#k) return;
      // Already out: the steps are applied for their effect on the state.
      await this.#applyTo(target, true);
    }
    if (this.isReplaying || frontier <= this.#k) return;
    await this.#applyTo(frontier, false);
    for (const source of sources) source.forgetBefore(source.snapshot());
  }

  async #applyTo(k: number, isOut: boolean): Promise<void> {
    const { engine, gates } = this.parts;
    for (const emitted of engine.advance(k)) {
      for (const [set, batch] of emitted.entries()) {
        if (batch !== null && batch.n > 0) await gates.take(set, batch, isOut);
      }
      this.parts.moved();
    }
    await gates.reach(k, isOut);
    this.#k = k;
  }

  /** Partitions that have been at their end for a while are said to hold nobody up, as far as the others have come. */
  async #decideFloors(): Promise<Floor[]> {
    const floors: Floor[] = [];
    if (this.isReplaying || this.isLeadingUp) return floors;
    const { cluster, outputs, plan, exchange } = this.parts;
    const now = cluster.now();
    const idle = new Set<LiveSource>();
    let others = exchange?.engine.activeSources() ?? Number.POSITIVE_INFINITY;
    for (const source of this.parts.sources) {
      if (source.ended || source.isStatic) continue;
      if (!source.isCaughtUp()) this.#idleSince.delete(source);
      else if (!this.#idleSince.has(source)) this.#idleSince.set(source, now);
      const since = this.#idleSince.get(source);
      if (since !== undefined && now - since >= this.#paces.idleMs) idle.add(source);
      else others = Math.min(others, source.watermark());
      for (const stream of source.scan.streams) {
        exchange?.engine.idle(stream, source.of.partition, idle.has(source));
      }
    }
    if (!Number.isFinite(others)) return floors;
    for (const source of idle) {
      if (source.watermark() >= others || this.#isAwaited(source, idle, plan)) continue;
      const decision = source.floorAt(others);
      await outputs.decide(decision, now);
      floors.push({ source, decision });
      this.#news();
    }
    return floors;
  }

  /** Silence is no answer: where a whole stream is silent that a label waits for, the label waits. */
  #isAwaited(source: LiveSource, idle: ReadonlySet<LiveSource>, plan: Plan): boolean {
    const awaited = new Set(plan.labels.flatMap(({ waitsFor }) => waitsFor));
    if (!source.scan.streams.some((stream) => awaited.has(stream))) return false;
    const { exchange, sources } = this.parts;
    if (exchange !== null) {
      return source.scan.streams.every((stream) => exchange.engine.isSilent(stream));
    }
    const same = sources.filter(({ scan }) => scan === source.scan);
    return same.every((each) => idle.has(each) || each.ended);
  }

  #news(): void {
    this.#newsSinceCommit++;
    this.#newsSinceCheckpoint++;
  }
}

export function placeOf({ of }: { readonly of: LiveSource['of'] }): string {
  return `${of.topic}/${of.partition}`;
}
