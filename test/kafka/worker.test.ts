/** Workers on a real broker: whatever happens, what is committed is what one embedded run gives. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KafkaCluster } from '../../runtime/kafka/kafka-cluster.ts';
import { runChild } from '../runtime/child.ts';
import { expectedOf } from '../worker/expected.ts';
import { smallEvents, smallPlan } from '../worker/small-app.ts';
import { Broker } from './broker.ts';
import { whyNoBroker } from './jars.ts';
import { settingsOf } from './settings.ts';
import { committedRows, countRecords, makeTopics, produce, startWorker } from './small-run.ts';

const reason = whyNoBroker();
const START_MS = 120_000;
const TEST_MS = 120_000;

describe.skipIf(reason !== null)(`Kafka workers${reason === null ? '' : `: ${reason}`}`, () => {
  let broker: Broker;
  let cluster: KafkaCluster;
  const plan = smallPlan(true);
  const events = smallEvents(7, 6_000, 3);
  const expected = expectedOf(plan, events, { complete: true });
  const kept = expected.rows;

  beforeAll(async () => {
    broker = await Broker.start();
    cluster = new KafkaCluster(settingsOf(broker));
    await makeTopics(broker, plan, 'first', 3);
    await produce(cluster, plan, events);
  }, START_MS);

  afterAll(async () => {
    await cluster?.close();
    await broker?.stop();
  });

  it(
    'one worker writes what an embedded run writes',
    async () => {
      const worker = startWorker(broker, plan, 'first');
      expect(await worker.ended).toBe('done');
      const rows = await committedRows(cluster, plan, 'first');
      expect(rows.map(({ length }) => length)).toEqual(kept.map(({ length }) => length));
      expect(rows).toEqual(kept);
      const dead = await countRecords(cluster, 'first.dead');
      expect(dead).toBe(expected.late + expected.malformed + expected.quarantined);
      expect(expected.failed).toBeGreaterThan(0);
      expect(expected.landed).toBeGreaterThan(0);
      expect(await startWorker(broker, plan, 'first').ended).toBe('done');
      expect(await committedRows(cluster, plan, 'first')).toEqual(kept);
    },
    TEST_MS,
  );

  it(
    'the demo goes through topics of its own',
    async () => {
      const to = join(mkdtempSync(join(tmpdir(), 'millrace-demo-')), 'out');
      const small = ['--days', '0.1', '--scale', '0.1', '--to', to];
      const demo = ['demo', '--kafka', broker.address, ...small];
      const { code, stdout, stderr } = await runChild('../../runtime/main.ts', demo);
      expect(code, stderr).toBe(0);
      const [, found, planted] = /millrace-demo.dead: (\d+); put in.*: (\d+)\.$/m.exec(stdout)!;
      expect(found).toBe(planted);
      expect(stdout).toMatch(/^clicked +observed +\d/m);
      const again = await runChild('../../runtime/main.ts', [...demo, '--to', `${to}-2`]);
      expect(again.code).toBe(3);
      expect(again.stderr).toMatch(/has records already.*another name with --app/);
    },
    TEST_MS,
  );
});
