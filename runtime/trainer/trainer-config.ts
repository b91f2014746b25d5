import type { ExamplePlan } from '../../compiler/plan/plan.ts';
import { assert } from '../../operators/assert.ts';
import type { FtrlConfig } from './ftrl-trainer.ts';
import type { Weighting } from './label-weights.ts';
import { chooseWeighting } from './weightings.ts';

/** The trainer of an example set: its columns, its labels, and the weights their policies ask for. */
export function trainerConfig(
  set: Pick<ExamplePlan, 'labels' | 'audit'> & {
    readonly features: readonly Pick<ExamplePlan['features'][number], 'name' | 'input'>[];
  },
  more: Pick<FtrlConfig, 'bits' | 'rates' | 'denseBins' | 'showAfterLabels' | 'weighting'> = {},
): FtrlConfig {
  const weighting: Record<string, Weighting> = {};
  for (const { name, policy } of set.labels) {
    const auto = chooseWeighting('auto', policy, set.audit).weighting;
    assert(auto !== null, 'every policy has a weighting that needs no audit');
    weighting[name] = more.weighting?.[name] ?? auto;
  }
  return {
    ...more,
    columns: set.features.map(({ name, input }) => ({ name, input })),
    labels: set.labels.map(({ name }) => name),
    weighting,
  };
}
