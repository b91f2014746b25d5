/**
 * The online deep model: rows in, batches of a fixed size in the order given, one step each. An FTRL baseline is trained on
 * the same rows beside it. A label is scored before it is trained on; `shown` rows are scored by the model published last
 * and judged when their `audit` rows come. The same rows give the same model, bit for bit on the CPU, however they are cut
 * into pieces.
 */
import type { ExamplePlan } from '../../compiler/plan.ts';
import type { ExampleRow } from '../example-row.ts';
import { Fault } from '../fault.ts';
import type { DeepConfig } from './deep-config.ts';
import { DeepNet } from './deep-net.ts';
import { type DeepState, fillTables, tableSnapshots } from './deep-state.ts';
import { type StepPlace, scoreBatch, trainStep } from './deep-step.ts';
import { DenseMoments } from './dense-moments.ts';
import { DenseWeights, startingWeights } from './dense-weights.ts';
import { EmbeddingBatch, type NetInput } from './embedding-batch.ts';
import { EmbeddingTable, type TableCounts } from './embedding-table.ts';
import { BatchEncoder } from './encoded-batch.ts';
import { FtrlTrainer, type ScoredLabel, type TrainerMetrics } from './ftrl-trainer.ts';
import { headSlopes, type LabelSlope, probabilities } from './head-loss.ts';
import { HourlySeries } from './hourly-series.ts';
import { keptScore, LabelMetrics } from './label-metrics.ts';
import { type GateVerdict, ModelGates, REFUSALS_MAX } from './model-gates.ts';
import { PendingScores } from './pending-scores.ts';
import type { Tensor, TensorDevice } from './tensor-device.ts';
import { trainerConfig } from './trainer-config.ts';

/** Steps in a row without a finite loss before training stops. */
const BAD_STEPS_MAX = 3;
const SEED = 0x6d696c6c;

/** What a label's rows came to. */
type LabelState = {
  readonly emissions: LabelMetrics;
  readonly audit: LabelMetrics;
  series: HourlySeries;
  kinds: Map<string, number>;
};

/** The model that scores: weights, and what dense columns were measured to be. */
type Published = { readonly weights: readonly Tensor[]; readonly moments: DenseMoments };

export type DeepCounts = {
  readonly steps: number;
  /** Steps left out for a loss that was no number. */
  readonly badSteps: number;
  readonly loss: number;
  readonly publishes: number;
  readonly refusals: number;
  readonly tables: readonly TableCounts[];
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
  readonly #labels: readonly LabelState[];
  #pending = new PendingScores();
  #published: Published | null = null;
  /** Rows of the next batch, and the baseline's scores of their labels [rows, heads]. */
  #waiting: ExampleRow[] = [];
  #baselineScores: number[] = [];
  #shown: ExampleRow[] = [];
  #onScored: ((scored: ScoredLabel) => void) | null = null;
  #counts = { rows: 0, steps: 0, badSteps: 0, badInRow: 0, loss: 0, publishes: 0, refusals: 0 };
  /** Emission time of the last row of a step, ms. */
  #reached = Number.NEGATIVE_INFINITY;
  #nextPublish = Number.NEGATIVE_INFINITY;

  /** A new trainer, or with `from` one as it was captured. */
  constructor(config: DeepConfig, set: ExamplePlan, device: TensorDevice, from?: DeepState) {
    this.config = config;
    const net = new DeepNet(config);
    this.#tables = config.tables.map((table) => new EmbeddingTable(table));
    this.#encoder = new BatchEncoder(config);
    this.#rows = new EmbeddingBatch(config, this.#tables);
    const start = from?.dense ?? startingWeights(net.parameters, SEED);
    this.#weights = new DenseWeights(device, net.parameters, start);
    this.#moments = new DenseMoments(config.dense.length);
    this.#gates = new ModelGates(config.model.gates);
    this.#labels = config.labels.map(newLabel);
    const labels = set.labels.filter(({ name }) => config.labels.includes(name));
    this.baseline = from?.baseline ?? new FtrlTrainer(trainerConfig({ ...set, labels }));
    const { width, model } = config;
    this.#place = { device, net, weights: this.#weights, width, rate: model.learnDense };
    if (from !== undefined) this.#resume(from, device);
  }

  /** Hears of each label scored, as `FtrlTrainer.consume` tells it. */
  listen(onScored: (scored: ScoredLabel) => void): void {
    this.#onScored = onScored;
  }

  /** Takes one row; true: a batch is full, and `step` must come before the next row. */
  offer(row: ExampleRow): boolean {
    this.#counts.rows++;
    const scores = this.config.labels.map(() => Number.NaN);
    this.baseline.consume([row], ({ label, score, source }) => {
      if (source === 'emission') scores[this.config.labels.indexOf(label)] = score;
    });
    if (row.kind === 'shown') this.#shown.push(row);
    else if (row.kind === 'audit') this.#audit(row);
    else {
      this.#waiting.push(row);
      this.#baselineScores.push(...scores);
    }
    return this.#waiting.length >= this.config.model.batch;
  }

  /** Whether rows wait for a step. */
  get isBehind(): boolean {
    return this.#waiting.length > 0;
  }

  /** Trains on the rows that wait, a full batch or the last of all. A Fault after three steps without a finite loss. */
  async step(): Promise<void> {
    const rows = this.#waiting;
    if (rows.length === 0) return;
    await this.#scoreShown();
    const batch = this.#encoder.encode(rows, this.#moments, true);
    const input = this.#rows.gather(batch);
    const gradient = await trainStep(this.#place, input, (logits) =>
      this.#slopes(rows, input, logits),
    );
    this.#counts.steps++;
    if (gradient === null) this.#badStep(rows[0]!);
    else {
      this.#counts.badInRow = 0;
      this.#rows.update(batch, gradient);
    }
    this.#reached = rows[rows.length - 1]!.emitted;
    this.#waiting = [];
    this.#baselineScores = [];
  }

  /** Whether the time to publish has come: a boundary of the model's pace was passed. */
  get isPublishDue(): boolean {
    const { publishMs } = this.config.model;
    if (this.#nextPublish === Number.NEGATIVE_INFINITY) {
      this.#nextPublish = (Math.floor(this.#reached / publishMs) + 1) * publishMs;
    }
    return this.#reached >= this.#nextPublish;
  }

  /**
   * Judges the model by its gates; where it passes, it is the one that scores from now on. Three failures in a row are a
   * Fault `gate_failed` if a model was published before: until the first, it is still warming up.
   */
  async publish(): Promise<GateVerdict> {
    await this.#scoreShown();
    const { publishMs } = this.config.model;
    this.#nextPublish = (Math.floor(this.#reached / publishMs) + 1) * publishMs;
    const judged = this.#gates.judge();
    if (judged.verdict === 'failed') {
      this.#counts.refusals++;
      if (this.#published !== null && this.#counts.refusals >= REFUSALS_MAX) throw stopped(judged);
    } else if (judged.verdict === 'passed' || this.#published !== null) {
      if (judged.verdict === 'passed') this.#counts.refusals = 0;
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
    const { size, unmatched, dropped } = this.#pending;
    const labels = this.#labels.map(({ emissions, audit, series, kinds }, head) => {
      const report = {
        emissions: emissions.values(),
        audit: audit.values(),
        series: series.points(),
        kinds: Object.fromEntries(kinds),
      };
      return [this.config.labels[head]!, report] as const;
    });
    return {
      rows: this.#counts.rows,
      labels: Object.fromEntries(labels),
      audits: { pending: size, unmatched, dropped },
    };
  }

  counts(): DeepCounts {
    const { steps, badSteps, loss, publishes, refusals } = this.#counts;
    const tables = this.#tables.map((table) => table.counts());
    return { steps, badSteps, loss, publishes, refusals, tables };
  }

  #slopes(rows: readonly ExampleRow[], input: NetInput, logits: Float32Array): Float32Array | null {
    const whole = Float64Array.from(logits, (logit, i) => logit + input.linear[i]!);
    if (!whole.every(Number.isFinite)) return null;
    let index = 0;
    const { slopes, loss } = headSlopes(this.config, rows, whole, (label) => {
      while (rows[index] !== label.row) index++;
      this.#scored(label, this.#baselineScores[index * this.config.labels.length + label.head]!);
    });
    this.#counts.loss = loss;
    return slopes;
  }

  #scored({ row, head, score, value, weight }: LabelSlope, baseline: number): void {
    const { emissions, series, kinds } = this.#labels[head]!;
    const label = this.config.labels[head]!;
    const { kind } = row.labels[label]!;
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    emissions.add(score, value, weight);
    series.add(row.emitted, { score: keptScore(score), value, weight });
    if (!Number.isNaN(baseline)) this.#gates.add(label, { score, baseline, value, weight });
    this.#onScored?.({ row, label, score, value, weight, source: 'emission' });
  }

  async #scoreShown(): Promise<void> {
    const rows = this.#shown;
    this.#shown = [];
    if (rows.length === 0 || this.#published === null) return;
    const scores = await this.#scoreWith(rows, this.#published, true);
    const heads = this.config.labels.length;
    for (const [i, row] of rows.entries()) {
      this.#pending.put(pendingKey(row), [...scores.subarray(i * heads, (i + 1) * heads)]);
    }
  }

  async #scoreWith(
    rows: readonly ExampleRow[],
    { weights, moments }: Published,
    published: boolean,
  ): Promise<Float64Array> {
    const batch = this.#encoder.encode(rows, moments, false);
    const input = this.#rows.gatherPublished(batch, published);
    const logits = await scoreBatch(this.#place, input, weights);
    const whole = Float64Array.from(logits, (logit, i) => logit + input.linear[i]!);
    return probabilities(this.config, whole);
  }

  #audit(row: ExampleRow): void {
    const scores = this.#pending.take(pendingKey(row));
    if (scores === null) return;
    for (const [head, label] of this.config.labels.entries()) {
      const value = row.labels[label]?.value;
      if (value === undefined || value === null) continue;
      const score = scores[head]!;
      const weight = 1 / row.sampleRate;
      this.#labels[head]!.audit.add(score, value, weight);
      this.#onScored?.({ row, label, score, value, weight, source: 'audit' });
    }
  }

  #badStep(row: ExampleRow): void {
    this.#counts.badSteps++;
    if (++this.#counts.badInRow < BAD_STEPS_MAX) return;
    throw new Fault(
      'loss_not_finite',
      `the loss of ${BAD_STEPS_MAX} steps in a row is no number, the last from example ${row.id} on: training stopped, the last snapshot is whole. Lower \`learn\`, or look at the examples.`,
      { context: { id: row.id, steps: this.#counts.steps } },
    );
  }

  #replacePublished(): void {
    const { tf } = this.#place.device;
    for (const tensor of this.#published?.weights ?? []) tensor.dispose();
    const moments = new DenseMoments(this.config.dense.length);
    moments.numbers.set(this.#moments.numbers);
    this.#published = { weights: this.#weights.weights.map((each) => tf.clone(each)), moments };
    for (const table of this.#tables) table.published.publish();
    this.#counts.publishes++;
  }
}

function pendingKey({ set, id }: ExampleRow): string {
  return `${set}\u0000${id}`;
}

function newLabel(): LabelState {
  return {
    emissions: new LabelMetrics(),
    audit: new LabelMetrics(),
    series: new HourlySeries(),
    kinds: new Map<string, number>(),
  };
}

function stopped({ findings }: GateVerdict): Fault {
  return new Fault(
    'gate_failed',
    `the model failed its gates ${REFUSALS_MAX} times in a row, so training stopped; the last good model stays published. ${findings.join('; ')}`,
  );
}
