import { join } from 'node:path';
import type { ExamplePlan, Plan } from '../../compiler/plan/plan.ts';
import type { Console } from '../console-output.ts';
import { sinkName } from '../sink/sink.ts';
import { fixed } from '../text-table.ts';
import { openDevice } from '../trainer/tensor-device.ts';
import { DeepTraining } from '../training/deep-training.ts';
import { modelFolder } from '../training/model-folder.ts';
import type { SummaryDeep } from './demo-summary.ts';

/**
 * The deep model of features/ads.feat, trained on a run's examples as they are committed, on the first device that works.
 * Its snapshots lie in the run's folder, so a kill anywhere changes no figure.
 */
export class DemoDeep {
  readonly #training: DeepTraining;
  readonly #file: string;
  readonly #title: string;

  private constructor(training: DeepTraining, file: string, title: string) {
    this.#training = training;
    this.#file = file;
    this.#title = title;
  }

  /** Goes on from the snapshot in the run's folder, if there is one. Null, and said, where no device works. */
  static async open(
    run: string,
    of: { readonly plan: Plan; readonly set: ExamplePlan },
    out: Console,
  ): Promise<DemoDeep | null> {
    const { plan, set } = of;
    const model = plan.models?.find(({ from }) => from === set.name);
    if (model === undefined) return null;
    const { device, refused } = await openDevice('auto');
    if (device === null) {
      const why = refused.map(({ name, why: reason }) => `${name}: ${reason}`).join('; ');
      out.error(`The deep model is left out, no device works (${why}).`);
      return null;
    }
    const file = sinkName(set.name, 'ndjson');
    const folder = modelFolder(run, set.name);
    const where = { path: join(run, file), set, planDigest: plan.digest, model, weighting: {} };
    const training = await DeepTraining.open({ ...where, device, folder }, true);
    const title = `model ${model.name}, ${model.net.kind} with ${model.heads.kind} heads, on ${device.title}`;
    return new DemoDeep(training, file, title);
  }

  /** How it does, in one line. */
  get note(): string {
    const labels = Object.entries(this.#training.trainer.metrics().labels);
    return labels
      .map(([name, { emissions }]) => `${name} ${fixed(emissions.normalisedEntropy)}`)
      .join(', ');
  }

  /** After a commit of the run: trains on what is new. */
  async follow(outputs: Readonly<Record<string, { readonly bytes: number }>>): Promise<void> {
    const committed = outputs[this.#file];
    if (committed !== undefined) await this.#training.consume(committed.bytes);
  }

  /** After a finished run: trains on all that is left. */
  async finish(): Promise<void> {
    await this.#training.consume(null);
    await this.#training.finish();
  }

  summary(): SummaryDeep {
    const labels = Object.entries(this.#training.trainer.metrics().labels);
    return {
      title: this.#title,
      labels: labels.flatMap(([name, { emissions, audit }]) => [
        { name, source: 'emission' as const, model: emissions },
        ...(audit.rows > 0 ? [{ name, source: 'audit' as const, model: audit }] : []),
      ]),
    };
  }
}
