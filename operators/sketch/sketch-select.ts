/** Selection among weighted values, without sorting them (Hoare's quickselect, parted three ways). */

/**
 * The smallest of the first `size` values for which the weights of all values up to it reach `rank` (>= 1, at most the sum of
 * weights). Reorders both arrays, together.
 */
export function selectWeighted(
  values: Float64Array,
  weights: Float64Array,
  size: number,
  rank: number,
): number {
  let low = 0;
  let high = size;
  let wanted = rank;
  let random = 0x9e3779b9;
  for (;;) {
    if (high - low === 1) return values[low]!;
    // Pivots of a fixed but erratic series: no order of the data makes it slow on purpose.
    random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
    const pivot = values[low + Math.floor((random / 4294967296) * (high - low))]!;
    let less = low;
    let more = high;
    let below = 0;
    let equal = 0;
    for (let i = low; i < more; ) {
      const value = values[i]!;
      const weight = weights[i]!;
      if (value < pivot) {
        below += weight;
        swap(values, weights, i++, less++);
      } else if (value > pivot) {
        swap(values, weights, i, --more);
      } else {
        equal += weight;
        i++;
      }
    }
    if (wanted <= below) high = less;
    else if (wanted <= below + equal) return pivot;
    else {
      wanted -= below + equal;
      low = more;
    }
  }
}

function swap(values: Float64Array, weights: Float64Array, i: number, j: number): void {
  const value = values[i]!;
  const weight = weights[i]!;
  values[i] = values[j]!;
  weights[i] = weights[j]!;
  values[j] = value;
  weights[j] = weight;
}
