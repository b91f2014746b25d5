/**
 * npm run bench:kafka: what ads-60 takes on Kafka, with a broker on this machine. Least CPU time of several rounds, cases
 * interleaved, cold processes (a worker's start, about a second, is part of it); the broker's CPU time is beside it.
 *
 *   one worker     from JSON and from protobuf topics, exactly once, and at least once (at-least-once.mjs)
 *   two workers    of two units, against one of two units: the exchange is what they pay
 *   latency        a steady load, from an event's append to its example, committed
 *
 *   --events N   impressions (default 200,000)   --rounds N   (default 2)
 *   --per-second N   of the load (default 2,000)   --seconds N   (default 15; 0: no load)
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { placeExchange } from '../../compiler/plan/place-exchange.ts';
import { KafkaCluster } from '../../runtime/kafka/kafka-cluster.ts';
import { decodeParcels } from '../../runtime/worker/exchange-block.ts';
import { readToEnd } from '../../runtime/worker/tail-read.ts';
import { Broker } from '../kafka/broker.ts';
import { settingsOf } from '../kafka/settings.ts';
import { makeTopics } from '../kafka/small-run.ts';
import { planOf } from '../run-in-memory.ts';
import { writeAds60 } from './ads60-data.ts';
import { pacedLatency } from './kafka-latency.ts';
import { fill, type Load, programOver, SCHEMA } from './kafka-load.ts';
import { cpuSecondsOf, type Report, startMeasured } from './measure.ts';

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '200000' },
    rounds: { type: 'string', default: '2' },
    'per-second': { type: 'string', default: '2000' },
    seconds: { type: 'string', default: '15' },
  },
});
const main = path.resolve(import.meta.dirname, '../../dist/runtime/main.js');
const atLeastOnce = path.join(import.meta.dirname, 'at-least-once.mjs');
const folder = mkdtempSync(path.join(os.tmpdir(), 'millrace-bench-kafka-'));
const schema = path.join(folder, 'ads.proto');
writeFileSync(schema, SCHEMA);
const files = await writeAds60(folder, Number(values.events));
const broker = await Broker.start();
const cluster = new KafkaCluster(settingsOf(broker));

/** Workers are up and have joined. */
const START_MS = 4_000;

type Case = {
  readonly load: string;
  readonly workers: number;
  readonly units: number;
  readonly exactly: boolean;
};
/** `broker`: CPU seconds of the broker meanwhile. */
type Result = Report & { readonly broker: number; readonly app: string };

const LOADS: readonly Load[] = [
  { name: 'json', form: 'json', partitions: 1 },
  { name: 'protobuf', form: 'protobuf', partitions: 1 },
  { name: 'two', form: 'protobuf', partitions: 2 },
];
const CASES: Readonly<Record<string, Case>> = {
  'from JSON': { load: 'json', workers: 1, units: 1, exactly: true },
  'from protobuf': { load: 'protobuf', workers: 1, units: 1, exactly: true },
  'at least once': { load: 'protobuf', workers: 1, units: 1, exactly: false },
  'two units, one worker': { load: 'two', workers: 1, units: 2, exactly: true },
  'two units, two workers': { load: 'two', workers: 2, units: 2, exactly: true },
};

try {
  for (const load of LOADS) {
    await makeTopics(broker, planOf(programOver(load.name)), 'fill', load.partitions);
    await fill(cluster, files, load);
  }
  const best = await throughput();
  report(best);
  await exchange(best['two units, two workers']!.app);
  const { seconds } = values;
  const p99 = Number(seconds) > 0 ? await latency(Number(seconds)) : null;
  const exact = best['from protobuf']!;
  console.log(`kafka_events_per_cpu_second: ${Math.round(files.events / exact.cpuSeconds)}`);
  const ratio = exact.cpuSeconds / best['at least once']!.cpuSeconds;
  console.log(`exactly_once_vs_at_least_once: ${ratio.toFixed(2)}`);
  console.log(`example_latency_p99_ms: ${p99 ?? 'not measured'}`);
} finally {
  await cluster.close();
  await broker.stop();
  rmSync(folder, { recursive: true });
}
process.exit(0);

/** By case: the round of least CPU time. */
async function throughput(): Promise<Record<string, Result>> {
  const best: Record<string, Result> = {};
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [name, of] of Object.entries(CASES)) {
      const result = await work(`bench-${round}-${name.replaceAll(/[ ,]+/g, '-')}`, of);
      const before = best[name];
      if (before === undefined || result.cpuSeconds < before.cpuSeconds) best[name] = result;
    }
  }
  return best;
}

/** All workers of a case, to the end of the topics: CPU of all, wall time of the slowest. */
async function work(app: string, { load, workers, units, exactly }: Case): Promise<Result> {
  const partitions = LOADS.find(({ name }) => name === load)!.partitions;
  await makeTopics(broker, planOf(programOver(load)), app, partitions, units);
  const before = cpuSecondsOf(broker.pid);
  const form = LOADS.find(({ name }) => name === load)!.form;
  const started = Array.from({ length: workers }, (_, i) =>
    startMeasured([
      ...(exactly ? [] : ['--import', atLeastOnce]),
      ...workerArgs(app, load, `${app}-${i}`),
      ...['--until-end', '--complete', '--shards', `${units}`],
      ...(form === 'protobuf' ? protobufArgs() : []),
    ]),
  );
  const reports = await Promise.all(started.map((worker) => worker.report));
  return {
    app,
    broker: cpuSecondsOf(broker.pid) - before,
    cpuSeconds: reports.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
    wallSeconds: Math.max(...reports.map(({ wallSeconds }) => wallSeconds)),
    maxRssMb: Math.max(...reports.map(({ maxRssMb }) => maxRssMb)),
    writtenMb: reports.reduce((sum, { writtenMb }) => sum + writtenMb, 0),
  };
}

function workerArgs(app: string, load: string, state: string): string[] {
  const program = path.join(folder, `${app}.feat`);
  writeFileSync(program, programOver(load));
  return [
    ...[main, 'run', program, '--kafka', broker.address, '--app', app],
    ...['--state-dir', path.join(folder, state)],
  ];
}

function protobufArgs(): string[] {
  return [
    ...['--schema', `impression=${schema}:ads.Impression`],
    ...['--schema', `click=${schema}:ads.Click`],
  ];
}

function report(best: Readonly<Record<string, Result>>): void {
  console.log(`${files.events} events, ${os.cpus().length} cores, Node ${process.version}`);
  for (const [name, result] of Object.entries(best)) {
    const { cpuSeconds, wallSeconds, maxRssMb } = result;
    console.log(
      [
        name.padEnd(23),
        `${Math.round(files.events / cpuSeconds)} events/CPU s,`,
        `${Math.round(files.events / wallSeconds)} events/s,`,
        `workers ${cpuSeconds.toFixed(1)} CPU s, broker ${result.broker.toFixed(1)},`,
        `${wallSeconds.toFixed(1)} s, ${maxRssMb.toFixed(0)} MB`,
      ].join(' '),
    );
  }
  const [one, two] = [best['two units, one worker']!, best['two units, two workers']!];
  console.log(`two_workers_vs_one: ${(one.wallSeconds / two.wallSeconds).toFixed(2)}`);
}

/** What an application of two units sent between them. */
async function exchange(app: string): Promise<void> {
  const placed = placeExchange(planOf(programOver('two')));
  let bytes = 0;
  let entries = 0;
  for (const partition of [0, 1]) {
    await readToEnd(cluster, { topic: `${app}.exchange`, partition }, null, (value) => {
      bytes += value.length;
      for (const { sections } of decodeParcels(value, placed)) {
        entries += sections.reduce((sum, { rows }) => sum + (rows?.n ?? 0), 0);
      }
    });
  }
  console.log(`exchange_entries_per_event: ${(entries / files.events).toFixed(2)}`);
  console.log(`exchange_bytes_per_event: ${(bytes / files.events).toFixed(0)}`);
}

/** At two paces of commits, without and with a `delay` on clicks; gives the p99 without, at the default pace. */
async function latency(seconds: number): Promise<number> {
  const perSecond = Number(values['per-second']);
  let headline = Number.NaN;
  for (const pace of ['1', '0.1']) {
    const name = `paced${pace.replace('.', '')}`;
    const programs = { plain: programOver(name), delayed: delayed(programOver(name)) };
    const started = [];
    for (const [kind, program] of Object.entries(programs)) {
      const app = `${name}-${kind}`;
      await makeTopics(broker, planOf(program), app, 1);
      const args = workerArgs(app, name, app);
      writeFileSync(path.join(folder, `${app}.feat`), program);
      started.push(startMeasured([...args, '--commit-every', pace]));
    }
    await sleep(START_MS);
    const outputs = Object.keys(programs).map((kind) => `${name}-${kind}.ads60`);
    const took = await pacedLatency(cluster, { name, perSecond, seconds }, outputs);
    for (const worker of started) worker.stop();
    const reports = await Promise.all(started.map((worker) => worker.report));
    took.forEach(({ p50, p99, examples }, i) => {
      const what = Object.keys(programs)[i]!;
      const cpu = reports[i]!.cpuSeconds.toFixed(1);
      console.log(
        `${what}, a commit every ${pace} s: p50 ${p50} ms, p99 ${p99} ms of ${examples} examples, ${cpu} CPU s`,
      );
    });
    if (pace === '1') headline = took[0]!.p99;
  }
  return headline;
}

/** The same with clicks that anchors see after a second, so that they wait for none. */
function delayed(program: string): string {
  return program.replace(
    'impression_id, user_id, ad_id, campaign_id, placement : string',
    'impression_id, user_id, ad_id, campaign_id, placement : string\n  delay 1s',
  );
}
