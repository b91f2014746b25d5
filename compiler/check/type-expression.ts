/** Expressions of the tree to typed expressions: one recursion over the syntax, names left to the scope. */
import type { BinaryOp, Expr } from '../../dsl/ast.ts';
import type { FnName } from '../../dsl/builtins.ts';
import * as say from '../../dsl/messages-expressions.ts';
import { errorType, list, scalar, showType, type Type } from '../../dsl/types.ts';
import { callFunction, typeCall } from './call.ts';
import { checkConstants } from './call-constants.ts';
import type { Const, LExpr } from './logical.ts';
import type { Report } from './report.ts';

export type RefExpr = Extract<Expr, { kind: 'ref' }>;

/** What names mean at a place in the program. */
export type Scope = {
  readonly report: Report;
  /** The typed expression a reference stands for; reports and gives `poison` if it stands for none. */
  readonly resolve: (ref: RefExpr) => LExpr;
};

/** An expression that already has a diagnostic. */
export const poison: LExpr = { kind: 'const', value: null, type: errorType };

const OPERATORS: Readonly<Record<BinaryOp, FnName>> = {
  '+': 'add',
  '-': 'sub',
  '*': 'mul',
  '/': 'div',
  '%': 'mod',
  '==': 'eq',
  '!=': 'ne',
  '<': 'lt',
  '<=': 'le',
  '>': 'gt',
  '>=': 'ge',
  and: 'and',
  or: 'or',
};

/** The typed form of an expression; every mistake in it is reported, and poisons what contains it. */
export function typeExpr(expr: Expr, scope: Scope): LExpr {
  switch (expr.kind) {
    case 'number':
      return constant(
        expr.value,
        scalar(Number.isInteger(expr.value) && !isFractional(expr.text) ? 'int' : 'float'),
      );
    case 'percent':
      return constant(expr.value, scalar('float'));
    case 'string':
      return constant(expr.value, scalar('string'));
    case 'bool':
      return constant(expr.value, scalar('bool'));
    case 'duration':
      return constant(expr.ms, scalar('duration'));
    case 'null':
      scope.report.add(say.nullLiteral(expr.span));
      return poison;
    case 'ref':
      return scope.resolve(expr);
    case 'list':
      return typeList(expr, scope);
    case 'unary':
      return typeUnary(expr, scope);
    case 'binary':
      return typeBinary(expr, scope);
    case 'is_null': {
      const test = callFunction('is_null', [typeExpr(expr.operand, scope)], expr.span, scope);
      return expr.negated ? callFunction('not', [test], expr.span, scope) : test;
    }
    case 'in': {
      const operand = typeExpr(expr.operand, scope);
      const items = typeList({ kind: 'list', items: expr.items, span: expr.span }, scope);
      return callFunction('in', [operand, items], expr.span, scope);
    }
    case 'if':
      return typeIf(expr, scope);
    case 'call':
      return typeCall(expr, scope);
  }
}

/** A filter: a bool, or null with a diagnostic. Its nulls drop the event. */
export function typeFilter(expr: Expr, scope: Scope): LExpr | null {
  const typed = typeExpr(expr, scope);
  if (typed.type.kind === 'error') return null;
  if (typed.type.kind === 'scalar' && typed.type.name === 'bool') return typed;
  scope.report.add(say.notBool(expr.span, 'a condition', showType(typed.type)));
  return null;
}

/** `and` of two filters, either of which may be missing. */
export function conjunction(a: LExpr | null, b: LExpr | null): LExpr | null {
  if (a === null || b === null) return a ?? b;
  const nullable = [a, b].some((e) => e.type.kind === 'scalar' && e.type.nullable);
  return { kind: 'call', fn: 'and', args: [a, b], type: scalar('bool', { nullable }) };
}

/** The values of constants written out: literals and negated numbers. Undefined: it is no constant. */
export function literal(expr: Expr): { value: Const; type: Type } | undefined {
  if (expr.kind === 'unary' && expr.op === '-') {
    const inner = literal(expr.operand);
    return typeof inner?.value === 'number' ? { value: -inner.value, type: inner.type } : undefined;
  }
  if (expr.kind === 'null') return { value: null, type: errorType };
  if (expr.kind === 'number') {
    const whole = Number.isInteger(expr.value) && !isFractional(expr.text);
    return { value: expr.value, type: scalar(whole ? 'int' : 'float') };
  }
  if (expr.kind === 'percent') return { value: expr.value, type: scalar('float') };
  if (expr.kind === 'string') return { value: expr.value, type: scalar('string') };
  if (expr.kind === 'bool') return { value: expr.value, type: scalar('bool') };
  if (expr.kind === 'duration') return { value: expr.ms, type: scalar('duration') };
  return undefined;
}

function isFractional(text: string): boolean {
  return text.includes('.') || /e-/i.test(text);
}

function constant(value: Const, type: Type): LExpr {
  return { kind: 'const', value, type };
}

function typeUnary(expr: Extract<Expr, { kind: 'unary' }>, scope: Scope): LExpr {
  const known = literal(expr);
  if (known !== undefined) return constant(known.value, known.type);
  const fn = expr.op === '-' ? 'neg' : 'not';
  return callFunction(fn, [typeExpr(expr.operand, scope)], expr.span, scope);
}

function typeBinary(expr: Extract<Expr, { kind: 'binary' }>, scope: Scope): LExpr {
  const written = [expr.left, expr.right];
  const args = written.map((side) => typeExpr(side, scope));
  const fn = OPERATORS[expr.op];
  const typed = callFunction(fn, args, expr.span, scope);
  if (typed === poison) return poison;
  return checkConstants(fn, { args, written, report: scope.report }) ? typed : poison;
}

/** One branch may be `null`: it takes the other's type. */
function typeIf(expr: Extract<Expr, { kind: 'if' }>, scope: Scope): LExpr {
  const test = typeExpr(expr.test, scope);
  const branches = typeSiblings([expr.then, expr.else], scope);
  return callFunction('if', [test, ...branches], expr.span, scope);
}

/** Types expressions of which some may be the bare `null`, which takes the type of the first other one. */
export function typeSiblings(exprs: readonly Expr[], scope: Scope): LExpr[] {
  const typed = exprs.map((e) => (e.kind === 'null' ? null : typeExpr(e, scope)));
  const model = typed.find((e) => e !== null);
  return typed.map((e, i) => {
    if (e !== null) return e;
    if (model === null || model === undefined) {
      scope.report.add(say.nullLiteral(exprs[i]!.span));
      return poison;
    }
    const type = model.type.kind === 'error' ? errorType : { ...model.type, nullable: true };
    return constant(null, type);
  });
}

/** A list of constants of one type; whole numbers among fractions become fractions. */
function typeList(expr: Extract<Expr, { kind: 'list' }>, scope: Scope): LExpr {
  const items = expr.items.map((item) => ({ item, known: literal(item) }));
  const bad = items.filter(({ known }) => known === undefined || known.value === null);
  for (const { item } of bad) scope.report.add(say.notConstant(item.span, 'an entry of a list'));
  if (bad.length > 0) return poison;
  let names = [
    ...new Set(
      items.map(({ known }) => (known!.type.kind === 'scalar' ? known!.type.name : 'string')),
    ),
  ];
  if (names.length === 2 && names.includes('int') && names.includes('float')) names = ['float'];
  if (names.length > 1) {
    scope.report.add(say.mixedList(expr.span, names));
    return poison;
  }
  const values = items.map(({ known }) => known!.value);
  return { kind: 'list', values, type: list(names[0] ?? 'string') };
}
