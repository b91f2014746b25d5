/** How far off the answers of sketched families can be, as data for people. */
import { BUCKET_ACCURACY } from './sketch-buckets.ts';
import { EXACT_ENTRIES_MAX, SLICE_ENTRIES_MAX } from './sketch-family.ts';
import { HLL_STANDARD_ERROR } from './sketch-hyperloglog.ts';

/** relative: of the answer, as a share (for distinct the standard error). absolute: the whole story, in words. */
export type SketchError = { readonly relative?: number; readonly absolute?: string };

/** The error of a family, or of `distinct` and of the counts of a bag. Windows of rows are always exact. */
export function sketchError(family: 'distinct' | 'counts' | 'quantile'): SketchError {
  const exact = `exact up to ${EXACT_ENTRIES_MAX} entries`;
  switch (family) {
    case 'distinct':
      return {
        relative: HLL_STANDARD_ERROR,
        absolute: `${exact}, then ±${percent(HLL_STANDARD_ERROR)} (standard error)`,
      };
    case 'counts':
      return {
        absolute: `${exact}, then each count within ${percent(1 / SLICE_ENTRIES_MAX)} of the window's values`,
      };
    case 'quantile':
      return {
        relative: BUCKET_ACCURACY,
        absolute: `${exact}, then ±${percent(BUCKET_ACCURACY)} of the value (from 1e-9 to 1e17)`,
      };
  }
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(2))} %`;
}
