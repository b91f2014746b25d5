/** The small application on a real broker: its topics, its events, a worker in this process, what it wrote. */
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Plan } from '../../compiler/plan/plan.ts';
import { decodeBlock } from '../../runtime/block/block-decode.ts';
import { blockRow } from '../../runtime/block/block-row.ts';
import type { ExampleRow } from '../../runtime/block/example-row.ts';
import { neededTopics } from '../../runtime/command/needed-topics.ts';
import { disk } from '../../runtime/files.ts';
import { KafkaCluster } from '../../runtime/kafka/kafka-cluster.ts';
import { Topics } from '../../runtime/kafka/topics.ts';
import { PipelineEngine } from '../../runtime/run/pipeline-engine.ts';
import { openStateStore } from '../../runtime/store/open-store.ts';
import { appTopics } from '../../runtime/worker/app-topics.ts';
import type { Cluster, Partition as Place } from '../../runtime/worker/cluster.ts';
import { ShardedEngine } from '../../runtime/worker/sharded-engine.ts';
import { readToEnd } from '../../runtime/worker/tail-read.ts';
import type { UnitPaces } from '../../runtime/worker/unit-life.ts';
import type { UnitRequest } from '../../runtime/worker/unit-recovery.ts';
import { noSnapshotYet, type SnapshotSpec } from '../../runtime/worker/unit-snapshots.ts';
import { runWorker } from '../../runtime/worker/worker.ts';
import type { Partition } from '../run-in-memory.ts';
import type { Broker } from './broker.ts';
import { settingsOf } from './settings.ts';

export const PACES: UnitPaces = {
  commitEveryMs: 100,
  checkpointEveryMs: 400,
  idleMs: 3_600_000,
  maxSkewMs: 3_600_000,
};

/** Makes the app's topics; source topics get `partitions`. */
export async function makeTopics(
  broker: Pick<Broker, 'address'>,
  plan: Plan,
  app: string,
  partitions: number,
  units = 1,
  replication = 1,
): Promise<void> {
  const topics = new Topics(settingsOf(broker));
  const sizes = { sourcePartitions: partitions, examplePartitions: 1, replication, units };
  for (const need of neededTopics(plan, app, sizes)) {
    if ((await topics.describe(need.name, [])) === null) await topics.create(need);
  }
  await topics.close();
}

export async function produce(
  cluster: Cluster,
  plan: Plan,
  input: readonly Partition[],
): Promise<void> {
  const producer = cluster.producer();
  for (const { stream, partition, rows } of input) {
    const { scan } = plan.streams.find(({ name }) => name === stream)!;
    const to: Place = { topic: plan.scans[scan]!.topic, partition };
    const records = rows.map((row) => ({
      key: null,
      value: Buffer.from(typeof row === 'string' ? row : JSON.stringify(row)),
    }));
    await producer.send(to, records);
  }
  await producer.close();
}

/** Of every checkpoint, in short chains; for `SmallRequest`. */
export function snapshotsIn(folder: string): (unit: number) => SnapshotSpec {
  return (unit) => ({
    ...{ files: disk, everyMs: 0, chainFilesMax: 1, slicePages: 1024, turn: { isTaken: false } },
    folder: join(folder, `unit-${unit}`),
    figures: noSnapshotYet(),
  });
}

export type SmallRequest = Partial<UnitRequest> & {
  /** By unit; absent: no snapshots. */
  readonly snapshotsOf?: (unit: number) => SnapshotSpec;
};

export type SmallWorker = {
  readonly ended: Promise<'stopped' | 'done'>;
  readonly stop: { requested: boolean };
  readonly events: string[];
};

/** A worker in this process. */
export function startWorker(
  { address }: Broker,
  plan: Plan,
  app: string,
  more: SmallRequest = {},
): SmallWorker {
  return startWorkerAt(address, plan, app, more);
}

export function startWorkerAt(
  address: string,
  plan: Plan,
  app: string,
  more: SmallRequest = {},
  folder = mkdtempSync(join(tmpdir(), 'millrace-worker-')),
): SmallWorker {
  const cluster = new KafkaCluster(settingsOf({ address }));
  const events: string[] = [];
  const stop = { requested: false };
  const units = more.units ?? 1;
  const topics = appTopics(app, plan);
  const say = (event: string, facts?: Readonly<Record<string, string | number>>) =>
    events.push(`${event} ${JSON.stringify(facts)}`);
  const unitOf = (unit: number): Omit<UnitRequest, 'moved'> => ({
    ...{ app, plan, topics, unit, units, cluster, paces: PACES, say },
    formats: plan.scans.map(() => ({ kind: 'json' as const })),
    fetchBytes: 8 << 20,
    untilEnd: true,
    complete: true,
    openStore: () => openStateStore(join(folder, `unit-${unit}`), () => undefined),
    dropState: () => rm(join(folder, `unit-${unit}`), { recursive: true, force: true }),
    snapshots: more.snapshotsOf?.(unit) ?? null,
    makeEngine: (of, slabs, _, shard) => {
      const own = slabs.get('shard-0')!;
      const scanSlabs = slabs.get('scan')!;
      const shared = { scanSlabs, spill: null, bufferBytesMax: Number.POSITIVE_INFINITY };
      return shard === null
        ? new PipelineEngine(of, { ...shared, slabs: [own], codegen: true })
        : new ShardedEngine(of, { ...shared, ...shard, slabs: own, budget: null });
    },
    ...more,
  });
  const watch = {
    onSeat: () => undefined,
    onLife: () => undefined,
    onFault: () => undefined,
    onMove: () => undefined,
  };
  const ended = runWorker({
    ...{ cluster, app, topics, units, unitOf, stop, watch, say },
    isEnding: more.untilEnd ?? true,
  }).finally(() => cluster.close());
  return { ended, stop, events };
}

/** By example set: committed rows, in the order of the log. */
export async function committedRows(
  cluster: Cluster,
  plan: Plan,
  app: string,
): Promise<ExampleRow[][]> {
  const { examples } = appTopics(app, plan);
  return Promise.all(
    examples.map(async (topic) => {
      const rows: ExampleRow[] = [];
      await readToEnd(cluster, { topic, partition: 0 }, null, (value) => {
        const block = decodeBlock(value.slice());
        for (let row = 0; row < block.rows; row++) rows.push(blockRow(block, row));
      });
      return rows;
    }),
  );
}

export async function countRecords(cluster: Cluster, topic: string): Promise<number> {
  let count = 0;
  await readToEnd(cluster, { topic, partition: 0 }, null, () => {
    count++;
  });
  return count;
}
