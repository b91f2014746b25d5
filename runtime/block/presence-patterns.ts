/**
 * Which of a group's columns have a value, row by row, as one of few patterns: for a new user all of a user's features are
 * absent at once. A value is absent where it is null, or, in a column that is mostly zero, where it is zero.
 */
import { PRESENCE } from './block-layout.ts';
import type { IntPacker } from './packed-ints.ts';
import type { WireWriter } from './wire.ts';

/** A pattern is a word of bits. */
const COLUMNS_MAX = 31;
/** Patterns of one table: with more of them, the columns are said one by one. */
const PATTERNS_MAX = 128;
const TABLE = 512;
/** A column without nulls takes part if at least three of four values are zero. */
const ZERO_SHARE = 0.75;
/** Which of many values are looked at before all are. */
const LOOK_ALL = 64;
const LOOK_EVERY = 7;

/** A column of numbers, as it lies in the block: `values[0, n)`, NaN for null. */
export type PresenceColumn = {
  readonly values: Float64Array;
  readonly n: number;
  readonly nullable: boolean;
};

/** What a column's absent values are, and its bit in the pattern; bit -1: every value is there. */
export type PresencePlace = { fill: number; bit: number; table: number };

/** Finds patterns; its buffers are used again. */
export class PresencePatterns {
  #masks = new Int32Array(512);
  #index = new Int32Array(512);
  readonly #table = new Int32Array(TABLE);
  readonly #patterns = new Int32Array(PATTERNS_MAX);
  /** Tables written since `clear`. */
  #tables = 0;

  clear(): void {
    this.#tables = 0;
  }

  /** Writes the tables that the columns (of equal length) need, as fields `field`; says where each column stands. */
  write(
    out: WireWriter,
    field: number,
    columns: readonly PresenceColumn[],
    packer: IntPacker,
  ): PresencePlace[] {
    const places = columns.map(placeOf);
    const wanted = places.flatMap((place, i) => (place.bit === 0 ? [i] : []));
    for (let from = 0; from < wanted.length; from += COLUMNS_MAX) {
      const some = wanted.slice(from, from + COLUMNS_MAX);
      if (this.#together(out, field, { columns, places, some }, packer)) continue;
      for (const i of some) {
        if (Number.isNaN(places[i]!.fill)) {
          this.#together(out, field, { columns, places, some: [i] }, packer);
        } else {
          places[i]!.bit = -1;
        }
      }
    }
    return places;
  }

  /** False, and nothing written, where there are too many patterns. */
  #together(out: WireWriter, field: number, group: Group, packer: IntPacker): boolean {
    const { columns, places, some } = group;
    const { n } = columns[some[0]!]!;
    if (this.#masks.length < n) {
      this.#masks = new Int32Array(n * 2);
      this.#index = new Int32Array(n * 2);
    }
    const masks = this.#masks.fill(0, 0, n);
    for (const [bit, i] of some.entries()) {
      const { values } = columns[i]!;
      const one = 1 << bit;
      if (Number.isNaN(places[i]!.fill)) {
        for (let row = 0; row < n; row++)
          if (!Number.isNaN(values[row]!)) masks[row] = masks[row]! | one;
      } else {
        for (let row = 0; row < n; row++) if (!isZero(values[row]!)) masks[row] = masks[row]! | one;
      }
    }
    const count = this.#number(n);
    if (count === 0 && some.length > 1) return false;
    this.#tables++;
    for (const [bit, i] of some.entries()) {
      places[i]!.bit = bit;
      places[i]!.table = this.#tables;
    }
    const message = out.open(field);
    out.uint(PRESENCE.columns, some.length);
    out.bytes(PRESENCE.patterns, new Uint8Array(this.#patterns.buffer, 0, count * 4));
    const index = out.open(PRESENCE.index);
    packer.write(out, 0, null, this.#index, n);
    out.shut(index);
    out.shut(message);
    return true;
  }

  /** Numbers the masks in the order in which they come; 0: too many. */
  #number(n: number): number {
    const table = this.#table.fill(0);
    let count = 0;
    for (let row = 0; row < n; row++) {
      const mask = this.#masks[row]!;
      let at = (Math.imul(mask, 0x9e3779b1) >>> 16) & (TABLE - 1);
      let entry = table[at]!;
      while (entry !== 0 && this.#patterns[entry - 1] !== mask) {
        at = (at + 1) & (TABLE - 1);
        entry = table[at]!;
      }
      if (entry === 0) {
        if (count === PATTERNS_MAX) return 0;
        this.#patterns[count++] = mask;
        entry = count;
        table[at] = count;
      }
      this.#index[row] = entry - 1;
    }
    return count;
  }
}

type Group = {
  readonly columns: readonly PresenceColumn[];
  readonly places: readonly PresencePlace[];
  readonly some: readonly number[];
};

/** Bit 0: the column takes part. */
function placeOf({ values, n, nullable }: PresenceColumn): PresencePlace {
  if (nullable && hasNull(values, n)) return { fill: Number.NaN, bit: 0, table: 0 };
  const isSparse = isMostlyZero(values, n);
  return { fill: isSparse ? 0 : Number.NaN, bit: isSparse ? 0 : -1, table: 0 };
}

function hasNull(values: Float64Array, n: number): boolean {
  for (let i = 0; i < n; i++) if (Number.isNaN(values[i]!)) return true;
  return false;
}

/** By a look at some values; one that is always zero takes least as it is. */
function isMostlyZero(values: Float64Array, n: number): boolean {
  let zeros = 0;
  let looked = 0;
  const every = n < LOOK_ALL ? 1 : LOOK_EVERY;
  for (let i = 0; i < n; i += every) {
    if (values[i] === 0) zeros++;
    looked++;
  }
  if (zeros < ZERO_SHARE * looked) return false;
  for (let i = 0; i < n; i++) if (values[i] !== 0) return true;
  return false;
}

/** Zero without a sign. */
function isZero(value: number): boolean {
  return value === 0 && !Object.is(value, -0);
}

/** The values of a column that are there, in `into`; gives how many. */
export function presentValues(
  { values, n }: PresenceColumn,
  { fill }: PresencePlace,
  into: Float64Array,
): number {
  let count = 0;
  if (Number.isNaN(fill)) {
    for (let i = 0; i < n; i++) if (!Number.isNaN(values[i]!)) into[count++] = values[i]!;
  } else {
    for (let i = 0; i < n; i++) if (!isZero(values[i]!)) into[count++] = values[i]!;
  }
  return count;
}
