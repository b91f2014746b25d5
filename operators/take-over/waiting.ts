import type { Plan } from '../../compiler/plan.ts';
import { Emission } from '../emission.ts';
import type { SlabSet } from '../slab.ts';
import type { Waiting } from './keep-sets.ts';

/** How many anchors of each set of a plan wait for something, by the state of its shards. */
export function waitingIn(plan: Plan, shards: readonly SlabSet[]): Waiting {
  const live = new Map(
    plan.examples.map(({ name }, index) => [name, new Emission(plan, index, shards).live]),
  );
  return (set) => live.get(set) ?? 0;
}
