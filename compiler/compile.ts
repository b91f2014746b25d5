/**
 * From text's trees to a plan, as a contents page:
 *   check        names, types, windows, labels       → LogicalProgram, or diagnostics
 *   lower        the graph, as written               → Graph
 *   optimise     fold, push, share, tiers, fuse, prune; verified after each
 *   place        indexes, slots, keyspaces           → Plan, verified
 */
import type { File } from '../dsl/ast.ts';
import type { Diagnostic } from '../dsl/diagnostic.ts';
import { check } from './check/check.ts';
import type { LogicalProgram } from './check/logical.ts';
import { withTestExamples } from './check/test-examples.ts';
import type { Plan } from './plan/plan.ts';
import { lowerToPlan } from './plan/to-plan.ts';

export type Compiled = {
  /** Null iff a diagnostic is an error. */
  readonly plan: Plan | null;
  readonly program: LogicalProgram | null;
  readonly diagnostics: readonly Diagnostic[];
};

/**
 * Compiles all files as one program. `tests` adds the example sets by which test blocks read features and labels
 * (see `withTestExamples`); the program answered is then the one with them.
 */
export function compile(
  files: readonly File[],
  options: { readonly tests?: boolean } = {},
): Compiled {
  const { program, diagnostics } = check(files);
  if (program === null) return { plan: null, program, diagnostics };
  const whole = options.tests === true ? withTestExamples(program) : program;
  return { plan: lowerToPlan(whole), program: whole, diagnostics };
}
