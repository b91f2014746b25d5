/**
 * npm run bench:scale: what an event costs as features, keys, files and shards grow, and what a checkpoint costs and saves.
 * CPU time of whole cold processes over N events less that over half as many is what the second half cost: start-up and
 * compilation are not in it. A linear model is fitted to that, and from it follow the machines for ten billion impressions a day.
 *
 *    --events N   impressions (default 300,000; twice as many where keys grow)   --rounds N   (default 2; the least counts)
 *    --quick      one round, fewer points
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { type Ads60Files, ads60Program, writeAds60 } from '../ads60-data.ts';
import { cpuSecondsOf, measure, type Report, startMeasured } from '../measure.ts';
import { leastSquares, predict } from './fit.ts';
import { manyFiles, oneFile, type Programs, STREAMS } from './scale-programs.ts';

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '300000' },
    rounds: { type: 'string', default: '2' },
    quick: { type: 'boolean', default: false },
  },
});
const { quick } = values;
const events = Number(values.events);
const rounds = quick ? 1 : Number(values.rounds);
const FEATURES = quick ? [10, 60, 250] : [10, 20, 60, 120, 250, 500];
const FILES = quick ? [5, 20] : [5, 10, 20];
const KEYS = quick ? [10_000, 1_000_000] : [10_000, 100_000, 1_000_000];
const SHARDS = quick ? [1, 4] : [1, 2, 4, 8];
/** The last is never: a run takes some seconds. */
const CHECKPOINT_SECONDS = quick ? [1, 60] : [0.5, 1, 2, 60];
/** Where checkpoints are measured: a run must be longer than most intervals. */
const LONG = 3;

/** What the scale is asked for, and of what machines. */
const IMPRESSIONS_A_DAY = 10e9;
const PEAK_OVER_MEAN = 2;
const BUSY_SHARE_MAX = 0.6;
const CORES_A_MACHINE = 16;

type Point = { readonly name: string; readonly terms: readonly number[]; readonly micros: number };

const folder = mkdtempSync(path.join(os.tmpdir(), 'millrace-scale-'));
const main = path.resolve(import.meta.dirname, '../../../dist/runtime/main.js');
const doublings = (keys: number) => Math.log2(keys / 10_000);

console.log(`${events} impressions, ${os.cpus().length} cores, Node ${process.version}\n`);
const data = await pair('zipf', events, {});
const points: Point[] = [];
console.log(
  '| features a file | files | users | distinct features | values emitted | CPU µs/event, whole run | of its second half |',
);
console.log('|---|---|---|---|---|---|---|');
for (const features of FEATURES) add(oneFile(features), data, 'Zipf');
for (const files of FILES) add(manyFiles(files), data, 'Zipf');
for (const keys of KEYS) {
  add(oneFile(20), await pair(`even-${keys}`, 2 * events, { evenUsers: keys }), keys);
}
const { r2, cores } = machines();
shards();
const { lost, written } = await checkpoints();
rmSync(folder, { recursive: true });
console.log(
  [
    `cost_model_r2: ${r2.toFixed(3)}`,
    `cores_for_10b_a_day: ${cores.toFixed(1)}`,
    `kill_cpu_seconds_at_1s: ${lost.toFixed(2)}`,
    `bytes_written_per_event_at_1s: ${Math.round(written)}`,
  ].join('\n'),
);

type Pair = { readonly whole: Ads60Files; readonly half: Ads60Files };

/** Inputs of the same kind: one is half as dense. */
async function pair(
  name: string,
  impressions: number,
  shape: { readonly evenUsers?: number },
): Promise<Pair> {
  const write = (n: number, part: string) => writeAds60(path.join(folder, name, part), n, shape);
  return {
    whole: await write(impressions, 'whole'),
    half: await write(impressions / 2, 'half'),
  };
}

function add(programs: Programs, { whole, half }: Pair, users: number | 'Zipf'): void {
  const paths = write(programs.texts);
  const { distinct, emitted, texts } = programs;
  const [all, first] = [whole, half].map((files) => leastOf(() => run(paths, files)).cpuSeconds);
  const own = ((all - first) * 1e6) / (whole.events - half.events);
  // Zipf's are about ten thousand. Of users who are equally often there, not all are met.
  const met = users === 'Zipf' ? 10_000 : users * (1 - Math.exp(-whole.events / users));
  const name = `${distinct} features, ${texts.length} files, ${users} users`;
  points.push({ name, terms: [1, distinct, emitted, doublings(met)], micros: own });
  const costs = [(all * 1e6) / whole.events, own].map((each) => each.toFixed(2));
  const cells = [emitted / texts.length, texts.length, users, distinct, emitted, ...costs];
  console.log(`| ${cells.join(' | ')} |`);
}

/** The model, and the arithmetic from it to machines. */
function machines(): { readonly r2: number; readonly cores: number } {
  const rows = points.map(({ terms }) => terms);
  const { coefficients, r2, worst } = leastSquares(
    rows,
    points.map(({ micros }) => micros),
  );
  const [base, distinct, emitted, doubling] = coefficients.map((each) => each.toFixed(3));
  console.log(
    `\nCPU µs/event = ${base} + ${distinct} × distinct features + ${emitted} × values emitted + ${doubling} × log2(users met / 10,000)`,
  );
  console.log(
    `R² ${r2.toFixed(3)}; worst residual ${(worst.error * 100).toFixed(0)} % (${points[worst.at]!.name})`,
  );
  const micros = predict(coefficients, [1, 60, 60, doublings(1_000_000)]);
  const rate = (IMPRESSIONS_A_DAY / 86_400) * (data.whole.events / events);
  const cores = (rate * PEAK_OVER_MEAN * micros) / 1e6 / BUSY_SHARE_MAX;
  console.log(
    [
      `${IMPRESSIONS_A_DAY / 1e9} billion impressions a day and their clicks are ${Math.round(rate)} events/s in the mean,`,
      `× ${PEAK_OVER_MEAN} at peak, × ${micros.toFixed(1)} µs (60 features of files in one process, a million users: beyond the users met here, so extrapolated) = ${((rate * PEAK_OVER_MEAN * micros) / 1e6).toFixed(1)} cores busy;`,
      `at ${BUSY_SHARE_MAX * 100} % busy ${cores.toFixed(1)} cores, which is ${Math.ceil(cores / CORES_A_MACHINE)} machine(s) of ${CORES_A_MACHINE}.`,
    ].join('\n'),
  );
  return { r2, cores };
}

/** One process and one thread: what cutting the state costs, not what more cores give. */
function shards(): void {
  const paths = write([ads60Program(60)], '');
  console.log('\n| shards in one process | CPU µs/event | wall s |');
  console.log('|---|---|---|');
  for (const n of SHARDS) {
    const used = leastOf(() => run(paths, data.whole, ['--shards', String(n)]));
    console.log(`| ${n} | ${micros(used.cpuSeconds)} | ${used.wallSeconds.toFixed(1)} |`);
  }
}

/**
 * Killed when it has used 70 % of the CPU time of an undisturbed run, then run again to its end: what both took beyond the
 * undisturbed one is what the kill cost, start-up and compilation included. Given: of the runs with a checkpoint a second.
 */
async function checkpoints(): Promise<{ readonly lost: number; readonly written: number }> {
  const paths = write([ads60Program(60)], '');
  const { whole } = await pair('long', LONG * events, {});
  const of1 = { lost: Number.NaN, written: Number.NaN };
  console.log('\n| checkpoint every | CPU µs/event | bytes written/event | CPU s lost by a kill |');
  console.log('|---|---|---|---|');
  for (const seconds of CHECKPOINT_SECONDS) {
    const flags = ['--checkpoint-every', String(seconds)];
    const undisturbed = leastOf(() => run(paths, whole, flags));
    const before = await killed(command(paths, whole, flags), 0.7 * undisturbed.cpuSeconds);
    const after = measure(command(paths, whole, flags)).cpuSeconds;
    const written = (undisturbed.writtenMb * 1e6) / whole.events;
    const lost = before + after - undisturbed.cpuSeconds;
    if (seconds === 1) Object.assign(of1, { lost, written });
    const cost = ((undisturbed.cpuSeconds * 1e6) / whole.events).toFixed(2);
    console.log(`| ${seconds} s | ${cost} | ${Math.round(written)} | ${lost.toFixed(1)} |`);
  }
  return of1;
}

/** CPU seconds of a run from nothing when it was killed. */
async function killed(args: readonly string[], at: number): Promise<number> {
  rmSync(path.join(folder, 'out'), { recursive: true, force: true });
  const { pid, report, kill } = startMeasured(args);
  const ended = report.then(
    () => 'ended',
    () => 'killed',
  );
  for (;;) {
    const used = cpuSecondsOf(pid);
    if (used >= at) {
      kill();
      if ((await ended) === 'ended') throw new Error('the run ended before it was killed');
      return used;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function micros(seconds: number): string {
  return ((seconds * 1e6) / data.whole.events).toFixed(2);
}

function leastOf(execute: () => Report): Report {
  let least = execute();
  for (let round = 1; round < rounds; round++) {
    const now = execute();
    if (now.cpuSeconds < least.cpuSeconds) least = now;
  }
  return least;
}

function write(texts: readonly string[], streams = STREAMS): string[] {
  return [streams, ...texts].flatMap((text, i) => {
    if (text === '') return [];
    const file = path.join(folder, `program-${i}.feat`);
    writeFileSync(file, text);
    return [file];
  });
}

function run(paths: readonly string[], files: Ads60Files, flags: readonly string[] = []): Report {
  rmSync(path.join(folder, 'out'), { recursive: true, force: true });
  return measure(command(paths, files, flags));
}

function command(
  paths: readonly string[],
  files: Ads60Files,
  flags: readonly string[],
): readonly string[] {
  const to = ['--to', path.join(folder, 'out'), '--format', 'block', '--quiet'];
  const from = ['--from', `impression=${files.impressions}`, '--from', `click=${files.clicks}`];
  return [main, 'run', ...paths, ...to, ...from, ...flags];
}
