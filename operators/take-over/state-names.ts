/** Which slabs hold state of a plan, by their names: the others are of what it has dropped. */
import type { Plan } from '../../compiler/plan/plan.ts';
import { stateName } from '../state/state-name.ts';

/** Whether a slab of that name is the plan's. */
export function statesOf(plan: Plan): (slab: string) => boolean {
  const owners = new Set([
    ...plan.keyspaces.map(({ place }, index) => `k${place ?? index}`),
    ...plan.feeds.map(({ place }, index) => `delay/${place ?? index}`),
    ...plan.enrichments.map((each) => `enrich/${stateName(each)}`),
    ...plan.labels.flatMap((each) => [
      `label/${stateName(each)}`,
      ...(each.kept ? [`label/${each.kept.name}`] : []),
    ]),
    ...plan.examples.flatMap(({ name }) => [`emission/${name}`, `checks/${name}`]),
    ...plan.streams.flatMap(({ name }) => [`ids/${name}`, `global-ids/${name}`]),
  ]);
  return (slab) => owners.has(ownerOf(slab));
}

/** `k3.v0.entries` is of `k3`, `label/<state>/0` of `label/<state>`. */
function ownerOf(slab: string): string {
  const parts = slab.split('/');
  return parts.length === 1 ? slab.slice(0, slab.indexOf('.')) : parts.slice(0, 2).join('/');
}
