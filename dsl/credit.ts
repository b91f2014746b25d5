/** Credit rules: which of the touches that a conversion may be credited to get it, and how much of it. */

/** A credit of 1, in the quantum in which shares are whole numbers: so they add up to exactly 1, in any order. */
export const WHOLE_CREDIT = 1_000_000;

/** `linear` and what follows divide a credit of 1 over all touches. */
/** What a label's events know it by: `sum(purchased.credit)`. A field of that name comes first. */
export const CREDIT_FIELD = 'credit';

export type Credit =
  | { readonly kind: 'last' | 'first' | 'every' | 'linear' }
  /** Millionths of the oldest touch and of the newest; those between share the rest. */
  | { readonly kind: 'position'; readonly first: number; readonly last: number }
  /** By 2^(-age / half-life). */
  | { readonly kind: 'decay'; readonly halfLifeMs: number };

/** Whether its labels are fractions. */
export function dividesCredit(credit: Credit): boolean {
  return credit.kind === 'linear' || credit.kind === 'position' || credit.kind === 'decay';
}
