/**
 * JSON written straight into bytes: numbers print as JavaScript prints them, texts are escaped from their UTF-8 as
 * JSON.stringify would. The caller reserves room for literals and numbers; texts reserve their own.
 */

/** Most bytes a number takes (`-1.2345678901234567e-300`), rounded up. */
export const NUMBER_BYTES = 32;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const HEX = Buffer.from('0123456789abcdef');
const DECIMALS = 10_000;

export class JsonBytes {
  bytes: Uint8Array;
  at = 0;

  constructor(initialBytes: number) {
    this.bytes = new Uint8Array(initialBytes);
  }

  /** Room for `more` bytes behind `at`; doubles. */
  reserve(more: number): void {
    if (this.at + more <= this.bytes.length) return;
    const bigger = new Uint8Array(Math.max(this.bytes.length * 2, this.at + more));
    bigger.set(this.bytes.subarray(0, this.at));
    this.bytes = bigger;
  }

  /** What was written, as a view that the next write after `clear` overwrites. */
  written(): Uint8Array {
    return this.bytes.subarray(0, this.at);
  }

  clear(): void {
    this.at = 0;
  }

  byte(value: number): void {
    this.bytes[this.at++] = value;
  }

  literal(text: Uint8Array): void {
    const { bytes } = this;
    let at = this.at;
    for (let i = 0; i < text.length; i++) bytes[at++] = text[i]!;
    this.at = at;
  }

  /** As `literal`, for long runs of bytes. */
  copy(source: Uint8Array): void {
    this.bytes.set(source, this.at);
    this.at += source.length;
  }

  /** NaN and infinities print as null. */
  number(value: number): void {
    if ((value | 0) === value) {
      this.#small(value);
      return;
    }
    if (value - value !== 0) {
      this.#nullWord();
      return;
    }
    const size = Math.abs(value);
    if (size < 9007199254740992 && Math.floor(value) === value) {
      if (value < 0) this.bytes[this.at++] = 0x2d;
      this.#whole(size);
      return;
    }
    if (size < 1e6 && size >= 1e-4) {
      // Up to four decimals: at most ten digits, so the decimal is the shortest that reads back as this number.
      const scaled = Math.round(size * DECIMALS);
      if (scaled / DECIMALS === size) {
        this.#decimal(scaled, value < 0);
        return;
      }
    }
    this.ascii(String(value));
  }

  ascii(text: string): void {
    const { bytes } = this;
    let at = this.at;
    for (let i = 0; i < text.length; i++) bytes[at++] = text.charCodeAt(i);
    this.at = at;
  }

  /** The text source[start, end) as a JSON string. */
  text(source: Uint8Array, start: number, end: number): void {
    this.reserve((end - start) * 6 + 2);
    const { bytes } = this;
    let at = this.at;
    bytes[at++] = QUOTE;
    for (let i = start; i < end; i++) {
      const byte = source[i]!;
      if (byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH) bytes[at++] = byte;
      else at = writeEscape(bytes, at, byte);
    }
    bytes[at++] = QUOTE;
    this.at = at;
  }

  #nullWord(): void {
    const { bytes } = this;
    const { at } = this;
    bytes[at] = 0x6e;
    bytes[at + 1] = 0x75;
    bytes[at + 2] = 0x6c;
    bytes[at + 3] = 0x6c;
    this.at = at + 4;
  }

  #small(value: number): void {
    if (value < 0) {
      this.bytes[this.at++] = 0x2d;
      value = -value;
    }
    let digits = 1;
    for (let limit = 10; digits < 10 && value >= limit; limit *= 10) digits++;
    this.#padded(value, digits);
  }

  /** A whole number of 2^31 .. 2^53. */
  #whole(value: number): void {
    const high = Math.floor(value / 1e8);
    this.#small(high);
    this.#padded(value - high * 1e8, 8);
  }

  /** A whole number below 2^32, in exactly `digits` digits. */
  #padded(value: number, digits: number): void {
    const { bytes } = this;
    const { at } = this;
    for (let i = at + digits - 1; i >= at; i--) {
      const rest = (value / 10) >>> 0;
      bytes[i] = 0x30 + (value - rest * 10);
      value = rest;
    }
    this.at = at + digits;
  }

  #decimal(scaled: number, negative: boolean): void {
    if (negative) this.bytes[this.at++] = 0x2d;
    const whole = Math.floor(scaled / DECIMALS);
    this.#small(whole);
    this.bytes[this.at++] = 0x2e;
    this.#padded(scaled - whole * DECIMALS, 4);
    while (this.bytes[this.at - 1] === 0x30) this.at--;
  }
}

function writeEscape(bytes: Uint8Array, at: number, byte: number): number {
  bytes[at++] = BACKSLASH;
  const short = SHORT[byte]!;
  if (short !== 0) {
    bytes[at++] = short;
    return at;
  }
  bytes[at++] = 0x75;
  bytes[at++] = 0x30;
  bytes[at++] = 0x30;
  bytes[at++] = HEX[byte >> 4]!;
  bytes[at++] = HEX[byte & 15]!;
  return at;
}

/** The letter after the backslash, by byte; 0: \u00XX. */
const SHORT = new Uint8Array(128);
for (const [byte, letter] of [
  [0x08, 'b'],
  [0x09, 't'],
  [0x0a, 'n'],
  [0x0c, 'f'],
  [0x0d, 'r'],
  [QUOTE, '"'],
  [BACKSLASH, '\\'],
] as const) {
  SHORT[byte] = letter.charCodeAt(0);
}
