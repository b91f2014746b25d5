/**
 * npm run bench:workloads: ads-60 made harder, one thing at a time, through the command line in cold processes: windows that
 * expire, labels, a user with a fifth of all events, more keys than memory, two shards, exact windows. Sampled examples of each
 * are compared with a brute-force oracle before anything is measured. CPU time of whole processes, the least of several
 * rounds, rounds interleaved; ratios are what to follow.
 *
 *   --events N   impressions (default 300,000)   --rounds N   (default 2)   --only NAME,…
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { readExamplesOf } from '../../../runtime/examples.ts';
import { type Ads60Files, type Ads60Shape, ads60Program, writeAds60 } from '../ads60-data.ts';
import { measure, type Report } from '../measure.ts';
import { Oracle } from './oracle.ts';

type Workload = {
  readonly name: string;
  readonly shape: Partial<Ads60Shape>;
  readonly program: string;
  readonly flags: readonly string[];
};

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '300000' },
    rounds: { type: 'string', default: '2' },
    only: { type: 'string' },
  },
});
/** The oracle reads every event for each value of so many examples. */
const SAMPLE = 40;
const HOPS = ads60Program(60);
const EXACT = ads60Program(60, '[5m, 1h, 24h] exact');
/** Every user is met a few times, and state takes many times that memory. */
const WIDE: Partial<Ads60Shape> = { evenUsers: Number(values.events) };
const SMALL_MEMORY_MB = Math.max(16, Math.round(Number(values.events) / 12_000));
const WORKLOADS: readonly Workload[] = [
  { name: 'exact windows', shape: {}, program: EXACT, flags: [] },
  { name: 'hops', shape: {}, program: HOPS, flags: [] },
  { name: 'two shards', shape: {}, program: HOPS, flags: ['--shards', '2'] },
  { name: 'three days', shape: { days: 3 }, program: EXACT, flags: [] },
  { name: 'labels', shape: { conversions: 0.3 }, program: labelled(EXACT), flags: ['--complete'] },
  { name: 'skewed', shape: { hotUser: 0.2 }, program: EXACT, flags: [] },
  { name: 'wide', shape: WIDE, program: EXACT, flags: [] },
  {
    name: 'wide, little memory',
    shape: WIDE,
    program: EXACT,
    flags: ['--state-memory', String(SMALL_MEMORY_MB)],
  },
];

const main = path.resolve(import.meta.dirname, '../../../dist/runtime/main.js');
const parse = path.join(import.meta.dirname, '../reference-parse.mjs');
const folder = path.join(os.tmpdir(), 'millrace-workloads');
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

const chosen = WORKLOADS.filter(
  ({ name }) => values.only === undefined || values.only.split(',').some((n) => name.includes(n)),
);
const data = new Map<string, Ads60Files>();
for (const { shape } of chosen) {
  const key = JSON.stringify(shape);
  if (!data.has(key)) {
    const to = path.join(folder, `data-${data.size}`);
    data.set(key, await writeAds60(to, Number(values.events), shape));
  }
}
for (const workload of chosen) {
  run(workload);
  if (workload.program !== HOPS) await check(workload);
}
const best = new Map<string, { readonly run: Report; readonly parse: Report }>();
for (let round = 0; round < Number(values.rounds); round++) {
  for (const workload of chosen) {
    const now = { run: run(workload), parse: parsed(workload) };
    const old = best.get(workload.name) ?? now;
    best.set(workload.name, { run: less(now.run, old.run), parse: less(now.parse, old.parse) });
  }
}
report();

function report(): void {
  console.log(`${values.events} impressions, ${os.cpus().length} cores, Node ${process.version}\n`);
  console.log('| workload | CPU µs/event | × `JSON.parse` | events/s (wall) | GB |');
  console.log('|---|---|---|---|---|');
  for (const workload of chosen) {
    const { events } = filesOf(workload);
    const { run: ours, parse: theirs } = best.get(workload.name)!;
    const micros = ((ours.cpuSeconds * 1e6) / events).toFixed(2);
    const times = (ours.cpuSeconds / theirs.cpuSeconds).toFixed(2);
    const rate = Math.round(events / ours.wallSeconds / 1000);
    const gigabytes = (ours.maxRssMb / 1000).toFixed(2);
    console.log(`| ${workload.name} | ${micros} | ${times} | ${rate} k | ${gigabytes} |`);
  }
  console.log();
  ratio('exact_vs_hop', 'exact windows', 'hops', 'cpuSeconds');
  ratio('two_shards_vs_one', 'hops', 'two shards', 'wallSeconds');
  ratio('over_budget_vs_in_memory', 'wide', 'wide, little memory', 'cpuSeconds');
}

function ratio(name: string, a: string, b: string, of: 'cpuSeconds' | 'wallSeconds'): void {
  const [over, under] = [best.get(a), best.get(b)];
  if (over !== undefined && under !== undefined) {
    console.log(`${name}: ${(over.run[of] / under.run[of]).toFixed(2)}`);
  }
}

function less(a: Report, b: Report): Report {
  return a.cpuSeconds < b.cpuSeconds ? a : b;
}

function filesOf({ shape }: Workload): Ads60Files {
  return data.get(JSON.stringify(shape))!;
}

function inputsOf(workload: Workload): [string, string][] {
  const { impressions, clicks, conversions } = filesOf(workload);
  const inputs: [string, string][] = [
    ['impression', impressions],
    ['click', clicks],
  ];
  return workload.shape.conversions === undefined
    ? inputs
    : [...inputs, ['conversion', conversions]];
}

function parsed(workload: Workload): Report {
  return measure([parse, ...inputsOf(workload).map(([, file]) => file)]);
}

function run(workload: Workload): Report {
  const { name, program, flags } = workload;
  const file = path.join(folder, `${name.replaceAll(/\W+/g, '-')}.feat`);
  writeFileSync(file, program);
  const to = path.join(folder, 'out');
  rmSync(to, { recursive: true, force: true });
  const from = inputsOf(workload).flatMap(([stream, input]) => ['--from', `${stream}=${input}`]);
  return measure([main, 'run', file, ...from, '--to', to, '--format', 'block', ...flags]);
}

/** Compares some examples of the last run with the oracle; throws at the first that is wrong, or if some are missing. */
async function check(workload: Workload): Promise<void> {
  const oracle = new Oracle(filesOf(workload));
  const every = Math.ceil(oracle.impressions / SAMPLE);
  let at = 0;
  const seen = new Set<string>();
  for await (const example of readExamplesOf(path.join(folder, 'out'))) {
    seen.add(example.id);
    const wrong = at++ % every === every - 1 ? oracle.wrong(example) : null;
    if (wrong !== null) throw new Error(`${workload.name}: ${wrong}`);
  }
  if (seen.size !== oracle.impressions) {
    throw new Error(`${workload.name}: ${seen.size} of ${oracle.impressions} impressions came out`);
  }
}

/** The program with a click within half an hour and a conversion within a week as labels. */
function labelled(program: string): string {
  const stream = `stream conversion from "ads.conversions" {
  id   order_id : string
  time ts       : timestamp
  impression_id : string
}

label clicked = click on impression_id within 30m
label bought  = conversion on impression_id within 7d

examples ads60`;
  const labels = '\n  label clicked wait horizon\n  label bought wait horizon\n}\n';
  return program.replace('examples ads60', stream).replace(/\n\}\n$/, labels);
}
