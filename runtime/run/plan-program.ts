import type { Plan } from '../../compiler/plan/plan.ts';

/** Whether a plan is the program's, as it is or over the state of others. */
export function isOfProgram(plan: Plan, program: Plan): boolean {
  return (plan.takenOver?.program ?? plan.digest) === program.digest;
}
