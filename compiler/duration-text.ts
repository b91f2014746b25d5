const UNITS: readonly (readonly [string, number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
];

/** A duration as an author writes it, in the largest unit that divides it: `24h`, `90s`, `1500ms`, `7d`. */
export function durationText(ms: number): string {
  // One day is `24h`: windows are named so, and 1d, 24h are the same.
  for (const [unit, size] of UNITS) {
    if (ms > 0 && ms % size === 0 && !(unit === 'd' && ms === size)) return `${ms / size}${unit}`;
  }
  return `${ms}ms`;
}
