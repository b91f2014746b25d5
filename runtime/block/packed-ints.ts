/**
 * Whole numbers in as few bits as most of them need. Each is `base` plus `width` bits; the few that need more have the
 * rest of their bits in a list of exceptions (as PFOR: Zukowski et al., ICDE 2006); a rising sequence is kept as its steps.
 */

import { blockDamaged } from './block-damage.ts';
import { INTS } from './block-layout.ts';
import { WireReader, type WireWriter } from './wire.ts';

/** Bits that an exception costs beyond those of its value, about: where it is, and its share of two small messages. */
const EXCEPTION_BITS = 14;
/** Fewer bits than this are not worth two messages more. */
const WORTHWHILE_BITS = 256;
/** Of many values every fifth is looked at for how long they are. */
const LOOK_ALL = 256;
const LOOK_EVERY = 5;

/** Packs integers; its buffers are used again. One for each level of nesting. */
export class IntPacker {
  #words = new Int32Array(1024);
  #lengths = new Int32Array(33);
  #at = new Int32Array(512);
  #high = new Int32Array(512);
  #inner: IntPacker | null = null;
  /** Bits of the greatest value of the last call. */
  #longest = 0;

  /**
   * Writes the fields of an Ints message: base + step * (i + 1) + the values' sum so far where `step` is given, else
   * base + value. `values[0, n)` are unsigned 32-bit numbers.
   */
  write(out: WireWriter, base: number, step: number | null, values: Int32Array, n: number): void {
    let all = 0;
    for (let i = 0; i < n; i++) all |= values[i]!;
    this.writeLong(out, base, step, values, n, 32 - Math.clz32(all));
  }

  /** The same, of values that are known to be at most `longest` bits. */
  writeLong(
    out: WireWriter,
    base: number,
    step: number | null,
    values: Int32Array,
    n: number,
    longest: number,
  ): void {
    if (base !== 0) out.sint(INTS.base, base);
    if (step !== null) out.sint(INTS.step, step);
    this.#longest = longest;
    const width = this.#width(values, n);
    if (width > 0) {
      out.uint(INTS.width, width);
      out.bytes(INTS.bits, this.#pack(values, n, width));
    }
    if (width < this.#longest) this.#exceptions(out, values, n, width);
  }

  /** The width at which values and exceptions take least. */
  #width(values: Int32Array, n: number): number {
    const longest = this.#longest;
    if (longest * n < WORTHWHILE_BITS) return longest;
    const lengths = this.#lengths.fill(0);
    const every = n < LOOK_ALL ? 1 : LOOK_EVERY;
    for (let i = 0; i < n; i += every) lengths[32 - Math.clz32(values[i]!)]! += every;
    let best = longest;
    let least = n * longest - WORTHWHILE_BITS;
    let exceptions = 0;
    for (let width = longest - 1; width >= 0; width--) {
      exceptions += lengths[width + 1]!;
      const bits = n * width + exceptions * (EXCEPTION_BITS + longest - width);
      if (bits < least) {
        least = bits;
        best = width;
      }
    }
    return best;
  }

  #pack(values: Int32Array, n: number, width: number): Uint8Array {
    const room = Math.ceil((n * width) / 32) + 1;
    if (this.#words.length < room) this.#words = new Int32Array(room * 2);
    packBits(this.#words, values, n, width);
    return new Uint8Array(this.#words.buffer, 0, Math.ceil((n * width) / 8));
  }

  #exceptions(out: WireWriter, values: Int32Array, n: number, width: number): void {
    let count = 0;
    let before = -1;
    for (let i = 0; i < n; i++) {
      const high = values[i]! >>> width;
      if (high === 0) continue;
      if (count === this.#at.length) this.#grow();
      this.#at[count] = i - before - 1;
      this.#high[count++] = high;
      before = i;
    }
    if (count === 0) return;
    out.uint(INTS.exceptionCount, count);
    this.#inner ??= new IntPacker();
    const at = out.open(INTS.exceptions);
    // Rows ascend: each is at least one beyond the one before.
    this.#inner.write(out, -1, 1, this.#at, count);
    out.shut(at);
    const high = out.open(INTS.high);
    this.#inner.write(out, 0, null, this.#high, count);
    out.shut(high);
  }

  #grow(): void {
    const at = new Int32Array(this.#at.length * 2);
    const high = new Int32Array(this.#at.length * 2);
    at.set(this.#at);
    high.set(this.#high);
    this.#at = at;
    this.#high = high;
  }
}

/** The low `width` bits of each value, one after another from the lowest bit of the first word on. */
function packBits(words: Int32Array, values: Int32Array, n: number, width: number): void {
  const mask = width === 32 ? -1 : (1 << width) - 1;
  let word = 0;
  let bits = 0;
  let o = 0;
  let i = 0;
  // Four values of at most 8 bits are a word, and two of at most 16.
  for (const fours = width <= 8 ? n - 3 : 0; i < fours; i += 4) {
    const value =
      (values[i]! & mask) |
      ((values[i + 1]! & mask) << width) |
      ((values[i + 2]! & mask) << (width * 2)) |
      ((values[i + 3]! & mask) << (width * 3));
    word |= value << bits;
    bits += width * 4;
    if (bits < 32) continue;
    words[o++] = word;
    bits -= 32;
    word = bits === 0 ? 0 : value >>> (width * 4 - bits);
  }
  for (const twos = width <= 16 ? n - 1 : 0; i < twos; i += 2) {
    const value = (values[i]! & mask) | ((values[i + 1]! & mask) << width);
    word |= value << bits;
    bits += width * 2;
    if (bits < 32) continue;
    words[o++] = word;
    bits -= 32;
    word = bits === 0 ? 0 : value >>> (width * 2 - bits);
  }
  for (; i < n; i++) {
    const value = values[i]! & mask;
    word |= value << bits;
    bits += width;
    if (bits < 32) continue;
    words[o++] = word;
    bits -= 32;
    word = bits === 0 ? 0 : value >>> (width - bits);
  }
  if (bits > 0) words[o] = word;
}

/** The n integers of an Ints message. A Fault `block_damaged` when it does not hold so many. */
export function decodeInts(bytes: Uint8Array, n: number): Float64Array {
  let base = 0;
  let step: number | null = null;
  let width = 0;
  let bits: Uint8Array = EMPTY;
  let count = 0;
  let exceptions: Uint8Array = EMPTY;
  let high: Uint8Array = EMPTY;
  const field = new WireReader(bytes);
  while (field.next()) {
    if (field.number === INTS.base) base = signed(field.value);
    else if (field.number === INTS.step) step = signed(field.value);
    else if (field.number === INTS.width) width = field.value;
    else if (field.number === INTS.bits) bits = field.bytes;
    else if (field.number === INTS.exceptionCount) count = field.value;
    else if (field.number === INTS.exceptions) exceptions = field.bytes;
    else if (field.number === INTS.high) high = field.bytes;
  }
  if (width > 32 || bits.length !== Math.ceil((n * width) / 8)) {
    blockDamaged(`${bits.length} bytes for ${n} numbers of ${width} bits`);
  }
  const values = new Float64Array(n);
  unpack(bits, width, step === null ? base : 0, values);
  if (count > n) blockDamaged(`${count} exceptions among ${n} numbers`);
  if (count > 0) {
    const at = decodeInts(exceptions, count);
    const more = decodeInts(high, count);
    for (let i = 0; i < count; i++) {
      if (!(at[i]! < n)) blockDamaged(`an exception at ${at[i]} of ${n} numbers`);
      values[at[i]!]! += more[i]! * 2 ** width;
    }
  }
  if (step === null) return values;
  let sum = base;
  for (let i = 0; i < n; i++) {
    sum += values[i]! + step;
    values[i] = sum;
  }
  return values;
}

/** Every value with `base` added. */
function unpack(bits: Uint8Array, width: number, base: number, values: Float64Array): void {
  const n = values.length;
  if (width === 0) {
    values.fill(base);
    return;
  }
  const words = new Int32Array((bits.length >> 2) + 2);
  new Uint8Array(words.buffer).set(bits);
  const mask = width === 32 ? -1 : (1 << width) - 1;
  let bit = 0;
  let i = 0;
  // Four values of at most 8 bits lie in 32, and two of at most 16.
  for (const fours = width <= 8 ? n - 3 : 0; i < fours; i += 4) {
    const at = bit >>> 5;
    const shift = bit & 31;
    // A shift by 32 is one by 0: the next word is shifted in two goes.
    const value = (words[at]! >>> shift) | ((words[at + 1]! << 1) << (31 - shift));
    values[i] = base + (value & mask);
    values[i + 1] = base + ((value >>> width) & mask);
    values[i + 2] = base + ((value >>> (width * 2)) & mask);
    values[i + 3] = base + ((value >>> (width * 3)) & mask);
    bit += width * 4;
  }
  for (const twos = width <= 16 ? n - 1 : 0; i < twos; i += 2) {
    const at = bit >>> 5;
    const shift = bit & 31;
    const value = (words[at]! >>> shift) | ((words[at + 1]! << 1) << (31 - shift));
    values[i] = base + (value & mask);
    values[i + 1] = base + ((value >>> width) & mask);
    bit += width * 2;
  }
  for (; i < n; i++) {
    const at = bit >>> 5;
    const shift = bit & 31;
    const value = (words[at]! >>> shift) | ((words[at + 1]! << 1) << (31 - shift));
    values[i] = base + ((value & mask) >>> 0);
    bit += width;
  }
}

const EMPTY = new Uint8Array(0);

/** Zigzag: 0, -1, 1, -2 … as 0, 1, 2, 3 …; beyond 32 bits too. */
function signed(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}
