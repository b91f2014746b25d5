/**
 * npm run soak:kafka: a small application on several brokers while workers and brokers are killed and stopped, as a seed
 * says; every worker that starts has an empty disk. At the end every example must be there once and equal that of one embedded run.
 *
 *   --minutes N   (default 5)   --short   each broker is lost once, then a worker; nothing else
 *   --nodes N     brokers (default 3)   --workers N   (default 3)   --units N   (default 2)   --seed N   (default 1)
 *   --no-snapshots   who takes a unit over reads the logs from their beginnings
 */
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { KafkaCluster } from '../../runtime/kafka/kafka-cluster.ts';
import { ClusterFault } from '../../runtime/worker/cluster.ts';
import { rng } from '../random.ts';
import type { Partition } from '../run-in-memory.ts';
import { expectedOf } from '../worker/expected.ts';
import { smallEvents, smallPlan } from '../worker/small-app.ts';
import { startBrokers } from './brokers.ts';
import { settingsOf } from './settings.ts';
import { committedRows, makeTopics, snapshotsIn, startWorkerAt } from './small-run.ts';
import { WorkerChild } from './worker-child.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    short: { type: 'boolean', default: false },
    nodes: { type: 'string', default: '3' },
    workers: { type: 'string', default: '3' },
    units: { type: 'string', default: '2' },
    seed: { type: 'string', default: '1' },
    'no-snapshots': { type: 'boolean', default: false },
  },
});
const SHORT_MS = 30_000;
const EVENTS_PER_SECOND = 100;
const SLICE_MS = 500;
const PARTITIONS = 3;
/** A broker that is back gets its copies up to date before the next is lost. */
const SETTLE_MS = 3_000;
const APP = 'soak';

const lastsMs = values.short ? SHORT_MS : Number(values.minutes) * 60_000;
const random = rng(Number(values.seed));
// One unit has all rows of a set: they are judged together too.
const plan = smallPlan(values.units === '1');
const events = smallEvents(
  Number(values.seed),
  Math.ceil((lastsMs / 1000) * EVENTS_PER_SECOND),
  PARTITIONS,
);
const folder = values['no-snapshots'] ? null : mkdtempSync(join(tmpdir(), 'millrace-soak-'));
const startedAt = Date.now();
let ended = 0;
const workers: WorkerChild[] = [];
const brokers = await startBrokers(Number(values.nodes));
const cluster = new KafkaCluster(settingsOf(brokers));
let isEqual = false;
try {
  await makeTopics(brokers, plan, APP, PARTITIONS, Number(values.units), brokers.replication);
  for (let i = 0; i < Number(values.workers); i++) startWorker();
  // One of them may have to stand by.
  await Promise.any(workers.map((worker) => worker.says('recovered')));
  const acting = values.short ? loseEachOnce() : actUntil(Date.now() + lastsMs);
  const [acts] = await Promise.all([acting, feed()]);
  for (const worker of workers) worker.signal('SIGKILL');
  say('the events are in; a last worker goes to their end');
  const last = startWorkerAt(brokers.address, plan, APP, {
    units: Number(values.units),
    ...(folder === null ? {} : { snapshotsOf: snapshotsIn(folder) }),
  });
  if ((await last.ended) !== 'done') throw new Error('the last worker did not come to the end');
  isEqual = await compare(acts);
} finally {
  for (const worker of workers) worker.signal('SIGKILL');
  await cluster.close();
  for (const node of brokers.nodes) await node.stop();
  if (folder !== null) await rm(folder, { recursive: true, force: true });
}
process.exit(isEqual ? 0 : 1);

function startWorker(): void {
  const args = [brokers.address, APP, values.units, ...(folder === null ? [] : [folder])];
  workers.push(new WorkerChild('units-process.ts', args));
}

/** Whoever gave up is started again, as a supervisor does. */
function replaceEnded(): void {
  for (const worker of workers.filter(({ hasEnded }) => hasEnded)) {
    ended++;
    say(`a worker ended by itself: ${worker.output.trimEnd().split('\n').at(-1)}`);
    workers.splice(workers.indexOf(worker), 1);
    startWorker();
  }
}

/** Every partition by a producer of its own, in slices as time goes by. */
async function feed(): Promise<void> {
  const slices = Math.ceil(lastsMs / SLICE_MS);
  await Promise.all(events.map((partition) => feedPartition(partition, slices)));
}

async function feedPartition(of: Partition, slices: number): Promise<void> {
  const { stream, partition, rows } = of;
  const { scan } = plan.streams.find(({ name }) => name === stream)!;
  const producer = cluster.producer();
  const at = (slice: number) => Math.floor((rows.length * slice) / slices);
  for (let slice = 0; slice < slices; slice++) {
    const records = rows.slice(at(slice), at(slice + 1)).map((row) => ({
      key: null,
      value: Buffer.from(typeof row === 'string' ? row : JSON.stringify(row)),
    }));
    await producer
      .send({ topic: plan.scans[scan]!.topic, partition }, records)
      .catch((error: unknown) => {
        // It is there: only the answer was lost.
        if (!(error instanceof ClusterFault) || error.kind !== 'offset_unknown') throw error;
      });
    await pause(SLICE_MS);
  }
  await producer.close();
}

/** Whoever leads is among them. */
async function loseEachOnce(): Promise<number> {
  for (let node = 0; node < brokers.nodes.length; node++) await killBroker(node, 1_500);
  killWorker(0);
  return brokers.nodes.length + 1;
}

async function actUntil(end: number): Promise<number> {
  const doings = [
    () => killWorker(random.below(workers.length)),
    () => stopWorker(random.below(workers.length), 1_000 + random.below(14_000)),
    () => killBroker(random.below(brokers.nodes.length), 500 + random.below(3_000)),
    () => stopBroker(random.below(brokers.nodes.length), 1_000 + random.below(8_000)),
  ];
  let acts = 0;
  for (; Date.now() < end; acts++) {
    await pause(500 + random.below(3_000));
    replaceEnded();
    await random.pick(doings)();
  }
  return acts;
}

function killWorker(index: number): void {
  say(`worker ${index} is killed, another starts`);
  workers[index]!.signal('SIGKILL');
  workers.splice(index, 1);
  startWorker();
}

async function stopWorker(index: number, ms: number): Promise<void> {
  say(`worker ${index} is stopped for ${ms} ms`);
  const worker = workers[index]!;
  worker.signal('SIGSTOP');
  await pause(ms);
  worker.signal('SIGCONT');
}

async function killBroker(node: number, ms: number): Promise<void> {
  say(`broker ${node + 1} is killed for ${ms} ms`);
  await brokers.nodes[node]!.kill();
  await pause(ms);
  await brokers.nodes[node]!.restart();
  await pause(SETTLE_MS);
}

async function stopBroker(node: number, ms: number): Promise<void> {
  say(`broker ${node + 1} is stopped for ${ms} ms`);
  brokers.nodes[node]!.pause();
  await pause(ms);
  brokers.nodes[node]!.resume();
  await pause(SETTLE_MS);
}

async function compare(acts: number): Promise<boolean> {
  const expected = expectedOf(plan, events, { complete: true }).rows.map((rows) =>
    rows.map((row) => JSON.stringify(row)).sort(),
  );
  const got = (await committedRows(cluster, plan, APP)).map((rows) =>
    rows.map((row) => JSON.stringify(row)).sort(),
  );
  const isSame = JSON.stringify(got) === JSON.stringify(expected);
  const count = expected.flat().length;
  say(
    isSame
      ? `${acts} acts, ${ended} workers that gave up, ${count} examples, each once and equal to the embedded run's (seed ${values.seed})`
      : `DIFFERS with seed ${values.seed}: ${got.flat().length} examples, ${count} expected`,
  );
  return isSame;
}

function say(what: string): void {
  console.log(`${((Date.now() - startedAt) / 1000).toFixed(1).padStart(6)} s  ${what}`);
}
