/**
 * Evaluates an expression row by row on plain values: slow, obvious, the oracle of the generated code. It also makes
 * the text and list columns that generated code then reads, which are rare.
 */
import type { Expr } from '../../compiler/plan/plan.ts';
import type { FnName } from '../../dsl/builtins.ts';
import type { Column, Value } from '../column/column.ts';
import { BOOL_NULL, valueAt } from '../column/column.ts';
import type { ColumnPool } from '../column/column-pool.ts';
import { ListBuilder, TextBuilder } from '../column/text-builder.ts';
import { combine, hash53, hashNumber, hashText, lanes } from '../hash.ts';
import {
  bucketize,
  clip,
  finite,
  modulo,
  ratioMean,
  smooth,
  standardDeviation,
  Zone,
} from './functions.ts';

/** What an expression may look at: columns by slot, and the rows' own times. */
export type Inputs = {
  readonly n: number;
  readonly time: Float64Array;
  readonly column: (slot: number) => Column;
  /** Where results may be kept; without one they get arrays of their own. */
  readonly pool?: ColumnPool | undefined;
};

/** The whole column of an expression. */
export function interpret(expr: Expr, inputs: Inputs): Column {
  const { n } = inputs;
  switch (expr.physical) {
    case 'f64': {
      const data = new Float64Array(n);
      for (let row = 0; row < n; row++) data[row] = numberOf(evaluate(expr, inputs, row));
      return { kind: 'f64', data };
    }
    case 'bool': {
      const data = new Uint8Array(n);
      for (let row = 0; row < n; row++) {
        const value = evaluate(expr, inputs, row);
        data[row] = value === null ? BOOL_NULL : value === true ? 1 : 0;
      }
      return { kind: 'bool', data };
    }
    case 'text': {
      const builder = new TextBuilder(n);
      for (let row = 0; row < n; row++) {
        const value = evaluate(expr, inputs, row);
        if (value === null) builder.addNull();
        else builder.addString(value as string);
      }
      return builder.finish();
    }
    case 'list_f64':
    case 'list_text': {
      const builder = new ListBuilder(n);
      for (let row = 0; row < n; row++) addList(builder, evaluate(expr, inputs, row));
      return expr.physical === 'list_f64' ? builder.finishNumbers() : builder.finishTexts();
    }
    case 'hash':
      throw new Error('expressions do not make hash columns');
  }
}

function addList(builder: ListBuilder, value: Value): void {
  for (const item of (value ?? []) as readonly (number | string)[]) {
    if (typeof item === 'number') builder.addNumber(item);
    else {
      const bytes = Buffer.from(item);
      builder.addText(bytes, 0, bytes.length);
    }
  }
  builder.endRow(value === null);
}

/** One value; numbers are never NaN here but null. */
export function evaluate(expr: Expr, inputs: Inputs, row: number): Value {
  switch (expr.op) {
    case 'slot':
      return valueAt(inputs.column(expr.slot), row);
    case 'const':
      return expr.value;
    case 'list':
      return expr.values;
    case 'call':
      return call(expr.fn, expr.args, inputs, row);
  }
}

function call(fn: FnName, args: readonly Expr[], inputs: Inputs, row: number): Value {
  const at = (i: number) => evaluate(args[i]!, inputs, row);
  switch (fn) {
    case 'is_null':
      return at(0) === null;
    case 'coalesce': {
      for (let i = 0; i < args.length; i++) {
        const value = at(i);
        if (value !== null) return value;
      }
      return null;
    }
    case 'if': {
      const test = at(0);
      return test === null ? null : test === true ? at(1) : at(2);
    }
    case 'time_since':
      return arithmetic('sub', [inputs.time[row]!, numberOf(at(0))]);
    default: {
      const values = args.map((_, i) => at(i));
      return values.includes(null) ? null : strict(fn, values as Exclude<Value, null>[]);
    }
  }
}

type Present = Exclude<Value, null>;

/** Functions that are null when any argument is. */
function strict(fn: FnName, values: readonly Present[]): Value {
  const [a, b] = values;
  switch (fn) {
    case 'eq':
      return a === b;
    case 'ne':
      return a !== b;
    case 'lt':
      return order(a!, b!) < 0;
    case 'le':
      return order(a!, b!) <= 0;
    case 'gt':
      return order(a!, b!) > 0;
    case 'ge':
      return order(a!, b!) >= 0;
    case 'and':
      return a === true && b === true;
    case 'or':
      return a === true || b === true;
    case 'not':
      return a === false;
    case 'in':
      return (b as readonly Present[]).includes(a as never);
    case 'lower':
      return (a as string).replace(/[A-Z]/g, (letter) => letter.toLowerCase());
    case 'starts_with':
      return (a as string).startsWith(b as string);
    case 'hash':
    case 'cross':
      return crossOf(values);
    case 'hour_of_day':
      return zoneOf(b as string | undefined).hourOfDay(a as number);
    case 'day_of_week':
      return zoneOf(b as string | undefined).dayOfWeek(a as number);
    case 'bucketize':
      return bucketize(a as number, b as readonly number[]);
    case 'size':
      return (a as readonly unknown[]).length;
    case 'contains':
      return (a as readonly Present[]).includes(b as never);
    case 'count_of':
      return (a as readonly unknown[]).filter((item) => item === b).length;
    case 'at':
      return (a as readonly (number | string)[])[b as number] ?? null;
    case 'take':
      return (a as readonly (number | string)[]).slice(0, Math.max(0, b as number));
    case 'uniq':
      return [...new Set(a as readonly (number | string)[])];
    default:
      return arithmetic(fn, values as number[]);
  }
}

/** Numbers to a number; not finite is null. */
function arithmetic(fn: FnName, values: readonly number[]): number | null {
  const result = finite(arithmeticRaw(fn, values));
  return Number.isNaN(result) ? null : result;
}

function arithmeticRaw(fn: FnName, values: readonly number[]): number {
  const [a, b, c, d] = values;
  switch (fn) {
    case 'add':
      return a! + b!;
    case 'sub':
      return a! - b!;
    case 'mul':
      return a! * b!;
    case 'div':
      return a! / b!;
    case 'mod':
      return modulo(a!, b!);
    case 'neg':
      return -a!;
    case 'abs':
      return Math.abs(a!);
    case 'sqrt':
      return Math.sqrt(a!);
    case 'log':
      return Math.log(a!);
    case 'log1p':
      return Math.log1p(a!);
    case 'exp':
      return Math.exp(a!);
    case 'floor':
      return Math.floor(a!);
    case 'ceil':
      return Math.ceil(a!);
    case 'round':
      return Math.round(a!);
    case 'least':
      return Math.min(...values);
    case 'greatest':
      return Math.max(...values);
    case 'clip':
      return clip(a!, b!, c!);
    case 'smooth':
      return smooth(a!, b!, c!, d!);
    case 'ratio_mean':
      return ratioMean(a!, b!);
    case 'stddev':
      return standardDeviation(a!, b!, c!);
    default:
      throw new Error(`no such function: ${fn}`);
  }
}

function crossOf(values: readonly Present[]): number {
  hashValue(values[0]!);
  for (let i = 1; i < values.length; i++) {
    const lo = lanes[0]!;
    const hi = lanes[1]!;
    hashValue(values[i]!);
    combine(lo, hi, lanes[0]!, lanes[1]!);
  }
  return hash53(lanes[0]!, lanes[1]!);
}

function hashValue(value: Present): void {
  if (typeof value === 'string') hashText(value);
  else hashNumber(Number(value));
}

function order(a: Present, b: Present): number {
  if (typeof a === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b as string));
  return (a as number) - (b as number);
}

const zones = new Map<string, Zone>();

function zoneOf(name = 'UTC'): Zone {
  let zone = zones.get(name);
  if (zone === undefined) {
    zone = new Zone(name);
    zones.set(name, zone);
  }
  return zone;
}

function numberOf(value: Value): number {
  return value === null ? Number.NaN : (value as number);
}
