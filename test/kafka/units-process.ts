/** A worker of the small application of several units as a process of its own, to be killed: ADDRESS APP UNITS [SNAPSHOTS]. */
import { smallPlan } from '../worker/small-app.ts';
import { snapshotsIn, startWorkerAt } from './small-run.ts';

// Behind Node and vite-node.
const [address, app, units, snapshots] = process.argv.slice(2) as [string, string, string, string?];
const say = (event: string, facts: object = {}) =>
  process.stdout.write(`${Date.now()} ${event} ${JSON.stringify(facts)}\n`);
const worker = startWorkerAt(address, smallPlan(units === '1'), app, {
  ...{ units: Number(units), say, untilEnd: false, complete: false },
  ...(snapshots === undefined ? {} : { snapshotsOf: snapshotsIn(snapshots) }),
});
process.on('SIGTERM', () => {
  worker.stop.requested = true;
});
say('started');
worker.ended.then(
  (how) => {
    say('ended', { how });
    process.exit(0);
  },
  (error) => {
    say('failed', { error: String(error.stack) });
    process.exit(1);
  },
);
