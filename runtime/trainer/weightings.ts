/** Which weightings a label policy can carry, by the names that authors use. */
import type { PolicyPlan } from '../../compiler/plan/plan.ts';
import { headsOf, type Weighting } from './label-weights.ts';

/** What `--weights` takes; `auto` is the first that the policy can carry. */
export const WEIGHTS = [
  'auto',
  'none',
  'take-back',
  'fake-negative',
  'fnw',
  'fnc',
  'elapsed',
  'es-dfm',
  'defer',
] as const;
export type WeightsName = (typeof WEIGHTS)[number];

type Carried = Readonly<Partial<Record<WeightsName, Weighting>>>;

const NONE: Carried = { none: 'none' };
const TAKE_BACK: Carried = { 'take-back': 'take_back' };
const CARRIED: Readonly<Record<PolicyPlan['kind'], Carried>> = {
  wait: NONE,
  wait_horizon: NONE,
  now_then_late: {
    ...TAKE_BACK,
    ...{ 'fake-negative': 'fake_negative', fnw: 'fnw', fnc: 'fnc', ...NONE },
  },
  wait_then_late: { ...TAKE_BACK, elapsed: 'elapsed', 'es-dfm': 'es_dfm', ...NONE },
  wait_then_everything: { 'take-back': 'take_back_again', defer: 'defer', ...NONE },
};

/** What is chosen, or why it cannot be. */
export type ChosenWeighting =
  | { readonly weighting: Weighting; readonly why: null }
  | { readonly weighting: null; readonly why: string };

/**
 * The weighting of that name for a label with this policy in a set that audits the share `audit` of its anchors. `why`
 * says what the policy cannot carry, and what it can.
 */
export function chooseWeighting(
  name: WeightsName,
  policy: PolicyPlan,
  audit: number,
): ChosenWeighting {
  const carried = CARRIED[policy.kind];
  const weighting = name === 'auto' ? Object.values(carried)[0]! : carried[name];
  if (weighting === undefined) {
    const can = Object.keys(carried).join(', ');
    return { weighting: null, why: `its policy \`${POLICY_TEXT[policy.kind]}\` takes ${can}` };
  }
  if (headsOf[weighting].length > 0 && audit === 0) {
    const why = `${name} learns from audit rows, and the set has none: add \`audit 2%\` to it, or take take-back, which needs none`;
    return { weighting: null, why };
  }
  return { weighting, why: null };
}

const POLICY_TEXT: Readonly<Record<PolicyPlan['kind'], string>> = {
  wait: 'wait …',
  wait_horizon: 'wait horizon',
  now_then_late: 'now then late positives',
  wait_then_late: 'wait … then late positives',
  wait_then_everything: 'wait … then everything',
};
