/**
 * What an aggregate makes of the events of its window, by its definition: all of them in an array, sums in big integers.
 * It shares nothing with the window stores, so that the two can be held against each other.
 */
import type { CounterColumn, ReadOp, ValueStore } from '../../compiler/plan/plan.ts';
import type { Value } from '../../operators/column/column.ts';

/** An event that counts; `value` null where it has none, or where none is asked for. */
export type Counted = { readonly time: number; readonly value: Value };

type Present = Exclude<Value, null>;

/** Quantum of the squares of row and session windows where values are not whole. */
const SQUARE_SCALE = 2 ** 20;

/** A running sum, or a count where it adds no value. */
export function counterValue(
  { value, scale, square }: CounterColumn,
  events: readonly Counted[],
): number {
  if (value === null) return events.length;
  const numbers = presentOf(events).map(Number);
  return exactSum(numbers.map((x) => Math.round((square ? x * x : x) * scale))) / scale;
}

/** What a value store answers an anchor at `t`; `events` in step order. */
export function storeValue(
  store: ValueStore,
  read: ReadOp,
  events: readonly Counted[],
  t: number,
): Value {
  const present = presentOf(events);
  switch (read.fn) {
    case 'count':
      return store.slots.length === 0 ? events.length : present.length;
    case 'sum':
      return scaledSum(present.map(Number), store.scale);
    case 'sum_squares':
      return scaledSum(
        present.map((x) => Number(x) ** 2),
        store.scale === 1 ? 1 : SQUARE_SCALE,
      );
    case 'distinct':
      return new Set(present).size;
    case 'decayed_count':
      return decayed(store.halfLifeMs, oneEach(events), t) ?? 0;
    case 'decayed_sum':
      return decayed(store.halfLifeMs, numbersOf(events), t);
    case 'last':
      return read.k === null ? (present.at(-1) ?? null) : listed(present.toReversed(), read.k);
    case 'topk':
      return listed(
        ranked(present).map(({ value }) => value),
        read.k,
      );
    case 'latest':
      return events.at(-1)?.value ?? null;
    default:
      return present.length === 0 ? null : ofSome(read, present);
  }
}

function ofSome(read: ReadOp, present: readonly Present[]): Value {
  const sorted = present.toSorted(compare);
  switch (read.fn) {
    case 'first':
      return present[0];
    case 'min':
      return sorted[0];
    case 'max':
      return sorted[sorted.length - 1];
    case 'quantile':
      return sorted[Math.max(0, Math.ceil(read.q * sorted.length) - 1)];
    case 'mode':
      return ranked(present)[0].value;
    case 'mode_share':
      return ranked(present)[0].count / present.length;
    default:
      throw new Error(`no aggregate ${read.fn}`);
  }
}

function presentOf(events: readonly Counted[]): Present[] {
  return events.flatMap(({ value }) => (value === null ? [] : [value]));
}

function oneEach(events: readonly Counted[]) {
  return events.map(({ time }) => ({ time, x: 1 }));
}

function numbersOf(events: readonly Counted[]) {
  return events.flatMap(({ time, value }) => (value === null ? [] : [{ time, x: Number(value) }]));
}

function scaledSum(numbers: readonly number[], scale: number): number {
  return exactSum(numbers.map((x) => Math.round(x * scale))) / scale;
}

function exactSum(wholes: readonly number[]): number {
  return Number(wholes.reduce((sum, x) => sum + BigInt(x), 0n));
}

/** Lists hold numbers and texts; a bool is listed as 0 or 1. */
function listed(values: readonly Present[], k: number): (number | string)[] {
  return values.slice(0, k).map((value) => (typeof value === 'string' ? value : Number(value)));
}

/** Most frequent first, ties smaller first. */
function ranked(values: readonly Present[]): { value: Present; count: number }[] {
  const counts = new Map<Present, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  const all = [...counts].map(([value, count]) => ({ value, count }));
  return all.sort((a, b) => b.count - a.count || compare(a.value, b.value));
}

/** Halves every half-life; null: nothing was seen. */
function decayed(
  halfLifeMs: number,
  events: readonly { readonly time: number; readonly x: number }[],
  t: number,
): number | null {
  if (events.length === 0) return null;
  let level = 0;
  let last = events[0].time;
  for (const { time, x } of events) {
    level = level * 2 ** (-(time - last) / halfLifeMs) + x;
    last = time;
  }
  return level * 2 ** (-(t - last) / halfLifeMs);
}

/** Numbers by size, texts by their UTF-8 bytes, false before true. */
function compare(a: Present, b: Present): number {
  if (typeof a === 'string' && typeof b === 'string') {
    return Buffer.compare(Buffer.from(a), Buffer.from(b));
  }
  return Number(a) - Number(b);
}
