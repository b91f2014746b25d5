import type { ExamplePlan, PolicyPlan } from '../../compiler/plan.ts';
import type { FtrlConfig } from './ftrl-trainer.ts';
import type { Correction } from './label-weights.ts';

/** The trainer of an example set: its columns, its labels, and what their policies ask for. */
export function trainerConfig(
  set: Pick<ExamplePlan, 'features' | 'labels'>,
  more: Pick<FtrlConfig, 'bits' | 'rates' | 'denseBins' | 'showAfterLabels'> = {},
): FtrlConfig {
  const corrections = set.labels.map(({ name, policy }) => [name, correctionOf(policy)] as const);
  return {
    ...more,
    columns: set.features.map(({ name, input }) => ({ name, input })),
    labels: set.labels.map(({ name }) => name),
    correction: Object.fromEntries(corrections),
  };
}

/** A policy whose negatives may still turn, and whose turning is the last word, is corrected. */
function correctionOf(policy: PolicyPlan): Correction {
  switch (policy.kind) {
    case 'now_then_late':
    case 'wait_then_late':
      return 'fake_negative';
    case 'wait':
    case 'wait_horizon':
    case 'wait_then_everything':
      return 'waits';
  }
}
