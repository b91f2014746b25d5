/** Means over a few runs, with Student's t intervals at 95 %. */

/** 97.5 % points of Student's t, by degrees of freedom from 1 on. */
const STUDENT = [12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** `mean ± half width`; of one value, it alone. */
export function interval(values: readonly number[], digits: number): string {
  const middle = mean(values);
  if (values.length < 2) return middle.toFixed(digits);
  const square = values.reduce((sum, value) => sum + (value - middle) ** 2, 0);
  const t = STUDENT[Math.min(values.length - 1, STUDENT.length) - 1] ?? Number.NaN;
  const half = t * Math.sqrt(square / (values.length - 1) / values.length);
  return `${middle.toFixed(digits)} ± ${half.toFixed(digits)}`;
}
