/** An application of one unit on a simulated cluster, for what changes over its life: workers come and go, are killed at random. */
import type { Plan } from '../../../compiler/plan/plan.ts';
import { BUCKET_BOUNDS, type BucketBounds } from '../../../operators/checks/buckets.ts';
import { decodeBlock } from '../../../runtime/block/block-decode.ts';
import { blockRow } from '../../../runtime/block/block-row.ts';
import type { ExampleRow } from '../../../runtime/block/example-row.ts';
import { PipelineEngine } from '../../../runtime/run/pipeline-engine.ts';
import { MemoryStore } from '../../../runtime/store/memory-store.ts';
import type { SavedPage, StateStore } from '../../../runtime/store/state-store.ts';
import { appTopics } from '../../../runtime/worker/app-topics.ts';
import type { ProducedRecord } from '../../../runtime/worker/cluster.ts';
import type { FloorDecision, UnitDecision } from '../../../runtime/worker/unit-decisions.ts';
import { type PlanStage, planStages } from '../../../runtime/worker/unit-plans.ts';
import { decodeProgress } from '../../../runtime/worker/unit-progress.ts';
import type { UnitRequest } from '../../../runtime/worker/unit-recovery.ts';
import { noSnapshotYet } from '../../../runtime/worker/unit-snapshots.ts';
import { runWorker } from '../../../runtime/worker/worker.ts';
import { type Rng, rng } from '../../random.ts';
import type { Partition } from '../../run-in-memory.ts';
import { BrokerState } from './broker-state.ts';
import { SimulatedCluster } from './simulated-cluster.ts';
import { type SharedFolder, SimulatedFolder } from './simulated-folder.ts';
import { SimulatedGroup } from './simulated-group.ts';
import { SimulatedProcess } from './simulated-process.ts';
import { SlowStore } from './slow-store.ts';
import { Timeline } from './timeline.ts';

const APP = 'app';
const DAY_MS = 86_400_000;

/** Buckets small enough that some rows wait at whatever moment something happens. */
export const SMALL_BUCKETS: BucketBounds = {
  ...BUCKET_BOUNDS,
  ...{ cellMs: 1_000, spanMs: 4_000, rowsMin: 15, rowsMax: 40 },
  ...{ driftRowsMin: 10, referenceRowsMin: 20 },
};

/** The disk of a machine: what a worker leaves on it. */
export type Machine = { store: MemoryStore };

export type Worker = {
  readonly process: SimulatedProcess;
  readonly stop: { requested: boolean };
  readonly said: string[];
  /** `error`: what it threw. */
  readonly end: { how: 'stopped' | 'done' | null; error: unknown };
};

export type WorkerMore = {
  readonly machine: Machine;
  readonly upgrade?: boolean;
  /** After so long a silent partition holds nobody up; by default it does for ever, ms. */
  readonly idleMs?: number;
  /** Read to the ends, then stop. */
  readonly isLast?: boolean;
  readonly handover?: (process: SimulatedProcess) => UnitRequest['handover'];
};

export class UnitWorld {
  readonly timeline = new Timeline();
  readonly random: Rng;
  readonly #brokers = new BrokerState();
  readonly #group = new SimulatedGroup(this.timeline);
  readonly #topics = new Set<string>();
  readonly #folder: SharedFolder = new Map();
  #names = 0;

  constructor(seed: number) {
    this.random = rng(seed);
  }

  /** What a plan needs that is not there yet. */
  makeTopics(plan: Plan, partitions: number): void {
    const topics = appTopics(APP, plan);
    const own = [topics.progress, topics.decisions, topics.dead, ...topics.examples];
    const make = (topic: string, count: number) => {
      if (!this.#topics.has(topic)) this.#brokers.create(topic, count);
      this.#topics.add(topic);
    };
    for (const { topic } of plan.scans) make(topic, partitions);
    for (const topic of own) make(topic, 1);
    for (const generation of [2, 3]) make(`${APP}.shown.${generation}`, 1);
  }

  produce(plan: Plan, events: readonly Partition[]): void {
    for (const { stream, partition, rows } of events) {
      const { scan } = plan.streams.find(({ name }) => name === stream)!;
      const records = rows.map((row) => {
        const text = typeof row === 'string' ? row : JSON.stringify(row);
        return { key: null, value: Buffer.from(text) };
      });
      this.#brokers.append({ topic: plan.scans[scan]!.topic, partition }, records);
    }
  }

  start(
    plan: Plan,
    { machine, isLast = false, idleMs = DAY_MS, upgrade, handover }: WorkerMore,
  ): Worker {
    const process = new SimulatedProcess(this.timeline, this.random, { loss: 0.02, delayMs: 3 });
    const cluster = new SimulatedCluster({
      ...{ brokers: this.#brokers, group: this.#group, process, canary: 'none' as const },
      ...{ name: `w${this.#names++}`, newestNeeds: () => 0 },
    });
    const topics = appTopics(APP, plan);
    const stop = { requested: false };
    const said: string[] = [];
    const say = (event: string) => {
      said.push(event);
    };
    const end: Worker['end'] = { how: null, error: null };
    const unit: Omit<UnitRequest, 'moved'> = {
      ...{ app: APP, plan, topics, unit: 0, units: 1, cluster, say, upgrade },
      formats: plan.scans.map(() => ({ kind: 'json' as const })),
      ...{ fetchBytes: 1 << 14, bucketBounds: SMALL_BUCKETS, untilEnd: isLast, complete: isLast },
      paces: { commitEveryMs: 30, checkpointEveryMs: 90, idleMs, maxSkewMs: 20_000 },
      openStore: async () => new SlowStore(machine.store, process),
      dropState: async () => {
        machine.store = new MemoryStore();
      },
      snapshots: {
        files: new SimulatedFolder(this.#folder, process, { torn: 0, onWritten: () => undefined }),
        ...{ folder: '/unit-0', everyMs: 200, chainFilesMax: 2, slicePages: 1_024 },
        ...{ turn: { isTaken: false }, figures: noSnapshotYet() },
      },
      handover: handover?.(process),
      makeEngine: (of, slabs) =>
        new PipelineEngine(of, {
          ...{ slabs: [slabs.get('shard-0')!], scanSlabs: slabs.get('scan')!, codegen: false },
          ...{ spill: null, bufferBytesMax: Number.POSITIVE_INFINITY },
        }),
    };
    const ignore = () => undefined;
    const watch = {
      onLife: ignore,
      onFault: ignore,
      onTurn: ignore,
      onSeat: ignore,
      onMove: ignore,
    };
    runWorker({
      ...{ cluster, app: APP, topics, units: 1, isEnding: isLast, stop, watch, say },
      unitOf: () => unit,
    }).then(
      (how) => {
        end.how = how;
      },
      (error) => {
        end.error = error;
      },
    );
    return { process, stop, said, end };
  }

  /** Lets time pass until the worker has ended; false: it does not. */
  async ended({ end }: Worker, ms = 120_000): Promise<boolean> {
    const isOver = () => end.how !== null || end.error !== null;
    await this.timeline.run(isOver, this.timeline.now + ms);
    const { how, error } = end;
    if (error !== null) throw error;
    // The markers of its last commit are on their way.
    await this.timeline.run(() => false, this.timeline.now + 1_000);
    return how !== null;
  }

  /** Lets time pass until it is so. */
  async until(isSo: () => boolean): Promise<void> {
    for (let passed = 0; !isSo(); passed += 100) {
      if (passed > 60_000) throw new Error('it never comes to be so');
      await this.passes(100);
    }
  }

  /** Lets time pass. */
  async passes(ms: number): Promise<void> {
    await this.timeline.run(() => false, this.timeline.now + ms);
  }

  /** Lets time pass, then ends the process. */
  async killAfter({ process, end }: Worker, ms: number): Promise<void> {
    await this.passes(ms);
    process.kill();
    if (end.error !== null) throw end.error;
  }

  loseSnapshots(): void {
    this.#folder.clear();
  }

  rows(topic: string): ExampleRow[] {
    let next = 0;
    return this.#committed(topic).flatMap(({ value }) => {
      const block = decodeBlock(value!.slice());
      if (block.firstRow !== next) throw new Error(`row ${block.firstRow}, expected ${next}`);
      next += block.rows;
      return Array.from({ length: block.rows }, (_, row) => blockRow(block, row));
    });
  }

  /** The plans that the application has had. */
  stages(): PlanStage[] {
    return planStages(this.#decisions());
  }

  floors(): FloorDecision[] {
    return this.#decisions().filter((each) => each.kind === 'floor');
  }

  /** Event time that is out. */
  k(): number {
    const of = { topic: `${APP}.progress`, partition: 0 };
    const last = this.#committed(of.topic).at(-1);
    return last === undefined ? Number.NEGATIVE_INFINITY : decodeProgress(last.value!, of).k;
  }

  /** Records that were set aside as late. */
  late(): number {
    const kinds = this.#committed(`${APP}.dead`).map(({ headers }) => headers?.['millrace.kind']);
    return kinds.filter((kind) => kind === 'late').length;
  }

  #decisions(): UnitDecision[] {
    return this.#committed(`${APP}.decisions`).map(({ value }) =>
      JSON.parse(Buffer.from(value!).toString()),
    );
  }

  #committed(topic: string): ProducedRecord[] {
    return this.#brokers
      .log({ topic, partition: 0 })
      .filter(({ record, transaction }) => record !== null && transaction?.state === 'committed')
      .map(({ record }) => record!);
  }
}

export async function copyOf(store: StateStore): Promise<MemoryStore> {
  const pages: SavedPage[] = [];
  const meta = await store.load((page) => {
    pages.push({ ...page, bytes: page.bytes.slice() });
    return true;
  });
  const copy = new MemoryStore();
  if (meta !== null) await copy.write(pages, meta);
  return copy;
}
