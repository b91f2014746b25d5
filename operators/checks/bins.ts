/**
 * Values as a fixed set of bins, so that summaries of any rows can be added up. Bin 0 is null. Numbers: four bins an octave
 * from 2^-20 to 2^44 on each side of zero (width at most a quarter of the value; what is beyond is in the last one), in
 * ascending order. Texts, flags and categories: 256 bins by hash. Lists: by length.
 */
import type { ExampleColumn } from '../../compiler/plan/plan.ts';
import { BOOL_NULL, type Column, type Value } from '../column/column.ts';
import { hashBytes, hashNumber, hashText, lanes } from '../hash.ts';

/** Bins of one side of zero. */
const SIDE = 256;
/** Bin 0 null, 1 .. 256 below zero, 257 zero, 258 .. 513 above. */
const ZERO = 1 + SIDE;
export const BINS = 2 * SIDE + 2;
/** The exponent of the lowest octave, as IEEE 754 stores it. */
const EXPONENT_MIN = 1023 - 20;

const numberView = new Float64Array(1);
const numberWords = new Uint32Array(numberView.buffer);

/** The bin of row `row`. */
export function binOf(column: Column, row: number, input: ExampleColumn['input']): number {
  switch (column.kind) {
    case 'f64': {
      const value = column.data[row];
      if (Number.isNaN(value)) return 0;
      if (input !== 'categorical') return numberBin(value);
      hashNumber(value);
      return 1 + (lanes[0] & 0xff);
    }
    case 'bool':
      return column.data[row] === BOOL_NULL ? 0 : 1 + column.data[row];
    case 'text': {
      const start = column.start[row];
      if (start < 0) return 0;
      hashBytes(column.bytes, start, column.end[row]);
      return 1 + (lanes[0] & 0xff);
    }
    case 'hash':
      return column.lo[row] === 0 && column.hi[row] === 0 ? 0 : 1 + (column.lo[row] & 0xff);
    case 'list_f64':
    case 'list_text':
      if (column.isNull !== null && column.isNull[row] === 1) return 0;
      return numberBin(column.offsets[row + 1] - column.offsets[row]);
  }
}

/** The same of a plain value. */
export function binOfValue(value: Value, input: ExampleColumn['input']): number {
  if (value === null) return 0;
  if (typeof value === 'boolean') return 1 + Number(value);
  if (typeof value === 'object') return numberBin(value.length);
  if (typeof value === 'number') {
    if (Number.isNaN(value)) return 0;
    if (input !== 'categorical') return numberBin(value);
    hashNumber(value);
  } else hashText(value);
  return 1 + (lanes[0] & 0xff);
}

/** Exponent and the two highest bits of the mantissa: no logarithm, so the same on every machine. */
function numberBin(value: number): number {
  if (value === 0) return ZERO;
  numberView[0] = value;
  const high = numberWords[1];
  const octave = ((high >>> 20) & 0x7ff) - EXPONENT_MIN;
  const quarter = (high >>> 18) & 3;
  const at = Math.min(SIDE - 1, Math.max(0, octave * 4 + quarter));
  return value > 0 ? ZERO + 1 + at : ZERO - 1 - at;
}

/** Groups that are compared: null by itself, the rest by tenths of the reference. */
const GROUPS = 10;
/** Added to each group's rows, so that an empty one is rare and not impossible. */
const HALF_ROW = 0.5;

/** The population stability index Σ (p - q) ln(p / q) of `now` against `reference` (weights by bin), and its groups. */
export function stability(
  now: { readonly bins: Float64Array; readonly weight: number; readonly rows: number },
  reference: { readonly bins: Float64Array; readonly weight: number; readonly rows: number },
): { psi: number; groups: number } {
  const groups = groupsOf(reference.bins, reference.weight);
  let psi = 0;
  for (const [from, to] of groups) {
    const p = shareOf(now, from, to, groups.length);
    const q = shareOf(reference, from, to, groups.length);
    psi += (p - q) * Math.log(p / q);
  }
  return { psi, groups: groups.length };
}

/** Bins [from, to) of each group. */
function groupsOf(bins: Float64Array, weight: number): [number, number][] {
  const groups: [number, number][] = [[0, 1]];
  const tenth = (weight - bins[0]) / GROUPS;
  let from = 1;
  let sum = 0;
  for (let bin = 1; bin < BINS; bin++) {
    sum += bins[bin];
    if (tenth === 0 || sum < tenth) continue;
    groups.push([from, bin + 1]);
    from = bin + 1;
    sum = 0;
  }
  // What is left is too little for a group of its own.
  const last = groups[groups.length - 1];
  if (groups.length === 1) groups.push([1, BINS]);
  else last[1] = BINS;
  return groups;
}

function shareOf(
  of: { readonly bins: Float64Array; readonly weight: number; readonly rows: number },
  from: number,
  to: number,
  groups: number,
): number {
  let sum = 0;
  for (let bin = from; bin < to; bin++) sum += of.bins[bin];
  return ((sum / of.weight) * of.rows + HALF_ROW) / (of.rows + HALF_ROW * groups);
}
