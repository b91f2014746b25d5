/**
 * An application of four units while events arrive: one worker, then four, then two, with workers that are killed and one
 * that is stopped past its session and goes on as a zombie, and the broker killed in between. Units move with whatever state
 * the next owner has, or none. In the end every example is there once.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExampleRow } from '../../runtime/block/example-row.ts';
import { KafkaCluster } from '../../runtime/kafka/kafka-cluster.ts';
import { SESSION_TIMEOUT_MS } from '../../runtime/kafka/settings.ts';
import type { Partition } from '../run-in-memory.ts';
import { expectedOf } from '../worker/expected.ts';
import { smallEvents, smallPlan } from '../worker/small-app.ts';
import { Broker } from './broker.ts';
import { whyNoBroker } from './jars.ts';
import { settingsOf } from './settings.ts';
import { committedRows, makeTopics, produce, startWorker } from './small-run.ts';
import { WorkerChild } from './worker-child.ts';

const reason = whyNoBroker();
const START_MS = 120_000;
const TEST_MS = 300_000;
const APP = 'moving';
const UNITS = 4;
const SLICES = 40;
const SLICE_EVERY_MS = 700;

describe.skipIf(reason !== null)(`units that move${reason === null ? '' : `: ${reason}`}`, () => {
  let broker: Broker;
  let cluster: KafkaCluster;
  const plan = smallPlan();
  const events = smallEvents(17, 8_000, 3);
  const workers: WorkerChild[] = [];

  beforeAll(async () => {
    broker = await Broker.start();
    cluster = new KafkaCluster(settingsOf(broker));
    await makeTopics(broker, plan, APP, 3, UNITS);
  }, START_MS);

  afterAll(async () => {
    for (const worker of workers) worker.signal('SIGKILL');
    await cluster?.close();
    await broker?.stop();
  });

  it(
    'lose nothing and double nothing from one worker to four to two',
    async () => {
      const start = () => {
        const worker = new WorkerChild('units-process.ts', [broker.address, APP, String(UNITS)]);
        workers.push(worker);
        return worker;
      };
      const feeding = feed(cluster, events);
      const a = start();
      await a.says('recovered');
      const [b, c, d] = [start(), start(), start()];
      await Promise.all([b, c, d].map((worker) => worker.says('recovered')));
      await pause(2_000);
      a.signal('SIGKILL');
      c.signal('SIGSTOP');
      await broker.kill();
      await pause(1_000);
      await broker.restart();
      await pause(SESSION_TIMEOUT_MS);
      c.signal('SIGCONT');
      await pause(3_000);
      d.signal('SIGTERM');
      await d.says('ended');
      await feeding;
      b.signal('SIGKILL');
      c.signal('SIGTERM');
      await c.says('ended');
      const last = startWorker(broker, plan, APP, { units: UNITS });
      expect(await last.ended).toBe('done');
      const expected = expectedOf(plan, events, { complete: true }).rows;
      const rows = await committedRows(cluster, plan, APP);
      expect(rows.map(({ length }) => length)).toEqual(expected.map(({ length }) => length));
      expect(sorted(rows)).toEqual(sorted(expected));
    },
    TEST_MS,
  );
});

/** Units write side by side: only within one is there an order. */
function sorted(rows: readonly (readonly ExampleRow[])[]): string[][] {
  return rows.map((set) => set.map((row) => JSON.stringify(row)).sort());
}

/** Produces the events in slices, as time goes by. */
async function feed(cluster: KafkaCluster, events: readonly Partition[]): Promise<void> {
  const plan = smallPlan();
  for (let slice = 0; slice < SLICES; slice++) {
    const part = events.map(({ stream, partition, rows }) => {
      const at = (k: number) => Math.floor((rows.length * k) / SLICES);
      return { stream, partition, rows: rows.slice(at(slice), at(slice + 1)) };
    });
    await produce(cluster, plan, part);
    await pause(SLICE_EVERY_MS);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
