/**
 * The deep trainer as a reader of one example file. Snapshots are taken where a batch ended, and hold how far it read: cut
 * off anywhere and resumed, training gives the model of an uninterrupted one, bit for bit on the CPU.
 */
import { basename } from 'node:path';
import type { ModelPlan } from '../../compiler/check/model-plan.ts';
import type { ExamplePlan } from '../../compiler/plan/plan.ts';
import { MODEL_SNAPSHOT_EVERY_MS } from '../config.ts';
import { deepConfig } from '../trainer/deep-config.ts';
import { DeepTrainer } from '../trainer/deep-trainer.ts';
import type { ScoredLabel } from '../trainer/ftrl-trainer.ts';
import type { Weighting } from '../trainer/label-weights.ts';
import type { GateVerdict } from '../trainer/model-gates.ts';
import type { TensorDevice } from '../trainer/tensor-device.ts';
import { type ExamplePlace, ModelFolder, type SnapshotEntry } from './model-folder.ts';
import { EXAMPLES_START, readExamples } from './read-examples.ts';

/** Which examples, which model, where. */
export type DeepTrainingOf = {
  /** The example file. */
  readonly path: string;
  readonly set: ExamplePlan;
  readonly planDigest: string;
  /** Erasures that the run's folder has seen; absent: none. */
  readonly erasures?: number;
  readonly model: ModelPlan;
  readonly weighting: Readonly<Record<string, Weighting>>;
  readonly device: TensorDevice;
  /** Folder of its snapshots. */
  readonly folder: string;
  /** Columns by whose values quality is measured too. */
  readonly slices?: readonly string[];
  /** At least so long between two of them, ms, but for the last; default 10 s. */
  readonly saveEveryMs?: number;
  /** Chains of snapshots that are kept; default 2. */
  readonly keep?: number;
};

export type TrainingHooks = {
  readonly onScored?: (scored: ScoredLabel) => void;
  /** After a publish was judged, and a snapshot written if it was. */
  readonly onPublish?: (verdict: GateVerdict, saved: SnapshotEntry | null) => void;
};

export class DeepTraining {
  readonly trainer: DeepTrainer;
  readonly #of: DeepTrainingOf;
  readonly #folder: ModelFolder;
  readonly #hooks: TrainingHooks;
  #at: ExamplePlace;
  #savedAt = performance.now();

  private constructor(
    of: DeepTrainingOf,
    from: { readonly trainer: DeepTrainer; readonly folder: ModelFolder },
    hooks: TrainingHooks,
  ) {
    this.#of = of;
    this.trainer = from.trainer;
    this.#folder = from.folder;
    this.#hooks = hooks;
    this.#at = (from.folder.newest?.at as ExamplePlace | undefined) ?? {
      start: EXAMPLES_START,
      skip: 0,
    };
    if (hooks.onScored !== undefined) this.trainer.listen(hooks.onScored);
  }

  /** With `resume`, goes on from the newest snapshot if there is one; a Fault when it is another model's. */
  static async open(
    of: DeepTrainingOf,
    resume: boolean,
    hooks: TrainingHooks = {},
  ): Promise<DeepTraining> {
    const { model, set, device, planDigest, path, erasures = 0, weighting, slices = [] } = of;
    const config = deepConfig(model, set, weighting);
    const identity = { planDigest, set: set.name, file: basename(path), erasures, model, slices };
    const { weightings } = config;
    const columns = set.features.map(({ name, input }) => ({ name, input }));
    const folder = await ModelFolder.open(
      of.folder,
      { ...identity, weightings, columns },
      resume,
      of.keep,
    );
    const from = folder.newest === null ? undefined : folder.read();
    return new DeepTraining(
      of,
      { trainer: new DeepTrainer({ config, set, device, slices }, from), folder },
      hooks,
    );
  }

  /** Rows of the file that are trained on, or wait for a batch. */
  get rows(): number {
    return this.trainer.progress.rows;
  }

  /** Trains up to byte `to` of the file (null: its end); rows short of a batch wait for the next call, or for `finish`. */
  async consume(to: number | null): Promise<void> {
    const { path, set } = this.#of;
    let { start, skip } = this.#at;
    for await (const { rows, end } of readExamples(path, set, { from: start, to })) {
      for (let i = skip; i < rows.length; i++) {
        this.#at = { start, skip: i + 1 };
        if (!this.trainer.offer(rows[i]!)) continue;
        await this.trainer.step();
        if (this.trainer.isPublishDue) await this.#publish(false);
      }
      start = end;
      skip = 0;
      this.#at = { start, skip };
    }
  }

  /** After the last row: trains on what waits, judges, and writes a full snapshot. */
  async finish(): Promise<GateVerdict> {
    const { newest } = this.#folder;
    // Nothing came after a snapshot of the end: it stays as it is.
    if (newest?.kind === 'full' && newest.rows === this.rows) return newest.gate;
    await this.trainer.step();
    return this.#publish(true);
  }

  async #publish(final: boolean): Promise<GateVerdict> {
    const gate = await this.trainer.publish();
    let saved: SnapshotEntry | null = null;
    const pace = this.#of.saveEveryMs ?? MODEL_SNAPSHOT_EVERY_MS;
    if (final || performance.now() - this.#savedAt >= pace) {
      saved = await this.#folder.save(this.trainer, { at: this.#at, gate, final });
      this.#savedAt = performance.now();
    }
    this.#hooks.onPublish?.(gate, saved);
    return gate;
  }
}
