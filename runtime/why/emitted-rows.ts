/** What an output folder holds of one example: its rows, and those that checks kept aside. */
import { join } from 'node:path';
import type { ExamplePlan } from '../../compiler/plan/plan.ts';
import { didYouMean } from '../../dsl/suggest.ts';
import type { ExampleRow } from '../block/example-row.ts';
import type { OutputPosition } from '../log/progress.ts';
import { withDecidedFolder } from '../run/decided-folder.ts';
import { type OutputFormat, sinkName } from '../sink/sink.ts';
import { EXAMPLES_START, readExamples } from '../training/read-examples.ts';

export type KeptAside = { readonly lot: string; readonly reason: string; readonly emitted: number };

export type EmittedRows = {
  readonly set: ExamplePlan;
  /** In the order of the output; null where the format is not read back. */
  readonly rows: readonly ExampleRow[] | null;
  readonly aside: readonly KeptAside[];
};

export type Emitted = {
  readonly sets: readonly EmittedRows[];
  /** Emissions before it are out, ms. */
  readonly k: number;
  /** An id of the outputs that looks like the one that was not found. */
  readonly near: string | null;
};

export async function readEmitted(
  folder: string,
  of: { readonly format: OutputFormat; readonly sets: readonly ExamplePlan[] },
  id: string,
): Promise<Emitted> {
  return withDecidedFolder(folder, async ({ quarantines, progress }) => {
    const sets: EmittedRows[] = [];
    for (const set of of.sets) {
      const aside: KeptAside[] = [];
      for await (const { lot, reason, row } of quarantines.get(set.name)!.lines()) {
        if (row.id === id) aside.push({ lot, reason, emitted: row.emitted });
      }
      const at = outputOf(folder, set, { ...of, outputs: progress?.outputs ?? {} });
      sets.push({ set, rows: at === null ? null : await rowsOf(at, set, id), aside });
    }
    const isFound = sets.some(({ rows, aside }) => (rows?.length ?? 0) + aside.length > 0);
    const k = progress?.k ?? Number.NEGATIVE_INFINITY;
    if (isFound) return { sets, k, near: null };
    const outputs = of.sets.map((set) =>
      outputOf(folder, set, { ...of, outputs: progress?.outputs ?? {} }),
    );
    return { sets, k, near: await nearestId(id, of.sets, outputs) };
  });
}

type Output = { readonly path: string; readonly bytes: number };

/** A set's file and how much of it is committed; null: Parquet, which is whole only at its end and not read back. */
function outputOf(
  folder: string,
  set: ExamplePlan,
  of: {
    readonly format: OutputFormat;
    readonly outputs: Readonly<Record<string, OutputPosition>>;
  },
): Output | null {
  if (of.format === 'parquet') return null;
  const name = sinkName(set.name, of.format);
  return { path: join(folder, name), bytes: of.outputs[name]?.bytes ?? 0 };
}

async function rowsOf(at: Output, set: ExamplePlan, id: string): Promise<ExampleRow[]> {
  const found: ExampleRow[] = [];
  if (at.bytes === 0) return found;
  for await (const { rows } of readExamples(at.path, set, { from: EXAMPLES_START, to: at.bytes })) {
    for (const row of rows) if (row.id === id) found.push(row);
  }
  return found;
}

/** The nearest of each piece is kept: ids are too many to hold. */
async function nearestId(
  id: string,
  sets: readonly ExamplePlan[],
  outputs: readonly (Output | null)[],
): Promise<string | null> {
  let best: string | null = null;
  for (const [i, at] of outputs.entries()) {
    if (at === null || at.bytes === 0) continue;
    const range = { from: EXAMPLES_START, to: at.bytes };
    for await (const { rows } of readExamples(at.path, sets[i], range)) {
      const ids = rows.map((row) => row.id);
      best = didYouMean(id, best === null ? ids : [best, ...ids]);
    }
  }
  return best;
}
