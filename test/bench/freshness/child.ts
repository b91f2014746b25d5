/** One piece of work in a process of its own: a task as JSON in, its result as JSON out. */
import { type AdWorld, makeAdWorld } from './ad-world.ts';
import { type FreshnessJob, runFreshness } from './job.ts';
import { type LateLabelsJob, runLateLabels } from './late-labels.ts';
import { makeRealExamples, REAL_DATA } from './real-data.ts';

export type Task =
  | { readonly kind: 'world'; readonly folder: string; readonly world: AdWorld }
  | { readonly kind: 'real'; readonly folder: string; readonly data: string }
  | { readonly kind: 'line'; readonly job: FreshnessJob }
  | { readonly kind: 'late'; readonly job: LateLabelsJob };

const task = JSON.parse(process.argv.at(-1)!) as Task;
const started = process.cpuUsage();
const result = await done(task);
const { user, system } = process.cpuUsage(started);
process.stdout.write(`\n${JSON.stringify({ result, cpuSeconds: (user + system) / 1e6 })}\n`);

async function done(of: Task): Promise<unknown> {
  switch (of.kind) {
    case 'world':
      return makeAdWorld(of.folder, of.world);
    case 'real':
      return makeRealExamples(of.folder, REAL_DATA.find(({ folder }) => folder === of.data)!);
    case 'line':
      return runFreshness(of.job);
    case 'late':
      return runLateLabels(of.job);
  }
}
