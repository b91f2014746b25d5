/**
 * How a conversion is divided over its touches, in millionths. Shares are rounded down, and the millionths that are left go one
 * each to the newest touches, so that they add up to exactly 1; the touches of one conversion lie in one ring, in step
 * order, so no batch and no shard can change a share.
 */
import { type Credit, WHOLE_CREDIT } from '../../dsl/credit.ts';

/** The shares of touches at `times` (own times, oldest first), in that order. */
export function creditShares(credit: Credit, times: readonly number[]): readonly number[] {
  const n = times.length;
  switch (credit.kind) {
    case 'linear':
      return evenly(WHOLE_CREDIT, n);
    case 'position':
      return byPosition(credit.first, credit.last, n);
    case 'decay': {
      // By the time before the newest: a common factor falls out, and weights of old touches do not vanish together.
      const weights = times.map((time) => 2 ** ((time - times[n - 1]) / credit.halfLifeMs));
      const all = weights.reduce((sum, weight) => sum + weight, 0);
      return filled(
        weights.map((weight) => Math.floor((WHOLE_CREDIT * weight) / all)),
        WHOLE_CREDIT,
      );
    }
    default:
      return times.map(() => WHOLE_CREDIT);
  }
}

/** One touch has all; of two each has its end's part of both ends', half where both ends have none. */
function byPosition(first: number, last: number, n: number): readonly number[] {
  if (n <= 1) return evenly(WHOLE_CREDIT, n);
  if (n > 2) return [first, ...evenly(WHOLE_CREDIT - first - last, n - 2), last];
  const ends = first + last;
  return ends === 0
    ? evenly(WHOLE_CREDIT, 2)
    : filled(
        [first, last].map((end) => Math.floor((WHOLE_CREDIT * end) / ends)),
        WHOLE_CREDIT,
      );
}

function evenly(whole: number, n: number): number[] {
  return filled(new Array<number>(n).fill(Math.floor(whole / n)), whole);
}

/** Gives what is missing from `whole` to the newest, one each. */
function filled(shares: number[], whole: number): number[] {
  let rest = whole - shares.reduce((sum, share) => sum + share, 0);
  for (let i = shares.length - 1; rest > 0; i--, rest--) shares[i] += 1;
  return shares;
}
