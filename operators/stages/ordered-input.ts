/**
 * One input of one operator on one shard: rows come section by section from all who feed it and leave in step order
 * (step, source partition, offset, ordinal) once the operator's frontier has passed them. Over a bound, what is due last
 * goes to the spill and comes back when due.
 */
import type { ChannelPlan } from '../../compiler/plan/exchange-plan.ts';
import { assert } from '../assert.ts';
import { type ExchangeRows, exchangeBytes, gatherExchange } from './exchange-rows.ts';

/** Where rows go when memory is short; synchronous, local, cleared at start. */
export type RowSpill = {
  readonly write: (rows: ExchangeRows) => number;
  readonly read: (handle: number) => ExchangeRows;
  readonly free: (handle: number) => void;
};

/** A section's rows as they are held. */
export type HeldRows = {
  rows: ExchangeRows | null;
  handle: number;
  readonly bytes: number;
  /** Rows to be released, in the order of their steps; the first `released` of them are gone. */
  readonly order: Int32Array;
  released: number;
  /** Steps of every MARK_ROWS-th of them: they are asked for while the rows are in the spill. */
  readonly marks: Float64Array;
  /** Of the rows still held. */
  minStep: number;
  /** Which link they came on, the number of the entry before them, and where in the exchange log they lie; -1: nowhere. */
  readonly link: number;
  readonly from: number;
  logOffset: number;
};

/** Rows between two marks: a release is cut that exactly. */
const MARK_ROWS = 256;

export class OrderedInput {
  readonly #channel: ChannelPlan;
  readonly #spill: RowSpill | null;
  #held: HeldRows[] = [];
  #bytes = 0;

  constructor(channel: ChannelPlan, spill: RowSpill | null) {
    this.#channel = channel;
    this.#spill = spill;
  }

  /** Bytes in memory, roughly. */
  get bytes(): number {
    return this.#bytes;
  }

  get rows(): number {
    return this.#held.reduce((sum, held) => sum + held.order.length - held.released, 0);
  }

  /** What has come and has not been applied. */
  get held(): readonly HeldRows[] {
    return this.#held;
  }

  /** Takes the entries after number `from` of a link; those with a step before `applied` are in the state already. */
  add(
    rows: ExchangeRows,
    at: { readonly link: number; readonly from: number; readonly logOffset: number },
    applied: number,
  ): void {
    const kept = new Int32Array(rows.n);
    let n = 0;
    for (let i = 0; i < rows.n; i++) if (rows.step[i] >= applied) kept[n++] = i;
    if (n === 0) return;
    const steps = new Float64Array(n);
    for (let i = 0; i < n; i++) steps[i] = rows.step[kept[i]];
    const order = byStep(steps);
    for (let i = 0; i < n; i++) order[i] = kept[order[i]];
    const marks = new Float64Array(Math.ceil(n / MARK_ROWS));
    for (let i = 0; i < marks.length; i++) marks[i] = rows.step[order[i * MARK_ROWS]];
    const bytes = exchangeBytes(rows);
    this.#held.push({
      ...{ rows, handle: -1, bytes, order, released: 0, marks, minStep: marks[0] },
      ...at,
    });
    this.#bytes += bytes;
  }

  /** The rows of what is held, those that are applied already included. */
  read(held: HeldRows): ExchangeRows {
    assert(held.rows !== null || this.#spill !== null, 'rows are in memory or in the spill');
    return held.rows ?? this.#spill!.read(held.handle);
  }

  /** Adds (smallest step, rows) of every piece of what is held to `into`: for cutting a large release. */
  outline(into: { step: number; rows: number }[]): void {
    for (const { order, released, marks, minStep } of this.#held) {
      const first = Math.floor(released / MARK_ROWS);
      for (let mark = first; mark < marks.length; mark++) {
        const from = Math.max(released, mark * MARK_ROWS);
        const to = Math.min(order.length, (mark + 1) * MARK_ROWS);
        into.push({ step: mark === first ? minStep : marks[mark], rows: to - from });
      }
    }
  }

  /** Sends what is due last to the spill until at most `bytesMax` stay in memory. */
  spillTo(bytesMax: number): void {
    if (this.#spill === null || this.#bytes <= bytesMax) return;
    const inMemory = this.#held.filter((held) => held.rows !== null);
    inMemory.sort((a, b) => (a.minStep < b.minStep ? 1 : a.minStep > b.minStep ? -1 : 0));
    for (const held of inMemory) {
      if (this.#bytes <= bytesMax) return;
      held.handle = this.#spill.write(held.rows!);
      held.rows = null;
      this.#bytes -= held.bytes;
    }
  }

  /** Every row with step < frontier, in step order; null when there is none. */
  release(frontier: number): ExchangeRows | null {
    const due = this.#held.filter((held) => held.minStep < frontier);
    if (due.length === 0) return null;
    const taken = due.map((held) => this.#take(held, frontier));
    const size = taken.reduce((sum, rows) => sum + rows.length, 0);
    const pieces = new Int32Array(size);
    const rows = new Int32Array(size);
    let n = 0;
    taken.forEach((of, piece) => {
      pieces.fill(piece, n, n + of.length);
      rows.set(of, n);
      n += of.length;
    });
    const parts = due.map((held) => held.rows!);
    const sorted = stepOrder(parts, pieces, rows);
    const gone = new Set(due.filter(({ order, released }) => released === order.length));
    for (const held of gone) this.#bytes -= held.bytes;
    this.#held = this.#held.filter((held) => !gone.has(held));
    return gatherExchange(parts, sorted.pieces, sorted.rows, this.#channel.physical);
  }

  #take(held: HeldRows, frontier: number): Int32Array {
    if (held.rows === null) this.#bringBack(held);
    const { step } = held.rows!;
    const { order, released } = held;
    let low = released;
    let high = order.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (step[order[middle]] < frontier) low = middle + 1;
      else high = middle;
    }
    held.released = low;
    held.minStep = low < order.length ? step[order[low]] : Number.POSITIVE_INFINITY;
    return order.subarray(released, low);
  }

  #bringBack(held: HeldRows): void {
    assert(this.#spill !== null && held.handle >= 0, 'rows are in memory or in the spill');
    held.rows = this.#spill.read(held.handle);
    this.#spill.free(held.handle);
    held.handle = -1;
    this.#bytes += held.bytes;
  }
}

/** The picked rows in step order. */
function stepOrder(
  parts: readonly ExchangeRows[],
  pieces: Int32Array,
  rows: Int32Array,
): { pieces: Int32Array; rows: Int32Array } {
  const n = rows.length;
  const steps = new Float64Array(n);
  for (let i = 0; i < n; i++) steps[i] = parts[pieces[i]].step[rows[i]];
  const order = byStep(steps);
  // Rows of one instant, by where they come from.
  const compare = (a: number, b: number): number => {
    const left = parts[pieces[a]];
    const right = parts[pieces[b]];
    const [i, j] = [rows[a], rows[b]];
    return (
      left.partition[i] - right.partition[j] ||
      left.offset[i] - right.offset[j] ||
      (left.ordinal?.[i] ?? 0) - (right.ordinal?.[j] ?? 0) ||
      a - b
    );
  };
  for (let from = 0, to = 1; from < n; from = to, to++) {
    while (to < n && steps[order[to]] === steps[order[from]]) to++;
    if (to - from > 1) order.subarray(from, to).sort(compare);
  }
  const outPieces = new Int32Array(n);
  const outRows = new Int32Array(n);
  for (let i = 0; i < n; i++) {
    outPieces[i] = pieces[order[i]];
    outRows[i] = rows[order[i]];
  }
  return { pieces: outPieces, rows: outRows };
}

/** The order that sorts steps ascending, equal ones as they stand. */
function byStep(steps: Float64Array): Int32Array {
  const n = steps.length;
  const order = new Int32Array(n);
  for (let i = 0; i < n; i++) order[i] = i;
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let isSorted = true;
  for (let i = 0; i < n; i++) {
    const step = steps[i];
    if (step < max) isSorted = false;
    if (step > max) max = step;
    if (step < min) min = step;
  }
  if (isSorted) return order;
  // One native sort of numbers that hold both the step and the place, where both fit into 53 bits.
  if ((max - min + 1) * n < 2 ** 53 && isWhole(steps)) {
    const keys = new Float64Array(n);
    for (let i = 0; i < n; i++) keys[i] = (steps[i] - min) * n + i;
    keys.sort();
    for (let i = 0; i < n; i++) order[i] = keys[i] % n;
    return order;
  }
  // Differences would not do: the step of a static row is minus infinity.
  return order.sort((a, b) => (steps[a] < steps[b] ? -1 : steps[a] > steps[b] ? 1 : a - b));
}

function isWhole(steps: Float64Array): boolean {
  for (let i = 0; i < steps.length; i++) if (!Number.isInteger(steps[i])) return false;
  return true;
}
