/**
 * npm run bench:labels: label policies and their weights, measured. One program declares every policy over one join
 * (labels/program.ts); the engine runs it on a world whose conversions come late and whose rates drift (labels/click-world.ts);
 * a logistic model per policy is pre-trained, then trains on each past hour and is tested on the next (labels/contest.ts).
 * AUC, PR-AUC, NLL and calibration (observed / expected) are of the audit rows: scored when shown, joined with the final label. `of
 * truth` is calibration against the world's own probabilities. NLL gap: 0 is vanilla, 1 the oracle. RI-AUC: 0 is
 * pre-trained, 1 the oracle.
 *
 *   --seeds N   worlds (default 5)   --clicks N   a day (default 4,000)   --jobs N   at a time (default 2)
 */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { ContestOptions, ContestResult } from './labels/contest.ts';
import { renderContest } from './labels/report.ts';

const { values } = parseArgs({
  args: process.argv.slice(2).filter((text) => text !== '--' && !text.endsWith('labels.ts')),
  options: {
    seeds: { type: 'string', default: '5' },
    clicks: { type: 'string', default: '4000' },
    jobs: { type: 'string', default: '2' },
  },
});
const root = path.resolve(import.meta.dirname, '../..');
const START_DAY = 45;
const DAYS = 10;

const startedAt = performance.now();
const waiting = Array.from({ length: Number(values.seeds) }, (_, i) => i + 1);
const results: ContestResult[] = [];
await Promise.all(Array.from({ length: Number(values.jobs) }, worker));
const [{ audited, rows }] = results as [ContestResult];
const seconds = Math.round((performance.now() - startedAt) / 1000);
const thousand = (count: number) => `${Math.round(count / 1000)} k`;
console.log(
  `${values.seeds} worlds of ${values.clicks} clicks a day; each: ${thousand(rows)} rows read, ${thousand(audited)} audited clicks over ${DAYS} measured days, 95 % intervals; ${seconds} s\n`,
);
console.log(renderContest(results).join('\n'));

async function worker(): Promise<void> {
  for (let seed = waiting.shift(); seed !== undefined; seed = waiting.shift()) {
    const options = { seed, clicksPerDay: Number(values.clicks), startDay: START_DAY, days: DAYS };
    results[seed - 1] = await contestOf(options);
  }
}

function contestOf(options: ContestOptions): Promise<ContestResult> {
  const child = path.join(import.meta.dirname, 'labels/contest-child.ts');
  const runner = path.join(root, 'node_modules/vite-node/vite-node.mjs');
  const process_ = spawn(process.execPath, [runner, child, '--', JSON.stringify(options)], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  process_.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  return new Promise((resolve, reject) => {
    process_.on('error', reject);
    process_.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(text) as ContestResult);
      else reject(new Error(`seed ${options.seed} ended with ${code}`));
    });
  });
}
