/**
 * Columns of a frame on demand: a slot is computed when first asked for and kept in the frame. Slots that another
 * operator fills (decoded fields, enriched fields, a label's event, look-up answers) must be there by then.
 */
import type { Expr, SlotPlan } from '../../compiler/plan/plan.ts';
import { assert } from '../assert.ts';
import { compileExpr, type Evaluator } from '../expression/expression.ts';
import type { Inputs } from '../expression/expression-interpreter.ts';
import { hashOfBool, hashOfNumber, hashOfText } from '../expression/functions.ts';
import { combine, lanes } from '../hash.ts';
import type { Column, HashColumn } from './column.ts';
import type { ColumnPool } from './column-pool.ts';
import type { Frame } from './frame.ts';

export class Slots {
  readonly #plans: readonly SlotPlan[];
  readonly #evaluators: (Evaluator | null)[];
  readonly #pool: ColumnPool | undefined;

  /** `pool`: columns then last until it is recycled. */
  constructor(plans: readonly SlotPlan[], codegen: boolean, pool?: ColumnPool) {
    this.#plans = plans;
    this.#pool = pool;
    this.#evaluators = plans.map((plan) => evaluatorOf(plan, codegen));
  }

  /** The column of `slot` in `frame`; computed at most once per frame. */
  column(frame: Frame, slot: number): Column {
    const known = frame.columns[slot];
    if (known !== undefined) return known;
    const evaluate = this.#evaluators[slot];
    assert(
      evaluate !== null && evaluate !== undefined,
      `slot ${slot} (${this.#plans[slot]?.name}) was not filled`,
    );
    const column = evaluate({
      n: frame.n,
      time: frame.time,
      column: (s) => this.column(frame, s),
      pool: this.#pool,
    });
    frame.columns[slot] = column;
    return column;
  }

  /** The column as a key hash. */
  hash(frame: Frame, slot: number): HashColumn {
    const column = this.column(frame, slot);
    assert(column.kind === 'hash', `slot ${slot} (${this.#plans[slot]?.name}) is no hash`);
    return column;
  }
}

function evaluatorOf(plan: SlotPlan, codegen: boolean): Evaluator | null {
  const { op } = plan;
  switch (op.kind) {
    case 'expr':
      return compileExpr(op.expr satisfies Expr, codegen);
    case 'combine':
      return (inputs) =>
        combineHashes(
          op.slots.map((slot) => inputs.column(slot)),
          inputs,
        );
    case 'hash_of':
      return (inputs) => hashColumn(inputs.column(op.slot), inputs.n);
    default:
      return null;
  }
}

/** Key hash of several hash columns; null when any part is. */
function combineHashes(columns: readonly Column[], { n, pool }: Inputs): HashColumn {
  const parts = columns as readonly HashColumn[];
  const first = parts[0]!;
  const lo = pool?.i32(n) ?? new Int32Array(n);
  const hi = pool?.i32(n) ?? new Int32Array(n);
  lo.set(first.lo.subarray(0, n));
  hi.set(first.hi.subarray(0, n));
  for (let p = 1; p < parts.length; p++) {
    const partLo = parts[p]!.lo;
    const partHi = parts[p]!.hi;
    for (let i = 0; i < n; i++) {
      const isNull = (lo[i] === 0 && hi[i] === 0) || (partLo[i] === 0 && partHi[i] === 0);
      if (isNull) {
        lo[i] = 0;
        hi[i] = 0;
      } else {
        combine(lo[i]!, hi[i]!, partLo[i]!, partHi[i]!);
        lo[i] = lanes[0]!;
        hi[i] = lanes[1]!;
      }
    }
  }
  return { kind: 'hash', lo, hi };
}

/** Hash of each value of a number, bool or text column. */
function hashColumn(column: Column, n: number): HashColumn {
  if (column.kind === 'hash') return column;
  const lo = new Int32Array(n);
  const hi = new Int32Array(n);
  for (let i = 0; i < n; i++) {
    if (!hashRow(column, i)) continue;
    lo[i] = lanes[0]!;
    hi[i] = lanes[1]!;
  }
  return { kind: 'hash', lo, hi };
}

function hashRow(column: Column, row: number): boolean {
  switch (column.kind) {
    case 'f64':
      return hashOfNumber(column.data[row]!);
    case 'bool':
      return hashOfBool(column.data[row]!);
    case 'text':
      return hashOfText(column, row);
    default:
      throw new Error(`a ${column.kind} column has no hash`);
  }
}
