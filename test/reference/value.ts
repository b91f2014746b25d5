/** Values as the reference sees them: plain JavaScript. A number is finite; null is null; a list has no nulls. */
import { combine, hash01, hash53, hashNumber, hashText, lanes } from '../../operators/hash.ts';

export type Scalar = number | boolean | string | null;
export type Value = Scalar | readonly (number | boolean | string)[];

/** Not finite is null. */
export function finite(x: number): number | null {
  return Number.isFinite(x) ? x : null;
}

/** Numbers by size, texts by their UTF-8 bytes, false before true. */
export function compare(a: Scalar, b: Scalar): number {
  if (typeof a === 'string' && typeof b === 'string') {
    return Buffer.compare(Buffer.from(a, 'utf8'), Buffer.from(b, 'utf8'));
  }
  return Number(a) - Number(b);
}

/** Whether two keys are equal, part by part; a null part equals nothing. */
export function sameKey(a: readonly Value[], b: readonly Value[]): boolean {
  return a.length === b.length && a.every((part, i) => part !== null && part === b[i]);
}

/** The 53-bit hash of a combination of values; null where one is null. */
export function hashOf(values: readonly Value[]): number | null {
  let lo = 0;
  let hi = 0;
  for (const [i, value] of values.entries()) {
    if (value === null) return null;
    const before = [lo, hi] as const;
    if (typeof value === 'string') hashText(value);
    else hashNumber(Number(value));
    if (i > 0) combine(before[0], before[1], lanes[0], lanes[1]);
    lo = lanes[0];
    hi = lanes[1];
  }
  return hash53(lo, hi);
}

/** Whether an id is in the share of ids that a salt picks. */
export function inShare(salt: string, id: string, share: number): boolean {
  hashText(salt);
  const [saltLo, saltHi] = lanes;
  hashText(id);
  return hash01(saltLo, saltHi, lanes[0], lanes[1]) < share;
}
