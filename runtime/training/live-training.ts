/**
 * The deep trainer on a live stream of examples. A snapshot holds how far the stream was taken, so each row is trained on once,
 * whatever fails; batches end where rows say (live-batches.ts), so a trainer that was killed and started again comes to the
 * model of one that never stopped.
 *
 * A publish is due every `publish` of event time, but no less often than LIVE_PACE_MS. Where event time stands still the
 * clock cuts a batch: the snapshot that is written at once holds what came of it, and is the only trace of the clock.
 */
import type { ModelPlan } from '../../compiler/check/model-plan.ts';
import type { ExamplePlan } from '../../compiler/plan/plan.ts';
import type { ExampleRow } from '../block/example-row.ts';
import { LIVE_CLOCK_CUT_MS, LIVE_PACE_MS, MODEL_SNAPSHOT_EVERY_MS } from '../config.ts';
import { deepConfig } from '../trainer/deep-config.ts';
import { DeepTrainer } from '../trainer/deep-trainer.ts';
import type { Weighting } from '../trainer/label-weights.ts';
import type { GateVerdict } from '../trainer/model-gates.ts';
import type { TensorDevice } from '../trainer/tensor-device.ts';
import { LiveBatches, type ReadyRows } from './live-batches.ts';
import { ModelFolder, type SnapshotEntry, type StreamPlace } from './model-folder.ts';

/** What is trained on: rows in order, and a place in them. `MergePlace` of a stream of Kafka. */
export type LiveRows = ReadyRows & {
  readonly take: (count: number) => readonly ExampleRow[];
  readonly place: () => StreamPlace['from'];
};

export type LiveTrainingOf = {
  readonly set: ExamplePlan;
  readonly planDigest: string;
  readonly model: ModelPlan;
  readonly weighting: Readonly<Record<string, Weighting>>;
  readonly device: TensorDevice;
  /** Folder of its snapshots. */
  readonly folder: string;
  /** The topic. */
  readonly topic: string;
  readonly slices: readonly string[];
  /** Wall clock, ms. */
  readonly now: () => number;
  /** Hears of each publish, and of the snapshot that holds it. */
  readonly onPublish: (gate: GateVerdict, saved: SnapshotEntry | null) => void;
  /** At least so long between two snapshots while the stream is behind, ms; default 10 s. */
  readonly saveEveryMs?: number;
  /** Chains of snapshots that are kept; default 2. */
  readonly keep?: number;
};

/** Of a snapshot between two publishes. */
const NOT_JUDGED: GateVerdict = {
  verdict: 'waits',
  findings: ['not judged: it was taken between two publishes'],
};

export class LiveTraining {
  readonly trainer: DeepTrainer;
  /** Where the newest snapshot stands; null: there is none. */
  readonly from: StreamPlace['from'] | null;
  readonly #of: LiveTrainingOf;
  readonly #folder: ModelFolder;
  readonly #batches: LiveBatches;
  #savedAt: number;
  /** Rows in the newest snapshot. */
  #savedRows: number;
  /** Since when something is ready, or trained on, and in no published model; null: nothing is. */
  #unpublishedSince: number | null = null;
  #lastGate: GateVerdict;

  private constructor(of: LiveTrainingOf, trainer: DeepTrainer, folder: ModelFolder) {
    this.#of = of;
    this.trainer = trainer;
    this.#folder = folder;
    const place = folder.newest?.at as StreamPlace | undefined;
    this.from = place?.from ?? null;
    this.#lastGate = folder.newest?.gate ?? NOT_JUDGED;
    this.#savedRows = trainer.progress.rows;
    this.#savedAt = of.now();
    const pace = Math.min(of.model.publishMs, LIVE_PACE_MS);
    const open = place?.isOpen === true ? place.from.emitted : null;
    this.#batches = new LiveBatches(of.model.batch, pace, open);
  }

  /** Goes on from the newest snapshot if there is one; a Fault when it is another model's. */
  static async open(of: LiveTrainingOf): Promise<LiveTraining> {
    const { model, set, device, planDigest, topic, weighting, slices } = of;
    const config = deepConfig(model, set, weighting);
    const { weightings } = config;
    const identity = { planDigest, set: set.name, file: `topic ${topic}`, model, slices };
    const columns = set.features.map(({ name, input }) => ({ name, input }));
    const folder = await ModelFolder.open(
      of.folder,
      { ...identity, weightings, columns },
      true,
      of.keep,
    );
    const from = folder.newest === null ? undefined : folder.read();
    return new LiveTraining(of, new DeepTrainer({ config, set, device, slices }, from), folder);
  }

  /**
   * Trains on the next batch, publishes where one is due; false: it is not known yet where the next batch ends.
   * `isBehind`: more is there to be read, so that the clock has no say and not every publish is worth a snapshot.
   */
  async turn(rows: LiveRows, isBehind: boolean): Promise<boolean> {
    const now = this.#of.now();
    const isWaiting = rows.ready.length > 0 || this.#batches.isOpen;
    this.#unpublishedSince = isWaiting ? (this.#unpublishedSince ?? now) : null;
    const since = this.#unpublishedSince;
    const isLate = !isBehind && since !== null && now - since >= LIVE_CLOCK_CUT_MS;
    const cut = this.#batches.next(rows, isLate);
    if (cut === null) {
      if (!isBehind && !this.#batches.isOpen) await this.#saveUnsaved(rows);
      return false;
    }
    await this.#train(rows.take(cut.count));
    if (cut.closes) {
      this.#unpublishedSince = null;
      await this.#publish(rows, isBehind);
    }
    return true;
  }

  /** At the decided end: trains on what is ready, judges, and writes a full snapshot. */
  async finish(rows: LiveRows): Promise<GateVerdict> {
    for (
      let cut = this.#batches.next(rows, true);
      cut !== null;
      cut = this.#batches.next(rows, true)
    ) {
      await this.#train(rows.take(cut.count));
      if (cut.closes) this.#lastGate = await this.trainer.publish();
    }
    const { newest } = this.#folder;
    // Nothing came after a snapshot of the end: it stays as it is.
    if (newest?.kind === 'full' && newest.rows === this.trainer.progress.rows) return newest.gate;
    const saved = await this.#save(rows, this.#lastGate, true);
    this.#of.onPublish(this.#lastGate, saved);
    return this.#lastGate;
  }

  /** Before the process ends: what is trained on is kept, judged or not. */
  async drain(rows: LiveRows): Promise<void> {
    if (this.#savedRows === this.trainer.progress.rows) return;
    await this.trainer.scoreShown();
    await this.#save(rows, this.#batches.isOpen ? NOT_JUDGED : this.#lastGate, false);
  }

  async #train(rows: readonly ExampleRow[]): Promise<void> {
    for (const row of rows) this.trainer.offer(row);
    await this.trainer.step();
  }

  async #publish(rows: LiveRows, isBehind: boolean): Promise<void> {
    const gate = await this.trainer.publish();
    this.#lastGate = gate;
    const pace = this.#of.saveEveryMs ?? MODEL_SNAPSHOT_EVERY_MS;
    const catchesUp = isBehind || rows.ready.length >= this.#of.model.batch;
    const isDue = !catchesUp || this.#of.now() - this.#savedAt >= pace;
    this.#of.onPublish(gate, isDue ? await this.#save(rows, gate, false) : null);
  }

  /** What was published while the stream was behind is in no snapshot yet. */
  async #saveUnsaved(rows: LiveRows): Promise<void> {
    if (this.#savedRows === this.trainer.progress.rows) return;
    this.#of.onPublish(this.#lastGate, await this.#save(rows, this.#lastGate, false));
  }

  async #save(rows: LiveRows, gate: GateVerdict, final: boolean): Promise<SnapshotEntry> {
    const at: StreamPlace = { from: rows.place(), isOpen: this.#batches.isOpen };
    const saved = await this.#folder.save(this.trainer, { at, gate, final });
    this.#savedAt = this.#of.now();
    this.#savedRows = this.trainer.progress.rows;
    return saved;
  }
}
