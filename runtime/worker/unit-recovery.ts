/**
 * The one way a unit comes to life, whatever happened before: fence, read what is committed, load the state, open the
 * sources where the state reads on. A first start is a recovery from nothing.
 */
import type { Plan } from '../../compiler/plan/plan.ts';
import type { BucketBounds } from '../../operators/checks/buckets.ts';
import { TimeSpan } from '../../operators/scan/time-span.ts';
import type { ColdCopies } from '../../operators/state/cold-copies.ts';
import type { LiveEngine } from '../run/engine.ts';
import { GATE_SLABS, type SlabSets } from '../store/checkpoint.ts';
import type { StateStore } from '../store/state-store.ts';
import type { AppTopics } from './app-topics.ts';
import { transactionalId } from './app-topics.ts';
import type { Cluster, Partition } from './cluster.ts';
import { LiveSource } from './live-source.ts';
import type { Chain } from './snapshot-folder.ts';
import { type FloorDecision, readDecisions, type UnitDecision } from './unit-decisions.ts';
import { UnitGates } from './unit-gates.ts';
import { beganWith, firstProgress, type Handover } from './unit-handover.ts';
import { UnitLife, type UnitPaces } from './unit-life.ts';
import { UnitOutputs } from './unit-outputs.ts';
import { planDecisions, planStages } from './unit-plans.ts';
import { readProgress, type UnitProgress } from './unit-progress.ts';
import {
  checkUnits,
  epochOf,
  nameOf,
  nothingYet,
  openExchange,
  partitionsOf,
  type ShardPlace,
  shardPlace,
} from './unit-shard.ts';
import { type SnapshotSpec, UnitSnapshots } from './unit-snapshots.ts';
import { endOf, exchangeOf, type OwnPartition, stageOfLife } from './unit-stage.ts';
import { leftFiles } from './unit-state.ts';
import { planNow } from './unit-upgrade.ts';
import { type ValueFormat, valueDecoder } from './value-decoder.ts';

export type UnitRequest = {
  readonly app: string;
  /** The program as compiled; in a life what it has become over the state of others. */
  readonly plan: Plan;
  readonly topics: AppTopics;
  readonly unit: number;
  /** How many there are: fixed when the application is created. */
  readonly units: number;
  readonly cluster: Cluster;
  /** By scan of the plan. */
  readonly formats: readonly ValueFormat[];
  /** Fetched and not yet read, bytes. */
  readonly fetchBytes: number;
  readonly paces: UnitPaces;
  /** Read to where the topics end now, as if they were files. */
  readonly untilEnd: boolean;
  /** With `untilEnd`: the streams end there, so every wait elapses. */
  readonly complete: boolean;
  /** Of what is judged together; absent: BUCKET_BOUNDS. */
  readonly bucketBounds?: BucketBounds;
  /** The unit's local state. */
  readonly openStore: () => Promise<StateStore>;
  /** Deletes it: it cannot be used. */
  readonly dropState: () => Promise<void>;
  /** Where copies of the state go that other workers can restore; null: nowhere. */
  readonly snapshots: SnapshotSpec | null;
  /** Another program takes over what the application has. */
  readonly upgrade?: boolean | undefined;
  /** A run over files that the application goes on from; absent: none. */
  readonly handover?: Handover | undefined;
  readonly makeEngine: (
    plan: Plan,
    slabs: SlabSets,
    copies: ColdCopies | null,
    shard: ShardPlace | null,
  ) => LiveEngine;
  readonly say: (event: string, more?: Readonly<Record<string, string | number>>) => void;
  /** Told whenever the unit has got on: one that is silent for long is taken to hang. */
  readonly moved: () => void;
};

export type Recovered = { readonly life: UnitLife; readonly close: () => Promise<void> };

/** `already_done`: everything up to a decided end was committed by an earlier life. */
export async function recoverUnit(request: UnitRequest): Promise<Recovered | 'already_done'> {
  const closing: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const each of closing.reverse()) await each().catch(() => undefined);
  };
  try {
    const life = await recover(request, closing);
    if (life !== 'already_done') return { life, close };
    await close();
    return life;
  } catch (error) {
    await close();
    throw error;
  }
}

async function recover(
  asked: UnitRequest,
  closing: (() => Promise<void>)[],
): Promise<UnitLife | 'already_done'> {
  const { app, cluster, unit, say, moved } = asked;
  await checkUnits(asked);
  const transactions = cluster.transactions(transactionalId(app, unit));
  closing.push(() => transactions.close());
  await transactions.fence();
  moved();
  const files = await leftFiles(asked);
  moved();
  const saved = await readProgress(cluster, { topic: asked.topics.progress, partition: unit });
  const decisions = await readDecisions(cluster, {
    topic: asked.topics.decisions,
    partition: unit,
  });
  moved();
  const said = planStages(decisions);
  const began = await beganWith(asked, { progress: saved, stages: said });
  const { stages, progress: committed } = await planNow(asked, {
    ...{ said, progress: saved, began, transactions },
  });
  moved();
  if (committed?.done) return 'already_done';
  const stage = await stageOfLife(asked, { stages, progress: committed, decisions, files, began });
  const { request, own, state, stopAt, counts, chains } = stage;
  const { starts } = stage.reach;
  const { plan, topics } = request;
  const isLast = stopAt === Number.POSITIVE_INFINITY;
  const { slabs, checkpoint, copies } = state;
  closing.push(() => state.store.close());
  const epoch = await epochOf(request);
  const shard = request.units === 1 ? null : shardPlace(request, { counts, checkpoint, epoch });
  // What leads to a change is saved here alone: the snapshots are of what follows it.
  const snapshots = isLast ? snapshotsOf(request, { epoch, chains }) : null;
  closing.push(async () => snapshots?.close());
  const store = snapshots === null ? state.store : snapshots.around(state.store);
  const engine = request.makeEngine(plan, slabs, copies, shard);
  // Before the sources: their floors and their ends let go rows that the state may have already.
  engine.skipBelow(checkpoint?.k ?? Number.NEGATIVE_INFINITY);
  const outputs = new UnitOutputs({
    ...{ plan, topics, unit, transactions, moved },
    partitions: await partitionsOf(cluster, [...topics.examples, topics.dead]),
    rows: (isLast ? committed?.rows : undefined) ?? plan.examples.map(() => 0),
  });
  const gates = new UnitGates({
    ...{ plan, units: request.units, decisions, outputs, slabs: slabs.get(GATE_SLABS)! },
    ...{ now: () => cluster.now(), bounds: request.bucketBounds },
  });
  if (request.units === 1 && said.length === 0) {
    const handover = began === null ? null : await request.handover!.claim();
    const first = planDecisions({ ...stages[0]!, handover });
    for (const each of first) await outputs.decide(each, cluster.now());
  }
  if (isLast) await decideFirst({ request, own, decisions, outputs, progress: committed });
  const progress = committed ?? firstProgress(plan, { began, checkpoint, starts, gates });
  if (committed === null && began !== null) await outputs.commit(progress!);
  if (shard !== null) await outputs.commit(progress ?? nothingYet(plan, starts));
  if (decisions.some(({ kind }) => kind === 'complete')) engine.complete();
  const reader = cluster.reader({ isolation: 'committed', bufferBytes: request.fetchBytes });
  closing.push(() => reader.close());
  const span = began && new TimeSpan(plan, { from: began.k, to: Number.POSITIVE_INFINITY });
  const sources = own.map(({ of, scan }) => {
    const scanPlan = plan.scans[scan]!;
    const at = checkpoint?.sources.find(
      (s) => s.topic === of.topic && s.partition === of.partition,
    );
    return new LiveSource(
      {
        ...{ of, scan: scanPlan, engine, reader, at: at ?? null },
        values: valueDecoder(request.formats[scan]!, scanPlan.fields),
        start: starts[nameOf(of)]!,
        floors: floorsOf(decisions, of),
        end: endOf(decisions, of),
        span,
      },
      isStatic(plan, scan),
    );
  });
  const exchange = openExchange(request, engine, reader, closing);
  say('recovered', {
    unit,
    committed: timeText(progress?.k),
    state: timeText(checkpoint?.k),
    partitions: sources.length,
  });
  return new UnitLife(
    {
      ...{ plan, cluster, engine, sources, reader, outputs, gates, transactions },
      ...{ store, slabs, copies, snapshots, exchange, moved },
      // Those of topics that are read no more too: what came of them may have to be made again.
      starts: { ...committed?.starts, ...starts },
    },
    { progress: progress && { ...progress, k: Math.min(progress.k, stopAt) }, checkpoint, stopAt },
    request.paces,
  );
}

function snapshotsOf(
  request: UnitRequest,
  of: {
    readonly epoch: number;
    readonly chains: readonly Chain[];
  },
): UnitSnapshots | null {
  const { snapshots: spec, cluster, plan, unit, say } = request;
  if (spec === null) return null;
  const { epoch, chains } = of;
  const exchange = exchangeOf(request);
  return new UnitSnapshots({
    ...{ spec, cluster, planDigest: plan.digest, unit, epoch, chains, say },
    truncate: exchange && ((before) => cluster.truncateBefore(exchange, before)),
  });
}

type FirstDecisions = {
  readonly request: UnitRequest;
  readonly own: readonly OwnPartition[];
  readonly decisions: UnitDecision[];
  readonly outputs: UnitOutputs;
  readonly progress: UnitProgress | null;
};

/** What is decided before anything is read: where partitions end, and that new ones begin where the others are. */
async function decideFirst(of: FirstDecisions): Promise<void> {
  const { request, own, decisions, outputs, progress } = of;
  const { cluster, plan, untilEnd, complete } = request;
  const made: UnitDecision[] = [];
  const ending = own.filter(
    ({ of, scan }) => (untilEnd || isStatic(plan, scan)) && endOf(decisions, of) === null,
  );
  if (ending.length > 0) {
    const bounds = await cluster.bounds(
      ending.map(({ of }) => of),
      'committed',
    );
    ending.forEach(({ of }, i) => {
      made.push({ kind: 'end', ...of, offset: bounds[i]!.end });
    });
  }
  if (complete && !decisions.some(({ kind }) => kind === 'complete')) {
    made.push({ kind: 'complete' });
  }
  for (const { of, scan } of own) {
    const isNew = progress !== null && progress.starts[nameOf(of)] === undefined;
    // All of a topic is new with a stream that a change brought: what is older than the change is passed over anyway.
    const isKnown = Object.keys(progress?.starts ?? {}).some((name) => isOf(name, of.topic));
    if (!isNew || !isKnown || isStatic(plan, scan) || !Number.isFinite(progress.k)) continue;
    if (floorsOf(decisions, of).length > 0) continue;
    made.push({ kind: 'floor', ...of, row: 0, time: progress.k });
  }
  for (const decision of made) await outputs.decide(decision, cluster.now());
  // They go out with the first commit, and nothing that depends on them goes out before.
  decisions.push(...made);
}

function isOf(name: string, topic: string): boolean {
  return name.slice(0, name.lastIndexOf('/')) === topic;
}

function floorsOf(decisions: readonly UnitDecision[], of: Partition): FloorDecision[] {
  return decisions.filter(
    (each): each is FloorDecision =>
      each.kind === 'floor' && each.topic === of.topic && each.partition === of.partition,
  );
}

/** A table without a time: read once, before everything. */
function isStatic(plan: Plan, scan: number): boolean {
  return plan.scans[scan]!.streams.every((stream) => plan.streams[stream]!.timeField < 0);
}

function timeText(time: number | undefined): string {
  if (time === undefined || time === Number.NEGATIVE_INFINITY) return 'nothing';
  return time === Number.POSITIVE_INFINITY ? 'everything' : new Date(time).toISOString();
}
