/** When an anchor's labels are settled, as known from the events credited so far. Times in ms. */

import type { Slab } from '../state/slab.ts';
import { LABEL_WORDS, RECORD_WORDS } from './emission-anchors.ts';
import type { EmissionRules } from './emission-rules.ts';

/**
 * Fills `into` with each followed label's deadline D: t + horizon by its routes from the anchor; by its chained routes
 * the parent's D, or the horizon from the parent's latest accepted event if that is later.
 */
export function deadlines(
  rules: EmissionRules,
  slab: Slab,
  record: number,
  into: Float64Array,
): void {
  const time = slab.f64[record + 2];
  for (const l of rules.order) {
    const { horizonMs, parents } = rules.labels[l];
    let deadline = horizonMs === null ? Number.NEGATIVE_INFINITY : time + horizonMs;
    for (const { tracked, withinMs } of parents) {
      const accepted = newestCredit(slab, record, tracked);
      deadline = Math.max(deadline, into[tracked], accepted + withinMs);
    }
    into[l] = deadline;
  }
}

/** Own time of the newest event ever credited; -infinity. */
export function newestCredit(slab: Slab, record: number, label: number): number {
  return slab.f64[record + RECORD_WORDS + label * LABEL_WORDS + 1];
}

/** When the audit row is due: no emitted label can change after. `of`: the labels' deadlines. */
export function auditDue(
  rules: EmissionRules,
  slab: Slab,
  record: number,
  of: Float64Array,
): number {
  let due = slab.f64[record + 2];
  for (let l = 0; l < rules.emitted; l++) {
    due = Math.max(due, of[l]);
    const { unlessMs } = rules.labels[l];
    if (unlessMs !== null) due = Math.max(due, newestCredit(slab, record, l) + unlessMs);
  }
  return due;
}
