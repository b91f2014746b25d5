import { assert } from '../../operators/assert.ts';
import type { Value } from '../../operators/column/column.ts';
import { hashFeature, hashText } from './feature-hash.ts';

/** How a column enters the model. */
export type ColumnInput = 'categorical' | 'dense' | 'ids';

/** A column of the example set, in the order of its rows' `features`. */
export type TrainerColumn = { readonly name: string; readonly input: ColumnInput };

/** Ids read from one list (the newest or largest come first); the rest are ignored. */
export const IDS_PER_LIST_MAX = 256;

/** Coordinates one dense column owns outright: its value and its presence bit. */
const DENSE_COORDINATES = 2;
/** Finest scale of `denseBins`: bins per doubling of the value. */
const BINS_PER_DOUBLING = 2;

/**
 * Turns a row's features into active coordinates of a space of 2^bits:
 *
 * - coordinate 0 is the bias, always 1;
 * - a dense column has two of its own: sign(v)·log1p(|v|), and 1 when v is present;
 * - with `denseBins`, its half-octave too is a category, since a linear model sees no curve;
 * - a category (null is one) is a hashed coordinate at 1; an id list one for each distinct id.
 *
 * The result lies in `slots` and `values` [0, count) until the next call.
 */
export class RowEncoder {
  count = 0;
  slots = new Int32Array(256);
  values = new Float64Array(256);
  readonly #columns: readonly TrainerColumn[];
  readonly #seeds: Int32Array;
  readonly #ownSlot: Int32Array;
  readonly #hashedFrom: number;
  readonly #hashedSize: number;
  readonly #denseBins: boolean;

  constructor(columns: readonly TrainerColumn[], space: { bits: number; denseBins: boolean }) {
    this.#columns = columns;
    this.#denseBins = space.denseBins;
    this.#seeds = Int32Array.from(columns, ({ name }) => hashText(0x4d6c7263, name));
    this.#ownSlot = new Int32Array(columns.length);
    let next = 1;
    for (const [index, { input }] of columns.entries()) {
      this.#ownSlot[index] = next;
      if (input === 'dense') next += DENSE_COORDINATES;
    }
    this.#hashedFrom = next;
    this.#hashedSize = 2 ** space.bits - next;
    assert(this.#hashedSize > 0, `2^${space.bits} coordinates do not hold the dense columns`);
  }

  encode(features: readonly Value[]): void {
    assert(features.length === this.#columns.length, 'a row has a value for each column');
    this.count = 0;
    this.#push(0, 1);
    for (let column = 0; column < features.length; column++) {
      const value = features[column]!;
      switch (this.#columns[column]!.input) {
        case 'dense':
          this.#dense(column, value);
          break;
        case 'categorical':
          this.#category(column, scalarOf(value));
          break;
        case 'ids':
          this.#ids(column, value);
          break;
      }
    }
  }

  #dense(column: number, value: Value): void {
    const number = typeof value === 'boolean' ? Number(value) : value;
    if (typeof number !== 'number' || !Number.isFinite(number)) return;
    const own = this.#ownSlot[column]!;
    if (number !== 0) this.#push(own, Math.sign(number) * Math.log1p(Math.abs(number)));
    this.#push(own + 1, 1);
    if (this.#denseBins) this.#category(column, halfOctave(number));
  }

  #category(column: number, value: string | number | boolean | null): void {
    this.#push(this.#hashed(column, value), 1);
  }

  #ids(column: number, value: Value): void {
    const list = Array.isArray(value) ? value : value === null ? [] : [value];
    const from = this.count;
    const length = Math.min(list.length, IDS_PER_LIST_MAX);
    for (let i = 0; i < length; i++) {
      const slot = this.#hashed(column, list[i]);
      if (!this.#holds(slot, from)) this.#push(slot, 1);
    }
  }

  #hashed(column: number, value: string | number | boolean | null): number {
    return this.#hashedFrom + (hashFeature(this.#seeds[column]!, value) % this.#hashedSize);
  }

  #holds(slot: number, from: number): boolean {
    for (let i = from; i < this.count; i++) if (this.slots[i] === slot) return true;
    return false;
  }

  #push(slot: number, value: number): void {
    if (this.count === this.slots.length) {
      const slots = new Int32Array(this.count * 2);
      const values = new Float64Array(this.count * 2);
      slots.set(this.slots);
      values.set(this.values);
      this.slots = slots;
      this.values = values;
    }
    this.slots[this.count] = slot;
    this.values[this.count++] = value;
  }
}

/** A list where a category is due counts by its text. */
function scalarOf(value: Value): string | number | boolean | null {
  return typeof value === 'object' && value !== null ? value.join('\u0000') : value;
}

/** Which half doubling |v| is in, with its sign; 0 is a bin of its own. */
function halfOctave(value: number): number {
  if (value === 0) return 0;
  const octave = Math.floor(Math.log2(Math.abs(value)) * BINS_PER_DOUBLING) + 4096;
  return value > 0 ? octave : -octave;
}
