/** Preloaded into a measured child: writes what it used to the file named by MILLRACE_BENCH_REPORT at exit. */
import { writeFileSync } from 'node:fs';

process.on('exit', () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  const report = {
    cpuSeconds: (userCPUTime + systemCPUTime) / 1e6,
    wallSeconds: process.uptime(),
    maxRssMb: maxRSS / 1024,
  };
  writeFileSync(process.env.MILLRACE_BENCH_REPORT, JSON.stringify(report));
});
