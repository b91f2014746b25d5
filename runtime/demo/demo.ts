/** `millrace demo`: simulated ad traffic through log, engine, state and trainer, and what came of it. */
import { join } from 'node:path';
import type { ExamplePlan } from '../../compiler/plan/plan.ts';
import { assert } from '../../operators/assert.ts';
import { type RunFlags, runPlan } from '../command/run-command.ts';
import { BUFFER_BYTES, CHECKPOINT_EVERY_MS, COMMIT_EVERY_MS } from '../config.ts';
import type { Console } from '../console-output.ts';
import { disk } from '../files.ts';
import { ownCommand, packageFile, shownPath } from '../own-command.ts';
import { compileProgram, readProgram } from '../program-files.ts';
import { FolderLock } from '../run/folder-lock.ts';
import type { Manifest } from '../run/manifest.ts';
import type { TrafficSummary } from '../simulator/ad-traffic.ts';
import { readTruth } from '../simulator/truth.ts';
import { sinkName } from '../sink/sink.ts';
import { parseInputs } from '../source/inputs.ts';
import { stateBytesDefault } from '../store/state-memory.ts';
import { grouped } from '../text-table.ts';
import { DemoDeep } from './demo-deep.ts';
import {
  claimDemo,
  type DemoConfig,
  type DemoPlaces,
  type DemoStage,
  demoPlaces,
  saveStage,
} from './demo-folder.ts';
import {
  type DemoSummary,
  renderSummary,
  type SummaryCount,
  type SummaryStep,
} from './demo-summary.ts';
import { fillLog, logInputs, makeTraffic, readTraffic, trafficInputs } from './demo-traffic.ts';
import { DemoTrainer } from './demo-trainer.ts';

export type DemoFlags = DemoConfig & {
  readonly to: string;
  readonly fresh: boolean;
  readonly quiet: boolean;
  /** HOST:PORT[,…]: through topics instead of files; `app` is set then. */
  readonly kafka: string | undefined;
};

/** Runs the demo, or the rest of it, in its folder; gives the exit code. Throws Fault. */
export async function demoCommand(flags: DemoFlags, out: Console): Promise<number> {
  const startedAt = performance.now();
  const places = demoPlaces(flags.to);
  const lock = await FolderLock.take(flags.to);
  try {
    const stage = await claimDemo(places, flags, flags.fresh);
    if (stage === 'done') {
      out.print(await readText(places.summary));
      out.error(`\n${flags.to} is done already: this is its summary. (--fresh makes it again.)`);
      return 0;
    }
    const demo = { places, flags, out, program: packageFile('features/ads.feat') };
    if (flags.kafka !== undefined) return await onKafka(demo, flags.kafka, stage ?? 'started');
    const { traffic, code } = await makeInputs(demo, stage ?? 'started');
    if (code !== 0) return code;
    const summary = await runDemo(demo, traffic);
    if (typeof summary === 'number') return summary;
    const elapsedMs = stage === null ? performance.now() - startedAt : null;
    await conclude(demo, renderSummary({ ...summary, elapsedMs }).join('\n'));
    return 0;
  } finally {
    await lock.release();
  }
}

const STOPPED = 'Stopped at a commit. Run the same command again to go on.';

type Demo = {
  readonly places: DemoPlaces;
  readonly flags: DemoFlags;
  readonly out: Console;
  readonly program: string;
};

async function conclude({ places, flags, out }: Demo, text: string): Promise<void> {
  await disk.replace(places.summary, Buffer.from(`${text}\n`));
  await saveStage(places, flags, 'done');
  out.print(`\n${text}`);
}

async function onKafka(demo: Demo, kafka: string, stage: DemoStage): Promise<number> {
  const { places, flags, out, program } = demo;
  const { demoOnKafka } = await import('./demo-kafka.ts');
  const { app } = flags;
  assert(app !== null, 'an application has a name');
  const make = () => simulated(demo, stage);
  const text = await demoOnKafka({ places, kafka, app, program, out }, stage, make);
  if (text === null) out.error(STOPPED);
  else await conclude(demo, text);
  return 0;
}

/** The traffic, as far as an earlier process did not leave it whole. */
async function simulated({ places, flags, out }: Demo, stage: DemoStage): Promise<TrafficSummary> {
  if (stage !== 'started') {
    out.error(`Going on in ${places.folder}.`);
    return readTraffic(places);
  }
  out.error(`Simulating ${flags.days} days of ad traffic into ${places.traffic} …`);
  const traffic = await makeTraffic(places, flags);
  await saveStage(places, flags, 'traffic');
  return traffic;
}

/** Traffic and log, as far as an earlier process did not leave them whole. */
async function makeInputs(
  demo: Demo,
  stage: DemoStage,
): Promise<{ readonly traffic: TrafficSummary; readonly code: number }> {
  const { places, flags, out, program } = demo;
  const traffic = await simulated(demo, stage);
  if (stage === 'log') return { traffic, code: 0 };
  out.error(`Writing ${grouped(traffic.events)} events to the embedded log in ${places.log} …`);
  const code = await fillLog(places, { program, traffic }, out);
  if (code === 0) await saveStage(places, flags, 'log');
  return { traffic, code };
}

/** The run with its trainer; a number is the exit code of a run that was stopped. */
async function runDemo(
  { places, flags, out, program }: Demo,
  traffic: TrafficSummary,
): Promise<Omit<DemoSummary, 'elapsedMs'> | number> {
  const { plan } = compileProgram(readProgram([program]));
  assert(plan !== null, 'features/ads.feat compiles');
  const set = plan.examples[0]!;
  const inputs = await parseInputs(plan, logInputs(places));
  const truth = readTruth(join(places.traffic, 'truth.bin'));
  const trainer = DemoTrainer.open(places.run, { set, planDigest: plan.digest, truth });
  const deep = await DemoDeep.open(places.run, { plan, set }, out);
  out.error(`Running ${shownPath(program)} over it: examples in ${places.run}, state in RocksDB …`);
  const { outcome, code } = await runPlan({ plan, inputs }, runFlags(flags, places), out, {
    onCommit: async (outputs) => {
      await trainer.follow(outputs);
      await deep?.follow(outputs);
    },
    eventsTotal: traffic.events,
    note: () => ({
      name: 'model',
      text: deep === null ? trainer.note : `${trainer.note}; deep ${deep.note}`,
    }),
  });
  if (outcome === 'stopped') {
    trainer.pause();
    out.error(STOPPED);
    return code;
  }
  await trainer.finish();
  await deep?.finish();
  const manifest: Manifest = JSON.parse(await readText(join(places.run, 'manifest.json')));
  return {
    events: traffic.events,
    examples: manifest.emitted,
    labels: trainer.labels(),
    deep: deep?.summary() ?? null,
    emissions: trainer.emissions(),
    counts: plantedCounts(traffic, manifest),
    next: nextSteps({ places, program, traffic, set }),
  };
}

/** Every wait elapses: the two days are all there is, and purchases are held against what they show of them. */
function runFlags({ quiet }: DemoFlags, places: DemoPlaces): RunFlags {
  return {
    from: logInputs(places),
    to: places.run,
    format: 'ndjson',
    complete: true,
    shards: 1,
    checkpointEveryMs: CHECKPOINT_EVERY_MS,
    commitEveryMs: COMMIT_EVERY_MS,
    memoryBytes: BUFFER_BYTES,
    stateBytes: stateBytesDefault(),
    fresh: false,
    state: 'rocksdb',
    quiet,
  };
}

/** The simulator's own counts beside those of the run. */
function plantedCounts({ streams }: TrafficSummary, { streams: found }: Manifest): SummaryCount[] {
  const names = ['impression', 'click', 'pixel'] as const;
  const kinds = [
    { name: 'duplicates', planted: 'duplicates', found: 'duplicate' },
    { name: 'too late, dropped', planted: 'late', found: 'late' },
    {
      name: 'too late for features, kept for labels',
      planted: 'lateForFeatures',
      found: 'lateForFeatures',
    },
    { name: 'malformed', planted: 'malformed', found: 'malformed' },
  ] as const;
  const accepted = names.map((name) => ({
    name: `${name}s accepted`,
    planted: streams[name].accepted + streams[name].lateForFeatures,
    found: found[name]?.accepted ?? 0,
  }));
  const aside = kinds.map((kind) => ({
    name: kind.name,
    planted: names.reduce((sum, name) => sum + streams[name][kind.planted], 0),
    found: names.reduce((sum, name) => sum + (found[name]?.[kind.found] ?? 0), 0),
  }));
  return [...accepted, ...aside];
}

function nextSteps(of: {
  readonly places: DemoPlaces;
  readonly program: string;
  readonly traffic: TrafficSummary;
  readonly set: ExamplePlan;
}): SummaryStep[] {
  const { places, traffic, set } = of;
  const command = ownCommand();
  const program = shownPath(of.program);
  const inRun = (name: string) => shownPath(join(places.run, name));
  const from = trafficInputs(places, traffic).map((input) => `--from ${shownPath(input)}`);
  const again = shownPath(join(places.folder, 'again'));
  return [
    { what: 'the program', command: `less ${program}` },
    { what: 'its test blocks', command: `${command} test ${program}` },
    { what: 'what a feature costs and shares', command: `${command} explain ${program} user_ctr` },
    { what: 'examples', command: `head -n 3 ${inRun(sinkName(set.name, 'ndjson'))}` },
    {
      what: 'what was set aside, and why',
      command: `head -n 3 ${inRun('late.ndjson')} ${inRun('malformed.ndjson')}`,
    },
    {
      what: "the model's calibration by decile",
      command: `${command} train --from ${shownPath(places.run)} --resume`,
    },
    {
      what: 'the same examples, byte for byte, from the files instead of the log',
      command: `${command} run ${program} ${from.join(' ')} --complete --to ${again}`,
    },
    { what: 'a project of your own', command: `${command} init my-project` },
  ];
}

async function readText(path: string): Promise<string> {
  const bytes = await disk.read(path);
  assert(bytes !== null, `${path} was written before`);
  return Buffer.from(bytes).toString().trimEnd();
}
