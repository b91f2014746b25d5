/** Workers on a real broker: whatever happens, what is committed is what one embedded run gives. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readBlocks } from '../../runtime/block/block-reader.ts';
import { blockRow } from '../../runtime/block/block-row.ts';
import type { ExampleRow } from '../../runtime/block/example-row.ts';
import { main } from '../../runtime/command/cli.ts';
import { KafkaCluster } from '../../runtime/kafka/kafka-cluster.ts';
import { appTopics } from '../../runtime/worker/app-topics.ts';
import { ExampleStream } from '../../runtime/worker/example-stream.ts';
import { placesOf } from '../../runtime/worker/unit-plans.ts';
import { checkChange, stagesOfApp } from '../../runtime/worker/unit-upgrade.ts';
import { runChild } from '../runtime/child.ts';
import { expectedOf } from '../worker/expected.ts';
import { changedInOne } from '../worker/expected-change.ts';
import {
  changedProgram,
  cutAt,
  START,
  smallEvents,
  smallPlan,
  smallProgram,
} from '../worker/small-app.ts';
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

  const said: string[] = [];
  /** In this process. */
  const millrace = (...args: string[]) => {
    const take = (line: string) => said.push(line);
    return main(args, { print: take, error: take, progress: process.stderr }, '0');
  };

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
    'an application goes on from files',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'millrace-handover-'));
      const program = join(folder, 'small.feat');
      writeFileSync(program, smallProgram());
      const from = events.flatMap(({ stream, rows, partition }) => {
        const path = join(folder, `${stream}-${partition}.ndjson`);
        const lines = rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row)));
        writeFileSync(path, `${lines.join('\n')}\n`);
        return { stream, path };
      });
      const paths = (of: string) =>
        `${of}=${from.flatMap(({ stream, path }) => (stream === of ? path : [])).join(',')}`;
      const [to, t] = [join(folder, 'out'), START + 300_000];
      const until = new Date(t).toISOString();
      const files = ['--from', paths('imp'), '--from', paths('clk'), '--to', to];
      const back = ['run', program, ...files, '--until', until, '--format', 'block', '--quiet'];
      expect(await millrace(...back), said.join()).toBe(0);
      const live = smallPlan();
      await makeTopics(broker, live, 'ads', 3);
      const where = [
        '--kafka',
        broker.address,
        '--app',
        'ads',
        '--state-dir',
        join(folder, 'state'),
      ];
      const ends = ['--until-end', '--complete', '--idle', '3600'];
      const args = ['run', program, ...where, ...ends, '--continue-from', to];
      const on = await runChild('../../runtime/main.ts', args);
      expect(on.code, on.stderr).toBe(0);
      const wanted = expectedOf(live, cutAt(events, t), { complete: true }).rows;
      const rows = await committedRows(cluster, live, 'ads');
      for (const [set, { name }] of live.examples.entries()) {
        const before: ExampleRow[] = [];
        for await (const block of readBlocks(join(to, `${name}.block`))) {
          for (let row = 0; row < block.rows; row++) before.push(blockRow(block, row));
        }
        expect([...before, ...rows[set]!]).toEqual(wanted[set]);
        expect(Math.min(before.length, rows[set]!.length)).toBeGreaterThan(300);
      }
    },
    TEST_MS,
  );

  it(
    'an application changes its program',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'millrace-upgrade-'));
      const [old, now] = [smallPlan(), smallPlan(false, changedProgram)];
      const program = join(folder, 'now.feat');
      writeFileSync(program, changedProgram(smallProgram()));
      await makeTopics(broker, old, 'turns', 3);
      const first = startWorker(broker, old, 'turns', { untilEnd: false, complete: false });
      while ((await committedRows(cluster, old, 'turns'))[0]!.length === 0) await cluster.sleep(50);
      first.stop.requested = true;
      expect(await first.ended).toBe('stopped');
      const where = ['--kafka', broker.address, '--app', 'turns', '--replication', '1'];
      await expect(checkChange(cluster, 'turns', now)).rejects.toThrow(/no topic turns.shown.2/);
      const apply = ['topics', 'apply', program, ...where];
      expect(await millrace(...apply), said.join()).toBe(0);
      expect(said.filter((line) => line.startsWith('made'))).toEqual([
        expect.stringContaining('turns.shown.2 (examples)'),
      ]);
      expect(await startWorker(broker, now, 'turns', { upgrade: true }).ended).toBe('done');
      const stages = await stagesOfApp(cluster, 'turns');
      const wanted = changedInOne(stages, events);
      const { plan } = stages.at(-1)!;
      const rows = await committedRows(cluster, plan, 'turns');
      const sets = plan.examples.map(({ name }) => name);
      expect(sets.sort()).toEqual(['plain', 'shown', 'shown.2']);
      for (const [set, { name }] of plan.examples.entries()) {
        expect(rows[set], name).toEqual(wanted.get(name));
        expect(rows[set]!.length).toBeGreaterThan(0);
      }
      // Whoever follows a set that goes on sees one stream.
      const setIndex = plan.examples.findIndex(({ name }) => name === 'plain');
      const { places } = placesOf(
        'plain',
        stages.map((each) => each.plan),
      );
      const topics = appTopics('turns', plan);
      const followed = await ExampleStream.open({
        ...{ cluster, topics, set: plan.examples[setIndex]!, setIndex, places },
        ...{ place: null, untilEnd: true },
      });
      while (!followed.isOver) {
        if (followed.pull() === 'nothing') await followed.wait(50);
      }
      expect(followed.merge.ready.length).toBe(rows[setIndex]!.length);
      await followed.close();
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
