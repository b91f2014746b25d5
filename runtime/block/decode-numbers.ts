/** Reads a NumberColumn: the values that are there, put where they belong. */

import { blockDamaged } from './block-damage.ts';
import { NUMBER, RATIO, type Ratio, SPACED } from './block-layout.ts';
import { type BlockTables, presenceAt, refsAt } from './block-tables.ts';
import { fromBf16 } from './float-form.ts';
import { decodeInts } from './packed-ints.ts';
import { doublesOf, WireReader } from './wire.ts';

/** As it lies in the block. */
type Parts = {
  refs: number;
  presence: number;
  bit: number;
  fill: number;
  divisor: number;
  ints: Uint8Array | null;
  dictionary: Float64Array | null;
  floats: Uint8Array | null;
  doubles: Uint8Array | null;
  bf16: Uint8Array | null;
  ratio: Uint8Array | null;
  spaced: Uint8Array | null;
};

/** A column of `tables.rows` numbers, or the ratio of two others (by field number). A Fault `block_damaged`. */
export function decodeNumbers(bytes: Uint8Array, tables: BlockTables): Float64Array | Ratio {
  const parts = partsOf(bytes);
  if (parts.ratio !== null) return decodeRatio(parts.ratio);
  const refs = refsAt(tables, parts.refs);
  const n = refs?.count ?? tables.rows;
  const stored = parts.presence === 0 ? values(parts, n) : spread(parts, tables, n);
  if (refs === null) return stored;
  const rows = new Float64Array(tables.rows);
  const { index } = refs;
  for (let i = 0; i < rows.length; i++) rows[i] = stored[index[i]!]!;
  return rows;
}

/** (a + addNumerator) / (b + addDenominator), `fill` where that is no number. */
export function ratioColumn(ratio: Ratio, a: Float64Array, b: Float64Array): Float64Array {
  const { addNumerator, addDenominator, fill } = ratio;
  const out = new Float64Array(a.length);
  for (let i = 0; i < a.length; i++) {
    const value = (a[i]! + addNumerator) / (b[i]! + addDenominator);
    out[i] = value - value === 0 ? value : fill;
  }
  return out;
}

function partsOf(bytes: Uint8Array): Parts {
  const parts: Parts = {
    refs: 0,
    presence: 0,
    bit: 0,
    fill: Number.NaN,
    divisor: 1,
    ints: null,
    dictionary: null,
    floats: null,
    doubles: null,
    bf16: null,
    ratio: null,
    spaced: null,
  };
  const field = new WireReader(bytes);
  while (field.next()) {
    const { number } = field;
    if (number === NUMBER.ints) parts.ints = field.bytes;
    else if (number === NUMBER.refs) parts.refs = field.value;
    else if (number === NUMBER.presence) parts.presence = field.value;
    else if (number === NUMBER.bit) parts.bit = field.value;
    else if (number === NUMBER.fill) parts.fill = field.value;
    else if (number === NUMBER.divisor) parts.divisor = field.value;
    else if (number === NUMBER.dictionary) parts.dictionary = doublesOf(field.bytes);
    else if (number === NUMBER.floats) parts.floats = field.bytes;
    else if (number === NUMBER.doubles) parts.doubles = field.bytes;
    else if (number === NUMBER.bf16) parts.bf16 = field.bytes;
    else if (number === NUMBER.ratio) parts.ratio = field.bytes;
    else if (number === NUMBER.spaced) parts.spaced = field.bytes;
  }
  return parts;
}

/** The values that are there among n, `fill` between them. */
function spread(parts: Parts, tables: BlockTables, n: number): Float64Array {
  const masks = presenceAt(tables, parts.presence, n);
  const bit = 1 << parts.bit;
  let count = 0;
  for (let i = 0; i < n; i++) if ((masks[i]! & bit) !== 0) count++;
  const there = values(parts, count);
  const out = new Float64Array(n);
  let at = 0;
  for (let i = 0; i < n; i++) out[i] = (masks[i]! & bit) === 0 ? parts.fill : there[at++]!;
  return out;
}

/** The n values that the column holds. */
function values(parts: Parts, n: number): Float64Array {
  if (n === 0) return new Float64Array(0);
  const { ints, dictionary, floats, doubles, bf16, divisor } = parts;
  if (ints !== null) {
    const out = decodeInts(ints, n);
    if (dictionary !== null) return named(out, dictionary);
    if (divisor !== 1) for (let i = 0; i < n; i++) out[i] = out[i]! / divisor;
    return out;
  }
  if (parts.spaced !== null) return decodeSpaced(parts.spaced, n);
  let out: Float64Array = new Float64Array(0);
  if (doubles !== null) out = doublesOf(doubles);
  else if (floats !== null) out = Float64Array.from(new Float32Array(aligned(floats, 4)));
  else if (bf16 !== null) out = Float64Array.from(new Uint16Array(aligned(bf16, 2)), fromBf16);
  if (out.length !== n) blockDamaged(`a column has ${out.length} numbers for ${n}`);
  return out;
}

function named(index: Float64Array, dictionary: Float64Array): Float64Array {
  for (let i = 0; i < index.length; i++) {
    const at = index[i]!;
    if (!(at < dictionary.length))
      blockDamaged(`entry ${at} of a dictionary of ${dictionary.length}`);
    index[i] = dictionary[at]!;
  }
  return index;
}

function decodeSpaced(bytes: Uint8Array, n: number): Float64Array {
  let unit = 1;
  let ints: Uint8Array = new Uint8Array(0);
  const field = new WireReader(bytes);
  while (field.next()) {
    if (field.number === SPACED.unit) unit = field.value;
    else if (field.number === SPACED.ints) ints = field.bytes;
  }
  const out = decodeInts(ints, n);
  for (let i = 0; i < n; i++) out[i] = out[i]! * unit;
  return out;
}

function decodeRatio(bytes: Uint8Array): Ratio {
  const ratio = {
    numerator: 0,
    denominator: 0,
    addNumerator: 0,
    addDenominator: 0,
    fill: Number.NaN,
  };
  const field = new WireReader(bytes);
  while (field.next()) {
    const { number, value } = field;
    if (number === RATIO.numerator) ratio.numerator = value;
    else if (number === RATIO.denominator) ratio.denominator = value;
    else if (number === RATIO.addNumerator) ratio.addNumerator = value;
    else if (number === RATIO.addDenominator) ratio.addDenominator = value;
    else if (number === RATIO.fill) ratio.fill = value;
  }
  return ratio;
}

/** The bytes in a buffer of their own, whole values only. */
function aligned(bytes: Uint8Array, size: number): ArrayBuffer {
  return bytes.slice(0, bytes.length - (bytes.length % size)).buffer as ArrayBuffer;
}
