/** What each touch of a conversion gets, in millionths: rounded down, and what is left handed out one by one, newest first. */
import type { LogicalLabel } from '../../compiler/check/logical.ts';

const MILLION = 1_000_000;

/** `ages`: of the touches when the event happens, oldest touch first, ms. */
export function sharesOf(credit: LogicalLabel['credit'], ages: readonly number[]): number[] {
  if (credit.kind === 'last' || credit.kind === 'first' || credit.kind === 'every') {
    return ages.map(() => MILLION);
  }
  const n = ages.length;
  const shares = ages.map((age, i) => {
    if (credit.kind === 'linear') return Math.floor(MILLION / n);
    if (credit.kind === 'decay') {
      const newest = Math.min(...ages);
      const weight = (of: number) => 2 ** ((newest - of) / credit.halfLifeMs);
      let all = 0;
      for (const each of ages) all += weight(each);
      return Math.floor((MILLION * weight(age)) / all);
    }
    if (credit.kind !== 'position') throw new Error(`no such rule: ${credit.kind}`);
    const { first, last } = credit;
    if (n === 1) return MILLION;
    if (n === 2 && first + last === 0) return MILLION / 2;
    if (n === 2) return Math.floor((MILLION * (i === 0 ? first : last)) / (first + last));
    if (i === 0) return first;
    return i === n - 1 ? last : Math.floor((MILLION - first - last) / (n - 2));
  });
  const isOutside = credit.kind === 'position' && n > 2;
  for (
    let left = MILLION - shares.reduce((sum, share) => sum + share, 0), i = n;
    left > 0;
    left--
  ) {
    i--;
    // The ends have exactly what the author says: what is left is of those between.
    if (isOutside && i === n - 1) i--;
    shares[i]!++;
  }
  return shares;
}
