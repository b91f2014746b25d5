/**
 * npm run bench: ads-60 through the command line in cold processes, state in RocksDB, examples as blocks, beside two
 * references in the same run. Every figure is the least CPU time of several rounds, rounds interleaved, so that what
 * else the machine does falls on all alike. Ratios are what to follow; absolute times are this machine's.
 *
 *   --events N   impressions (default 1,000,000)   --rounds N   (default 3)   --profile   stages of one run, and nothing else
 */
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ads60Program, writeAds60 } from './ads60-data.ts';
import { measure, type Report } from './measure.ts';
import { stagesText } from './stages.ts';

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '3' },
    profile: { type: 'boolean', default: false },
  },
});
const root = path.resolve(import.meta.dirname, '../..');
const folder = path.join(os.tmpdir(), 'millrace-bench');
const main = path.join(root, 'dist/runtime/main.js');

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const files = await writeAds60(folder, Number(values.events));
const inputs = [files.impressions, files.clicks];
const fromFiles = [`impression=${files.impressions}`, `click=${files.clicks}`];
const logs = path.join(folder, 'log');
const fromLogs = [`impression=log:${logs}`, `click=log:${logs}`];
const programs = {
  12: program('ads12', ads60Program(12)),
  60: program('ads60', ads60Program(60)),
  exact: program('ads60-exact', ads60Program(60, '[5m, 1h, 24h] exact')),
};
if (values.profile) {
  console.log(stagesText(command(programs[60], fromFiles), files.events));
  process.exit(0);
}
measure([main, 'ingest', programs[60], ...fromFlags(fromFiles), '--to', logs]);

const cases: Record<string, () => Report> = {
  'read the bytes': () =>
    measure([path.join(import.meta.dirname, 'reference-read.mjs'), ...inputs]),
  'JSON.parse': () => measure([path.join(import.meta.dirname, 'reference-parse.mjs'), ...inputs]),
  'ads-60 from NDJSON': () => run(programs[60], fromFiles),
  'ads-60 from the log': () => run(programs[60], fromLogs),
  'ads-12 from NDJSON': () => run(programs[12], fromFiles),
  'ads-60 exact windows': () => run(programs.exact, fromFiles),
};
const best: Record<string, Report> = {};
for (let round = 0; round < Number(values.rounds); round++) {
  for (const [name, execute] of Object.entries(cases)) {
    const report = execute();
    if (best[name] === undefined || report.cpuSeconds < best[name].cpuSeconds) best[name] = report;
  }
}

const output = path.join(folder, 'out');
console.log(`${files.events} events, ${os.cpus().length} cores, Node ${process.version}`);
for (const [name, { cpuSeconds, wallSeconds, maxRssMb }] of Object.entries(best)) {
  const ns = Math.round((cpuSeconds * 1e9) / files.events);
  const rate = Math.round(files.events / wallSeconds);
  console.log(
    `${name.padEnd(22)} ${String(ns).padStart(6)} ns/event CPU ${String(rate).padStart(9)} events/s ${maxRssMb.toFixed(0).padStart(6)} MB`,
  );
}
console.log(`examples ${megabytes(path.join(output, 'ads60.block'))} MB`);
const ratio = (a: string, b: string) => (best[a]!.cpuSeconds / best[b]!.cpuSeconds).toFixed(2);
console.log(`ads60_vs_json_parse: ${ratio('ads-60 from NDJSON', 'JSON.parse')}`);
console.log(`ads60_binary_vs_json_parse: ${ratio('ads-60 from the log', 'JSON.parse')}`);
console.log(`features_60_vs_12: ${ratio('ads-60 from NDJSON', 'ads-12 from NDJSON')}`);

function program(name: string, text: string): string {
  const file = path.join(folder, `${name}.feat`);
  writeFileSync(file, text);
  return file;
}

function fromFlags(from: readonly string[]): string[] {
  return from.flatMap((each) => ['--from', each]);
}

function run(file: string, from: readonly string[]): Report {
  return measure(command(file, from));
}

/** Arguments of a run from nothing. */
function command(file: string, from: readonly string[]): string[] {
  const to = path.join(folder, 'out');
  rmSync(to, { recursive: true, force: true });
  return [main, 'run', file, ...fromFlags(from), '--to', to, '--format', 'block'];
}

function megabytes(file: string): string {
  return (statSync(file).size / 1e6).toFixed(0);
}
