/** Exact sums of integers in two words: low, |low| < LIMB, and high, in units of LIMB. Exact up to 2^105. */

/** Unit of the high word. */
export const LIMB = 2 ** 52;

/**
 * Adds a quantised value to the two lanes at `word` (low, high). Beyond ±2^104 it counts as ±2^104, which keeps an
 * infinite product from poisoning the key.
 */
export function addWide(f64: Float64Array, word: number, value: number): void {
  if (value < LIMB && value > -LIMB) {
    f64[word]! += value;
  } else {
    const bounded = Math.max(-(LIMB ** 2), Math.min(LIMB ** 2, value));
    const high = Math.trunc(bounded / LIMB);
    f64[word + 1]! += high;
    f64[word]! += bounded - high * LIMB;
  }
  carryInto(f64, word);
}

/** Brings |low| below LIMB. */
function carryInto(f64: Float64Array, word: number): void {
  const low = f64[word]!;
  if (low < LIMB && low > -LIMB) return;
  const high = Math.trunc(low / LIMB);
  f64[word] = low - high * LIMB;
  f64[word + 1]! += high;
}
