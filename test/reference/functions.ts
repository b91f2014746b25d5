/** The functions of the language, one line each, as the language page words them. */
import { compare, finite, hashOf, type Scalar, type Value } from './value.ts';

type List = readonly (number | boolean | string)[];

/** The value of a function. `now` is the time of the anchor or event at hand, ms. */
export function callFunction(fn: string, args: readonly Value[], now: number): Value {
  if (fn === 'is_null') return args[0] === null;
  if (fn === 'coalesce') return args.find((arg) => arg !== null) ?? null;
  if (fn === 'if') return args[0] === null ? null : args[0] === true ? args[1] : args[2];
  if (args.some((arg) => arg === null)) return null;
  if (Array.isArray(args[0])) return listFunction(fn, args[0], args[1]);
  if (Array.isArray(args[1])) return constantList(fn, args[0], args[1]);
  return scalarFunction(fn, args as readonly Scalar[], now);
}

function listFunction(fn: string, list: List, more: Value | undefined): Value {
  switch (fn) {
    case 'size':
      return list.length;
    case 'contains':
      return list.some((each) => each === more);
    case 'count_of':
      return list.filter((each) => each === more).length;
    case 'at':
      return list[Number(more)] ?? null;
    case 'take':
      return list.slice(0, Math.max(0, Number(more)));
    case 'uniq':
      return list.filter((each, i) => list.indexOf(each) === i);
    default:
      throw new Error(`no list function ${fn}`);
  }
}

function constantList(fn: string, x: Value, list: List): Value {
  if (fn === 'in') return list.some((each) => each === x);
  if (fn === 'bucketize') return list.filter((bound) => Number(bound) <= Number(x)).length;
  throw new Error(`no function ${fn} of a list of constants`);
}

function scalarFunction(fn: string, args: readonly Scalar[], now: number): Value {
  const [a, b] = args;
  switch (fn) {
    case 'and':
      return a === true && b === true;
    case 'or':
      return a === true || b === true;
    case 'not':
      return a !== true;
    case 'eq':
      return a === b;
    case 'ne':
      return a !== b;
    case 'lt':
      return compare(a, b) < 0;
    case 'le':
      return compare(a, b) <= 0;
    case 'gt':
      return compare(a, b) > 0;
    case 'ge':
      return compare(a, b) >= 0;
    case 'hash':
      return b === undefined ? hashOf([a]) : (hashOf([a]) ?? 0) % Number(b);
    case 'cross':
      return hashOf(args);
    case 'lower':
      return String(a).replace(/[A-Z]/g, (letter) => letter.toLowerCase());
    case 'starts_with':
      return String(a).startsWith(String(b));
    case 'hour_of_day':
      return zoned(Number(a), String(b ?? 'UTC')).hour;
    case 'day_of_week':
      return zoned(Number(a), String(b ?? 'UTC')).weekday;
    case 'time_since':
      return finite(now - Number(a));
    default:
      return finite(numberFunction(fn, args.map(Number)));
  }
}

function numberFunction(fn: string, args: readonly number[]): number {
  const [a, b, c, d] = args;
  switch (fn) {
    case 'add':
      return a + b;
    case 'sub':
      return a - b;
    case 'mul':
      return a * b;
    case 'div':
      return a / b;
    case 'mod':
      return b === 0 ? Number.NaN : ((a % b) + b) % b;
    case 'neg':
      return -a;
    case 'abs':
      return Math.abs(a);
    case 'sqrt':
      return Math.sqrt(a);
    case 'log':
      return Math.log(a);
    case 'log1p':
      return Math.log1p(a);
    case 'exp':
      return Math.exp(a);
    case 'floor':
      return Math.floor(a);
    case 'ceil':
      return Math.ceil(a);
    case 'round':
      return Math.round(a);
    case 'least':
      return Math.min(...args);
    case 'greatest':
      return Math.max(...args);
    case 'clip':
      return Math.min(Math.max(a, b), c);
    case 'smooth':
      return (a + c * d) / (b + d);
    default:
      throw new Error(`no function ${fn}`);
  }
}

const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

function zoned(ms: number, timeZone: string): { hour: number; weekday: number } {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hour: '2-digit',
    hourCycle: 'h23',
    weekday: 'short',
  });
  const parts = format.formatToParts(ms);
  const part = (type: string) => parts.find((each) => each.type === type)?.value ?? '';
  return { hour: Number(part('hour')), weekday: DAYS.indexOf(part('weekday')) + 1 };
}
