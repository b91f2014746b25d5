/** How finely a window's tail is cut when the author does not say. */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** The hops a window can get by default, in ms, ascending. */
export const HOPS_MS: readonly number[] = [
  1,
  5,
  10,
  50,
  100,
  500,
  SECOND,
  5 * SECOND,
  15 * SECOND,
  MINUTE,
  5 * MINUTE,
  15 * MINUTE,
  HOUR,
  6 * HOUR,
  24 * HOUR,
];

/** The default hop of a window, in ms: the largest of `HOPS_MS` that is at most a twelfth of it, at least 1. */
export function defaultHop(windowMs: number): number {
  let hop = 1;
  for (const candidate of HOPS_MS) if (candidate * 12 <= windowMs) hop = candidate;
  return hop;
}
