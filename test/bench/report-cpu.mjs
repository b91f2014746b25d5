/** Preloaded into a measured child: writes what it used to the file named by MILLRACE_BENCH_REPORT at exit. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

process.on('exit', () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  const report = {
    cpuSeconds: (userCPUTime + systemCPUTime) / 1e6,
    wallSeconds: process.uptime(),
    maxRssMb: maxRSS / 1024,
    writtenMb: written() / 1e6,
  };
  writeFileSync(process.env.MILLRACE_BENCH_REPORT, JSON.stringify(report));
});

/** Bytes handed to disks, as Linux counts them; NaN elsewhere. */
function written() {
  const io = '/proc/self/io';
  const line = existsSync(io) ? /^write_bytes: (\d+)$/m.exec(readFileSync(io, 'utf8')) : null;
  return line === null ? Number.NaN : Number(line[1]);
}
