/**
 * The snapshots of a deep model: a folder of files, and a manifest that is replaced last and says which of them count. Full
 * ones hold everything, deltas the rows changed since the file before; the baseline lies beside the newest.
 */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ModelPlan } from '../compiler/model-plan.ts';
import { Fault } from './fault.ts';
import { disk } from './files.ts';
import type { OutputPosition } from './progress.ts';
import { safeName } from './sink.ts';
import type { DeepTrainer, Restored } from './trainer/deep-trainer.ts';
import { FtrlTrainer } from './trainer/ftrl-trainer.ts';
import type { GateVerdict } from './trainer/model-gates.ts';
import { readSnapshot, writeSnapshot } from './trainer/snapshot-file.ts';
import type { MergePlace } from './worker/example-merge.ts';

const MANIFEST = 'manifest.json';
/** A chain of deltas is ended by a full file at this length. */
const CHAIN_MAX = 48;

/** Where in a file of examples a snapshot stands: `skip` rows behind `start`. */
export type ExamplePlace = { readonly start: OutputPosition; readonly skip: number };

/** Where in a stream of examples. */
export type StreamPlace = {
  readonly from: MergePlace;
  /** Rows were trained on since the last publish. */
  readonly isOpen: boolean;
};

/** What the model was trained on; another is another model's folder. */
export type ModelIdentity = {
  readonly planDigest: string;
  readonly set: string;
  readonly file: string;
  readonly model: ModelPlan;
  readonly weightings: readonly string[];
  /** Columns by whose values it was measured. */
  readonly slices: readonly string[];
};

export type SnapshotEntry = {
  readonly file: string;
  readonly kind: 'full' | 'delta';
  /** The file that a delta changes; null of a full one. */
  readonly parent: string | null;
  readonly rows: number;
  /** By what the model was trained on: a file or a topic (`ModelIdentity.file`). */
  readonly at: ExamplePlace | StreamPlace;
  /** Emission time of the last row trained on, ms. */
  readonly watermark: number | null;
  readonly gate: GateVerdict;
  readonly metrics: Readonly<Record<string, SnapshotMetrics>>;
};

export type SnapshotMetrics = {
  readonly ne: number | null;
  readonly auc: number | null;
  readonly calibration: number | null;
  readonly baselineNe: number | null;
};

export type ModelManifest = ModelIdentity & {
  readonly version: 1;
  /** Oldest first: the newest chain, and the one before it. */
  readonly snapshots: readonly SnapshotEntry[];
  /** The newest that passed its gates. */
  readonly published: string | null;
};

/** Where the deep model of an example set lies by default: in the run's own folder. */
export function modelFolder(run: string, set: string): string {
  return join(run, `${safeName(set)}.deep`);
}

export class ModelFolder {
  readonly path: string;
  #manifest: ModelManifest;

  private constructor(path: string, manifest: ModelManifest) {
    this.path = path;
    this.#manifest = manifest;
  }

  /** The folder as it is, where it is this model's, else a new one. With `resume` a foreign one is a Fault; else it is emptied. */
  static async open(path: string, identity: ModelIdentity, resume: boolean): Promise<ModelFolder> {
    const bytes = resume ? await disk.read(join(path, MANIFEST)) : null;
    if (bytes === null) {
      rmSync(path, { recursive: true, force: true });
      mkdirSync(path, { recursive: true });
      return new ModelFolder(path, { version: 1, ...identity, snapshots: [], published: null });
    }
    const manifest: ModelManifest = JSON.parse(Buffer.from(bytes).toString());
    checkIdentity(path, manifest, identity);
    return new ModelFolder(path, manifest);
  }

  /** The newest snapshot; null: there is none. */
  get newest(): SnapshotEntry | null {
    return this.#manifest.snapshots.at(-1) ?? null;
  }

  /** What the newest snapshot holds. A Fault when one of its files is damaged. */
  read(): Restored {
    const { snapshots } = this.#manifest;
    const from = snapshots.findLastIndex(({ kind }) => kind === 'full');
    const chain = snapshots.slice(from).map(({ file }) => readSnapshot(join(this.path, file)));
    const { trainer } = FtrlTrainer.restore(join(this.path, baselineOf(this.newest!.file)));
    return { chain, baseline: trainer, path: this.path };
  }

  /** Writes a snapshot; `final` ones are full. Whatever cuts this off, the folder holds this one or the one before. */
  async save(
    trainer: DeepTrainer,
    of: { readonly at: SnapshotEntry['at']; readonly gate: GateVerdict; readonly final: boolean },
  ): Promise<SnapshotEntry> {
    const { rows, reached } = trainer.progress;
    const full = of.final || this.#wantsFull(trainer);
    const parent = full ? null : this.newest!.file;
    const file = `rows-${String(rows).padStart(12, '0')}.${full ? 'full' : 'delta'}`;
    writeSnapshot(join(this.path, file), await trainer.capture(full));
    trainer.baseline.snapshot(join(this.path, baselineOf(file)), {});
    const entry: SnapshotEntry = {
      ...{ file, kind: full ? 'full' : 'delta', parent, rows },
      ...{ at: of.at, watermark: reached, gate: of.gate, metrics: metricsOf(trainer) },
    };
    const others = this.#manifest.snapshots.filter((each) => each.file !== file);
    const published = of.gate.verdict === 'passed' ? file : this.#manifest.published;
    await this.#commit({ snapshots: kept([...others, entry]), published });
    trainer.written();
    return entry;
  }

  #wantsFull(trainer: DeepTrainer): boolean {
    const { snapshots, model } = this.#manifest;
    const last = snapshots.findLastIndex(({ kind }) => kind === 'full');
    if (last < 0 || snapshots.length - last >= CHAIN_MAX) return true;
    const since = (trainer.progress.reached ?? 0) - (snapshots[last]!.watermark ?? 0);
    return since >= model.fullMs;
  }

  async #commit(change: Pick<ModelManifest, 'snapshots' | 'published'>): Promise<void> {
    this.#manifest = { ...this.#manifest, ...change };
    const text = `${JSON.stringify(this.#manifest, null, 1)}\n`;
    await disk.replace(join(this.path, MANIFEST), Buffer.from(text));
    const counted = new Set([MANIFEST, ...this.#manifest.snapshots.map(({ file }) => file)]);
    counted.add(baselineOf(this.newest!.file));
    for (const name of readdirSync(this.path)) {
      if (!counted.has(name)) rmSync(join(this.path, name));
    }
  }
}

/** The newest chain and the one before it. */
function kept(snapshots: readonly SnapshotEntry[]): readonly SnapshotEntry[] {
  const newest = snapshots.findLastIndex(({ kind }) => kind === 'full');
  const before = snapshots.slice(0, newest).findLastIndex(({ kind }) => kind === 'full');
  return snapshots.slice(Math.max(0, before));
}

function baselineOf(file: string): string {
  return file.replace(/\.\w+$/, '.baseline');
}

function metricsOf(trainer: DeepTrainer): Record<string, SnapshotMetrics> {
  const baseline = trainer.baseline.metrics().labels;
  const own = Object.entries(trainer.metrics().labels);
  return Object.fromEntries(
    own.map(([label, { emissions }]) => {
      const { normalisedEntropy: ne, auc, calibration } = emissions;
      const baselineNe = baseline[label]?.emissions.normalisedEntropy ?? null;
      return [label, { ne, auc, calibration, baselineNe }];
    }),
  );
}

function checkIdentity(path: string, saved: ModelManifest, wanted: ModelIdentity): void {
  const differences: string[] = [];
  if (saved.planDigest !== wanted.planDigest) differences.push('the program changed since');
  if (saved.set !== wanted.set) differences.push(`it is of ${saved.set}, not ${wanted.set}`);
  if (saved.file !== wanted.file) {
    differences.push(`it was trained on ${saved.file}, not ${wanted.file}`);
  }
  if (JSON.stringify(saved.model) !== JSON.stringify(wanted.model)) {
    differences.push('the model block changed');
  }
  if (saved.weightings.join() !== wanted.weightings.join()) {
    differences.push(`its labels were weighed by ${saved.weightings.join(', ')}`);
  }
  if (saved.slices.join() !== wanted.slices.join()) {
    differences.push(`it was measured by slices of ${saved.slices.join(', ') || 'nothing'}`);
  }
  if (differences.length === 0) return;
  throw new Fault(
    'snapshot_of_other_model',
    `${path} cannot be gone on with: ${differences.join('; ')}. Train anew without --resume.`,
    { context: { path } },
  );
}
