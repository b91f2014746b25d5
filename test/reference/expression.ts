/** Expressions of the checked program, evaluated by walking them. */
import type { LExpr } from '../../compiler/check/logical.ts';
import { callFunction } from './functions.ts';
import type { Value } from './value.ts';

/** What names mean where an expression stands. */
export type Scope = {
  /** The own time of the event or anchor, ms. */
  readonly now: number;
  readonly field?: (name: string) => Value;
  readonly anchor?: (name: string) => Value;
  readonly column?: (name: string) => Value;
  readonly table?: (table: string, column: string, key: string) => Value;
};

export function evaluateExpr(expr: LExpr, scope: Scope): Value {
  switch (expr.kind) {
    case 'const':
      return expr.value;
    case 'list':
      return expr.values.filter((value) => value !== null);
    case 'call':
      return callFunction(
        expr.fn,
        expr.args.map((arg) => evaluateExpr(arg, scope)),
        scope.now,
      );
    case 'field':
      return found(scope.field, expr.kind)(expr.name);
    case 'anchor':
      return found(scope.anchor, expr.kind)(expr.name);
    case 'column':
      return found(scope.column, expr.kind)(expr.name);
    case 'table':
      return found(scope.table, expr.kind)(expr.table, expr.column, expr.key);
  }
}

/** A filter keeps what it is true for. */
export function passes(where: LExpr | null, scope: Scope): boolean {
  return where === null || evaluateExpr(where, scope) === true;
}

function found<T>(resolve: T | undefined, kind: string): T {
  if (resolve === undefined) throw new Error(`no ${kind} here`);
  return resolve;
}
