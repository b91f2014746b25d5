/** Slots that say nothing, for what keeps its place in a layout and takes part in nothing any more. */
import type { Expr, SlotPlan } from '../../compiler/plan/plan.ts';
import type { Physical } from '../../dsl/types.ts';
import type { Draft } from './draft.ts';

/** A slot that is null in every row (an empty list, where it is a list); added where there is none yet. */
export function nullSlot(slots: Draft<SlotPlan>[], physical: Physical): number {
  if (physical === 'hash') {
    const slot = nullSlot(slots, 'text');
    return slotOf(slots, { name: 'nothing', physical, op: { kind: 'hash_of', slot } });
  }
  const expr: Expr =
    physical === 'list_f64' || physical === 'list_text'
      ? { op: 'list', physical, values: [] }
      : { op: 'const', physical, value: null };
  return slotOf(slots, { name: 'nothing', physical, op: { kind: 'expr', expr } });
}

/** A mask that no row passes. */
export function falseSlot(slots: Draft<SlotPlan>[]): number {
  const expr: Expr = { op: 'const', physical: 'bool', value: false };
  return slotOf(slots, { name: 'never', physical: 'bool', op: { kind: 'expr', expr } });
}

function slotOf(slots: Draft<SlotPlan>[], wanted: SlotPlan): number {
  const text = JSON.stringify(wanted);
  const known = slots.findIndex((slot) => JSON.stringify(slot) === text);
  return known >= 0 ? known : slots.push(structuredClone(wanted) as Draft<SlotPlan>) - 1;
}
