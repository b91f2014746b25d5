/** A plan that is being written. */
import type { Plan } from '../../compiler/plan/plan.ts';

export type Draft<T> = T extends readonly (infer U)[]
  ? Draft<U>[]
  : T extends object
    ? { -readonly [K in keyof T]: Draft<T[K]> }
    : T;

export type PlanDraft = Draft<Plan>;
