/** One program over one input: the engine in several guises against the reference, and how a difference is made small. */

import type { LogicalProgram } from '../../compiler/check/logical.ts';
import { compile } from '../../compiler/compile.ts';
import type { Plan } from '../../compiler/plan/plan.ts';
import { hasErrors, renderDiagnostic } from '../../dsl/diagnostic.ts';
import { parseFile } from '../../dsl/parse.ts';
import { type Rng, rng } from '../random.ts';
import type { Pending } from '../reference/emissions.ts';
import { evaluate } from '../reference/evaluate.ts';
import type { InputPartition } from '../reference/events.ts';
import { type RunOptions, runInMemory } from '../run-in-memory.ts';
import { generateProgram } from './program.ts';
import { type GeneratedProgram, halves, programText, smallerPrograms } from './program-text.ts';
import { generateRows } from './rows.ts';

export type Case = {
  readonly seed: number;
  readonly program: GeneratedProgram;
  readonly input: readonly InputPartition[];
};

/** Steps of shrinking, at most: a long one is cut short rather than waited for. */
const SHRINK_TRIALS_MAX = 1500;

export function generateCase(seed: number): Case {
  const random = rng(seed);
  const program = generateProgram(random);
  return { seed, program, input: generateRows(random) };
}

/** What differs first, or null. Throws where the program does not compile. */
export function difference({ seed, program, input }: Case): string | null {
  const compiled = compiledOf(programText(program));
  const complete = seed % 3 !== 0;
  const plan: Plan = JSON.parse(JSON.stringify(compiled.plan));
  const expected = textOf(referenceOf(compiled.program, plan, { input, complete }));
  for (const [name, options] of guises(rng(seed + 1))) {
    let got: string[];
    try {
      got = textOf(engineOf(plan, input, { ...options, complete }));
    } catch (error) {
      return `${name}: ${error instanceof Error ? error.stack : String(error)}`;
    }
    const at = expected.findIndex((line, i) => line !== got[i]);
    if (at >= 0 || got.length > expected.length) {
      const i = at < 0 ? expected.length : at;
      return `${name}\n  reference: ${expected[i]}\n  engine:    ${got[i]}`;
    }
  }
  return null;
}

/** A program as text over rows, by the engine and by the reference. Throws where it does not compile. */
export function runBoth(
  text: string,
  input: readonly InputPartition[],
  complete: boolean,
): { engine: Printed; reference: Printed } {
  const { plan, program } = compiledOf(text);
  return {
    engine: engineOf(plan, input, { complete, batchRows: () => 3 }),
    reference: referenceOf(program, plan, { input, complete }),
  };
}

/** The case with whatever can be left out left out, and still different. */
export function shrink(failing: Case): Case {
  let best = failing;
  let trials = 0;
  const fails = (candidate: Case): boolean => {
    if (++trials > SHRINK_TRIALS_MAX) return false;
    try {
      return difference(candidate) !== null;
    } catch {
      return false;
    }
  };
  for (let smaller: Case | undefined = best; smaller !== undefined; ) {
    best = smaller;
    smaller = undefined;
    for (const candidate of smallerCases(best)) {
      if (!fails(candidate)) continue;
      smaller = candidate;
      break;
    }
  }
  return best;
}

/** The case as a person reads it: text, rows, the first difference. */
export function showCase(found: Case): string {
  const rows = found.input
    .filter((each) => each.rows.length > 0)
    .map(
      ({ stream, partition, rows }) =>
        `${stream}/${partition}\n${rows.map((row) => `  ${JSON.stringify(row)}`).join('\n')}`,
    );
  const complete = found.seed % 3 !== 0;
  return [
    `seed ${found.seed}${complete ? ', complete' : ''}`,
    programText(found.program),
    ...rows,
    difference(found),
  ].join('\n');
}

function* smallerCases({ seed, program, input }: Case): Generator<Case> {
  for (const half of halves(input)) yield { seed, program, input: half };
  for (const [p, partition] of input.entries()) {
    for (const rows of halves(partition.rows)) {
      yield { seed, program, input: input.with(p, { ...partition, rows }) };
    }
  }
  for (const smaller of smallerPrograms(program)) yield { seed, program: smaller, input };
  for (const [p, partition] of input.entries()) {
    for (let row = 0; row < partition.rows.length; row++) {
      const rows = partition.rows.toSpliced(row, 1);
      yield { seed, program, input: input.with(p, { ...partition, rows }) };
    }
  }
}

/** Throws where it does not compile. */
export function compiledOf(text: string): { plan: Plan; program: LogicalProgram } {
  const parsed = parseFile('generated.feat', text);
  const compiled = hasErrors(parsed.diagnostics) ? null : compile([parsed.file]);
  if (compiled?.plan && compiled.program) return { plan: compiled.plan, program: compiled.program };
  const all = [...parsed.diagnostics, ...(compiled?.diagnostics ?? [])];
  const sources = new Map([['generated.feat', text]]);
  throw new Error(all.map((each) => renderDiagnostic(each, sources)).join('\n'));
}

/** The engine's guises: with and without generated code, one shard and three, cut anyhow, killed and started again. */
function guises(random: Rng): [string, RunOptions][] {
  const cut = () => 1 + random.below(12);
  return [
    ['one shard', { batchRows: () => 1000 }],
    ['three shards, interpreted', { shards: 3, codegen: false, batchRows: cut }],
    ['small batches', { shards: 2, batchRows: cut }],
    ['restarted', { shards: 3, batchRows: cut, restart: () => random.chance(0.15) }],
  ];
}

/** What a run gives, as it is compared. */
export type Printed = {
  readonly lines: Readonly<Record<string, readonly string[]>>;
  readonly counts: Readonly<Record<string, unknown>>;
  readonly pending: readonly Pending[];
};

function engineOf(plan: Plan, input: readonly InputPartition[], options: RunOptions): Printed {
  const { lines, counts, pending } = runInMemory(plan, input, options);
  return { lines, counts, pending: pending as readonly Pending[] };
}

function referenceOf(
  program: LogicalProgram,
  plan: Plan,
  run: { readonly input: readonly InputPartition[]; readonly complete: boolean },
): Printed {
  const reads = new Map(plan.streams.map((stream) => [stream.name, fieldsRead(plan, stream)]));
  const found = evaluate(program, run.input, { complete: run.complete, reads });
  const lines = Object.fromEntries(
    Object.entries(found.examples).map(([name, rows]) => [
      name,
      rows.map((row) => JSON.stringify(row)),
    ]),
  );
  return { lines, counts: found.counts, pending: found.pending };
}

/** The fields of a stream that a run of the plan reads. */
export function fieldsRead(plan: Plan, { scan, fields }: Plan['streams'][number]): Set<string> {
  return new Set(fields.map((field) => plan.scans[scan].fields[field].name));
}

/** Everything to be compared, a line each. */
function textOf({ lines, counts, pending }: Printed): string[] {
  const sorted = (names: readonly string[]) => [...names].sort();
  return [
    ...sorted(Object.keys(lines)).flatMap((name) => lines[name].map((line) => `${name} ${line}`)),
    ...sorted(Object.keys(counts)).map((name) => `${name} ${showCounts(counts[name])}`),
    `pending ${JSON.stringify(pending)}`,
  ];
}

function showCounts(counts: unknown): string {
  return JSON.stringify(Object.entries(counts as Record<string, number>).sort());
}
