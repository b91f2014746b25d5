/** The typing rule of every function, units included: what a call gives, or the reason why it gives nothing. */
import { type FnName, FUNCTIONS } from './builtins.ts';
import {
  errorType,
  type ListType,
  list,
  type ScalarType,
  scalar,
  showType,
  type Type,
  type Unit,
} from './types.ts';

type Rule = (args: readonly ScalarType[]) => Type | string;

/**
 * The type of a call: positional arguments first, then the named ones that were given, in the order of the
 * signature. A string is the reason, in words for the author, why there is none. An argument of the
 * error type gives the error type. Arity and which named arguments exist are checked here too.
 */
export function resultType(
  fn: FnName,
  args: readonly Type[],
  named: Readonly<Record<string, Type>> = {},
): Type | string {
  const wrong = wrongCount(fn, args.length) ?? wrongNames(fn, named);
  if (wrong !== null) return wrong;
  const all = [...args, ...Object.values(named)];
  if (all.some((type) => type.kind === 'error')) return errorType;
  if (fn === 'is_null') return scalar('bool');
  const extra = namedReason(fn, named);
  if (extra !== null) return extra;
  const listRule = LIST_RULES[fn];
  if (listRule !== undefined) return listRule(args, fn);
  if (fn === 'if' || fn === 'coalesce') return choice(fn, args);
  const listArg = args.find((type) => type.kind === 'list');
  if (listArg !== undefined)
    return `\`${shown(fn)}\` takes single values, not the list ${showType(listArg)}`;
  return SCALAR_RULES[fn]?.(args as readonly ScalarType[]) ?? `\`${fn}\` is not for authors`;
}

/** The one type that values of both fit, nullable if either is; null if there is none. */
function unify(a: Type, b: Type): Type | null {
  if (a.kind === 'error' || b.kind === 'error') return errorType;
  if (a.kind === 'list' || b.kind === 'list') {
    if (a.kind !== 'list' || b.kind !== 'list' || a.of !== b.of) return null;
    return list(a.of, a.nullable || b.nullable);
  }
  const name = commonName(a, b);
  if (name === null) return null;
  return scalar(name, {
    unit: a.unit === b.unit ? a.unit : null,
    nullable: a.nullable || b.nullable,
    category: a.category && b.category,
  });
}

/** Whole numbers go with fractions, and with money, of which they are micro-units (money has no literals). */
function commonName(a: ScalarType, b: ScalarType): ScalarType['name'] | null {
  if (a.name === b.name) return a.name;
  const pair = [a.name, b.name];
  if (pair.includes('int') && pair.includes('float')) return 'float';
  if (pair.includes('int') && pair.includes('money')) return 'money';
  return null;
}

function shown(fn: FnName): string {
  return FUNCTIONS[fn].usage || fn;
}

function wrongCount(fn: FnName, given: number): string | null {
  const { min, max, usage } = FUNCTIONS[fn];
  if (given >= min && given <= max) return null;
  const wanted =
    min === max
      ? `${min}`
      : max === Number.POSITIVE_INFINITY
        ? `${min} or more`
        : `${min} to ${max}`;
  return `\`${fn}\` takes ${wanted} ${wanted === '1' ? 'argument' : 'arguments'}, not ${given}: \`${usage}\``;
}

function wrongNames(fn: FnName, named: Readonly<Record<string, Type>>): string | null {
  const signature = FUNCTIONS[fn];
  const missing = signature.named.find((n) => n.required && !(n.name in named));
  if (missing !== undefined)
    return `\`${fn}\` needs \`${missing.name}:\`, as in \`${signature.usage}\``;
  const unknown = Object.keys(named).find((name) => !signature.named.some((n) => n.name === name));
  return unknown === undefined
    ? null
    : `\`${fn}\` has no argument \`${unknown}\`: \`${signature.usage}\``;
}

function namedReason(fn: FnName, named: Readonly<Record<string, Type>>): string | null {
  for (const [name, type] of Object.entries(named)) {
    const whole = fn === 'hash';
    const fits = type.kind === 'scalar' && (whole ? type.name === 'int' : isNumber(type));
    if (!fits)
      return `\`${name}\` of \`${fn}\` is a ${whole ? 'whole number' : 'number'}, not ${showType(type)}`;
  }
  return null;
}

const isNumber = (t: ScalarType) => t.name === 'int' || t.name === 'float';
const isQuantity = (t: ScalarType) => isNumber(t) || t.name === 'money' || t.name === 'duration';
const isOrdered = (t: ScalarType) => isQuantity(t) || t.name === 'timestamp';
const anyNull = (args: readonly Type[]) => args.some((t) => t.kind !== 'error' && t.nullable);

/** Adding and subtracting: what goes with itself, numbers, and durations with timestamps. */
function sum(fn: 'add' | 'sub', [a, b]: readonly ScalarType[]): Type | string {
  const nullable = anyNull([a!, b!]);
  const names = `${a!.name} ${b!.name}`;
  if (names === 'timestamp duration') return scalar('timestamp', { nullable });
  if (names === 'duration timestamp' && fn === 'add') return scalar('timestamp', { nullable });
  if (names === 'timestamp timestamp' && fn === 'sub') return scalar('duration', { nullable });
  if (names === 'duration duration') return scalar('duration', { nullable });
  if (names === 'money money') return scalar('money', { nullable });
  if (isNumber(a!) && isNumber(b!)) {
    const units = [a!.unit, b!.unit];
    if (units.includes('count') && units.includes('rate')) return cannot(fn, a!, b!);
    return numeric(a!, b!, sumUnit(a!, b!), nullable);
  }
  return cannot(fn, a!, b!);
}

function sumUnit(a: ScalarType, b: ScalarType): Unit {
  if (a.unit === b.unit) return a.unit;
  const wholes = a.name === 'int' && b.name === 'int';
  return wholes && (a.unit === 'count' || b.unit === 'count') ? 'count' : null;
}

function numeric(a: ScalarType, b: ScalarType, unit: Unit, nullable: boolean): Type {
  return scalar(a.name === 'float' || b.name === 'float' ? 'float' : 'int', { unit, nullable });
}

/** A quantity scales by a number and keeps its unit; two quantities do not multiply. */
function product([a, b]: readonly ScalarType[]): Type | string {
  const nullable = anyNull([a!, b!]);
  if (isNumber(a!) && isNumber(b!)) {
    const wholes = a!.name === 'int' && b!.name === 'int';
    const units = [a!.unit, b!.unit];
    const scaled = units.includes('count') && units.includes(null) && wholes;
    const rate = units.includes('rate') && !units.includes('count');
    return numeric(a!, b!, scaled ? 'count' : rate ? 'rate' : null, nullable);
  }
  if (isQuantity(a!) && isNumber(b!)) return scalar(a!.name, { nullable });
  if (isNumber(a!) && isQuantity(b!)) return scalar(b!.name, { nullable });
  return cannot('mul', a!, b!);
}

/** Null where the divisor is 0. Equal quantities give a plain number, counts a rate. */
function quotient([a, b]: readonly ScalarType[]): Type | string {
  const nullable = true;
  if (isNumber(a!) && isNumber(b!)) {
    const counts = a!.unit === 'count' && b!.unit === 'count';
    const scaled = a!.unit === 'rate' && b!.unit === null;
    return scalar('float', { unit: counts || scaled ? 'rate' : null, nullable });
  }
  if (isQuantity(a!) && a!.name === b!.name) return scalar('float', { nullable });
  if (isQuantity(a!) && isNumber(b!)) return scalar(a!.name, { nullable });
  if (isNumber(a!) && b!.name === 'money') return scalar('float', { nullable });
  return cannot('div', a!, b!);
}

function remainder([a, b]: readonly ScalarType[]): Type | string {
  if (isNumber(a!) && isNumber(b!)) return numeric(a!, b!, null, true);
  if (isQuantity(a!) && a!.name === b!.name) return scalar(a!.name, { nullable: true });
  return cannot('mod', a!, b!);
}

const SIGNS = { add: '+', sub: '-', mul: '*', div: '/', mod: '%' } as const;

function cannot(fn: keyof typeof SIGNS, a: ScalarType, b: ScalarType): string {
  return `\`${SIGNS[fn]}\` does not go between ${showType(bare(a))} and ${showType(bare(b))}`;
}

/** Messages about kinds of values leave the `?` out: it is not what is wrong. */
function bare(type: ScalarType): ScalarType {
  return { ...type, nullable: false };
}

function comparison(fn: FnName, [a, b]: readonly ScalarType[]): Type | string {
  const units = [a!.unit, b!.unit];
  const mixed = units.includes('count') && units.includes('rate');
  if (mixed || commonName(a!, b!) === null) {
    return `${showType(bare(a!))} and ${showType(bare(b!))} do not compare`;
  }
  const ordered = fn !== 'eq' && fn !== 'ne';
  if (ordered && a!.name === 'bool') return 'bools have no order: use `==`, `!=`, `and`, `not`';
  return scalar('bool', { nullable: anyNull([a!, b!]) });
}

function logic(fn: FnName, args: readonly ScalarType[]): Type | string {
  const wrong = args.find((t) => t.name !== 'bool');
  if (wrong !== undefined) return `\`${fn}\` takes bools, not ${showType(bare(wrong))}`;
  return scalar('bool', { nullable: anyNull(args) });
}

/** `if` needs a bool; the branches, or the arguments of coalesce, need a common type. */
function choice(fn: 'if' | 'coalesce', args: readonly Type[]): Type | string {
  const test = fn === 'if' ? args[0]! : null;
  if (test !== null && (test.kind !== 'scalar' || test.name !== 'bool')) {
    return `\`if\` needs a bool, not ${showType(test)}`;
  }
  const branches = fn === 'if' ? args.slice(1) : args;
  const common = unifyAll(branches);
  if (common === null) return `${branches.map(showType).join(' and ')} have no common type`;
  if (common.kind === 'error') return common;
  const nullable = test === null ? branches.every((t) => anyNull([t])) : anyNull(args);
  return { ...common, nullable };
}

function unifyAll(types: readonly Type[]): Type | null {
  let common: Type | null = types[0]!;
  for (const type of types.slice(1)) common = common === null ? null : unify(common, type);
  return common;
}

/** The smallest or largest of several, or one clipped by two: all of one ordered type. */
function ordering(fn: FnName, args: readonly ScalarType[]): Type | string {
  const wrong = args.find((t) => !isOrdered(t));
  if (wrong !== undefined) return `\`${fn}\` takes numbers, not ${showType(bare(wrong))}`;
  const common = unifyAll(args);
  return common ?? `${args.map((t) => showType(bare(t))).join(' and ')} have no common type`;
}

/** A function of one quantity; `make` gives the result for an accepted one. */
function ofQuantity(fn: FnName, make: (type: ScalarType) => Type): Rule {
  return ([x]) => {
    if (isQuantity(x!)) return make(x!);
    return `\`${fn}\` takes a number, not ${showType(bare(x!))}`;
  };
}

const real = (nullable: boolean) => scalar('float', { nullable });

function rounding(fn: FnName): Rule {
  return ofQuantity(fn, (x) => {
    if (!isNumber(x)) return x;
    return scalar('int', { unit: x.unit === 'count' ? 'count' : null, nullable: x.nullable });
  });
}

function timePart(fn: FnName): Rule {
  return ([time, zone]) => {
    if (time!.name !== 'timestamp')
      return `\`${fn}\` takes a timestamp, not ${showType(bare(time!))}`;
    if (zone !== undefined && zone.name !== 'string')
      return `the zone of \`${fn}\` is a name in quotes`;
    return scalar('int', { nullable: time!.nullable, category: true });
  };
}

function texts(fn: FnName, result: 'string' | 'bool'): Rule {
  return (args) => {
    const wrong = args.find((t) => t.name !== 'string');
    if (wrong !== undefined) return `\`${fn}\` takes strings, not ${showType(bare(wrong))}`;
    return scalar(result, { nullable: anyNull(args) });
  };
}

const category: Rule = (args) => scalar('int', { nullable: anyNull(args), category: true });

const SCALAR_RULES: Partial<Readonly<Record<FnName, Rule>>> = {
  add: (args) => sum('add', args),
  sub: (args) => sum('sub', args),
  mul: product,
  div: quotient,
  mod: remainder,
  neg: ofQuantity('neg', (x) => scalar(x.name, { nullable: x.nullable })),
  eq: (args) => comparison('eq', args),
  ne: (args) => comparison('ne', args),
  lt: (args) => comparison('lt', args),
  le: (args) => comparison('le', args),
  gt: (args) => comparison('gt', args),
  ge: (args) => comparison('ge', args),
  and: (args) => logic('and', args),
  or: (args) => logic('or', args),
  not: (args) => logic('not', args),
  abs: ofQuantity('abs', (x) => scalar(x.name, { unit: x.unit, nullable: x.nullable })),
  sqrt: ofQuantity('sqrt', (x) => real(x.nullable || x.unit !== 'count')),
  log: ofQuantity('log', () => real(true)),
  // Only a count is sure to be above -1.
  log1p: ofQuantity('log1p', (x) => real(x.nullable || x.unit !== 'count')),
  exp: ([x]) => (isNumber(x!) ? real(true) : `\`exp\` takes a number, not ${showType(bare(x!))}`),
  floor: rounding('floor'),
  ceil: rounding('ceil'),
  round: rounding('round'),
  least: (args) => ordering('least', args),
  greatest: (args) => ordering('greatest', args),
  clip: (args) => {
    const type = ordering('clip', args);
    return typeof type === 'string' || type.kind !== 'scalar'
      ? type
      : { ...type, unit: args[0]!.unit };
  },
  hash: category,
  cross: category,
  smooth: ([num, den]) => {
    const wrong = [num!, den!].find((t) => !isNumber(t));
    if (wrong !== undefined) return `\`smooth\` takes numbers, not ${showType(bare(wrong))}`;
    const counts = num!.unit === 'count' && den!.unit === 'count';
    return scalar('float', { unit: counts ? 'rate' : null, nullable: anyNull([num!, den!]) });
  },
  ratio_mean: () => real(true),
  stddev: () => real(true),
  hour_of_day: timePart('hour_of_day'),
  day_of_week: timePart('day_of_week'),
  time_since: ([t]) =>
    t!.name === 'timestamp'
      ? scalar('duration', { nullable: t!.nullable })
      : `\`time_since\` takes a timestamp, not ${showType(bare(t!))}`,
  lower: texts('lower', 'string'),
  starts_with: texts('starts_with', 'bool'),
};

type ListRule = (args: readonly Type[], fn: FnName) => Type | string;

/** A list first; `then` says what the rest must be and what comes out. */
function ofList(
  then: (of: ListType, more: ScalarType | null, fn: FnName) => Type | string,
): ListRule {
  return ([first, second], fn) => {
    if (first!.kind !== 'list') return `\`${fn}\` takes a list, not ${showType(first!)}`;
    if (second !== undefined && second.kind !== 'scalar')
      return `\`${fn}\` takes a single value second`;
    return then(first!, second ?? null, fn);
  };
}

function entry(result: 'bool' | 'count'): ListRule {
  return ofList((of, x, fn) => {
    if (commonName(scalar(of.of), x!) === null)
      return `\`${fn}\` looks for ${of.of}, not ${showType(bare(x!))}`;
    const nullable = anyNull([of, x!]);
    return result === 'bool'
      ? scalar('bool', { nullable })
      : scalar('int', { unit: 'count', nullable });
  });
}

function counted(result: (of: ListType, nullable: boolean) => Type): ListRule {
  return ofList((of, n, fn) =>
    n!.name === 'int'
      ? result(of, anyNull([of, n!]))
      : `\`${fn}\` takes a whole number second, not ${showType(bare(n!))}`,
  );
}

const LIST_RULES: Partial<Readonly<Record<FnName, ListRule>>> = {
  in: ([x, items]) => membership(x!, items!),
  bucketize: ([x, bounds]) => buckets(x!, bounds!),
  size: ofList((of) => scalar('int', { unit: 'count', nullable: of.nullable })),
  contains: entry('bool'),
  count_of: entry('count'),
  at: counted((of) => scalar(of.of, { nullable: true })),
  take: counted((of, nullable) => list(of.of, nullable)),
  uniq: ofList((of) => of),
};

function membership(x: Type, items: Type): Type | string {
  if (x.kind !== 'scalar') return `\`in\` asks for a single value, not ${showType(x)}`;
  if (items.kind !== 'list') return '`in` takes a list of constants: `x in ["a", "b"]`';
  if (commonName(x, scalar(items.of)) === null) {
    return `${showType(bare(x))} is never in a list of ${items.of}`;
  }
  return scalar('bool', { nullable: x.nullable });
}

function buckets(x: Type, bounds: Type): Type | string {
  if (x.kind !== 'scalar' || !isQuantity(x))
    return `\`bucketize\` takes a number, not ${showType(x)}`;
  if (bounds.kind !== 'list')
    return '`bucketize` takes a list of bounds: `bucketize(x, [10, 100])`';
  if (commonName(x, scalar(bounds.of)) === null) {
    return `bounds of ${bounds.of} do not go with ${showType(bare(x))}`;
  }
  return scalar('int', { nullable: x.nullable, category: true });
}
