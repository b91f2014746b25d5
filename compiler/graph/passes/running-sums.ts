/** When sums are kept as running integers, and in which quantum. */
import type { Type } from '../../../dsl/types.ts';
import type { WindowPlan } from '../../plan/plan.ts';

/** Sums of floats are rounded once, on entry, to this many units of one (design §3.3). */
export const FLOAT_UNITS = 2 ** 20;

/** Squares of whole numbers are whole; all others have the quantum of floats. */
export function squareScale(valueScale: number): number {
  return valueScale === 1 ? 1 : FLOAT_UNITS;
}

/** Units of one kept for a value: whole numbers are kept as they are. */
export function sumScale(type: Type): number {
  if (type.kind !== 'scalar') throw new Error('only numbers have sums');
  return type.name === 'float' ? FLOAT_UNITS : 1;
}

/** Time windows without a row cap and `over all` subtract what expires; the others keep entries. */
export function keepsRunningSums(window: WindowPlan): boolean {
  return window.kind === 'all' || (window.kind === 'time' && window.rows === null);
}
