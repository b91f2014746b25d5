/**
 * npm run bench:kafka: ads-60 from JSON topics of a broker on this machine, one worker, exactly once, in cold processes. The
 * least CPU time of several rounds, cases interleaved; a worker's start (about a second) is part of it.
 *
 *   --events N   impressions (default 200,000)   --rounds N   (default 2)
 */
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import type { ProducedRecord } from '../../runtime/cluster.ts';
import { KafkaCluster } from '../../runtime/kafka/kafka-cluster.ts';
import { Broker } from '../kafka/broker.ts';
import { settingsOf } from '../kafka/settings.ts';
import { makeTopics } from '../kafka/small-run.ts';
import { planOf } from '../run-in-memory.ts';
import { ads60Program, writeAds60 } from './ads60-data.ts';
import { measure, type Report } from './measure.ts';

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '200000' },
    rounds: { type: 'string', default: '2' },
  },
});
const SEND_RECORDS = 5_000;
const main = path.resolve(import.meta.dirname, '../../dist/runtime/main.js');
const folder = mkdtempSync(path.join(os.tmpdir(), 'millrace-bench-kafka-'));
const files = await writeAds60(folder, Number(values.events));
const program = path.join(folder, 'ads60.feat');
writeFileSync(program, ads60Program(60));
const plan = planOf(ads60Program(60));
const broker = await Broker.start();
const cluster = new KafkaCluster(settingsOf(broker));

/** Pace of commits, seconds: every second, and none before the end. */
const cases: Readonly<Record<string, string>> = {
  'a commit a second': '1',
  'one commit in all': '86400',
};
try {
  await makeTopics(broker, plan, 'bench', 1);
  await fill('ads.impressions', files.impressions);
  await fill('ads.clicks', files.clicks);
  const best: Record<string, Report> = {};
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [name, pace] of Object.entries(cases)) {
      const report = await work(`bench-${round}-${pace}`, pace);
      if (best[name] === undefined || report.cpuSeconds < best[name].cpuSeconds) {
        best[name] = report;
      }
    }
  }
  console.log(`${files.events} events, ${os.cpus().length} cores, Node ${process.version}`);
  for (const [name, { cpuSeconds, wallSeconds, maxRssMb }] of Object.entries(best)) {
    const perCpu = Math.round(files.events / cpuSeconds);
    const perWall = Math.round(files.events / wallSeconds);
    console.log(
      `${name.padEnd(18)} ${perCpu} events/CPU s  ${perWall} events/s  ${maxRssMb.toFixed(0)} MB`,
    );
  }
  const [often, once] = Object.keys(cases).map((name) => best[name]!.cpuSeconds);
  console.log(`commits_cost: ${(often! / once!).toFixed(2)}`);
  console.log(`kafka_events_per_cpu_second: ${Math.round(files.events / often!)}`);
} finally {
  await cluster.close();
  await broker.stop();
  rmSync(folder, { recursive: true });
}
process.exit(0);

async function work(app: string, pace: string): Promise<Report> {
  await makeTopics(broker, plan, app, 1);
  return measure([
    ...[main, 'run', program, '--kafka', broker.address, '--app', app],
    ...['--until-end', '--complete', '--commit-every', pace],
    ...['--state-dir', path.join(folder, 'state')],
  ]);
}

async function fill(topic: string, file: string): Promise<void> {
  const producer = cluster.producer();
  let records: ProducedRecord[] = [];
  const send = async () => {
    await producer.send({ topic, partition: 0 }, records);
    records = [];
  };
  for await (const line of createInterface({ input: createReadStream(file) })) {
    records.push({ key: null, value: Buffer.from(line) });
    if (records.length >= SEND_RECORDS) await send();
  }
  if (records.length > 0) await send();
  await producer.close();
}
