/**
 * Expressions over a frame's columns. `compileExpr` generates one loop per expression that makes a number or a bool;
 * text and list results go through the interpreter and are read by the loop as columns. No text of the author's is
 * ever part of the generated code: constants travel in the array `K`, columns in `I`.
 */
import type { Expr } from '../../compiler/plan/plan.ts';
import { assert } from '../assert.ts';
import type { Column } from '../column/column.ts';
import type { Inputs } from './expression-interpreter.ts';
import { interpret } from './expression-interpreter.ts';
import { kernelLibrary, textConstant } from './expression-library.ts';
import { Zone } from './functions.ts';

export type Evaluator = (inputs: Inputs) => Column;

/** The evaluator of an expression; `codegen: false` gives the interpreter. */
export function compileExpr(expr: Expr, codegen = true): Evaluator {
  if (!codegen || (expr.physical !== 'f64' && expr.physical !== 'bool')) {
    return expr.op === 'slot'
      ? (inputs) => inputs.column(expr.slot)
      : (inputs) => interpret(expr, inputs);
  }
  const writer = new Writer();
  const body = writer.write(expr);
  const source = [
    '"use strict";',
    ...writer.inputs.map(
      (input, i) => `const c${i} = ${input.scalar ? `I[${i}].data` : `I[${i}]`};`,
    ),
    ...writer.temporaries.map((name) => `let ${name} = 0;`),
    `for (let i = 0; i < n; i++) out[i] = ${body};`,
  ].join('\n');
  const run = loopOf(source);
  const kind = expr.physical;
  return (inputs) => {
    const { n, time, pool } = inputs;
    const columns = writer.inputs.map((input) => input.read(inputs));
    const data =
      kind === 'f64' ? (pool?.f64(n) ?? new Float64Array(n)) : (pool?.u8(n) ?? new Uint8Array(n));
    run(n, time, columns, writer.constants, kernelLibrary, data);
    return { kind, data } as Column;
  };
}

type Loop = (
  n: number,
  time: Float64Array,
  columns: Column[],
  constants: unknown[],
  library: typeof kernelLibrary,
  out: Float64Array | Uint8Array,
) => void;

/** Loops made so far, by text: expressions that differ in slots and constants only share one, and its compilation. */
const loops = new Map<string, Loop>();
/** Texts kept; beyond them all are forgotten. */
const LOOPS_MAX = 4096;

function loopOf(source: string): Loop {
  let loop = loops.get(source);
  if (loop === undefined) {
    if (loops.size >= LOOPS_MAX) loops.clear();
    loop = new Function('n', 'time', 'I', 'K', 'L', 'out', source) as Loop;
    loops.set(source, loop);
  }
  return loop;
}

type Input = {
  readonly slot: number;
  readonly scalar: boolean;
  readonly read: (inputs: Inputs) => Column;
};

/** Turns one expression tree into a JavaScript expression for row `i`. */
class Writer {
  readonly inputs: Input[] = [];
  readonly constants: unknown[] = [];
  readonly temporaries: string[] = [];

  write(expr: Expr): string {
    switch (expr.op) {
      case 'slot': {
        const name = this.#slot(expr);
        return `${name}[i]`;
      }
      case 'const':
        return this.#constant(expr.value, expr.physical);
      case 'list':
        throw new Error('a list constant stands only as an argument');
      case 'call':
        return this.#call(expr.fn, expr.args, expr.physical);
    }
  }

  #constant(value: number | boolean | string | null, physical: string): string {
    if (physical === 'bool') return value === null ? '2' : value === true ? '1' : '0';
    if (value === null) return 'NaN';
    assert(typeof value === 'number', 'text constants stand only as arguments');
    return this.#keep(value);
  }

  #keep(value: unknown): string {
    this.constants.push(value);
    return `K[${this.constants.length - 1}]`;
  }

  /** The name of a column: of a slot, or of a text or list expression made beforehand. */
  #column(expr: Expr): string {
    if (expr.op === 'slot') return this.#slot(expr);
    const name = `c${this.inputs.length}`;
    this.inputs.push({ slot: -1, scalar: false, read: (inputs) => interpret(expr, inputs) });
    return name;
  }

  #slot(expr: Expr & { op: 'slot' }): string {
    const known = this.inputs.findIndex((input) => input.slot === expr.slot);
    if (known >= 0) return `c${known}`;
    const { slot } = expr;
    const scalar = expr.physical === 'f64' || expr.physical === 'bool';
    this.inputs.push({ slot, scalar, read: (inputs) => inputs.column(slot) });
    return `c${this.inputs.length - 1}`;
  }

  #temporary(): string {
    const name = `t${this.temporaries.length}`;
    this.temporaries.push(name);
    return name;
  }

  #call(fn: string, args: readonly Expr[], physical: string): string {
    const [a, b] = args as readonly [Expr, Expr];
    switch (fn) {
      case 'add':
        return `L.finite(${this.write(a)} + ${this.write(b)})`;
      case 'sub':
        return `L.finite(${this.write(a)} - ${this.write(b)})`;
      case 'mul':
        return `L.finite(${this.write(a)} * ${this.write(b)})`;
      case 'div':
        return `L.finite(${this.write(a)} / ${this.write(b)})`;
      case 'neg':
        return `(-${this.write(a)})`;
      case 'time_since':
        return `L.finite(time[i] - ${this.write(a)})`;
      case 'if':
        return this.#if(args, physical);
      case 'coalesce':
        return this.#coalesce(args, physical);
      case 'is_null':
        return this.#isNull(a);
      case 'eq':
      case 'ne':
      case 'lt':
      case 'le':
      case 'gt':
      case 'ge':
        return this.#compare(fn, a, b);
      case 'in':
        return this.#in(a, b);
      case 'bucketize':
        return `L.bucketize(${this.write(a)}, ${this.#keep(listOf(b))})`;
      case 'hash':
      case 'cross':
        return this.#cross(args);
      case 'hour_of_day':
      case 'day_of_week':
        return `L.${fn}(${this.#keep(zoneOf(b))}, ${this.write(a)})`;
      case 'starts_with':
        return b.op === 'const' && b.value !== null
          ? `L.starts_with(${this.#column(a)}, i, ${this.#keep(textConstant(b.value as string))})`
          : this.#rowwise(fn, args, physical);
      case 'size':
        return `L.size(${this.#column(a)}, i)`;
      case 'contains':
      case 'count_of':
      case 'at':
        return this.#rowwise(fn, args, physical);
      default:
        return `L.${fn}(${args.map((arg) => this.write(arg)).join(', ')})`;
    }
  }

  /** A column of its own, made by a loop of its own: keeps one hash in flight at a time. */
  #apart(expr: Expr): string {
    const evaluate = compileExpr(expr);
    const name = `c${this.inputs.length}`;
    this.inputs.push({ slot: -1, scalar: true, read: evaluate });
    return `${name}[i]`;
  }

  /** Rare functions on lists: the interpreter makes the column. */
  #rowwise(fn: string, args: readonly Expr[], physical: string): string {
    const expr = { op: 'call', fn, args, physical } as Expr;
    const name = `c${this.inputs.length}`;
    this.inputs.push({ slot: -1, scalar: true, read: (inputs) => interpret(expr, inputs) });
    return `${name}[i]`;
  }

  #if([test, yes, no]: readonly Expr[], physical: string): string {
    const t = this.#temporary();
    const none = physical === 'bool' ? '2' : 'NaN';
    return `((${t} = ${this.write(test!)}) === 1 ? ${this.write(yes!)} : ${t} === 0 ? ${this.write(no!)} : ${none})`;
  }

  #coalesce(args: readonly Expr[], physical: string): string {
    const [first, ...rest] = args;
    const value = this.write(first!);
    if (rest.length === 0) return value;
    const t = this.#temporary();
    const present = physical === 'bool' ? `(${t} = ${value}) !== 2` : `(${t} = ${value}) === ${t}`;
    return `(${present} ? ${t} : ${this.#coalesce(rest, physical)})`;
  }

  #isNull(a: Expr): string {
    switch (a.physical) {
      case 'f64':
        return `L.is_nan(${this.write(a)})`;
      case 'bool':
        return `(${this.write(a)} === 2 ? 1 : 0)`;
      case 'text':
        return `(${this.#column(a)}.start[i] < 0 ? 1 : 0)`;
      default:
        return `L.list_is_null(${this.#column(a)}, i)`;
    }
  }

  #compare(fn: string, a: Expr, b: Expr): string {
    if (a.physical !== 'text') return `L.${fn}_${a.physical}(${this.write(a)}, ${this.write(b)})`;
    if (b.op === 'const' && b.value !== null && (fn === 'eq' || fn === 'ne')) {
      return `L.${fn}_text_const(${this.#column(a)}, i, ${this.#keep(textConstant(b.value as string))})`;
    }
    return `L.${fn}_text(${this.#column(a)}, ${this.#column(b)}, i)`;
  }

  #in(a: Expr, b: Expr): string {
    const items = listOf(b);
    if (a.physical !== 'text') return `L.in_f64(${this.write(a)}, ${this.#keep(items)})`;
    const texts = items.map((item) => textConstant(item as string));
    return `L.in_text(${this.#column(a)}, i, ${this.#keep(texts)})`;
  }

  #cross(args: readonly Expr[]): string {
    const t = args.map((arg) => {
      if (arg.physical === 'text') return `L.hash_text(${this.#column(arg)}, i)`;
      return `L.hash_${arg.physical}(${arg.op === 'call' ? this.#apart(arg) : this.write(arg)})`;
    });
    const [first, ...rest] = t;
    return `(${[`L.cross_start(${first})`, ...rest.map((part) => `L.cross_next(${part})`)].join(', ')}, L.cross_value())`;
  }
}

function listOf(expr: Expr): readonly (number | string)[] {
  assert(expr.op === 'list', 'the list of in and bucketize is a constant');
  return expr.values;
}

function zoneOf(expr: Expr | undefined): Zone {
  return new Zone(expr?.op === 'const' ? (expr.value as string) : 'UTC');
}
