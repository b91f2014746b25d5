/**
 * Mean and deviation of the dense columns as they have come by so far (Welford 1962), so that the net sees numbers of one
 * size. `standard` gives sign(v)·log1p(|v|) less the mean, in deviations, within ± 6.
 */
const DEVIATIONS_MAX = 6;
/** Below so many values a column counts as unmeasured. */
const VALUES_MIN = 16;

export class DenseMoments {
  /** Count, mean and sum of squared differences of each column. */
  readonly numbers: Float64Array;

  constructor(columns: number) {
    this.numbers = new Float64Array(columns * 3);
  }

  add(column: number, value: number): void {
    const numbers = this.numbers;
    const at = column * 3;
    const count = numbers[at]! + 1;
    const before = value - numbers[at + 1]!;
    numbers[at] = count;
    numbers[at + 1] = numbers[at + 1]! + before / count;
    numbers[at + 2] = numbers[at + 2]! + before * (value - numbers[at + 1]!);
  }

  standard(column: number, value: number): number {
    const at = column * 3;
    const count = this.numbers[at]!;
    if (count < VALUES_MIN) return Math.min(Math.max(value, -DEVIATIONS_MAX), DEVIATIONS_MAX);
    const deviation = Math.sqrt(this.numbers[at + 2]! / count + 1e-6);
    const standard = (value - this.numbers[at + 1]!) / deviation;
    return Math.min(Math.max(standard, -DEVIATIONS_MAX), DEVIATIONS_MAX);
  }
}

/** sign(v)·log1p(|v|): counts and money alike come to a readable size. */
export function signedLog(value: number): number {
  return value < 0 ? -Math.log1p(-value) : Math.log1p(value);
}
