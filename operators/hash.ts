/**
 * The one hash of the engine: 64 bits in two int32 lanes, over UTF-8 bytes. Two FNV-1a-like lanes with different odd
 * multipliers, each finished by MurmurHash3's fmix32 (Appleby 2011) and crossed, so that either lane alone is usable
 * as a table index. Two different keys of n collide with probability about n² / 2⁶⁵ (2.7e-6 for ten million).
 * (0, 0) means null and is never produced.
 */

export const LO_SEED = 0x811c9dc5 | 0;
export const HI_SEED = 0x9e3779b9 | 0;
export const LO_PRIME = 0x01000193;
export const HI_PRIME = 0x85ebca6b | 0;

/** Lanes of the last hash computed; read at once. A pair without an allocation. */
export const lanes = new Int32Array(2);

/** Hash of bytes [start, end): step per byte lo = (lo ^ b) * LO_PRIME, hi = (hi ^ b) * HI_PRIME, then `finish`. */
export function hashBytes(bytes: Uint8Array, start: number, end: number): void {
  let lo = LO_SEED;
  let hi = HI_SEED;
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!;
    lo = Math.imul(lo ^ byte, LO_PRIME);
    hi = Math.imul(hi ^ byte, HI_PRIME);
  }
  finish(lo, hi, end - start);
}

/** Finishes the two running lanes of a byte hash; inlined by the scanners. */
export function finish(lo: number, hi: number, length: number): void {
  const a = fmix(lo ^ length);
  const b = fmix(hi + a);
  lanes[0] = a ^ b;
  lanes[1] = b;
  if ((a ^ b) === 0 && b === 0) lanes[1] = 1;
}

const numberView = new Float64Array(1);
const numberWords = new Int32Array(numberView.buffer);

/** Hash of a number (−0 as 0). */
export function hashNumber(value: number): void {
  numberView[0] = value === 0 ? 0 : value;
  // Whole numbers below 2^21 have a low word of 0: each lane must be made of both words.
  const low = fmix(numberWords[0]! ^ LO_SEED);
  const high = fmix(numberWords[1]! ^ HI_SEED);
  finish(low + Math.imul(high, LO_PRIME), low ^ high, 8);
}

const encoder = new TextEncoder();

/** Hash of a string's UTF-8. Texts of ASCII alone are read where they are. */
export function hashText(text: string): void {
  let lo = LO_SEED;
  let hi = HI_SEED;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) {
      const bytes = encoder.encode(text);
      hashBytes(bytes, 0, bytes.length);
      return;
    }
    lo = Math.imul(lo ^ code, LO_PRIME);
    hi = Math.imul(hi ^ code, HI_PRIME);
  }
  finish(lo, hi, text.length);
}

/** Extends the key hash (lo, hi) by another part; order matters. */
export function combine(lo: number, hi: number, partLo: number, partHi: number): void {
  finish(Math.imul(lo, LO_PRIME) ^ partLo, Math.imul(hi, HI_PRIME) ^ partHi, lo ^ partHi);
}

/** A whole number in [0, 2^53) of the two lanes. */
export function hash53(lo: number, hi: number): number {
  return (hi >>> 11) * 4294967296 + (lo >>> 0);
}

/** A share in [0, 1), independent for different salts: sampling and audit decisions. */
export function hash01(saltLo: number, saltHi: number, lo: number, hi: number): number {
  combine(saltLo, saltHi, lo, hi);
  return hash53(lanes[0]!, lanes[1]!) / 9007199254740992;
}

/** The shard of a key: one of 4,096 key groups, then groups split evenly. */
export function shardOf(hi: number, shards: number): number {
  return ((hi >>> 20) * shards) >>> 12;
}

function fmix(h: number): number {
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}
