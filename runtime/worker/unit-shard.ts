/** What a unit among several has beside its sources: its place among the shards, and the exchange. */
import type { Plan } from '../../compiler/plan/plan.ts';
import { Fault } from '../fault.ts';
import type { LiveEngine } from '../run/engine.ts';
import type { CheckpointMeta } from '../store/checkpoint.ts';
import type { Cluster, ClusterReader, Partition } from './cluster.ts';
import { ShardedEngine, type ShardedOptions } from './sharded-engine.ts';
import { UnitExchange } from './unit-exchange.ts';
import type { UnitProgress } from './unit-progress.ts';
import type { UnitRequest } from './unit-recovery.ts';

/** Which shard of several an engine is to be. */
export type ShardPlace = Pick<ShardedOptions, 'unit' | 'units' | 'partitions' | 'epoch' | 'state'>;

/** The number of units is that of the application's topics. */
export async function checkUnits({
  app,
  cluster,
  topics,
  units,
}: Pick<UnitRequest, 'app' | 'cluster' | 'topics' | 'units'>): Promise<void> {
  const own = units === 1 ? [topics.progress] : [topics.progress, topics.exchange];
  for (const topic of own) {
    // One after another: an application of one shard has no exchange, and asking for that would hide why.
    const count = (await partitionsOf(cluster, [topic])).get(topic);
    if (count === units) continue;
    throw new Fault(
      'units_differ',
      `${topic} has ${count} partitions: the application ${app} has as many shards, for ever. Start its workers with --shards ${count}, or another --app.`,
      { context: { app, topic } },
    );
  }
}

/** Shards wait for partitions that they know of: one that comes later would be too late for what they have done. */
export function checkGrowth(
  { app, units }: UnitRequest,
  own: readonly { readonly of: Partition }[],
  progress: UnitProgress | null,
): void {
  if (units === 1 || progress === null) return;
  const added = own.find(({ of }) => progress.starts[nameOf(of)] === undefined);
  if (added === undefined) return;
  throw new Fault(
    'partitions_added',
    `${added.of.topic} has gained partitions since ${app} was created, and an application of several shards cannot take more. Start another one (--app) from where you want it to begin, or run with one shard.`,
    { context: { app, topic: added.of.topic } },
  );
}

/**
 * A number that only rises from life to life: no two that committed anything have the same. Every life of a unit among several
 * writes a progress record before it sends anything.
 */
export async function epochOf({ cluster, topics, unit }: UnitRequest): Promise<number> {
  const progress = { topic: topics.progress, partition: unit };
  const [bounds] = await cluster.bounds([progress], 'uncommitted');
  return bounds!.end;
}

/** Where the shard stands. */
export function shardPlace(
  { plan, unit, units }: UnitRequest,
  of: {
    readonly counts: ReadonlyMap<string, number>;
    readonly checkpoint: CheckpointMeta | null;
    readonly epoch: number;
  },
): ShardPlace {
  return {
    ...{ unit, units, epoch: of.epoch, state: of.checkpoint?.shard ?? null },
    partitions: plan.scans.map(({ topic }) => of.counts.get(topic)!),
  };
}

export function openExchange(
  { cluster, topics, unit }: UnitRequest,
  engine: LiveEngine,
  reader: ClusterReader,
  closing: (() => Promise<void>)[],
): UnitExchange | null {
  if (!(engine instanceof ShardedEngine)) return null;
  const producer = cluster.producer();
  closing.push(() => producer.close());
  return new UnitExchange({ topic: topics.exchange, unit, engine, reader, producer });
}

/** What is committed with the first decisions, before anything else is. */
export function nothingYet(plan: Plan, starts: Readonly<Record<string, number>>): UnitProgress {
  return {
    ...{ planDigest: plan.digest, k: Number.NEGATIVE_INFINITY, starts },
    ...{ unapplied: {}, sideRows: {}, rows: plan.examples.map(() => 0), done: false },
  };
}

/** How many partitions each topic has; a Fault where there is no such topic. */
export async function partitionsOf(
  cluster: Cluster,
  topics: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for (const [topic, count] of await cluster.partitions(topics)) {
    if (count === null) throw missingTopic(topic);
    counts.set(topic, count);
  }
  return counts;
}

function missingTopic(topic: string): Fault {
  return new Fault(
    'no_topic',
    `there is no topic ${topic}. millrace topics plan says which topics the program needs, millrace topics apply makes them.`,
    { context: { topic } },
  );
}

/** `topic/partition`. */
export function nameOf({ topic, partition }: Partition): string {
  return `${topic}/${partition}`;
}
