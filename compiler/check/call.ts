/** Calls of functions and operators: arguments in their places, the type from dsl/result-type.ts. */

import { aggregateNamed } from '../../dsl/aggregates.ts';
import type { Expr, Span } from '../../dsl/ast.ts';
import { CALLABLE, callable, type FnName, FUNCTIONS } from '../../dsl/builtins.ts';
import * as say from '../../dsl/messages-expressions.ts';
import { resultType } from '../../dsl/result-type.ts';
import { scalar } from '../../dsl/types.ts';
import { checkConstants } from './call-constants.ts';
import type { LExpr } from './logical.ts';
import { literal, poison, type Scope, typeExpr, typeSiblings } from './type-expression.ts';

/** An argument that is no argument of the function itself. */
const BUCKETS = 'buckets';

type CallExpr = Extract<Expr, { kind: 'call' }>;

/** A function or operator on typed arguments; a type error is reported at `span` and gives the poison. */
export function callFunction(fn: FnName, args: readonly LExpr[], span: Span, scope: Scope): LExpr {
  if (args.some((arg) => arg.type.kind === 'error')) return poison;
  const { max, named } = FUNCTIONS[fn];
  const types = args.map((arg) => arg.type);
  // Named arguments stand after the positional ones, in the order of the signature.
  const byName = Object.fromEntries(
    named.flatMap(({ name }, i) => (types[max + i] === undefined ? [] : [[name, types[max + i]!]])),
  );
  const type = resultType(fn, types.slice(0, max), byName);
  if (typeof type === 'string') {
    scope.report.add(say.typeMismatch(span, type));
    return poison;
  }
  return { kind: 'call', fn, args, type };
}

/** A call as written: the function by its name, named arguments after the positional ones. */
export function typeCall(call: CallExpr, scope: Scope): LExpr {
  const fn = callable(call.fn.text);
  if (fn === null) {
    if (aggregateNamed(call.fn.text) !== null) {
      scope.report.add(say.aggregateInside(call.fn));
      return poison;
    }
    scope.report.add(say.unknownFunction(call.fn, CALLABLE));
    for (const arg of call.args) typeExpr(arg, scope);
    return poison;
  }
  const written = arrange(call, fn, scope);
  if (written === null) {
    for (const arg of call.args) if (arg.kind !== 'null') typeExpr(arg, scope);
    return poison;
  }
  const { constant } = FUNCTIONS[fn];
  const isConstant = (e: Expr, i: number) =>
    !constant.includes(i) || e.kind === 'list' || (literal(e)?.value ?? null) !== null;
  const args =
    fn === 'coalesce' ? typeSiblings(written, scope) : written.map((e) => typeExpr(e, scope));
  let sound = true;
  written.forEach((e, i) => {
    if (isConstant(e, i) || args[i]!.type.kind === 'error') return;
    scope.report.add(say.notConstant(e.span, `argument ${i + 1} of \`${fn}\``));
    sound = false;
  });
  if (!sound || !checkConstants(fn, { args, written, report: scope.report })) return poison;
  return inBuckets(callFunction(fn, args, call.span, scope), call, scope);
}

/** `hash(x, buckets: n)` and `cross(…, buckets: n)` are the remainder of the whole hash by n. */
function inBuckets(whole: LExpr, call: CallExpr, scope: Scope): LExpr {
  const buckets = call.named.find(({ name }) => name.text === BUCKETS);
  if (buckets === undefined || whole.type.kind === 'error') return whole;
  const n = literal(buckets.value)?.value;
  if (typeof n !== 'number' || !Number.isInteger(n) || n < 1) {
    scope.report.add(say.constantRange(buckets.span, '`buckets` is a whole number, at least 1'));
    return poison;
  }
  const by: LExpr = { kind: 'const', value: n, type: scalar('int') };
  return { kind: 'call', fn: 'mod', args: [whole, by], type: whole.type };
}

/** The arguments in the order of the signature; null, reported, where one is unknown, missing or too many. */
function arrange(call: CallExpr, fn: FnName, { report }: Scope): Expr[] | null {
  const { min, max, named, usage } = FUNCTIONS[fn];
  let sound = true;
  if (call.args.length < min || call.args.length > max) {
    report.add(say.argumentCount(call.span, fn, usage));
    sound = false;
  }
  const given = new Map<string, Expr>();
  for (const { name, value } of call.named) {
    if (!named.some((n) => n.name === name.text)) {
      const known = named.map((n) => n.name);
      report.add(say.unknownArgument(name, fn, known));
      sound = false;
    } else if (given.has(name.text)) {
      report.add(say.duplicateArgument(name));
      sound = false;
    } else given.set(name.text, value);
  }
  for (const { name, required } of named) {
    if (!required || given.has(name)) continue;
    report.add(say.missingArgument(call.span, { fn, argument: name, usage }));
    sound = false;
  }
  if (!sound) return null;
  return [
    ...call.args,
    ...named.flatMap((n) => (n.name === BUCKETS ? [] : (given.get(n.name) ?? []))),
  ];
}
