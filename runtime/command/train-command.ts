/** `millrace train --from DIR`: the built-in trainer over the examples of a finished run, one model file a set. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ModelPlan } from '../../compiler/check/model-plan.ts';
import type { ExamplePlan, Plan } from '../../compiler/plan/plan.ts';
import { didYouMean } from '../../dsl/suggest.ts';
import { MODEL_SNAPSHOT_EVERY_MS } from '../config.ts';
import type { Console } from '../console-output.ts';
import { Fault } from '../fault.ts';
import { disk } from '../files.ts';
import { FolderLock } from '../run/folder-lock.ts';
import type { Manifest } from '../run/manifest.ts';
import { PLAN, PRIVATE } from '../run/run-folder.ts';
import { sinkName } from '../sink/sink.ts';
import { grouped } from '../text-table.ts';
import type { Weighting } from '../trainer/label-weights.ts';
import type { GateVerdict } from '../trainer/model-gates.ts';
import { type DeviceName, openDevice, type TensorDevice } from '../trainer/tensor-device.ts';
import { chooseWeighting, WEIGHTS, type WeightsName } from '../trainer/weightings.ts';
import { DeepTraining } from '../training/deep-training.ts';
import { ExampleTrainer, type ExampleTraining, modelPath } from '../training/example-trainer.ts';
import { modelFolder, readManifest } from '../training/model-folder.ts';
import { printDeep, renderStale, renderTraining } from '../training/training-report.ts';
import { UsageError } from '../usage-error.ts';

export type TrainFlags = {
  /** Output folder of a finished run. */
  readonly from: string;
  /** Example sets by name; none: all that have labels. */
  readonly sets: readonly string[];
  /** Labels by name; none: all. */
  readonly labels: readonly string[];
  /** `<name>` or `<label>=<name>`, of WEIGHTS; none: auto. */
  readonly weights: readonly string[];
  /** The snapshot; null: `<set>.model` in the run's folder. */
  readonly to: string | null;
  /** Go on from the snapshot, if it is there. */
  readonly resume: boolean;
  /** Delete the model that is there. */
  readonly fresh: boolean;
  /** Where to train the deep model; `none`: the baseline alone. */
  readonly device: DeviceName | 'auto' | 'none';
  /** Columns by whose values the deep model's quality is shown. */
  readonly slices: readonly string[];
  /** Chains of snapshots of a deep model that are kept. */
  readonly keep: number;
};

/** Trains, writes snapshots as it goes and at the end, prints the quality of each label. Throws UsageError, Fault. */
export async function trainCommand(flags: TrainFlags, out: Console): Promise<number> {
  const manifest = await readJson<Manifest>(join(flags.from, 'manifest.json'), flags.from);
  const plan = await readJson<Plan>(join(flags.from, PRIVATE, PLAN), flags.from);
  const trainings = trainingsOf(plan, manifest, flags);
  const models = plan.models ?? [];
  const isBaselineOnly = flags.device === 'none' || flags.labels.length > 0 || flags.to !== null;
  checkDevice(flags, models.length > 0);
  const deep = new Map(isBaselineOnly ? [] : models.map((model) => [model.from, model]));
  if (isBaselineOnly && models.length > 0 && flags.device !== 'none') {
    out.error('--label and --to are of the FTRL baseline: the deep model is not trained.');
  }
  const device = deep.size === 0 ? null : await chosenDevice(flags.device, out);
  const lock = device === null ? null : await FolderLock.take(flags.from);
  try {
    const deepOf = ({ set }: ExampleTraining) => (device === null ? undefined : deep.get(set.name));
    for (const of of flags.resume || flags.fresh ? [] : trainings) {
      await refuseTrained(
        of,
        deepOf(of) === undefined ? null : modelFolder(flags.from, of.set.name),
      );
    }
    for (const training of trainings) {
      const model = deepOf(training);
      if (device === null || model === undefined) await train(training, flags.resume, out);
      else await trainDeep(training, { model, device, flags }, out);
    }
  } finally {
    await lock?.release();
  }
  return 0;
}

/** A model that somebody may be serving is not given up by a flag that was forgotten. `folder`: of a deep one. */
async function refuseTrained({ snapshot }: ExampleTraining, folder: string | null): Promise<void> {
  const isThere = folder === null ? existsSync(snapshot) : (await readManifest(folder)) !== null;
  if (!isThere) return;
  const path = folder ?? snapshot;
  throw new Fault(
    'model_exists',
    `${path} holds a model already: --resume goes on with it, --fresh trains anew and deletes it first.`,
    { context: { path } },
  );
}

/** A device that nothing would be trained on is a mistake: figures of the baseline would pass for the deep model's. */
function checkDevice({ device, labels, to }: TrainFlags, hasModel: boolean): void {
  if (device === 'auto' || device === 'none') return;
  if (!hasModel) {
    throw new UsageError(
      `--device ${device}: the program has no model block, so there is no deep model to train on it`,
    );
  }
  if (labels.length > 0 || to !== null) {
    throw new UsageError(
      `--device ${device} does not go with --label or --to: those are of the FTRL baseline`,
    );
  }
}

/** The device, said with why no faster one; null, said too, where none works. */
export async function chosenDevice(
  wanted: TrainFlags['device'],
  out: Console,
): Promise<TensorDevice | null> {
  if (wanted === 'none') return null;
  const { device, refused } = await openDevice(wanted);
  for (const { name, why } of refused) out.error(`device ${name}: not used, ${why}`);
  if (device === null) out.error('No device for the deep model: training the FTRL baseline alone.');
  else out.error(`device ${device.name}: ${device.title}`);
  return device;
}

async function train(of: ExampleTraining, resume: boolean, out: Console): Promise<void> {
  const trainer = ExampleTrainer.open(of, resume);
  sayStart(of.snapshot, { resume, rows: trainer.at.rows }, out);
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
  for (const line of renderStale(trainer.trainer.freshness())) out.print(line);
}

/** Whoever says --resume must hear where nothing is there to go on from. */
function sayStart(
  what: string,
  { resume, rows }: { readonly resume: boolean; readonly rows: number },
  out: Console,
): void {
  if (rows > 0) out.error(`${what}: going on after row ${grouped(rows)}`);
  else if (resume)
    out.error(`${what}: there is no snapshot to go on from, training from the start`);
}

async function trainDeep(
  of: ExampleTraining,
  on: { readonly model: ModelPlan; readonly device: TensorDevice; readonly flags: TrainFlags },
  out: Console,
): Promise<void> {
  const { path, set, planDigest, erasures = 0, weighting } = of;
  const { model, device, flags } = on;
  const folder = modelFolder(flags.from, set.name);
  const slices = flags.slices.filter((slice) => set.features.some(({ name }) => name === slice));
  const { keep } = flags;
  const where = { path, set, planDigest, erasures, model, weighting, device, folder, slices, keep };
  let held: GateVerdict | null = null;
  const training = await DeepTraining.open(where, flags.resume, {
    onPublish: (gate) => {
      held = gate.verdict === 'failed' ? gate : null;
    },
  });
  sayStart(folder, { resume: flags.resume, rows: training.rows }, out);
  await training.consume(null);
  const last = await training.finish();
  const { trainer } = training;
  out.print(
    `${set.name}: ${grouped(training.rows)} rows of ${path}, model ${model.name} (${model.net.kind}, ${model.heads.kind} heads) in ${folder}`,
  );
  printDeep(trainer, last, out);
  if (held !== null) out.error('The last snapshot failed its gates and is not published.');
}

/** What to train, after every name on the command line was found. */
function trainingsOf(plan: Plan, manifest: Manifest, flags: TrainFlags): ExampleTraining[] {
  const trainable = plan.examples.filter(({ labels }) => labels.length > 0);
  if (trainable.length === 0) throw new UsageError(`${flags.from} has no example set with a label`);
  checkNames('example set', flags.sets, trainable.map(nameOf));
  const sets = trainable.filter(({ name }) => flags.sets.length === 0 || flags.sets.includes(name));
  const columns = sets.flatMap(({ features }) => features.map(({ name }) => name));
  checkNames('column', flags.slices, [...new Set(columns)]);
  checkNames('label', flags.labels, [...new Set(sets.flatMap(labelsOf))]);
  const asked = flags.weights.map(parseWeights);
  checkNames('label', flatLabels(asked), [...new Set(sets.flatMap(labelsOf))]);
  const trainings = sets.flatMap((set) => {
    const labels = labelsOf(set).filter(
      (label) => flags.labels.length === 0 || flags.labels.includes(label),
    );
    if (labels.length === 0) return [];
    const path = join(flags.from, sinkName(set.name, manifest.format));
    const { erasures = 0 } = manifest;
    const snapshot = flags.to ?? modelPath(flags.from, set.name);
    const weighting = weightingsOf(set, labels, asked);
    return [{ path, set, labels, planDigest: plan.digest, snapshot, erasures, weighting }];
  });
  if (flags.to !== null && trainings.length > 1) {
    const names = trainings.map(({ set }) => set.name).join(', ');
    throw new UsageError(
      `--to is one snapshot, but there are several sets: name one of ${names} with --set`,
    );
  }
  return trainings;
}

type AskedWeights = { readonly label: string | null; readonly name: WeightsName };

export function parseWeights(text: string): AskedWeights {
  const cut = text.lastIndexOf('=');
  const name = WEIGHTS.find((known) => known === text.slice(cut + 1));
  if (name !== undefined) return { label: cut < 0 ? null : text.slice(0, cut), name };
  checkNames('weighting', [text.slice(cut + 1)], WEIGHTS);
  throw new UsageError(`--weights ${text} is neither NAME nor LABEL=NAME`);
}

export const flatLabels = (asked: readonly AskedWeights[]): string[] =>
  asked.flatMap(({ label }) => (label === null ? [] : [label]));

/** By label; a name given for one label goes before one given for all, which is for those that can carry it. */
export function weightingsOf(
  set: ExamplePlan,
  labels: readonly string[],
  asked: readonly AskedWeights[],
): Record<string, Weighting> {
  const chosen: Record<string, Weighting> = {};
  const refused: string[] = [];
  for (const { name: label, policy } of set.labels.filter(({ name }) => labels.includes(name))) {
    const own = asked.findLast((each) => each.label === label);
    const given = own ?? asked.findLast((each) => each.label === null);
    if (given === undefined) continue;
    const { weighting, why } = chooseWeighting(given.name, policy, set.audit);
    if (weighting !== null) {
      chosen[label] = weighting;
      continue;
    }
    refused.push(`--weights ${given.name} does not fit ${label} of ${set.name}: ${why}`);
    if (own !== undefined) throw new UsageError(refused.at(-1)!);
  }
  const isForAll = asked.some((each) => each.label === null);
  if (isForAll && Object.keys(chosen).length === 0 && refused.length > 0) {
    throw new UsageError(refused.join('\n'));
  }
  return chosen;
}

const nameOf = ({ name }: ExamplePlan): string => name;
export const labelsOf = ({ labels }: ExamplePlan): string[] => labels.map(({ name }) => name);

export function checkNames(what: string, given: readonly string[], known: readonly string[]): void {
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
