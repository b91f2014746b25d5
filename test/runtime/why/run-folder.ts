/** Output folders of small runs, made by the command line in this process, and what `why` says of them. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Plan } from '../../../compiler/plan/plan.ts';
import { ErasedRows } from '../../../operators/scan/erasure.ts';
import { main } from '../../../runtime/command/cli.ts';
import { parseInputs } from '../../../runtime/source/inputs.ts';
import { replayPlan } from '../../../runtime/why/replay.ts';
import type { ReplayInputs } from '../../../runtime/why/replay-inputs.ts';
import { Sources } from '../../../runtime/why/sources.ts';
import type { InputPartition } from '../../reference/events.ts';
import { planOf } from '../../run-in-memory.ts';

/** What a command printed, out and errors. */
export type Said = { readonly code: number; readonly out: string; readonly err: string };

export type RunFolder = {
  readonly plan: Plan;
  /** Where program and inputs are; the output is `out` in it. */
  readonly folder: string;
  readonly why: (...args: string[]) => Promise<Said>;
  /** Rows of an example set, as they were written. */
  readonly rows: (set: string) => Promise<string[]>;
};

/** Runs a program over inputs of the streams that it reads, one file a partition. `flags`: of `run`. */
export async function runFolder(
  folder: string,
  program: string,
  input: readonly InputPartition[],
  flags: readonly string[],
): Promise<RunFolder> {
  const plan = planOf(program);
  const froms = await writeInput(folder, plan, input);
  await writeFile(join(folder, 'p.feat'), program);
  const out = join(folder, 'out');
  const said = await command(
    'run',
    join(folder, 'p.feat'),
    ...froms.flatMap((from) => ['--from', from]),
    '--to',
    out,
    '--quiet',
    '--state',
    'memory',
    ...flags,
  );
  if (said.code !== 0) throw new Error(said.err);
  return {
    plan,
    folder,
    why: (...args) => command('why', out, ...args),
    rows: async (set) =>
      (await readFile(join(out, `${set}.ndjson`), 'utf8'))
        .split('\n')
        .filter((line) => line !== ''),
  };
}

/** One file a partition of the streams that a plan reads; gives the `--from` options. */
export async function writeInput(
  folder: string,
  plan: Plan,
  input: readonly InputPartition[],
): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const froms: string[] = [];
  for (const topic of new Set(plan.scans.map((scan) => scan.topic))) {
    const files: string[] = [];
    for (const { partition, rows } of input.filter(({ stream }) => stream === topic)) {
      const file = join(folder, `${topic}-${partition}.ndjson`);
      const lines = rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row)));
      await writeFile(file, lines.map((line) => `${line}\n`).join(''));
      files.push(file);
    }
    froms.push(`${topic}=${files.join(',')}`);
  }
  return froms;
}

/** The same opened for a replay. */
export async function openFiles(plan: Plan, froms: readonly string[]): Promise<ReplayInputs> {
  const replayed = replayPlan(plan);
  const inputs = await parseInputs(replayed, froms, []);
  return {
    replayed,
    inputs,
    sources: new Sources(
      replayed,
      inputs,
      inputs.map(({ path }) => path),
    ),
    erased: new ErasedRows(replayed, []),
  };
}

/** A command line in this process. */
export async function command(...args: string[]): Promise<Said> {
  const printed: string[] = [];
  const errors: string[] = [];
  const out = {
    print: (text: string) => printed.push(text),
    error: (text: string) => errors.push(text),
    progress: { write: () => true },
  };
  const code = await main(args, out, '0.0.0');
  return { code, out: printed.join('\n'), err: errors.join('\n') };
}
