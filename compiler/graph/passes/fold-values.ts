/** Functions on constants. Only those whose result no platform or time zone can change are folded. */
import type { FnName } from '../../../dsl/builtins.ts';
import type { Const } from '../../check/logical.ts';

const STRICT: ReadonlySet<FnName> = new Set([
  'add',
  'sub',
  'mul',
  'div',
  'mod',
  'neg',
  'eq',
  'ne',
  'lt',
  'le',
  'gt',
  'ge',
  'and',
  'or',
  'not',
  'abs',
  'clip',
]);

/** Whether a null argument makes the result null. */
export function isStrict(fn: FnName): boolean {
  return STRICT.has(fn);
}

/** The value of `fn` on constants; undefined: left for the engine. */
export function foldConstant(fn: FnName, args: readonly Const[]): Const | undefined {
  if (fn === 'is_null') return args[0] === null;
  if (fn === 'coalesce') return args.find((arg) => arg !== null) ?? null;
  if (args.every((arg) => typeof arg === 'number')) return foldNumbers(fn, args);
  if (args.every((arg) => typeof arg === 'boolean')) return foldBools(fn, args);
  if (args.every((arg) => typeof arg === 'string')) return foldTexts(fn, args);
  return undefined;
}

function foldNumbers(fn: FnName, args: readonly number[]): Const | undefined {
  const [a, b] = args as readonly [number, number];
  switch (fn) {
    case 'add':
      return finite(a + b);
    case 'sub':
      return finite(a - b);
    case 'mul':
      return finite(a * b);
    case 'div':
      return finite(a / b);
    case 'neg':
      return finite(-a);
    case 'abs':
      return Math.abs(a);
    case 'eq':
      return a === b;
    case 'ne':
      return a !== b;
    case 'lt':
      return a < b;
    case 'le':
      return a <= b;
    case 'gt':
      return a > b;
    case 'ge':
      return a >= b;
    default:
      return undefined;
  }
}

/** What is not finite is null, and there is one zero. */
function finite(x: number): number | null {
  return Number.isFinite(x) ? x + 0 : null;
}

function foldBools(fn: FnName, args: readonly boolean[]): Const | undefined {
  switch (fn) {
    case 'and':
      return args.every((arg) => arg);
    case 'or':
      return args.some((arg) => arg);
    case 'not':
      return !args[0];
    case 'eq':
      return args[0] === args[1];
    case 'ne':
      return args[0] !== args[1];
    default:
      return undefined;
  }
}

function foldTexts(fn: FnName, args: readonly string[]): Const | undefined {
  if (fn === 'eq') return args[0] === args[1];
  return fn === 'ne' ? args[0] !== args[1] : undefined;
}
