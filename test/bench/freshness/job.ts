/** One line of the comparison in a process of its own: which rows, which model, online or a batch a day. */

import type { ModelPlan } from '../../../compiler/check/model-plan.ts';
import { compile } from '../../../compiler/compile.ts';
import { parseFile } from '../../../dsl/parse.ts';
import { deepConfig } from '../../../runtime/trainer/deep-config.ts';
import { DeepTrainer } from '../../../runtime/trainer/deep-trainer.ts';
import { openDevice } from '../../../runtime/trainer/tensor-device.ts';
import { planIn, rowsIn } from './ad-world.ts';
import { Anchors, dailyBatch, type Quality, replay, type ScoreSheet } from './prequential.ts';

export type FreshnessJob = {
  readonly folder: string;
  /** The program whose examples lie there, and the `model` block to train on them. */
  readonly program: string;
  readonly model: string;
  readonly from: number;
  readonly to: number;
  /** Batch: how much history a day's model is made of, ms; null: online. */
  readonly batchMs: number | null;
  /** Whether to say how sure the gain of 5 minutes over a day is, by resampling the anchors. */
  readonly resample: boolean;
};

export type ModelKind = 'deep' | 'ftrl';

/** By publish interval (or `batch`), then by model, then by label. */
export type FreshnessLines = Readonly<
  Record<string, Readonly<Record<ModelKind, Readonly<Record<string, Quality>>>>>
>;

export type FreshnessResult = {
  readonly lines: FreshnessLines;
  readonly trained: number;
  readonly cpuSeconds: number;
};

export async function runFreshness(job: FreshnessJob): Promise<FreshnessResult> {
  const started = process.cpuUsage();
  const model = modelOf(job);
  const plan = planIn(job.folder);
  const set = plan.examples.find(({ name }) => name === model.from)!;
  const { device } = await openDevice('wasm');
  if (device === null) throw new Error('no device to train on');
  const config = deepConfig(model, set);
  const rows = await rowsIn(job.folder, plan, { set: set.name, measuredFrom: job.from });
  const anchors = new Anchors(rows, job);
  const examples = rows.filter(({ kind }) => kind === undefined);
  const newTrainer = () => new DeepTrainer({ config, set, device });
  const measured = { anchors, from: job.from, to: job.to };
  const sheets: Record<string, ScoreSheet> =
    job.batchMs === null
      ? await replay(newTrainer(), examples, measured)
      : { batch: await dailyBatch(newTrainer, examples, { ...measured, windowMs: job.batchMs }) };
  const lines = Object.entries(sheets).map(([name, { deep, ftrl }]) => {
    const daily = job.resample && name === '5 min' ? sheets['1 d'] : undefined;
    const of = {
      deep: anchors.quality(deep, daily?.deep),
      ftrl: anchors.quality(ftrl, daily?.ftrl),
    };
    return [name, of] as const;
  });
  const { user, system } = process.cpuUsage(started);
  return {
    lines: Object.fromEntries(lines),
    ...{ trained: examples.length, cpuSeconds: (user + system) / 1e6 },
  };
}

function modelOf({ program, model }: FreshnessJob): ModelPlan {
  const { file } = parseFile('freshness.feat', program + model);
  // The shipped programs have models of their own, none of these sets.
  const found = compile([file]).plan?.models?.at(-1);
  if (found === undefined) throw new Error(`the model block does not compile: ${model}`);
  return found;
}
