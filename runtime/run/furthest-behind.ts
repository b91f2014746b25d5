/** An input as whoever decides which one is read next sees it. */
type Input = { readonly ended: boolean; readonly isStatic: boolean; watermark(): number };

/**
 * Inputs that have not ended, in the order in which they are to be read, with how far each has come in event time: static
 * tables first (-Infinity), then whoever is furthest behind.
 */
export function furthestBehind<S extends Input>(
  inputs: readonly S[],
): { readonly input: S; readonly reached: number }[] {
  return inputs
    .filter(({ ended }) => !ended)
    .map((input) => ({
      input,
      reached: input.isStatic ? Number.NEGATIVE_INFINITY : input.watermark(),
    }))
    .sort(
      (a, b) =>
        Number(b.input.isStatic) - Number(a.input.isStatic) || compare(a.reached, b.reached),
    );
}

/** Infinite ones are equal to themselves. */
function compare(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
