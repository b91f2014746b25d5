import type { LogicalProgram } from '../check/logical.ts';
import { lower } from '../graph/lower.ts';
import { optimise } from '../graph/optimise.ts';
import { place } from './place.ts';
import type { Plan } from './plan.ts';

/** The plan of a checked program. Throws only for a bug of ours: the program holds no mistakes of its author any more. */
export function lowerToPlan(program: LogicalProgram): Plan {
  return { ...place(optimise(lower(program))), models: program.models };
}
