/** Binding strengths, loosest first; the parser climbs by them and the printer sets parentheses by them. */
import type { BinaryOp } from './ast.ts';

/** All binary operators associate to the left; comparisons do not chain at all. */
export const PRECEDENCE: Readonly<Record<BinaryOp, number>> = {
  or: 1,
  and: 2,
  '==': 4,
  '!=': 4,
  '<': 4,
  '<=': 4,
  '>': 4,
  '>=': 4,
  '+': 5,
  '-': 5,
  '*': 6,
  '/': 6,
  '%': 6,
};

/** `not a == b` is `not (a == b)`. */
export const NOT_PRECEDENCE = 3;
/** `is null` and `in` bind as comparisons do. */
export const COMPARISON_PRECEDENCE = 4;
/** `-a * b` is `(-a) * b`. */
export const MINUS_PRECEDENCE = 7;
