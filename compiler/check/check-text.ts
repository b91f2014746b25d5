import { showDuration } from '../show-duration.ts';
import type { LogicalCheck } from './logical.ts';

/** A check as its author would write it, without the word `check`. */
export function checkText(check: LogicalCheck): string {
  switch (check.kind) {
    case 'rate':
      return `rate(${check.label}) in ${percent(check.min)} .. ${percent(check.max)}`;
    case 'missing':
      return `missing(${check.column}) in ${percent(check.min)} .. ${percent(check.max)}`;
    case 'range':
      return `range(${check.column}) ${bounds(check)}`;
    case 'drift':
      return `drift(${check.column}) <= ${check.max}`;
    case 'size':
      return `size <= ${check.maxBytes}`;
    case 'duplicates':
      return `duplicates <= ${percent(check.max)}`;
    case 'freshness':
      return `freshness <= ${showDuration(check.maxMs)}`;
  }
}

/** The largest number stands for no bound. */
function bounds({ min, max }: { readonly min: number; readonly max: number }): string {
  if (min === -Number.MAX_VALUE) return `<= ${max}`;
  return max === Number.MAX_VALUE ? `>= ${min}` : `in ${min} .. ${max}`;
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(12))}%`;
}
