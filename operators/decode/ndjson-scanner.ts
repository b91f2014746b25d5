/**
 * Scanning JSON in bytes, without making anything of it. Every method takes the position where its thing begins and
 * answers the position after it, or -1 if it is not valid JSON. A line ends with a newline, which is valid nowhere
 * inside, so nothing here checks for the end of the buffer (it has SLACK_BYTES after the last newline).
 */
import { REASON } from './decode-reasons.ts';

/** Readable bytes after the last newline of a chunk: word-wise comparisons may look that far. */
export const SLACK_BYTES = 8;

/** 1: a byte that a text run may not simply pass over (quote, backslash, control, not ASCII). */
const SPECIAL = new Uint8Array(256).map((_, byte) =>
  byte < 32 || byte === 34 || byte === 92 || byte >= 128 ? 1 : 0,
);

const POW10 = Float64Array.from({ length: 16 }, (_, n) => 10 ** n);

export class JsonScanner {
  bytes: Uint8Array = new Uint8Array(SLACK_BYTES);
  view: DataView = new DataView(this.bytes.buffer);
  /** The last number. */
  readonly number = new Float64Array(1);
  /** Whether its source was only digits (and a minus). */
  numberIsInteger = false;
  /** The last text: where its UTF-8 is, and 0 or why it is bad. */
  textStart = 0;
  textEnd = 0;
  textReason = 0;
  /** Where the next unescaped text goes, past the loaded bytes. May be set back to a value it had. */
  arena = 0;
  #loaded = 0;
  #stack = new Uint8Array(64);

  /** `bytes[.. limit)` ends with a newline and has SLACK_BYTES more. */
  load(bytes: Uint8Array): void {
    this.#see(bytes);
    this.#loaded = bytes.length;
    this.arena = bytes.length;
  }

  space(p: number): number {
    const { bytes } = this;
    for (;;) {
      const c = bytes[p]!;
      if (c !== 32 && c !== 9 && c !== 13) return p;
      p++;
    }
  }

  scanString(p: number): number {
    const { bytes } = this;
    for (p++; ; p++) {
      const c = bytes[p]!;
      if (SPECIAL[c] === 0 || c >= 128) continue;
      if (c === 34) return p + 1;
      if (c !== 92) return -1;
      p++;
      if (bytes[p] === 117) {
        if (this.#hex4(p + 1) < 0) return -1;
        p += 4;
      } else if (escapeByte(bytes[p]!) === 0) return -1;
    }
  }

  /** Any number, exactly as JSON.parse reads it. */
  scanNumber(p: number): number {
    const { bytes } = this;
    const start = p;
    if (bytes[p] === 45) p++;
    const digits = p;
    let high = 0;
    let low = 0;
    let count = 0;
    let c = bytes[p]!;
    if (c === 48) {
      c = bytes[++p]!;
    } else {
      // Nine digits each in two 32-bit integers: several times faster than a chain of doubles.
      for (; c >= 48 && c <= 57; c = bytes[++p]!) {
        if (count++ < 9) high = high * 10 + c - 48;
        else low = (Math.imul(low, 10) + c - 48) | 0;
      }
      if (p === digits) return -1;
    }
    this.numberIsInteger = true;
    let exponent = 0;
    if (c === 46) {
      const point = ++p;
      this.numberIsInteger = false;
      for (c = bytes[p]!; c >= 48 && c <= 57; c = bytes[++p]!) {
        if (count++ < 9) high = high * 10 + c - 48;
        else low = (Math.imul(low, 10) + c - 48) | 0;
      }
      if (p === point) return -1;
      exponent = point - p;
    }
    if ((c | 32) === 101) return this.#scanExponent(start, p);
    // Fifteen digits and a power of ten up to 10^15 are exact, so one division rounds once.
    if (count > 15) return this.#slowNumber(start, p);
    let value = count <= 9 ? high : high * POW10[count - 9]! + low;
    if (exponent < 0) value /= POW10[-exponent]!;
    this.number[0] = digits === start ? value : -value;
    return p;
  }

  /** Any value: structure, texts and numbers are checked; nesting is bounded by the line's length alone. */
  skipValue(p: number): number {
    const { bytes } = this;
    let depth = 0;
    for (;;) {
      const c = bytes[p]!;
      if (c === 123 || c === 91) {
        p = this.space(p + 1);
        if (bytes[p] === c + 2) p++;
        else {
          this.#push(depth++, c);
          if (c === 123 && (p = this.scanKey(p)) < 0) return -1;
          continue;
        }
      } else if ((p = this.#skipScalar(p)) < 0) return -1;
      for (;;) {
        if (depth === 0) return p;
        p = this.space(p);
        const open = this.#stack[depth - 1]!;
        if (bytes[p] === open + 2) {
          depth--;
          p++;
          continue;
        }
        if (bytes[p] !== 44) return -1;
        p = this.space(p + 1);
        if (open === 123 && (p = this.scanKey(p)) < 0) return -1;
        break;
      }
    }
  }

  /** A key, its colon and the white space before the value. */
  scanKey(p: number): number {
    if (this.bytes[p] !== 34 || (p = this.scanString(p)) < 0) return -1;
    p = this.space(p);
    return this.bytes[p] === 58 ? this.space(p + 1) : -1;
  }

  /** A string whose text is wanted: sets textStart, textEnd, textReason. Escaped texts are decoded into the arena. */
  scanText(p: number): number {
    const { bytes } = this;
    const start = p + 1;
    let ascii = true;
    let c = 0;
    for (p = start; ; p++) {
      c = bytes[p]!;
      if (SPECIAL[c] === 0) continue;
      if (c < 128) break;
      ascii = false;
    }
    if (c === 92) return this.#scanEscaped(start);
    if (c !== 34) return -1;
    this.textStart = start;
    this.textEnd = p;
    this.textReason = ascii || validUtf8(bytes, start, p) ? REASON.none : REASON.utf8;
    return p + 1;
  }

  /** `true`, `false` or `null` at p. */
  scanWord(p: number): number {
    const word = this.view.getInt32(p, true);
    if (word === TRUE || word === NULL) return p + 4;
    return word === FALS && this.bytes[p + 4] === 101 ? p + 5 : -1;
  }

  #skipScalar(p: number): number {
    const c = this.bytes[p]!;
    if (c === 34) return this.scanString(p);
    return c === 45 || (c >= 48 && c <= 57) ? this.scanNumber(p) : this.scanWord(p);
  }

  #scanExponent(start: number, p: number): number {
    const { bytes } = this;
    this.numberIsInteger = false;
    p++;
    if (bytes[p] === 43 || bytes[p] === 45) p++;
    const first = p;
    while (bytes[p]! >= 48 && bytes[p]! <= 57) p++;
    return p === first ? -1 : this.#slowNumber(start, p);
  }

  /** What the exact fast paths cannot round: left to the language. */
  #slowNumber(start: number, end: number): number {
    this.number[0] = Number(latin1.decode(this.bytes.subarray(start, end)));
    return end;
  }

  #push(depth: number, open: number): void {
    if (depth === this.#stack.length) {
      const grown = new Uint8Array(depth * 2);
      grown.set(this.#stack);
      this.#stack = grown;
    }
    this.#stack[depth] = open;
  }

  #scanEscaped(start: number): number {
    this.#ensureArena();
    const { bytes } = this;
    const from = this.arena;
    let to = from;
    let p = start;
    for (let c = bytes[p]!; c !== 34; c = bytes[p]!) {
      if (c < 32) return -1;
      p++;
      if (c !== 92) bytes[to++] = c;
      else if (bytes[p] !== 117) {
        const plain = escapeByte(bytes[p++]!);
        if (plain === 0) return -1;
        bytes[to++] = plain;
      } else {
        let code = this.#hex4(p + 1);
        if (code < 0) return -1;
        p += 5;
        const pair = code >= 0xd800 && code < 0xdc00 && bytes[p] === 92 && bytes[p + 1] === 117;
        const second = pair ? this.#hex4(p + 2) : -1;
        if (second >= 0xdc00 && second < 0xe000) {
          code = 0x10000 + ((code - 0xd800) << 10) + second - 0xdc00;
          p += 6;
        }
        to = putUtf8(bytes, to, code);
      }
    }
    this.textStart = from;
    this.textEnd = to;
    this.arena = to;
    this.textReason = validUtf8(bytes, from, to) ? REASON.none : REASON.utf8;
    return p + 1;
  }

  /** The arena is the second half of a doubled buffer: a text column has one buffer. Unescaping never makes longer. */
  #ensureArena(): void {
    if (this.bytes.length > this.#loaded) return;
    const grown = new Uint8Array(this.#loaded * 2);
    grown.set(this.bytes);
    this.#see(grown);
  }

  #see(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  #hex4(p: number): number {
    let code = 0;
    for (let i = p; i < p + 4; i++) {
      const digit = hexDigit(this.bytes[i]!);
      if (digit < 0) return -1;
      code = code * 16 + digit;
    }
    return code;
  }
}

/** Little-endian words of `true`, `null`, `fals`. */
const TRUE = 0x65757274;
const NULL = 0x6c6c756e;
const FALS = 0x736c6166;

const latin1 = new TextDecoder('latin1');

/** The byte that a one-letter escape stands for; 0 if it is not one. */
function escapeByte(letter: number): number {
  switch (letter) {
    case 34:
    case 92:
    case 47:
      return letter;
    case 98:
      return 8;
    case 102:
      return 12;
    case 110:
      return 10;
    case 114:
      return 13;
    case 116:
      return 9;
    default:
      return 0;
  }
}

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const letter = byte | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}

/** Writes a code point, a lone surrogate as U+FFFD (as every UTF-8 encoder does); answers the position after it. */
function putUtf8(bytes: Uint8Array, to: number, code: number): number {
  if (code >= 0xd800 && code < 0xe000) code = 0xfffd;
  if (code < 0x80) {
    bytes[to++] = code;
    return to;
  }
  if (code < 0x800) bytes[to++] = 0xc0 | (code >> 6);
  else {
    if (code < 0x10000) bytes[to++] = 0xe0 | (code >> 12);
    else {
      bytes[to++] = 0xf0 | (code >> 18);
      bytes[to++] = 0x80 | ((code >> 12) & 63);
    }
    bytes[to++] = 0x80 | ((code >> 6) & 63);
  }
  bytes[to++] = 0x80 | (code & 63);
  return to;
}

/** RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
export function validUtf8(bytes: Uint8Array, start: number, end: number): boolean {
  for (let p = start; p < end; ) {
    const c = bytes[p++]!;
    if (c < 0x80) continue;
    let low = 0x80;
    let high = 0xbf;
    let more = 1;
    if (c >= 0xc2 && c <= 0xdf) more = 1;
    else if (c >= 0xe0 && c <= 0xef) {
      more = 2;
      if (c === 0xe0) low = 0xa0;
      if (c === 0xed) high = 0x9f;
    } else if (c >= 0xf0 && c <= 0xf4) {
      more = 3;
      if (c === 0xf0) low = 0x90;
      if (c === 0xf4) high = 0x8f;
    } else return false;
    if (p + more > end) return false;
    for (; more > 0; more--) {
      const next = bytes[p++]!;
      if (next < low || next > high) return false;
      low = 0x80;
      high = 0xbf;
    }
  }
  return true;
}
