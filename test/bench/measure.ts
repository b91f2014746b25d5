import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

export type Report = {
  cpuSeconds: number;
  wallSeconds: number;
  maxRssMb: number;
  /** Written to disks; NaN where the system does not say. */
  writtenMb: number;
};

const PRELOAD = path.join(import.meta.dirname, 'report-cpu.mjs');

/** CPU and wall time of a whole Node process, start-up included. Throws with what it said when it fails. */
export function measure(args: readonly string[]): Report {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'millrace-measure-'));
  const report = path.join(folder, 'report.json');
  try {
    const child = spawnSync(process.execPath, ['--import', PRELOAD, ...args], {
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

/** The same beside others; `stop` lets it drain, `kill` does not. */
export function startMeasured(args: readonly string[]): {
  readonly report: Promise<Report>;
  readonly stop: () => void;
  readonly kill: () => void;
  readonly pid: number;
} {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'millrace-measure-'));
  const file = path.join(folder, 'report.json');
  const child = spawn(process.execPath, ['--import', PRELOAD, ...args], {
    env: { ...process.env, MILLRACE_BENCH_REPORT: file },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  let said = '';
  child.stderr.on('data', (bytes) => {
    said = `${said}${bytes}`.slice(-4_000);
  });
  const report = new Promise<Report>((resolve, reject) => {
    child.once('exit', (code) => {
      process.off('exit', kill);
      if (code === 0) resolve(JSON.parse(readFileSync(file, 'utf8')));
      else reject(new Error(`${args.join(' ')} ended with ${code}: ${said}`));
      rmSync(folder, { recursive: true });
    });
  });
  return { report, stop: () => child.kill('SIGTERM'), kill, pid: child.pid! };
}

/** CPU seconds of a running process so far, as Linux counts them (in hundredths). */
export function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field is a name in brackets, which may have spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
