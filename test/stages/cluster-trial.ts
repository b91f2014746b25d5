/** One random program over random rows, on one process and on a random cluster. */
import { compile } from '../../compiler/compile.ts';
import type { Plan } from '../../compiler/plan/plan.ts';
import { hasErrors, renderDiagnostic } from '../../dsl/diagnostic.ts';
import { parseFile } from '../../dsl/parse.ts';
import { programText } from '../generate/program-text.ts';
import { type Case, generateCase } from '../generate/trial.ts';
import { rng } from '../random.ts';
import { runInMemory } from '../run-in-memory.ts';
import { type ClusterOptions, type ClusterResult, runCluster } from './cluster.ts';

/** What differs first, or null. */
export function clusterDifference(
  seed: number,
  sabotage?: ClusterOptions['sabotage'],
): string | null {
  const of = generateCase(seed);
  let plan: Plan;
  try {
    plan = planOfCase(of);
  } catch (error) {
    return `it does not compile: ${error}`;
  }
  const random = rng(seed * 7 + 3);
  const complete = seed % 3 !== 0;
  const expected = runInMemory(plan, of.input, { complete, batchRows: () => 1000 });
  let got: ClusterResult;
  try {
    got = runCluster(plan, of.input, {
      ...{ shards: 1 + random.below(4), complete, random, codegen: random.chance(0.7) },
      crash: random.pick([0, 0.01, 0.05]),
      zombie: random.pick([0, 0.5]),
      amnesia: random.pick([0, 0.3]),
      bufferBytesMax: random.pick([0, 2000, Number.POSITIVE_INFINITY]),
      ...(sabotage === undefined ? {} : { sabotage }),
    });
  } catch (error) {
    return error instanceof Error ? `${error.stack}` : String(error);
  }
  for (const { name } of plan.examples) {
    const found = firstDifference(expected.lines[name], got.lines[name].flat());
    if (found !== null) return `${name}: ${found}`;
    for (const [shard, lines] of got.lines[name].entries()) {
      const at = lines.findIndex((line, i) => i > 0 && emittedOf(lines[i - 1]) > emittedOf(line));
      if (at >= 0) return `${name}, shard ${shard}: line ${at} is out of order`;
    }
  }
  const pending = [expected.pending, got.pending].map((each) => JSON.stringify(each));
  return pending[0] === pending[1] ? null : `pending ${pending[0]}, on the cluster ${pending[1]}`;
}

export function showClusterCase(seed: number, found: string): string {
  return `seed ${seed}\n${programText(generateCase(seed).program)}\n${found}`;
}

/** Compiled; throws the diagnostics where it does not compile. */
export function planOfCase({ program }: Case): Plan {
  const text = programText(program);
  const parsed = parseFile('generated.feat', text);
  const compiled = hasErrors(parsed.diagnostics) ? null : compile([parsed.file]);
  if (compiled?.plan) return JSON.parse(JSON.stringify(compiled.plan));
  const all = [...parsed.diagnostics, ...(compiled?.diagnostics ?? [])];
  const sources = new Map([['generated.feat', text]]);
  throw new Error(all.map((each) => renderDiagnostic(each, sources)).join('\n'));
}

/** As sets: shards are not in one order. */
function firstDifference(expected: readonly string[], got: readonly string[]): string | null {
  const [a, b] = [[...expected].sort(), [...got].sort()];
  const at = a.findIndex((line, i) => line !== b[i]);
  if (at < 0 && a.length === b.length) return null;
  const i = at < 0 ? a.length : at;
  return `${a.length} lines, on the cluster ${b.length}\n  one process: ${a[i]}\n  cluster:     ${b[i]}`;
}

function emittedOf(line: string): number {
  return (JSON.parse(line) as { emitted: number }).emitted;
}
