import { planDigest } from '../graph/digest.ts';
import type { Plan } from './plan.ts';
import { verifyPlan } from './verify-plan.ts';

/** A plan that was put together, checked and with its digest. */
export function sealPlan(plan: Omit<Plan, 'digest'>): Plan {
  const sealed = { ...plan, digest: planDigest(plan) };
  verifyPlan(sealed);
  return sealed;
}
