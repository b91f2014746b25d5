/**
 * The online deep model: rows in, batches of a fixed size in the order given, one step each. An FTRL baseline is trained on
 * the same rows beside it. A label is scored before it is trained on; `shown` rows are scored by the model published last
 * and judged when their `audit` rows come. The same rows give the same model, bit for bit on the CPU, however they are cut
 * into pieces.
 */
import type { ExamplePlan } from '../../compiler/plan/plan.ts';
import { assert } from '../../operators/assert.ts';
import type { ExampleRow } from '../block/example-row.ts';
import { Fault } from '../fault.ts';
import { type DeepConfig, START_LOGIT } from './deep-config.ts';
import { DeepNet } from './deep-net.ts';
import { type Beside, DeepQuality } from './deep-quality.ts';
import { captureDeep, type Progress, restoreDeep } from './deep-state.ts';
import { type StepPlace, scoreBatch, trainStep } from './deep-step.ts';
import { DenseMoments } from './dense-moments.ts';
import { DenseWeights, readTensors, startingWeights } from './dense-weights.ts';
import type { Drift } from './drift-metrics.ts';
import { EmbeddingBatch, type NetInput } from './embedding-batch.ts';
import { EmbeddingTable, type TableCounts } from './embedding-table.ts';
import { BatchEncoder } from './encoded-batch.ts';
import { FtrlTrainer, type ScoredLabel, type TrainerMetrics } from './ftrl-trainer.ts';
import { headSlopes, type LabelSlope, probabilities } from './head-loss.ts';
import { type FreshnessState, LabelFreshness } from './label-freshness.ts';
import { servedScore } from './label-weights.ts';
import { type GateVerdict, ModelGates, REFUSALS_MAX } from './model-gates.ts';
import type { SliceReport } from './slice-metrics.ts';
import type { SnapshotContent } from './snapshot-file.ts';
import type { Tensor, TensorDevice } from './tensor-device.ts';
import { trainerConfig } from './trainer-config.ts';

/** Steps in a row without a finite loss before training stops. */
const BAD_STEPS_MAX = 3;
const SEED = 0x6d696c6c;

/** The model that scores: weights, and what dense columns were measured to be. */
type Published = { readonly weights: readonly Tensor[]; readonly moments: DenseMoments };

/** Which model, of which examples, where. */
export type DeepModel = {
  readonly config: DeepConfig;
  readonly set: ExamplePlan;
  readonly device: TensorDevice;
  /** Columns by whose values quality is measured, beside label age. */
  readonly slices?: readonly string[];
};

/** What snapshot files hold: a full one and those after it, and the baseline as it was at the last. */
export type Restored = {
  readonly chain: readonly SnapshotContent[];
  readonly baseline: FtrlTrainer;
  readonly path: string;
};

export type DeepCounts = {
  readonly steps: number;
  /** Steps left out for a loss that was no number. */
  readonly badSteps: number;
  readonly loss: number;
  readonly publishes: number;
  readonly refusals: number;
  readonly tables: readonly TableCounts[];
  readonly freshness: Readonly<Record<string, FreshnessState>>;
};

export class DeepTrainer {
  readonly config: DeepConfig;
  readonly baseline: FtrlTrainer;
  readonly #place: StepPlace;
  readonly #tables: readonly EmbeddingTable[];
  readonly #encoder: BatchEncoder;
  readonly #rows: EmbeddingBatch;
  readonly #weights: DenseWeights;
  readonly #moments: DenseMoments;
  readonly #gates: ModelGates;
  readonly #quality: DeepQuality;
  #freshness: LabelFreshness;
  #published: Published | null = null;
  /** Rows of the next batch, and of each of their labels [rows, heads] what the baseline says. */
  #waiting: ExampleRow[] = [];
  #beside: Beside[] = [];
  /** Audited anchors since the last step: those to be scored, and those whose final labels came. */
  #shown: ExampleRow[] = [];
  #audits: ExampleRow[] = [];
  #progress: Progress = {
    ...{ rows: 0, steps: 0, badSteps: 0, badInRow: 0, loss: 0, publishes: 0, refusals: 0 },
    ...{ reached: null, nextPublish: null },
  };

  /** A new trainer, or with `from` the one that a chain of snapshot files holds, with its baseline. */
  constructor(of: DeepModel, from?: Restored) {
    const { config, set, device } = of;
    this.config = config;
    const net = new DeepNet(config);
    this.#tables = config.tables.map((table) => new EmbeddingTable(table));
    this.#encoder = new BatchEncoder(config);
    this.#rows = new EmbeddingBatch(config, this.#tables);
    this.#moments = new DenseMoments(config.dense.length);
    this.#gates = new ModelGates(config.model.gates);
    this.#freshness = new LabelFreshness(config.labels.length);
    const labels = set.labels.filter(({ name }) => config.labels.includes(name));
    // Weighed as the deep model is: the late heads that some weightings read are the baseline's.
    const weighting = Object.fromEntries(
      config.labels.map((label, head) => [label, config.weightings[head]!]),
    );
    this.baseline =
      from?.baseline ?? new FtrlTrainer(trainerConfig({ ...set, labels }, { weighting }));
    const { parameters } = net;
    const state =
      from === undefined
        ? null
        : restoreDeep(from.chain, this.#tables, { parameters: parameters.length, path: from.path });
    this.#weights = new DenseWeights(
      device,
      parameters,
      state?.dense ?? startingWeights(parameters, SEED),
    );
    const sliced = { set, slices: of.slices ?? [] };
    this.#quality = new DeepQuality(config.labels, sliced, state);
    const { width, model } = config;
    this.#place = { device, net, weights: this.#weights, width, rate: model.learnDense };
    if (state === null) return;
    this.#progress = state.progress;
    this.#moments.numbers.set(state.moments);
    this.#gates.restore(state.gates);
    this.#freshness = new LabelFreshness(config.labels.length, state.freshness);
    if (state.published === null) return;
    const moments = new DenseMoments(config.dense.length);
    moments.numbers.set(state.published.moments);
    const arrays = { steps: 0, weights: state.published.weights, first: [], second: [] };
    const { weights } = new DenseWeights(device, parameters, arrays);
    this.#published = { weights, moments };
  }

  /** Hears of each label scored, as `FtrlTrainer.consume` tells it. */
  listen(onScored: (scored: ScoredLabel) => void): void {
    this.#quality.onScored = onScored;
  }

  /** Takes one row; true: a batch is full, and `step` must come before the next row. */
  offer(row: ExampleRow): boolean {
    this.#progress.rows++;
    const beside = this.config.labels.map((): Beside => ({ score: Number.NaN, heads: [] }));
    this.baseline.consume([row], ({ label, score, heads = [], source }) => {
      if (source === 'emission')
        beside[this.config.labels.indexOf(label)] = { score, heads: [...heads] };
    });
    if (row.kind === 'shown') this.#shown.push(row);
    else if (row.kind === 'audit') this.#audits.push(row);
    else {
      this.#waiting.push(row);
      this.#beside.push(...beside);
    }
    return this.#waiting.length >= this.config.model.batch;
  }

  get progress(): Readonly<Progress> {
    return this.#progress;
  }

  /** Trains on the rows that wait, a full batch or the last of all. A Fault after three steps without a finite loss. */
  async step(): Promise<void> {
    const rows = this.#waiting;
    if (rows.length === 0) return;
    await this.scoreShown();
    this.#quality.trained(rows);
    const batch = this.#encoder.encode(rows, this.#moments, true);
    const input = this.#rows.gather(batch);
    const gradient = await trainStep(this.#place, input, (logits) =>
      this.#slopes(rows, input, logits),
    );
    this.#progress.steps++;
    if (gradient === null) this.#badStep(rows[0]!);
    else {
      this.#progress.badInRow = 0;
      this.#rows.update(batch, gradient);
    }
    const reached = rows[rows.length - 1]!.emitted;
    this.#progress.reached = reached;
    this.#progress.nextPublish ??= this.#boundaryAfter(reached);
    this.#waiting = [];
    this.#beside = [];
  }

  /** Whether the time to publish has come: a boundary of the model's pace was passed. */
  get isPublishDue(): boolean {
    const { reached, nextPublish } = this.#progress;
    return reached !== null && nextPublish !== null && reached >= nextPublish;
  }

  /**
   * Judges the model by its gates; where it passes, it is the one that scores from now on. Three failures in a row are a
   * Fault `gate_failed` if a model was published before: until the first, it is still warming up.
   */
  async publish(): Promise<GateVerdict> {
    await this.scoreShown();
    const { reached } = this.#progress;
    if (reached !== null) this.#progress.nextPublish = this.#boundaryAfter(reached);
    const judged = this.#gates.judge();
    if (judged.verdict === 'failed') {
      this.#progress.refusals++;
      if (this.#published !== null && this.#progress.refusals >= REFUSALS_MAX)
        throw stopped(judged);
    } else if (judged.verdict === 'passed') {
      this.#progress.refusals = 0;
      this.#replacePublished();
    }
    return judged;
  }

  /** Probabilities of rows [rows, labels] by the model as it is; nothing changes. */
  async score(rows: readonly ExampleRow[]): Promise<Float64Array> {
    const live = { weights: this.#weights.weights, moments: this.#moments };
    return this.#scoreWith(rows, live, false);
  }

  metrics(): TrainerMetrics {
    return this.#quality.metrics(this.#progress.rows);
  }

  /** Quality by slice, of model and baseline. */
  slices(): SliceReport[] {
    return this.#quality.slices();
  }

  /** What moved since the first day, of the columns and of what the model says. */
  drift(): Drift[] {
    return this.#quality.drift();
  }

  counts(): DeepCounts {
    const { steps, badSteps, loss, publishes, refusals } = this.#progress;
    const tables = this.#tables.map((table) => table.counts());
    const fresh = this.config.labels.map(
      (label, i) => [label, this.#freshness.states[i]!] as const,
    );
    return {
      steps,
      badSteps,
      loss,
      publishes,
      refusals,
      tables,
      freshness: Object.fromEntries(fresh),
    };
  }

  /**
   * Everything as snapshot content, `full` or with only the rows changed since the last one; `written` must be called once
   * it is durable. Not between `offer` and `step`: rows that wait are not in it.
   */
  async capture(full: boolean): Promise<SnapshotContent> {
    const waiting = this.#waiting.length + this.#shown.length + this.#audits.length;
    assert(waiting === 0, 'nothing waits at a snapshot');
    const published =
      this.#published === null
        ? null
        : {
            moments: this.#published.moments.numbers,
            weights: await readTensors(this.#published.weights),
          };
    const state = {
      progress: this.#progress,
      dense: await this.#weights.capture(),
      moments: this.#moments.numbers,
      published,
      gates: this.#gates.toJSON(),
      freshness: this.#freshness.states,
      ...this.#quality.state(),
    };
    return captureDeep(state, this.#tables, full);
  }

  /** What was captured last is durable: the next capture holds what changes from now on. */
  written(): void {
    for (const table of this.#tables) table.markWritten();
  }

  #boundaryAfter(timeMs: number): number {
    const { publishMs } = this.config.model;
    return (Math.floor(timeMs / publishMs) + 1) * publishMs;
  }

  #slopes(rows: readonly ExampleRow[], input: NetInput, logits: Float32Array): Float32Array | null {
    const whole = Float64Array.from(logits, (logit, i) => logit + input.linear[i]! + START_LOGIT);
    if (!whole.every(Number.isFinite)) return null;
    const heads = this.config.labels.length;
    const { slopes, loss } = headSlopes(this.config, rows, whole, {
      lateHeads: (row, head) => this.#beside[row * heads + head]!.heads,
      heeds: ({ row, head, score, weight }) => {
        const value = row.labels[this.config.labels[head]!]!.value ?? 0;
        return this.#freshness.heed(head, { value, score, weight }, row.emitted);
      },
      onLabel: (label) => this.#scored(label, this.#beside[label.index * heads + label.head]!),
    });
    this.#progress.loss = loss;
    return slopes;
  }

  #scored(label: LabelSlope, beside: Beside): void {
    const { head, score, value, weight } = label;
    const name = this.config.labels[head]!;
    this.#gates.add(name, { score, baseline: beside.score, value, weight });
    this.#quality.scored(label, beside);
  }

  /**
   * Scores `shown` rows that wait for a batch by the published model; then come the audits, since an anchor's final labels
   * may be there before the step that follows its showing.
   */
  async scoreShown(): Promise<void> {
    const [rows, audits] = [this.#shown, this.#audits];
    this.#shown = [];
    this.#audits = [];
    if (rows.length > 0 && this.#published !== null) {
      const scores = await this.#scoreWith(rows, this.#published, true);
      const heads = this.config.labels.length;
      for (const [i, row] of rows.entries()) {
        this.#quality.shown(row, [...scores.subarray(i * heads, (i + 1) * heads)]);
      }
    }
    for (const row of audits) this.#quality.audited(row);
  }

  async #scoreWith(
    rows: readonly ExampleRow[],
    { weights, moments }: Published,
    published: boolean,
  ): Promise<Float64Array> {
    const batch = this.#encoder.encode(rows, moments, false);
    const input = this.#rows.gatherKnown(batch, published);
    const logits = await scoreBatch(this.#place, input, weights);
    const whole = Float64Array.from(logits, (logit, i) => logit + input.linear[i]! + START_LOGIT);
    const raw = probabilities(this.config, whole);
    const { weightings } = this.config;
    return raw.map((score, i) => servedScore(weightings[i % weightings.length]!, score));
  }

  #badStep(row: ExampleRow): void {
    this.#progress.badSteps++;
    if (++this.#progress.badInRow < BAD_STEPS_MAX) return;
    throw new Fault(
      'loss_not_finite',
      `the loss of ${BAD_STEPS_MAX} steps in a row is no number, the last from example ${row.id} on: training stopped, the last snapshot is whole. Lower \`learn\`, or look at the examples.`,
      { context: { id: row.id, steps: this.#progress.steps } },
    );
  }

  #replacePublished(): void {
    const { tf } = this.#place.device;
    for (const tensor of this.#published?.weights ?? []) tensor.dispose();
    const moments = new DenseMoments(this.config.dense.length);
    moments.numbers.set(this.#moments.numbers);
    this.#published = { weights: this.#weights.weights.map((each) => tf.clone(each)), moments };
    for (const table of this.#tables) table.published.publish();
    this.#progress.publishes++;
  }
}

function stopped({ findings }: GateVerdict): Fault {
  return new Fault(
    'gate_failed',
    `the model failed its gates ${REFUSALS_MAX} times in a row, so training stopped; the last good model stays published. ${findings.join('; ')}`,
  );
}
