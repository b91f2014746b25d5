/**
 * The snapshots of a deep model: a folder of files, and a manifest that is replaced last and says which of them count. Full
 * ones hold everything, deltas the rows changed since the file before; the baseline lies beside each.
 */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ModelPlan } from '../../compiler/check/model-plan.ts';
import { Fault } from '../fault.ts';
import { disk } from '../files.ts';
import type { OutputPosition } from '../log/progress.ts';
import { safeName } from '../sink/sink.ts';
import type { DeepTrainer, Restored } from '../trainer/deep-trainer.ts';
import { driftOf } from '../trainer/drift-metrics.ts';
import { FtrlTrainer } from '../trainer/ftrl-trainer.ts';
import type { MetricValues } from '../trainer/label-metrics.ts';
import type { GateVerdict } from '../trainer/model-gates.ts';
import type { TrainerColumn } from '../trainer/row-encoder.ts';
import { readSnapshot, writeSnapshot } from '../trainer/snapshot-file.ts';
import type { MergePlace } from './example-merge.ts';
import { ERASED_SINCE } from './example-trainer.ts';

const MANIFEST = 'manifest.json';
/** Every file of a snapshot begins so. */
const OWN = 'rows-';
/** A chain of deltas is ended by a full file at this length. */
const CHAIN_MAX = 48;
/** Chains that are kept where nothing else is said. */
const KEEP_CHAINS = 2;

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
  /** Erasures that those examples have seen; absent: none. */
  readonly erasures?: number;
  readonly model: ModelPlan;
  readonly weightings: readonly string[];
  /** Columns by whose values it was measured. */
  readonly slices: readonly string[];
  /** Columns of the set, in order; for whoever reads the model without its program. */
  readonly columns?: readonly { readonly name: string; readonly input: TrainerColumn['input'] }[];
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
  /** PSI of the newest day against the first, of `scores of LABEL` and of the columns that moved most. */
  readonly drift: Readonly<Record<string, number>>;
};

/** Of the rows trained on, each scored before; `deciles`: observed / expected by tenth, lowest scores first. */
type Measured = {
  readonly ne: number | null;
  readonly logLoss: number | null;
  readonly auc: number | null;
  readonly prAuc: number | null;
  readonly calibration: number | null;
  readonly deciles: readonly number[];
};

/** The model's figures, and the baseline's on the same rows. */
export type SnapshotMetrics = Measured & { readonly baseline: Measured | null };

export type ModelManifest = ModelIdentity & {
  readonly version: 1;
  /** Oldest first: the newest chains, and that of the published one. */
  readonly snapshots: readonly SnapshotEntry[];
  /** The newest that passed its gates, or the one that was rolled back to. */
  readonly published: string | null;
  /** The last time that somebody took a model back. */
  readonly rolledBack?: { readonly from: string; readonly to: string; readonly skipped: boolean };
};

/** Where the deep model of an example set lies by default: in the run's own folder. */
export function modelFolder(run: string, set: string): string {
  return join(run, `${safeName(set)}.deep`);
}

export class ModelFolder {
  readonly path: string;
  #manifest: ModelManifest;
  readonly #keep: number;

  private constructor(path: string, manifest: ModelManifest, keep: number) {
    this.path = path;
    this.#manifest = manifest;
    this.#keep = keep;
  }

  /**
   * With `resume` the folder as it is, or a Fault where it is another model's; else what any model left in it is deleted, which
   * whoever asks has agreed to. A folder that is no model's is left as it is. `keep`: chains.
   */
  static async open(
    path: string,
    identity: ModelIdentity,
    resume: boolean,
    keep = KEEP_CHAINS,
  ): Promise<ModelFolder> {
    const bytes = await disk.read(join(path, MANIFEST));
    if (bytes === null || !resume) {
      if (bytes !== null) rmSync(path, { recursive: true });
      mkdirSync(path, { recursive: true });
      const empty = { version: 1 as const, ...identity, snapshots: [], published: null };
      return new ModelFolder(path, empty, keep);
    }
    const manifest = parseManifest(path, bytes);
    checkIdentity(path, manifest, identity);
    return new ModelFolder(path, manifest, keep);
  }

  /** The newest snapshot; null: there is none. */
  get newest(): SnapshotEntry | null {
    return this.#manifest.snapshots.at(-1) ?? null;
  }

  /** What the newest snapshot holds. A Fault when one of its files is damaged. */
  read(): Restored {
    const entries = chainOf(this.#manifest, this.newest!.file);
    const chain = entries.map(({ file }) => readSnapshot(join(this.path, file)));
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
    const file = `${this.#stem(rows)}.${full ? 'full' : 'delta'}`;
    writeSnapshot(join(this.path, file), await trainer.capture(full));
    trainer.baseline.snapshot(join(this.path, baselineOf(file)), {});
    const entry: SnapshotEntry = {
      ...{ file, kind: full ? 'full' : 'delta', parent, rows },
      ...{ at: of.at, watermark: reached, gate: of.gate, metrics: metricsOf(trainer) },
      drift: driftOf(trainer.drift()),
    };
    const published = of.gate.verdict === 'passed' ? file : this.#manifest.published;
    const snapshots = kept([...this.#manifest.snapshots, entry], published, this.#keep);
    await this.#commit({ snapshots, published });
    trainer.written();
    return entry;
  }

  /**
   * A name that no snapshot of the manifest has: what counts is never written over. After a stop within a stretch of
   * event time, its end may come without another row.
   */
  #stem(rows: number): string {
    const stem = `${OWN}${String(rows).padStart(12, '0')}`;
    const of = this.#manifest.snapshots.filter((each) => each.rows === rows).length;
    return of === 0 ? stem : `${stem}-${of + 1}`;
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
    await writeManifest(this.path, this.#manifest);
    const counted = new Set<string>();
    for (const { file } of this.#manifest.snapshots) counted.add(file).add(baselineOf(file));
    for (const name of readdirSync(this.path)) {
      if (name.startsWith(OWN) && !counted.has(name)) rmSync(join(this.path, name));
    }
  }
}

/** What a folder says of itself; null: it is no model's. A Fault when it cannot be read. */
export async function readManifest(path: string): Promise<ModelManifest | null> {
  const bytes = await disk.read(join(path, MANIFEST));
  return bytes === null ? null : parseManifest(path, bytes);
}

/** Replaces it at once: whoever reads sees the old one or the new one. */
export async function writeManifest(path: string, manifest: ModelManifest): Promise<void> {
  const text = `${JSON.stringify(manifest, null, 1)}\n`;
  await disk.replace(join(path, MANIFEST), Buffer.from(text));
}

/** The files of one snapshot: a full one and the deltas up to it. */
export function chainOf(
  { snapshots }: Pick<ModelManifest, 'snapshots'>,
  file: string,
): readonly SnapshotEntry[] {
  const last = snapshots.findIndex((each) => each.file === file);
  const first = snapshots.slice(0, last + 1).findLastIndex(({ kind }) => kind === 'full');
  return snapshots.slice(first, last + 1);
}

function parseManifest(path: string, bytes: Uint8Array): ModelManifest {
  try {
    const manifest: ModelManifest = JSON.parse(Buffer.from(bytes).toString());
    if (manifest.version === 1 && Array.isArray(manifest.snapshots)) return manifest;
  } catch {
    // Said below.
  }
  throw new Fault(
    'snapshot_corrupt',
    `${join(path, MANIFEST)} is no manifest of a model: it is cut or of something else. Train anew into another folder, or with --fresh.`,
    { context: { path } },
  );
}

/** The newest `keep` chains, and all behind the published one's start. */
function kept(
  snapshots: readonly SnapshotEntry[],
  published: string | null,
  keep: number,
): readonly SnapshotEntry[] {
  const fulls = [...snapshots.keys()].filter((i) => snapshots[i]!.kind === 'full');
  const served = published === null ? undefined : chainOf({ snapshots }, published)[0];
  const first = fulls.at(-keep) ?? 0;
  return snapshots.slice(served === undefined ? first : Math.min(first, snapshots.indexOf(served)));
}

function baselineOf(file: string): string {
  return file.replace(/\.\w+$/, '.baseline');
}

function metricsOf(trainer: DeepTrainer): Record<string, SnapshotMetrics> {
  const baselines = trainer.baseline.metrics().labels;
  const own = Object.entries(trainer.metrics().labels);
  return Object.fromEntries(
    own.map(([label, { emissions }]) => {
      const beside = baselines[label]?.emissions;
      const baseline = beside === undefined ? null : measured(beside);
      return [label, { ...measured(emissions), baseline }];
    }),
  );
}

function measured({ normalisedEntropy, logLoss, auc, prAuc, ...more }: MetricValues): Measured {
  const deciles = more.deciles.map(({ ratio }) => Math.round(ratio * 1000) / 1000);
  return { ne: normalisedEntropy, logLoss, auc, prAuc, calibration: more.calibration, deciles };
}

function checkIdentity(path: string, saved: ModelManifest, wanted: ModelIdentity): void {
  const differences: string[] = [];
  if (saved.planDigest !== wanted.planDigest) differences.push('the program changed since');
  if (saved.set !== wanted.set) differences.push(`it is of ${saved.set}, not ${wanted.set}`);
  if (saved.file !== wanted.file) {
    differences.push(`it was trained on ${saved.file}, not ${wanted.file}`);
  }
  if ((saved.erasures ?? 0) !== (wanted.erasures ?? 0)) differences.push(ERASED_SINCE);
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
    `${path} cannot be gone on with: ${differences.join('; ')}. Train anew into another folder, or with --fresh (it deletes what this one holds).`,
    { context: { path } },
  );
}
