/**
 * Columns of numbers in an example block, in few bits and exactly: as integers where they are integers, or become so by
 * a power of two (sums) or of ten (prices); by a dictionary where few differ; as floats where that loses nothing.
 */
import { NUMBER, SPACED } from './block-layout.ts';
import { DyadicInts, wholeScale } from './dyadic-ints.ts';
import { BF16_ERROR, EXACT, type FloatForm, fromBf16, toBf16 } from './float-form.ts';
import { NumberDictionary } from './number-dictionary.ts';
import { IntPacker } from './packed-ints.ts';
import type { WireWriter } from './wire.ts';

/** Where a column stands in the block's tables: 0 is nowhere. */
export type Placed = {
  readonly refs: number;
  readonly presence: number;
  readonly bit: number;
  /** What an absent value is; NaN: null. */
  readonly fill: number;
};

/** Every row has its own value. */
export const PLAIN: Placed = { refs: 0, presence: 0, bit: 0, fill: Number.NaN };

/** Powers of ten tried for amounts that are no sums of powers of two. */
const DECIMALS = [10, 100, 1_000, 10_000, 100_000, 1_000_000];
/** Milliseconds of a day, an hour, a minute and a second: each of them is whole multiples of the next. */
const UNITS = [86_400_000, 3_600_000, 60_000, 1_000];
/** Numbers closer together than this take no more than two bytes as they are. */
const NEAR = 2 ** 16;
/** Beyond it an integer's neighbours are no numbers. */
const WHOLE_MAX = 2 ** 52;

/** Packs columns; its buffers are used again. */
export class NumberPacker {
  readonly #packer = new IntPacker();
  readonly #dictionary = new NumberDictionary();
  readonly #dyadic = new DyadicInts();
  /** By field: the power of two it took last. */
  readonly #scales = new Map<number, number>();
  #room = 0;
  #ints = new Int32Array(0);
  #scaled = new Float64Array(0);
  #floats = new Float32Array(0);
  #halves = new Uint16Array(0);

  /** values[0, n) as field `field`, a NumberColumn; NaN is null. `form` is for columns that may lose precision. */
  write(
    out: WireWriter,
    field: number,
    values: Float64Array,
    n: number,
    placed: Placed = PLAIN,
    form: FloatForm = EXACT,
  ): void {
    if (this.#room < n) this.#grow(n);
    const at = out.open(field);
    if (placed.refs !== 0) out.uint(NUMBER.refs, placed.refs);
    if (placed.presence !== 0) {
      out.uint(NUMBER.presence, placed.presence);
      if (placed.bit !== 0) out.uint(NUMBER.bit, placed.bit);
      if (!Number.isNaN(placed.fill)) out.double(NUMBER.fill, placed.fill);
    }
    const isRounded =
      (form.kind === 'bf16' && this.#bf16(out, values, n)) ||
      (form.kind === 'step' && this.#steps(out, values, n, form.divisor));
    if (!isRounded) this.#exact(out, field, values, n);
    out.shut(at);
  }

  #exact(out: WireWriter, field: number, values: Float64Array, n: number): void {
    if (n === 0) return;
    if (this.#dyadic.take(values, n, this.#scales.get(field))) {
      const { scale, min, max } = this.#dyadic;
      this.#scales.set(field, scale);
      if (scale === 1 && max - min >= NEAR && unitOf(values, n) > 1) this.#wide(out, values, n);
      else this.#writeDyadic(out, n);
      return;
    }
    if (this.#wide(out, values, n)) return;
    if (this.#scale(out, values, n)) return;
    if (this.#dictionary.write(out, values, n, this.#packer)) return;
    if (this.#asFloats(out, values, n)) return;
    out.doubles(NUMBER.doubles, values.subarray(0, n));
  }

  #writeDyadic(out: WireWriter, n: number): void {
    const { ints, scale, min, max } = this.#dyadic;
    // The base is 0 where another saves no bit.
    const base = min >= 0 && Math.clz32(max) === Math.clz32(max - min) && max - min > 0 ? 0 : min;
    if (base !== 0) for (let i = 0; i < n; i++) ints[i]! -= base;
    if (scale !== 1) out.double(NUMBER.divisor, scale);
    const message = out.open(NUMBER.ints);
    this.#packer.writeLong(out, base, null, ints, n, 32 - Math.clz32(max - base));
    out.shut(message);
  }

  /** Where all are integers at most 32 bits of some unit apart, as times are; by their steps where they rise. */
  #wide(out: WireWriter, values: Float64Array, n: number): boolean {
    let min = Number.POSITIVE_INFINITY;
    let max = Number.NEGATIVE_INFINITY;
    let rises = true;
    let before = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < n; i++) {
      const value = values[i]!;
      // A null (NaN) is not whole either.
      if (Math.floor(value) !== value || (value === 0 && 1 / value < 0)) return false;
      if (value < min) min = value;
      if (value > max) max = value;
      if (value < before) rises = false;
      before = value;
    }
    const unit = unitOf(values, n);
    if (max - min >= 2 ** 32 * unit || min <= -WHOLE_MAX || max >= WHOLE_MAX) return false;
    const ints = this.#ints;
    const spaced = unit === 1 ? -1 : out.open(NUMBER.spaced);
    if (unit > 1) out.uint(SPACED.unit, unit);
    const message = out.open(unit === 1 ? NUMBER.ints : SPACED.ints);
    if (rises && n > 2) {
      ints[0] = 0;
      for (let i = 1; i < n; i++) ints[i] = (values[i]! - values[i - 1]!) / unit;
      this.#packer.write(out, values[0]! / unit, 0, ints, n);
    } else {
      for (let i = 0; i < n; i++) ints[i] = (values[i]! - min) / unit;
      this.#packer.write(out, min / unit, null, ints, n);
    }
    out.shut(message);
    if (unit > 1) out.shut(spaced);
    return true;
  }

  /** Where all become integers by one power of two, or of ten. */
  #scale(out: WireWriter, values: Float64Array, n: number): boolean {
    const binary = binaryScale(values, n);
    if (binary !== 0) {
      for (let i = 0; i < n; i++) this.#scaled[i] = values[i]! * binary;
      return this.#divided(out, n, binary);
    }
    const decimal = decimalScale(values, n);
    if (decimal === 0) return false;
    for (let i = 0; i < n; i++) {
      // A greater power takes in all that a smaller one did, but for values too great for it.
      if (!isDecimal(values[i]!, decimal)) return false;
      this.#scaled[i] = Math.round(values[i]! * decimal);
    }
    return this.#divided(out, n, decimal);
  }

  /** `#scaled` over a divisor, where its values are at most 32 bits apart. */
  #divided(out: WireWriter, n: number, divisor: number): boolean {
    const scaled = this.#scaled;
    let min = Number.POSITIVE_INFINITY;
    let max = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < n; i++) {
      const value = scaled[i]!;
      if (value < min) min = value;
      if (value > max) max = value;
    }
    if (!(max - min < 2 ** 32 && min > -WHOLE_MAX && max < WHOLE_MAX)) return false;
    const ints = this.#ints;
    for (let i = 0; i < n; i++) ints[i] = scaled[i]! - min;
    out.double(NUMBER.divisor, divisor);
    const message = out.open(NUMBER.ints);
    this.#packer.write(out, min, null, ints, n);
    out.shut(message);
    return true;
  }

  #asFloats(out: WireWriter, values: Float64Array, n: number): boolean {
    const floats = this.#floats;
    for (let i = 0; i < n; i++) {
      const value = values[i]!;
      const float = Math.fround(value);
      if (float !== value && !Number.isNaN(value)) return false;
      floats[i] = float;
    }
    out.bytes(NUMBER.floats, new Uint8Array(floats.buffer, 0, n * 4));
    return true;
  }

  /** Rounded first: what is then an integer, or one of few, takes less than the two bytes. Not where one is beyond it. */
  #bf16(out: WireWriter, values: Float64Array, n: number): boolean {
    const halves = this.#halves;
    const rounded = this.#scaled;
    for (let i = 0; i < n; i++) {
      halves[i] = toBf16(values[i]!);
      rounded[i] = fromBf16(halves[i]!);
      const value = values[i]!;
      if (Math.abs(rounded[i]! - value) > Math.abs(value) * BF16_ERROR) return false;
    }
    if (n === 0) return true;
    if (this.#dyadic.take(rounded, n, 1, 1)) {
      this.#writeDyadic(out, n);
      return true;
    }
    if (this.#dictionary.write(out, rounded, n, this.#packer)) return true;
    out.bytes(NUMBER.bf16, new Uint8Array(halves.buffer, 0, n * 2));
    return true;
  }

  /** Rounded to multiples of 1 / divisor; not where one is too great, or null. */
  #steps(out: WireWriter, values: Float64Array, n: number, divisor: number): boolean {
    const scaled = this.#scaled;
    for (let i = 0; i < n; i++) {
      scaled[i] = Math.round(values[i]! * divisor);
      if (Number.isNaN(scaled[i]!)) return false;
    }
    return n > 0 && this.#divided(out, n, divisor);
  }

  #grow(n: number): void {
    this.#room = Math.max(512, n * 2);
    this.#ints = new Int32Array(this.#room);
    this.#scaled = new Float64Array(this.#room);
    this.#floats = new Float32Array(this.#room);
    this.#halves = new Uint16Array(this.#room);
  }
}

/** The greatest unit that all are multiples of; 1: none is. The values are integers below 2^53. */
function unitOf(values: Float64Array, n: number): number {
  let at = 0;
  for (let i = 0; i < n; i++) {
    const value = values[i]!;
    while (Math.floor(value / UNITS[at]!) * UNITS[at]! !== value) {
      if (++at === UNITS.length) return 1;
    }
  }
  return UNITS[at]!;
}

/** The least power of two by which all are whole; 0: none is, or a zero has a sign. */
function binaryScale(values: Float64Array, n: number): number {
  let scale = 1;
  for (let i = 0; i < n; i++) {
    const value = values[i]!;
    if (value === 0 && 1 / value < 0) return 0;
    scale = wholeScale(value, scale);
    if (scale === 0) return 0;
  }
  return scale;
}

/** The least power of ten by which all are whole; 0: none is, or a zero has a sign. */
function decimalScale(values: Float64Array, n: number): number {
  let at = 0;
  for (let i = 0; i < n; i++) {
    const value = values[i]!;
    if (value === 0 && 1 / value < 0) return 0;
    while (!isDecimal(value, DECIMALS[at]!)) if (++at === DECIMALS.length) return 0;
  }
  return DECIMALS[at]!;
}

function isDecimal(value: number, scale: number): boolean {
  return Math.round(value * scale) / scale === value;
}
