/** What generated expression code calls. Bools are 0, 1, 2 (null); numbers use NaN. */
import type { ListF64Column, ListTextColumn, TextColumn } from '../column/column.ts';
import { lanes } from '../hash.ts';
import {
  bucketize,
  clip,
  crossLanes,
  finite,
  hashOfBool,
  hashOfNumber,
  hashOfText,
  laneNumber,
  modulo,
  ratioMean,
  smooth,
  standardDeviation,
  type Zone,
} from './functions.ts';

/** A text constant as generated code holds it. */
export function textConstant(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** State of the `cross` being computed; generated code is synchronous and never nests one in another's parts. */
let crossLo = 0;
let crossHi = 0;
let crossPresent = true;

export const kernelLibrary = {
  finite,
  bucketize,
  smooth,
  ratio_mean: ratioMean,
  stddev: standardDeviation,
  mod: (a: number, b: number) => finite(modulo(a, b)),
  clip: (x: number, low: number, high: number) => finite(clip(x, low, high)),
  abs: (x: number) => Math.abs(x),
  sqrt: (x: number) => finite(Math.sqrt(x)),
  log: (x: number) => finite(Math.log(x)),
  log1p: (x: number) => finite(Math.log1p(x)),
  exp: (x: number) => finite(Math.exp(x)),
  floor: Math.floor,
  ceil: Math.ceil,
  round: Math.round,
  least: Math.min,
  greatest: Math.max,

  and: (a: number, b: number) => (a === 2 || b === 2 ? 2 : a & b),
  or: (a: number, b: number) => (a === 2 || b === 2 ? 2 : a | b),
  not: (a: number) => (a === 2 ? 2 : 1 - a),
  is_nan: (a: number) => (Number.isNaN(a) ? 1 : 0),

  eq_f64: (a: number, b: number) => (Number.isNaN(a) || Number.isNaN(b) ? 2 : a === b ? 1 : 0),
  ne_f64: (a: number, b: number) => (Number.isNaN(a) || Number.isNaN(b) ? 2 : a === b ? 0 : 1),
  lt_f64: (a: number, b: number) => (Number.isNaN(a) || Number.isNaN(b) ? 2 : a < b ? 1 : 0),
  le_f64: (a: number, b: number) => (Number.isNaN(a) || Number.isNaN(b) ? 2 : a <= b ? 1 : 0),
  gt_f64: (a: number, b: number) => (Number.isNaN(a) || Number.isNaN(b) ? 2 : a > b ? 1 : 0),
  ge_f64: (a: number, b: number) => (Number.isNaN(a) || Number.isNaN(b) ? 2 : a >= b ? 1 : 0),
  eq_bool: (a: number, b: number) => (a === 2 || b === 2 ? 2 : a === b ? 1 : 0),
  ne_bool: (a: number, b: number) => (a === 2 || b === 2 ? 2 : a === b ? 0 : 1),

  eq_text_const(a: TextColumn, row: number, text: Uint8Array): number {
    return a.start[row]! < 0 ? 2 : equalsBytes(a, row, text) ? 1 : 0;
  },
  ne_text_const(a: TextColumn, row: number, text: Uint8Array): number {
    return a.start[row]! < 0 ? 2 : equalsBytes(a, row, text) ? 0 : 1;
  },
  eq_text: (a: TextColumn, b: TextColumn, row: number) =>
    truth(compareText(a, b, row), (c) => c === 0),
  ne_text: (a: TextColumn, b: TextColumn, row: number) =>
    truth(compareText(a, b, row), (c) => c !== 0),
  lt_text: (a: TextColumn, b: TextColumn, row: number) =>
    truth(compareText(a, b, row), (c) => c < 0),
  le_text: (a: TextColumn, b: TextColumn, row: number) =>
    truth(compareText(a, b, row), (c) => c <= 0),
  gt_text: (a: TextColumn, b: TextColumn, row: number) =>
    truth(compareText(a, b, row), (c) => c > 0),
  ge_text: (a: TextColumn, b: TextColumn, row: number) =>
    truth(compareText(a, b, row), (c) => c >= 0),
  starts_with(a: TextColumn, row: number, prefix: Uint8Array): number {
    const start = a.start[row]!;
    if (start < 0) return 2;
    return a.end[row]! - start >= prefix.length && matches(a.bytes, start, prefix) ? 1 : 0;
  },

  in_f64: (a: number, items: readonly number[]) =>
    Number.isNaN(a) ? 2 : items.includes(a) ? 1 : 0,
  in_text(a: TextColumn, row: number, items: readonly Uint8Array[]): number {
    if (a.start[row]! < 0) return 2;
    for (const item of items) if (equalsBytes(a, row, item)) return 1;
    return 0;
  },

  hash_f64: hashOfNumber,
  hash_bool: hashOfBool,
  hash_text: hashOfText,
  cross_start(present: boolean): void {
    crossPresent = present;
    crossLo = lanes[0]!;
    crossHi = lanes[1]!;
  },
  cross_next(present: boolean): void {
    crossPresent = crossPresent && present;
    if (!crossPresent) return;
    crossLanes(crossLo, crossHi);
    crossLo = lanes[0]!;
    crossHi = lanes[1]!;
  },
  cross_value(): number {
    if (!crossPresent) return Number.NaN;
    lanes[0] = crossLo;
    lanes[1] = crossHi;
    return laneNumber();
  },

  hour_of_day: (zone: Zone, time: number) => (Number.isNaN(time) ? time : zone.hourOfDay(time)),
  day_of_week: (zone: Zone, time: number) => (Number.isNaN(time) ? time : zone.dayOfWeek(time)),

  size(a: ListF64Column | ListTextColumn, row: number): number {
    return a.isNull?.[row] ? Number.NaN : a.offsets[row + 1]! - a.offsets[row]!;
  },
  list_is_null: (a: ListF64Column | ListTextColumn, row: number) => (a.isNull?.[row] ? 1 : 0),
};

function truth(comparison: number, test: (c: number) => boolean): number {
  return Number.isNaN(comparison) ? 2 : test(comparison) ? 1 : 0;
}

/** Order of two texts by their bytes; NaN when one is null. */
function compareText(a: TextColumn, b: TextColumn, row: number): number {
  const aStart = a.start[row]!;
  const bStart = b.start[row]!;
  if (aStart < 0 || bStart < 0) return Number.NaN;
  const left = a.bytes.subarray(aStart, a.end[row]!);
  return Buffer.compare(left, b.bytes.subarray(bStart, b.end[row]!));
}

function equalsBytes(a: TextColumn, row: number, text: Uint8Array): boolean {
  const start = a.start[row]!;
  return a.end[row]! - start === text.length && matches(a.bytes, start, text);
}

function matches(bytes: Uint8Array, start: number, text: Uint8Array): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[start + i] !== text[i]) return false;
  return true;
}
