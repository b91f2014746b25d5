/**
 * Which plan an application runs, and since when: an entry of the decision log each, committed with the first record of the
 * progress that is of it. A worker with another program finds out here, and whoever has lost the state finds what to make it with.
 *
 * A plan may be larger than a record: it is packed, and cut into parts that follow each other.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Plan } from '../../compiler/plan/plan.ts';
import { fromJsonTime, type JsonTime, toJsonTime } from '../json-time.ts';
import type { UnitDecision } from './unit-decisions.ts';

export type PlanDecision = {
  readonly kind: 'plan';
  readonly to: string;
  /** Steps from this time on are the plan's. */
  readonly from: JsonTime;
  /** The handover (run/hand-over.ts) that the application began with; absent: it read everything itself. */
  readonly handover?: string;
  readonly part: number;
  readonly parts: number;
  readonly packed: string;
};

/** From `from` on the application runs `plan`; `handover`: what came before is a folder's. */
export type PlanStage = {
  readonly plan: Plan;
  readonly from: number;
  readonly handover: string | null;
};

/** Well below what brokers take for a record. */
const PART_CHARS = 256 * 1024;

export function planDecisions({ plan, from, handover }: PlanStage): PlanDecision[] {
  const packed = deflateRawSync(JSON.stringify(plan)).toString('base64');
  const parts = Math.ceil(packed.length / PART_CHARS);
  return Array.from({ length: parts }, (_, part) => ({
    ...{ kind: 'plan', to: plan.digest, from: toJsonTime(from) },
    ...(handover === null ? {} : { handover }),
    ...{ part, parts, packed: packed.slice(part * PART_CHARS, (part + 1) * PART_CHARS) },
  }));
}

/** Oldest first; none where the application began with a version that did not say. */
export function planStages(decisions: readonly UnitDecision[]): PlanStage[] {
  const stages: PlanStage[] = [];
  let packed = '';
  for (const decision of decisions) {
    if (decision.kind !== 'plan') continue;
    packed += decision.packed;
    if (decision.part < decision.parts - 1) continue;
    const plan: Plan = JSON.parse(inflateRawSync(Buffer.from(packed, 'base64')).toString());
    const { handover = null } = decision;
    stages.push({ plan, from: fromJsonTime(decision.from), handover });
    packed = '';
  }
  return stages;
}

/** Of the set in each of the plans; and the first that has it, by which a model is known as long as its set goes on. */
export function placesOf(name: string, plans: readonly Plan[]) {
  const placeIn = ({ examples }: Plan) => examples.findIndex((set) => set.name === name);
  const places = new Map(plans.map((each) => [each.digest, placeIn(each)]));
  return { places, planDigest: plans.find((each) => placeIn(each) >= 0)!.digest };
}
