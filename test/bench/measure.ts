import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

export type Report = { cpuSeconds: number; wallSeconds: number; maxRssMb: number };

/** CPU and wall time of a whole Node process, start-up included. Throws with what it said when it fails. */
export function measure(args: readonly string[]): Report {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'millrace-measure-'));
  const report = path.join(folder, 'report.json');
  const preload = path.join(import.meta.dirname, 'report-cpu.mjs');
  try {
    const child = spawnSync(process.execPath, ['--import', preload, ...args], {
      env: { ...process.env, MILLRACE_BENCH_REPORT: report },
      stdio: ['ignore', 'ignore', 'pipe'],
      encoding: 'utf8',
    });
    if (child.status !== 0)
      throw new Error(`${args.join(' ')} ended with ${child.status}: ${child.stderr}`);
    return JSON.parse(readFileSync(report, 'utf8'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
