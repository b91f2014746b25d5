/**
 * The functions of the language on single values, numbers with NaN for null. Generated code and the interpreter both
 * call these; what they mean is written here once.
 */
import type { TextColumn } from '../column/column.ts';
import { combine, hash53, hashBytes, hashNumber, lanes } from '../hash.ts';

/** Anything that is not finite is null. */
export function finite(x: number): number {
  return x - x === 0 ? x : Number.NaN;
}

/** The remainder with the sign of the divisor. */
export function modulo(a: number, b: number): number {
  return ((a % b) + b) % b;
}

export function clip(x: number, low: number, high: number): number {
  return Math.min(Math.max(x, low), high);
}

/** How many of the ascending bounds are <= x. */
export function bucketize(x: number, bounds: readonly number[]): number {
  if (Number.isNaN(x)) return x;
  let bucket = 0;
  while (bucket < bounds.length && bounds[bucket]! <= x) bucket++;
  return bucket;
}

/** (num + prior * weight) / (den + weight): the mean of a beta prior of that weight. */
export function smooth(num: number, den: number, prior: number, weight: number): number {
  return finite((num + prior * weight) / (den + weight));
}

export function ratioMean(sum: number, n: number): number {
  return n === 0 ? Number.NaN : sum / n;
}

/** Population standard deviation from running sums. */
export function standardDeviation(sum: number, sumSquares: number, n: number): number {
  if (n === 0) return Number.NaN;
  const mean = sum / n;
  return Math.sqrt(Math.max(0, sumSquares / n - mean * mean));
}

/** Leaves the hash of a number in `lanes`; false for null. */
export function hashOfNumber(x: number): boolean {
  if (Number.isNaN(x)) return false;
  hashNumber(x);
  return true;
}

/** Leaves the hash of a bool (0, 1) in `lanes`; false for null. */
export function hashOfBool(x: number): boolean {
  if (x > 1) return false;
  hashNumber(x);
  return true;
}

/** Leaves the hash of a text in `lanes`; false for null. */
export function hashOfText(column: TextColumn, row: number): boolean {
  const start = column.start[row]!;
  if (start < 0) return false;
  hashBytes(column.bytes, start, column.end[row]!);
  return true;
}

/** Number of the lanes, after `hashOf…` said true. */
export function laneNumber(): number {
  return hash53(lanes[0]!, lanes[1]!);
}

/** Lanes of the parts so far, combined with the lanes just computed. */
export function crossLanes(lo: number, hi: number): void {
  combine(lo, hi, lanes[0]!, lanes[1]!);
}

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** A time zone's offsets, asked of the platform once per quarter of an hour and kept. */
export class Zone {
  readonly #format: Intl.DateTimeFormat | null;
  readonly #offsets = new Map<number, number>();

  /** `name` is an IANA zone; `UTC` costs nothing. Throws RangeError for an unknown name. */
  constructor(name: string) {
    this.#format =
      name === 'UTC'
        ? null
        : new Intl.DateTimeFormat('en-US', {
            timeZone: name,
            hourCycle: 'h23',
            year: 'numeric',
            month: 'numeric',
            day: 'numeric',
            hour: 'numeric',
            minute: 'numeric',
            second: 'numeric',
          });
  }

  /** 0 .. 23. */
  hourOfDay(time: number): number {
    return Math.floor(modulo(this.#local(time), DAY_MS) / HOUR_MS);
  }

  /** ISO 8601: 1 is Monday, 7 Sunday. */
  dayOfWeek(time: number): number {
    return modulo(Math.floor(this.#local(time) / DAY_MS) + 3, 7) + 1;
  }

  #local(time: number): number {
    if (this.#format === null || Number.isNaN(time)) return time;
    const quarter = Math.floor(time / 900_000);
    let offset = this.#offsets.get(quarter);
    if (offset === undefined) {
      if (this.#offsets.size >= ZONE_QUARTERS_MAX) this.#offsets.clear();
      offset = offsetAt(this.#format, quarter * 900_000);
      this.#offsets.set(quarter, offset);
    }
    return time + offset;
  }
}

/** Quarters of an hour remembered per zone (about a year); the memory is emptied when it is full. */
const ZONE_QUARTERS_MAX = 40_000;

function offsetAt(format: Intl.DateTimeFormat, time: number): number {
  const part: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(time)) part[type] = Number(value);
  const local = Date.UTC(
    part.year!,
    part.month! - 1,
    part.day!,
    part.hour!,
    part.minute!,
    part.second!,
  );
  return local - Math.floor(time / 1000) * 1000;
}
