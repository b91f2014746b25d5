/** An application of several units on a real broker: whoever lives them, what is committed is what one embedded run gives. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExampleRow } from '../../runtime/block/example-row.ts';
import { KafkaCluster } from '../../runtime/kafka/kafka-cluster.ts';
import type { Partition } from '../run-in-memory.ts';
import { expectedOf } from '../worker/expected.ts';
import { smallEvents, smallPlan } from '../worker/small-app.ts';
import { Broker } from './broker.ts';
import { whyNoBroker } from './jars.ts';
import { settingsOf } from './settings.ts';
import {
  committedRows,
  makeTopics,
  PACES,
  produce,
  type SmallWorker,
  snapshotsIn,
  startWorker,
} from './small-run.ts';

const reason = whyNoBroker();
const START_MS = 120_000;
const TEST_MS = 180_000;
const UNITS = 4;
const SAYS_MS = 20_000;
const SLICES = 8;
const SLICE_EVERY_MS = 250;

describe.skipIf(reason !== null)(`Kafka units${reason === null ? '' : `: ${reason}`}`, () => {
  let broker: Broker;
  let cluster: KafkaCluster;
  const plan = smallPlan();
  const events = smallEvents(11, 6_000, 3);
  const expected = sorted(expectedOf(plan, events, { complete: true }).rows);

  beforeAll(async () => {
    broker = await Broker.start();
    cluster = new KafkaCluster(settingsOf(broker));
    await makeTopics(broker, plan, 'spread', 3, UNITS);
  }, START_MS);

  afterAll(async () => {
    await cluster?.close();
    await broker?.stop();
  });

  it(
    'one without its state restores snapshots, and the exchange is let go behind them',
    async () => {
      await makeTopics(broker, plan, 'moved', 3, UNITS);
      const folder = mkdtempSync(join(tmpdir(), 'millrace-snapshots-'));
      const snapshots = snapshotsIn(folder);
      const first = startWorker(broker, plan, 'moved', {
        ...{ units: UNITS, untilEnd: false, complete: false, snapshotsOf: snapshots },
        paces: { ...PACES, commitEveryMs: 20, checkpointEveryMs: 20 },
      });
      for (let slice = 0; slice < SLICES; slice++) {
        await produce(cluster, plan, sliceOf(events, slice));
        await pause(SLICE_EVERY_MS);
      }
      await until(first, 'exchange_truncated');
      first.stop.requested = true;
      await first.ended;
      const bare = startWorker(broker, plan, 'moved', { units: UNITS });
      await expect(bare.ended).rejects.toThrow(/moved.exchange.* begins at offset .*--snapshots/);
      const last = startWorker(broker, plan, 'moved', { units: UNITS, snapshotsOf: snapshots });
      expect(await last.ended).toBe('done');
      expect(last.events.filter((event) => event.startsWith('restored'))).toHaveLength(UNITS);
      expect(sorted(await committedRows(cluster, plan, 'moved'))).toEqual(expected);
    },
    TEST_MS,
  );

  it(
    'one worker lives them all',
    async () => {
      const worker = startWorker(broker, plan, 'spread', { units: UNITS });
      expect(await worker.ended).toBe('done');
      expect(sorted(await committedRows(cluster, plan, 'spread'))).toEqual(expected);
    },
    TEST_MS,
  );

  it(
    'another number of shards is refused, with the right one',
    async () => {
      const worker = startWorker(broker, plan, 'spread', { units: 2 });
      await expect(worker.ended).rejects.toThrow('Start its workers with --shards 4');
      // It has no exchange at all.
      await makeTopics(broker, plan, 'single', 3);
      const many = startWorker(broker, plan, 'single', { units: 2 });
      await expect(many.ended).rejects.toThrow('Start its workers with --shards 1');
    },
    TEST_MS,
  );
});

/** Until the worker has said the word. */
async function until({ events }: SmallWorker, word: string): Promise<void> {
  const giveUpAt = Date.now() + SAYS_MS;
  while (!events.some((event) => event.startsWith(`${word} `))) {
    if (Date.now() > giveUpAt) throw new Error(`no ${word} in:\n${events.join('\n')}`);
    await pause(10);
  }
}

function sliceOf(events: readonly Partition[], slice: number): Partition[] {
  return events.map(({ stream, partition, rows }) => {
    const at = (k: number) => Math.floor((rows.length * k) / SLICES);
    return { stream, partition, rows: rows.slice(at(slice), at(slice + 1)) };
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Units write side by side: only within one is there an order. */
function sorted(rows: readonly (readonly ExampleRow[])[]): string[][] {
  return rows.map((set) => set.map((row) => JSON.stringify(row)).sort());
}
