/**
 * Whether a column of ratios follows from two others, to the last bit. Bits are compared and no branch is taken: which
 * quotients are finite is as good as random, and a branch foretold wrongly costs more than the division.
 */
import type { Ratio } from './block-layout.ts';

export type RatioData = {
  readonly numerator: Float64Array;
  readonly denominator: Float64Array;
  readonly values: Float64Array;
};

/** The upper word of a NaN, but for its sign and what else it may say. */
const NAN_WORD = 0x7ff80000;

/** Checks columns; its buffer is used again. */
export class RatioCheck {
  #quotients = new Float64Array(512);
  readonly #fill = new Float64Array(1);
  readonly #fillWords = new Int32Array(this.#fill.buffer);

  /** Whether the values of `rows` are what the ratio says, with -0 and 0 told apart. */
  holds(ratio: Ratio, { numerator, denominator, values }: RatioData, rows: Int32Array): boolean {
    const n = rows.length;
    if (this.#quotients.length < n) this.#quotients = new Float64Array(n * 2);
    const quotients = this.#quotients;
    const { addNumerator, addDenominator } = ratio;
    for (let i = 0; i < n; i++) {
      const row = rows[i]!;
      quotients[i] = (numerator[row]! + addNumerator) / (denominator[row]! + addDenominator);
    }
    return this.#isSame(new Int32Array(quotients.buffer, 0, n * 2), ratio.fill, values, rows);
  }

  #isSame(quotients: Int32Array, fill: number, values: Float64Array, rows: Int32Array): boolean {
    this.#fill[0] = fill;
    const isNull = Number.isNaN(fill);
    const fillLow = isNull ? 0 : this.#fillWords[0]!;
    const fillHigh = isNull ? NAN_WORD : this.#fillWords[1]!;
    // NaN has many forms: of a null only that it is one counts.
    const countsLow = isNull ? 0 : -1;
    const countsHigh = isNull ? NAN_WORD : -1;
    const words = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
    let wrong = 0;
    for (let i = 0; i < rows.length; i++) {
      const at = rows[i]! * 2;
      const low = quotients[i * 2]!;
      const high = quotients[i * 2 + 1]!;
      // All ones where the exponent is: infinite, or NaN.
      const isFill = -((((high >>> 20) & 0x7ff) + 1) >> 11);
      const isQuotient = ~isFill;
      wrong |= (words[at]! ^ ((low & isQuotient) | (fillLow & isFill))) & (isQuotient | countsLow);
      wrong |=
        (words[at + 1]! ^ ((high & isQuotient) | (fillHigh & isFill))) & (isQuotient | countsHigh);
    }
    return wrong === 0;
  }
}
