/**
 * `millrace demo --kafka HOST:PORT`: the simulated traffic through topics of its own, a worker that reads them to their
 * ends, and what came of it. Topics and program are named after the application, so nobody else's are touched.
 *
 * A killed one goes on: a topic has one partition and one producer, so what it holds is how many lines were sent.
 */
import { createReadStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Plan } from '../../compiler/plan/plan.ts';
import { assert } from '../../operators/assert.ts';
import { kafkaCommand } from '../command/kafka-command.ts';
import { kafkaConfig } from '../command/kafka-config.ts';
import { neededTopics } from '../command/needed-topics.ts';
import { BUFFER_BYTES, CHECKPOINT_EVERY_MS, COMMIT_EVERY_MS } from '../config.ts';
import type { Console } from '../console-output.ts';
import { Fault } from '../fault.ts';
import { disk } from '../files.ts';
import { KafkaCluster } from '../kafka/kafka-cluster.ts';
import { reachKafka } from '../kafka/reach.ts';
import { Topics } from '../kafka/topics.ts';
import { compileProgram, readProgram } from '../program-files.ts';
import type { TrafficSummary } from '../simulator/ad-traffic.ts';
import { stateBytesDefault } from '../store/state-memory.ts';
import { grouped } from '../text-table.ts';
import { appTopics } from '../worker/app-topics.ts';
import type { Cluster } from '../worker/cluster.ts';
import { readProgress } from '../worker/unit-progress.ts';
import type { DemoPlaces, DemoStage } from './demo-folder.ts';
import { renderKafkaSummary, summariseTopics } from './demo-kafka-summary.ts';
import { trafficInputs } from './demo-traffic.ts';

export type KafkaDemo = {
  readonly places: DemoPlaces;
  /** HOST:PORT[,…] and the application. */
  readonly kafka: string;
  readonly app: string;
  readonly program: string;
  readonly out: Console;
};

const SEND_LINES = 1_000;
const COPIES_MAX = 3;
const IDLE_MS = 10_000;
const MAX_SKEW_MS = 3_600_000;
const SNAPSHOT_EVERY_MS = 60_000;

/** The text of the summary; null: stopped at a commit. `makeTraffic` is asked for once the topics are there. */
export async function demoOnKafka(
  demo: KafkaDemo,
  stage: DemoStage,
  makeTraffic: () => Promise<TrafficSummary>,
): Promise<string | null> {
  const { places, kafka, app, out } = demo;
  const settings = kafkaConfig({ kafka, app }, process.env, out.error).kafka;
  await reachKafka(settings);
  const plan = await ownProgram(demo);
  const topics = new Topics(settings);
  let replication: number;
  try {
    replication = Math.min(COPIES_MAX, await topics.brokers());
    await makeTopics(topics, plan, { app, replication });
  } finally {
    await topics.close();
  }
  const cluster = new KafkaCluster(settings);
  try {
    if (stage === 'started') await checkEmpty(cluster, plan, demo);
    const traffic = await makeTraffic();
    out.error(`Sending ${grouped(traffic.events)} events to ${app}.* at ${kafka} …`);
    for (const input of trafficInputs(places, traffic)) await send(cluster, plan, input);
    out.error(`One worker reads them to their ends; its log:`);
    await work(demo);
    const progress = await readProgress(cluster, {
      topic: appTopics(app, plan).progress,
      partition: 0,
    });
    if (progress?.done !== true) return null;
    const found = await summariseTopics(cluster, plan, app);
    return renderKafkaSummary({ ...found, traffic, plan, demo, replication });
  } finally {
    await cluster.close();
  }
}

/** The demo's program with topics named after the application, in a folder that the commands of the summary name. */
async function ownProgram({ places, program, app }: KafkaDemo): Promise<Plan> {
  const bytes = await disk.read(program);
  assert(bytes !== null, 'the package has the program');
  const text = Buffer.from(bytes)
    .toString()
    .replace(/ to "[^"]+"/g, '')
    .replace(/ from "([^"]+)"/g, ` from "${app}.$1"`);
  await mkdir(places.program, { recursive: true });
  await disk.replace(join(places.program, 'ads.feat'), Buffer.from(text));
  const { plan } = compileProgram(readProgram([places.program]));
  assert(plan !== null, 'the program compiles whatever its topics are called');
  return plan;
}

async function makeTopics(
  topics: Topics,
  plan: Plan,
  { app, replication }: { readonly app: string; readonly replication: number },
): Promise<void> {
  const sizes = { sourcePartitions: 1, examplePartitions: 1, units: 1, replication };
  for (const need of neededTopics(plan, app, sizes)) {
    if ((await topics.describe(need.name, [])) === null) await topics.create(need);
  }
}

async function checkEmpty(cluster: Cluster, plan: Plan, { app }: KafkaDemo): Promise<void> {
  const partitions = plan.scans.map(({ topic }) => ({ topic, partition: 0 }));
  const bounds = await cluster.bounds(partitions, 'committed');
  const used = bounds.findIndex(({ end }) => end > 0);
  if (used < 0) return;
  const { topic } = partitions[used]!;
  throw new Fault(
    'demo_topic_used',
    `${topic} has records already, and this folder sent none: an earlier demo's. Give another name with --app, or delete the topics ${app}.* yourself.`,
    { context: { app, topic } },
  );
}

/** `input`: STREAM=FILE. Lines that are in the topic already are not sent again. */
async function send(cluster: Cluster, plan: Plan, input: string): Promise<void> {
  const [stream, path] = [input.slice(0, input.indexOf('=')), input.slice(input.indexOf('=') + 1)];
  const { scan } = plan.streams.find(({ name }) => name === stream)!;
  const to = { topic: plan.scans[scan]!.topic, partition: 0 };
  const [bounds] = await cluster.bounds([to], 'committed');
  let already = bounds!.end;
  const producer = cluster.producer();
  let waiting: { key: null; value: Buffer }[] = [];
  try {
    for await (const line of createInterface({ input: createReadStream(path) })) {
      if (already > 0) {
        already--;
        continue;
      }
      waiting.push({ key: null, value: Buffer.from(line) });
      if (waiting.length < SEND_LINES) continue;
      await producer.send(to, waiting);
      waiting = [];
    }
    if (waiting.length > 0) await producer.send(to, waiting);
  } finally {
    await producer.close();
  }
}

/** Every wait elapses at the ends, as in the demo over files. */
async function work({ places, kafka, app, out }: KafkaDemo): Promise<void> {
  const quiet = { ...out, print: () => {} };
  await kafkaCommand(
    [places.program],
    {
      ...{ kafka, app, stateDir: places.state, state: 'rocksdb', schema: [], registry: undefined },
      ...{ untilEnd: true, complete: true, units: 1, httpPort: null },
      ...{ commitEveryMs: COMMIT_EVERY_MS, checkpointEveryMs: CHECKPOINT_EVERY_MS },
      ...{ idleMs: IDLE_MS, maxSkewMs: MAX_SKEW_MS, snapshotEveryMs: SNAPSHOT_EVERY_MS },
      ...{ memoryBytes: BUFFER_BYTES, stateBytes: stateBytesDefault() },
    },
    quiet,
    () => {},
  );
}
