/**
 * The rules of the language over plain arrays: a history is all events of one key in step order, and every answer is
 * worked out anew from it. Shares nothing with the engine.
 */

export type Timed = { readonly time: number };

/** The events of each key, in the order given (files are sorted by time: that is step order). */
export function byKey<T>(events: readonly T[], key: (event: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const event of events) {
    const group = groups.get(key(event));
    if (group === undefined) groups.set(key(event), [event]);
    else group.push(event);
  }
  return groups;
}

/** Events with from <= time < to, of a history sorted by time. */
export function between<T extends Timed>(
  history: readonly T[] | undefined,
  from: number,
  to: number,
): readonly T[] {
  if (history === undefined) return [];
  return history.filter((event) => from <= event.time && event.time < to);
}

/** How many of the ascending times lie before `time`. */
export function countBefore(times: Float64Array, time: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle]! < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The newest n, oldest first. */
export function newest<T>(events: readonly T[], n: number): readonly T[] {
  return events.slice(Math.max(0, events.length - n));
}

export function distinct(values: readonly (string | number)[]): number {
  return new Set(values).size;
}

/** The k most frequent, ties smaller first: strings by their UTF-8 bytes, numbers by size. */
export function topk<T extends string | number>(values: readonly T[], k: number): T[] {
  return [...tally(values)]
    .sort(([a, n], [b, m]) => m - n || compare(a, b))
    .slice(0, k)
    .map(([value]) => value);
}

/** The share of the most frequent value; null of nothing. */
export function modeShare(values: readonly string[]): number | null {
  return values.length === 0 ? null : Math.max(...tally(values).values()) / values.length;
}

export function smallest(values: readonly number[]): number | null {
  return values.length === 0 ? null : Math.min(...values);
}

export function largest(values: readonly number[]): number | null {
  return values.length === 0 ? null : Math.max(...values);
}

function tally<T>(values: readonly T[]): Map<T, number> {
  const counts = new Map<T, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

export function compare(a: string | number, b: string | number): number {
  if (typeof a === 'number' || typeof b === 'number') return Number(a) - Number(b);
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

const QUANTUM = 2 ** 20;

/** The sum of floats, each rounded to 2^-20 on entry; null of nothing. */
export function quantisedSum(values: Float64Array): number | null {
  if (values.length === 0) return null;
  let sum = 0;
  for (const value of values) sum += Math.round(value * QUANTUM);
  // Whole numbers below 2^53 add up without a rounding: the order cannot matter.
  if (!Number.isSafeInteger(sum)) throw new Error(`${sum} is beyond what a plain sum can hold`);
  return sum / QUANTUM;
}

/** How far a partition's watermark comes: an event beyond `ahead` counts once three of them stand there. */
export function finalWatermark(times: readonly number[], aheadMs = 3_600_000): number {
  let max = Number.NEGATIVE_INFINITY;
  let waiting: number[] = [];
  for (const time of times) {
    if (time <= max + aheadMs) {
      max = Math.max(max, time);
      continue;
    }
    waiting.push(time);
    if (waiting.length < 3) continue;
    max = Math.max(max, Math.min(...waiting));
    waiting.splice(waiting.indexOf(Math.min(...waiting)), 1);
    for (;;) {
      const fits = waiting.filter((each) => each <= max + aheadMs);
      if (fits.length === 0) break;
      max = Math.max(max, ...fits);
      waiting = waiting.filter((each) => !fits.includes(each));
    }
  }
  return max;
}

export type Row = {
  readonly id: string;
  readonly time: number;
  readonly emitted: number;
  readonly labels: Readonly<
    Record<string, { readonly value: number | null; readonly kind: string }>
  >;
  readonly features: Readonly<Record<string, unknown>>;
  readonly sample_rate: number;
};

/** By emission time, then anchor time, then id bytes: the order of an output file. */
export function inOutputOrder(rows: readonly Row[]): Row[] {
  return [...rows].sort((a, b) => a.emitted - b.emitted || a.time - b.time || compare(a.id, b.id));
}
