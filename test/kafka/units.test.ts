/** An application of several units on a real broker: whoever lives them, what is committed is what one embedded run gives. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExampleRow } from '../../runtime/example-row.ts';
import { KafkaCluster } from '../../runtime/kafka/kafka-cluster.ts';
import { expectedOf } from '../worker/expected.ts';
import { smallEvents, smallPlan } from '../worker/small-app.ts';
import { Broker } from './broker.ts';
import { whyNoBroker } from './jars.ts';
import { settingsOf } from './settings.ts';
import { committedRows, makeTopics, produce, startWorker } from './small-run.ts';

const reason = whyNoBroker();
const START_MS = 120_000;
const TEST_MS = 180_000;
const UNITS = 4;

describe.skipIf(reason !== null)(`Kafka units${reason === null ? '' : `: ${reason}`}`, () => {
  let broker: Broker;
  let cluster: KafkaCluster;
  const plan = smallPlan();
  const events = smallEvents(11, 6_000, 3);
  const inRange = (row: ExampleRow) => Number(row.features.at(-1)) <= 9;
  const expected = sorted(
    expectedOf(plan, events, { complete: true }).rows.map((rows) =>
      rows.filter((row) => row.set !== 'shown' || inRange(row)),
    ),
  );

  beforeAll(async () => {
    broker = await Broker.start();
    cluster = new KafkaCluster(settingsOf(broker));
    await makeTopics(broker, plan, 'spread', 3, UNITS);
    await produce(cluster, plan, events);
  }, START_MS);

  afterAll(async () => {
    await cluster?.close();
    await broker?.stop();
  });

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
    },
    TEST_MS,
  );
});

/** Units write side by side: only within one is there an order. */
function sorted(rows: readonly (readonly ExampleRow[])[]): string[][] {
  return rows.map((set) => set.map((row) => JSON.stringify(row)).sort());
}
