/**
 * npm run bench:freshness: does freshness pay? Drifting worlds of ad traffic, simulated and run through the engine; models
 * trained on what it emits, and every audited anchor scored by the model published when it was shown, judged by its final
 * label (freshness/prequential.ts). Publish intervals, a batch a day against online, FTRL against DeepFM against DCN-v2,
 * single heads against ESMM, ids alone against fresh counters; label policies with the deep model; JD and Open Bandit where
 * their data lie beside the repository. Pieces run one at a time, each in a process of its own, at low priority.
 *
 *   --seeds N   worlds (default 3)   --quick   one small world: to see that it runs, not for figures
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { type AdWorld, PROGRAM } from './freshness/ad-world.ts';
import type { Task } from './freshness/child.ts';
import type { FreshnessJob, FreshnessResult } from './freshness/job.ts';
import type { LateLabelsResult } from './freshness/late-labels.ts';
import { hasRealData, programOf, REAL_DATA } from './freshness/real-data.ts';
import { type Line, type RealResult, renderFreshness } from './freshness/report.ts';

const { values } = parseArgs({
  args: process.argv.slice(2).filter((text) => text !== '--' && !text.endsWith('freshness.ts')),
  options: {
    seeds: { type: 'string', default: '3' },
    quick: { type: 'boolean', default: false },
  },
});
const seeds = values.quick ? 1 : Number(values.seeds);
const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2026, 0, 5);
const root = path.resolve(import.meta.dirname, '../..');
/** Days before the measured ones, and with them. */
const PRETRAINED = values.quick ? 1 : 2;
const DAYS = values.quick ? 2 : 5;
const IMPRESSIONS_A_DAY = values.quick ? 12_000 : 40_000;

const work = mkdtempSync(path.join(os.tmpdir(), 'millrace-freshness-'));
let cpuSeconds = 0;
try {
  const lines: Line[] = [];
  const late: LateLabelsResult[] = [];
  for (let seed = 1; seed <= seeds; seed++) {
    lines.push(...(await linesOf(seed, 'fast')), ...(await linesOf(seed, 'slow')));
    const size = values.quick
      ? { clicksADay: 300, startDay: 35, days: 1 }
      : { clicksADay: 2_000, startDay: 45, days: 8 };
    late.push((await run({ kind: 'late', job: { seed, ...size } })) as LateLabelsResult);
  }
  const report = renderFreshness(lines, late, await realResults());
  const size = `${seeds} worlds of ${IMPRESSIONS_A_DAY} impressions a day: ${PRETRAINED} days before, ${DAYS - PRETRAINED} measured`;
  process.stdout.write(
    `${size}; ${Math.round(cpuSeconds)} s of CPU time\n\n${report.join('\n')}\n`,
  );
} finally {
  rmSync(work, { recursive: true });
}

async function linesOf(seed: number, pace: AdWorld['pace']): Promise<Line[]> {
  const folder = path.join(work, `${pace}-${seed}`);
  const world = { seed, days: DAYS, impressionsADay: IMPRESSIONS_A_DAY, pace };
  await run({ kind: 'world', folder: made(folder), world });
  const range = { from: START_MS + PRETRAINED * DAY_MS, to: START_MS + DAYS * DAY_MS };
  const of = { folder, program: PROGRAM, ...range, batchMs: null, resample: false };
  const esmm = 'esmm(clicked -> purchased)';
  const all: Record<string, FreshnessJob> = {
    'DCN-v2, ESMM': { ...of, model: modelText('ids', 'dcn(cross: 2, deep: [32, 16])', esmm) },
    'DCN-v2, ESMM, batch': {
      ...{ ...of, model: modelText('ids', 'dcn(cross: 2, deep: [32, 16])', esmm) },
      batchMs: 2 * DAY_MS,
    },
    'DeepFM, ESMM': { ...of, model: modelText('ids', 'deepfm(deep: [32, 16])', esmm) },
    'DCN-v2, clicked': {
      ...{ ...of, model: modelText('ids', 'dcn(cross: 2, deep: [32, 16])', 'single(clicked)') },
    },
    'DCN-v2, purchased': {
      ...{ ...of, model: modelText('ids', 'dcn(cross: 2, deep: [32, 16])', 'single(purchased)') },
    },
    'DCN-v2, counters': {
      ...of,
      model: modelText('counters', 'dcn(cross: 2, deep: [32, 16])', 'single(clicked)'),
    },
  };
  const jobs = pace === 'fast' ? all : { 'DCN-v2, clicked': all['DCN-v2, clicked']! };
  const lines: Line[] = [];
  for (const [name, job] of Object.entries(jobs)) {
    const { lines: measured } = (await run({ kind: 'line', job })) as FreshnessResult;
    lines.push({ name, pace, seed, measured });
  }
  rmSync(folder, { recursive: true });
  return lines;
}

async function realResults(): Promise<RealResult[]> {
  const results: RealResult[] = [];
  for (const data of REAL_DATA) {
    const { title, measured, model } = data;
    if (!hasRealData(data)) {
      process.stdout.write(`${title}: left out, its data are not at hand\n`);
      continue;
    }
    const folder = made(path.join(work, data.folder));
    await run({ kind: 'real', folder, data: data.folder });
    const job = { folder, program: programOf(data), model, ...measured };
    const task = { kind: 'line', job: { ...job, batchMs: null, resample: true } } as const;
    const { lines } = (await run(task)) as FreshnessResult;
    results.push({ title, measured: lines });
  }
  return results;
}

function modelText(set: string, net: string, heads: string): string {
  return `
model m from ${set} {
  embed user_id, ad_id, campaign_id, advertiser_id, placement dim 8
  net ${net}
  heads ${heads}
  batch 64; admit 1
}
`;
}

function made(folder: string): string {
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** A child's result; at low priority, so that a bench beside others' work is a guest. */
function run(task: Task): Promise<unknown> {
  const child = path.join(import.meta.dirname, 'freshness/child.ts');
  const runner = path.join(root, 'node_modules/vite-node/vite-node.mjs');
  const args = ['-n', '10', process.execPath, runner, child, '--', JSON.stringify(task)];
  const process_ = spawn('nice', args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  process_.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  return new Promise((resolve, reject) => {
    process_.on('error', reject);
    process_.on('close', (code) => {
      if (code !== 0) return reject(new Error(`${task.kind} ended with ${code}`));
      const said: { result: unknown; cpuSeconds: number } = JSON.parse(
        text.trimEnd().split('\n').at(-1)!,
      );
      cpuSeconds += said.cpuSeconds;
      resolve(said.result);
    });
  });
}
