/**
 * Two worker processes on a real broker while events arrive: one and then the other is killed, one is stopped past its
 * session and goes on as a zombie, the broker is killed and comes back. In the end every example is there once.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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
const TEST_MS = 240_000;
const APP = 'chaos';
const SLICES = 40;
const SLICE_EVERY_MS = 700;

describe.skipIf(reason !== null)(`chaos on Kafka${reason === null ? '' : `: ${reason}`}`, () => {
  let broker: Broker;
  let cluster: KafkaCluster;
  const plan = smallPlan();
  const events = smallEvents(11, 8_000, 2);
  const workers: WorkerChild[] = [];

  beforeAll(async () => {
    broker = await Broker.start();
    cluster = new KafkaCluster(settingsOf(broker));
    await makeTopics(broker, plan, APP, 2);
  }, START_MS);

  afterAll(async () => {
    for (const worker of workers) worker.signal('SIGKILL');
    await cluster?.close();
    await broker?.stop();
  });

  it(
    'loses nothing and doubles nothing',
    async () => {
      const start = (name: string) => {
        const folder = mkdtempSync(join(tmpdir(), `millrace-chaos-${name}-`));
        const worker = new WorkerChild('worker-process.ts', [broker.address, APP, folder]);
        workers.push(worker);
        return worker;
      };
      const feeding = feed(cluster, events);
      let a = start('a');
      await a.says('recovered');
      const b = start('b');
      await b.says('started');
      await pause(3_000);
      a.signal('SIGKILL');
      await b.says('recovered');
      // A lost disk: the log has everything.
      a = start('a2');
      await pause(2_000);
      b.signal('SIGSTOP');
      await a.says('recovered');
      await broker.kill();
      await pause(1_000);
      await broker.restart();
      b.signal('SIGCONT');
      await pause(SESSION_TIMEOUT_MS / 5);
      await feeding;
      a.signal('SIGKILL');
      b.signal('SIGTERM');
      await b.says('ended');
      const last = startWorker(broker, plan, APP);
      expect(await last.ended).toBe('done');
      const expected = expectedOf(plan, events, { complete: true }).rows;
      const rows = await committedRows(cluster, plan, APP);
      expect(rows.map(({ length }) => length)).toEqual(expected.map(({ length }) => length));
      expect(rows).toEqual(expected);
    },
    TEST_MS,
  );
});

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
