import type { KeyspacePlan, ViewPlan } from '../../compiler/plan/plan.ts';

/** The views that a keyspace's state is laid out for: what probes ask, and what earlier plans asked. */
export function viewsLaidOut({ probes, kept }: KeyspacePlan): readonly ViewPlan[] {
  return [...probes.flatMap(({ views }) => views), ...(kept ?? [])];
}
