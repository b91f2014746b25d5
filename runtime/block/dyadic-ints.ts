/** Numbers as int32s by a power of two: counts by 1, and sums by the least that makes all of them whole. */

/** Sums are kept in 2^-20 (semantics of `sum`): none has more binary places. */
const BINARY_PLACES = 2 ** 20;
/** The sign alone. Other numbers with it are fractions that no scale makes whole. */
const UPPER_OF_MINUS_ZERO = -(2 ** 31);

/** Takes columns, one at a time; its buffer is used again. */
export class DyadicInts {
  /** Of the column that was taken: value i is ints[i] / scale. */
  ints = new Int32Array(0);
  scale = 1;
  min = 0;
  max = 0;
  /** All of the ints' bits together. */
  #all = 0;

  /**
   * Takes values[0, n); false where some is no int32 by any scale from 1 to `most`, or is -0. `first` is tried first:
   * whether it is right changes how long this takes, and nothing else.
   */
  take(values: Float64Array, n: number, first = 1, most = BINARY_PLACES): boolean {
    if (this.ints.length < n) this.ints = new Int32Array(n * 2);
    if (first > 1 && this.#multiply(values, n, first) === n) {
      this.#reduce(n);
      return true;
    }
    let scale = 1;
    for (;;) {
      const at = this.#multiply(values, n, scale);
      if (at === n) return true;
      const more = wholeScale(values[at]!, scale, most);
      if (more === 0 || more === scale) return false;
      scale = more;
    }
  }

  /** The first value that is no int32; n where there is none. */
  #multiply(values: Float64Array, n: number, scale: number): number {
    const { ints } = this;
    const halves = new Int32Array(values.buffer, values.byteOffset, n * 2);
    let min = 2 ** 31 - 1;
    let max = -(2 ** 31);
    let all = 0;
    for (let i = 0; i < n; i++) {
      const value = values[i]! * scale;
      const int = value | 0;
      // Of a zero the sign would be lost.
      if (int !== value || halves[i * 2 + 1] === UPPER_OF_MINUS_ZERO) return i;
      ints[i] = int;
      all |= int;
      if (int < min) min = int;
      if (int > max) max = int;
    }
    this.scale = scale;
    this.min = min;
    this.max = max;
    this.#all = all;
    return n;
  }

  /** To the least scale. */
  #reduce(n: number): void {
    const spare = this.#all === 0 ? 31 : 31 - Math.clz32(this.#all & -this.#all);
    const shift = Math.min(spare, 31 - Math.clz32(this.scale));
    if (shift === 0) return;
    const { ints } = this;
    for (let i = 0; i < n; i++) ints[i]! >>= shift;
    this.scale /= 2 ** shift;
    this.min >>= shift;
    this.max >>= shift;
  }
}

/** The least power of two from `from` to `most` by which the value is whole; 0: none is. */
export function wholeScale(value: number, from: number, most = BINARY_PLACES): number {
  let scale = from;
  while (Math.floor(value * scale) !== value * scale) {
    if (scale >= most) return 0;
    scale *= 2;
  }
  return scale;
}
