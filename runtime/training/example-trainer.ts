/**
 * The trainer as a reader of one example file. Its snapshot holds how far it read, so training is exactly once too: what
 * was trained on and where to read on are one file, replaced as a whole. Training that is cut off anywhere and resumed
 * gives the same model, bit for bit, as training in one go.
 */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { ExamplePlan } from '../../compiler/plan/plan.ts';
import { Fault } from '../fault.ts';
import type { OutputPosition } from '../log/progress.ts';
import { safeName } from '../sink/sink.ts';
import { FtrlTrainer, type ScoredLabel } from '../trainer/ftrl-trainer.ts';
import type { Weighting } from '../trainer/label-weights.ts';
import { trainerConfig } from '../trainer/trainer-config.ts';
import { EXAMPLES_START, readExamples } from './read-examples.ts';

/** Which examples, and which model. */
export type ExampleTraining = {
  /** The example file. */
  readonly path: string;
  readonly set: ExamplePlan;
  readonly planDigest: string;
  /** Labels to train, in the set's order. */
  readonly labels: readonly string[];
  readonly snapshot: string;
  /** Erasures that the run's folder has seen; absent: none. */
  readonly erasures?: number;
  /** By label, what was asked for; the others: what their policy asks for, or the snapshot's when resumed. */
  readonly weighting: Readonly<Record<string, Weighting>>;
};

/** What the snapshot says of its input. `more` is the caller's own, as plain JSON. */
type Offsets = OutputPosition & {
  readonly planDigest: string;
  readonly set: string;
  readonly file: string;
  /** Absent: none. */
  readonly erasures?: number;
  readonly more: unknown;
};

/** Where the model of an example set lies by default: in the run's own folder. */
export function modelPath(folder: string, set: string): string {
  return join(folder, `${safeName(set)}.model`);
}

export class ExampleTrainer {
  readonly trainer: FtrlTrainer;
  /** Everything before it is trained on. */
  at: OutputPosition;
  /** What `save` was given for the snapshot this one goes on from; null at a start. */
  readonly more: unknown;
  readonly #of: ExampleTraining;

  private constructor(
    of: ExampleTraining,
    from: { trainer: FtrlTrainer; at: OutputPosition; more: unknown },
  ) {
    this.#of = of;
    this.trainer = from.trainer;
    this.at = from.at;
    this.more = from.more;
  }

  /** With `resume`, goes on from the snapshot if there is one; a Fault when it is another model's. */
  static open(of: ExampleTraining, resume: boolean): ExampleTrainer {
    if (resume && existsSync(of.snapshot)) return ExampleTrainer.#resume(of);
    const kept = new Set(of.labels);
    const labels = of.set.labels.filter(({ name }) => kept.has(name));
    const trainer = new FtrlTrainer(
      trainerConfig({ ...of.set, labels }, { weighting: of.weighting }),
    );
    return new ExampleTrainer(of, { trainer, at: EXAMPLES_START, more: null });
  }

  static #resume(of: ExampleTraining): ExampleTrainer {
    const { trainer, offsets } = FtrlTrainer.restore(of.snapshot);
    // Written by `save`, and the file's digest was checked.
    const { bytes, rows, more, ...saved } = offsets as Offsets;
    checkSame(of, saved, trainer.config);
    return new ExampleTrainer(of, { trainer, at: { bytes, rows }, more });
  }

  /** Trains up to byte `to` of the file (null: its end), some thousand rows a piece; gives the number of rows. */
  async consume(
    to: number | null,
    more: {
      readonly onScored?: (scored: ScoredLabel) => void;
      readonly onPiece?: () => void;
    } = {},
  ): Promise<number> {
    const before = this.at.rows;
    const { path, set } = this.#of;
    for await (const { rows, end } of readExamples(path, set, { from: this.at, to })) {
      this.trainer.consume(rows, more.onScored);
      this.at = end;
      more.onPiece?.();
    }
    return this.at.rows - before;
  }

  /** Writes the snapshot, atomically and durably; `more` comes back from the next `open`. */
  save(more: unknown = null): void {
    const { planDigest, set, path, snapshot, erasures = 0 } = this.#of;
    const offsets: Offsets = {
      ...{ planDigest, set: set.name, file: basename(path), erasures, more },
      ...this.at,
    };
    this.trainer.snapshot(snapshot, offsets);
  }
}

/** Of a model that is not gone on with. */
export const ERASED_SINCE =
  'people were erased from the examples since: it has learnt from rows that are no more';

function checkSame(
  of: ExampleTraining,
  saved: Omit<Offsets, 'bytes' | 'rows' | 'more'>,
  { labels, weighting }: FtrlTrainer['config'],
): void {
  const differences: string[] = [];
  if (saved.planDigest !== of.planDigest) differences.push('the program changed since');
  if (saved.set !== of.set.name) differences.push(`it is of ${saved.set}, not ${of.set.name}`);
  if ((saved.erasures ?? 0) !== (of.erasures ?? 0)) differences.push(ERASED_SINCE);
  const file = basename(of.path);
  if (saved.file !== file) differences.push(`it was trained on ${saved.file}, not ${file}`);
  if (labels.join() !== of.labels.join()) {
    differences.push(`its labels are ${labels.join(', ')}, not ${of.labels.join(', ')}`);
  }
  for (const [label, asked] of Object.entries(of.weighting)) {
    const has = weighting[label];
    if (asked !== has)
      differences.push(`${label} is trained with the weights ${has}, not ${asked}`);
  }
  if (differences.length === 0) return;
  throw new Fault(
    'snapshot_of_other_model',
    `${of.snapshot} cannot be gone on with: ${differences.join('; ')}. Train anew with --fresh (it replaces this one), or give another file with --to.`,
    { context: { path: of.snapshot } },
  );
}
