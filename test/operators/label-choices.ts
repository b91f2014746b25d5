import type { LabelPlan, PolicyPlan } from '../../compiler/plan/plan.ts';
import type { Rng } from '../random.ts';
import type { Choice } from './label-world.ts';

const CREDITS: readonly LabelPlan['credit'][] = [
  { kind: 'last' },
  { kind: 'first' },
  { kind: 'every' },
];

/** Any labels and policies the language can say over clicks and purchases. */
export function randomChoice(random: Rng): Choice {
  const waitMs = () => random.pick([0, 5, 10, 20, 30]);
  const policy = (): PolicyPlan =>
    random.pick<PolicyPlan>([
      { kind: 'wait', waitMs: waitMs() },
      { kind: 'wait_horizon' },
      { kind: 'now_then_late' },
      { kind: 'wait_then_late', waitMs: waitMs() },
      { kind: 'wait_then_everything', waitMs: waitMs() },
    ]);
  const names = random.pick([
    ['clicked'],
    ['purchased'],
    ['clicked', 'purchased'],
    ['purchased', 'clicked'],
  ] as const);
  const ofClicked = random.pick([null, 40, 70]);
  return {
    click: { withinMs: random.pick([10, 30]), credit: random.pick(CREDITS) },
    buy: {
      credit: random.pick(CREDITS),
      ofClicked,
      ofAnchor: ofClicked === null ? 35 : random.pick([null, 20]),
      unlessMs: random.pick([null, 25, 60]),
    },
    labels: names.map((name) => ({ name, policy: policy() })),
    clickLateMs: random.pick([null, 15, 40]),
    pixelLateMs: random.pick([null, 15, 40]),
    sampleNegatives: random.pick([1, 1, 0.4]),
    audit: random.pick([0, 0, 0.5, 1]),
  };
}
