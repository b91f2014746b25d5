/** `millrace train --from DIR`: the built-in trainer over the examples of a finished run, one model file a set. */
import { join } from 'node:path';
import type { ExamplePlan, Plan } from '../compiler/plan.ts';
import { didYouMean } from '../dsl/suggest.ts';
import { MODEL_SNAPSHOT_EVERY_MS } from './config.ts';
import type { Console } from './console-output.ts';
import { ExampleTrainer, type ExampleTraining, modelPath } from './example-trainer.ts';
import { Fault } from './fault.ts';
import { disk } from './files.ts';
import type { Manifest } from './manifest.ts';
import { PLAN, PRIVATE } from './run-folder.ts';
import { sinkName } from './sink.ts';
import { renderTraining } from './training-report.ts';
import { UsageError } from './usage-error.ts';

export type TrainFlags = {
  /** Output folder of a finished run. */
  readonly from: string;
  /** Example sets by name; none: all that have labels. */
  readonly sets: readonly string[];
  /** Labels by name; none: all. */
  readonly labels: readonly string[];
  /** The snapshot; null: `<set>.model` in the run's folder. */
  readonly to: string | null;
  /** Go on from the snapshot, if it is there. */
  readonly resume: boolean;
};

/** Trains, writes snapshots as it goes and at the end, prints the quality of each label. Throws UsageError, Fault. */
export async function trainCommand(flags: TrainFlags, out: Console): Promise<number> {
  const manifest = await readJson<Manifest>(join(flags.from, 'manifest.json'), flags.from);
  const plan = await readJson<Plan>(join(flags.from, PRIVATE, PLAN), flags.from);
  const trainings = trainingsOf(plan, manifest, flags);
  for (const training of trainings) await train(training, flags.resume, out);
  return 0;
}

async function train(of: ExampleTraining, resume: boolean, out: Console): Promise<void> {
  const trainer = ExampleTrainer.open(of, resume);
  if (trainer.at.rows > 0) {
    out.error(`${of.snapshot}: going on after row ${trainer.at.rows.toLocaleString('en-US')}`);
  }
  let savedAt = performance.now();
  await trainer.consume(null, {
    onPiece: () => {
      if (performance.now() - savedAt < MODEL_SNAPSHOT_EVERY_MS) return;
      trainer.save(trainer.more);
      savedAt = performance.now();
    },
  });
  trainer.save(trainer.more);
  const rows = trainer.at.rows.toLocaleString('en-US');
  out.print(`${of.set.name}: ${rows} rows of ${of.path}, model in ${of.snapshot}`);
  out.print(`\n${renderTraining(trainer.trainer.metrics()).join('\n')}\n`);
}

/** What to train, after every name on the command line was found. */
function trainingsOf(plan: Plan, manifest: Manifest, flags: TrainFlags): ExampleTraining[] {
  const trainable = plan.examples.filter(({ labels }) => labels.length > 0);
  if (trainable.length === 0) throw new UsageError(`${flags.from} has no example set with a label`);
  checkNames('example set', flags.sets, trainable.map(nameOf));
  const sets = trainable.filter(({ name }) => flags.sets.length === 0 || flags.sets.includes(name));
  checkNames('label', flags.labels, [...new Set(sets.flatMap(labelsOf))]);
  const trainings = sets.flatMap((set) => {
    const labels = labelsOf(set).filter(
      (label) => flags.labels.length === 0 || flags.labels.includes(label),
    );
    if (labels.length === 0) return [];
    const path = join(flags.from, sinkName(set.name, manifest.format));
    const snapshot = flags.to ?? modelPath(flags.from, set.name);
    return [{ path, set, labels, planDigest: plan.digest, snapshot }];
  });
  if (flags.to !== null && trainings.length > 1) {
    const names = trainings.map(({ set }) => set.name).join(', ');
    throw new UsageError(
      `--to is one snapshot, but there are several sets: name one of ${names} with --set`,
    );
  }
  return trainings;
}

const nameOf = ({ name }: ExamplePlan): string => name;
const labelsOf = ({ labels }: ExamplePlan): string[] => labels.map(({ name }) => name);

function checkNames(what: string, given: readonly string[], known: readonly string[]): void {
  for (const name of given) {
    if (known.includes(name)) continue;
    const near = didYouMean(name, known);
    const hint = near === null ? `there are ${known.join(', ')}` : `did you mean ${near}?`;
    throw new UsageError(`there is no ${what} ${name}; ${hint}`);
  }
}

async function readJson<T>(path: string, folder: string): Promise<T> {
  const bytes = await disk.read(path);
  if (bytes === null) {
    throw new Fault(
      'no_run',
      `${folder} holds no finished run (${path} is missing): give the --to folder of millrace run`,
      { context: { path } },
    );
  }
  const value: T = JSON.parse(Buffer.from(bytes).toString());
  return value;
}
