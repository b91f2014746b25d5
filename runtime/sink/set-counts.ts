import type { DecisionLog } from '../log/decisions.ts';
import type { Landing } from './landing.ts';

/** What became of the rows of one example set. */
export type SetCounts = {
  /** Rows in its output, released ones included. */
  readonly emitted: number;
  /** Rows that were ever kept aside, and those of them that people let go or gave up. */
  readonly quarantined: number;
  readonly released: number;
  readonly dropped: number;
  /** Buckets that were judged, and those that must not land. */
  readonly judged: number;
  readonly failed: number;
};

/** By example set. */
export async function setCounts(
  landings: readonly Landing[],
  decisions: DecisionLog,
): Promise<Readonly<Record<string, SetCounts>>> {
  const counts: Record<string, SetCounts> = {};
  for (const { plan, sink, quarantine } of landings) {
    const decided = { release: 0, drop: 0 };
    for (const { kind, set, lot } of decisions.lots) {
      if (set === plan.name) decided[kind] += (await quarantine.lot(lot)).n;
    }
    counts[plan.name] = {
      emitted: sink.rows,
      quarantined: quarantine.count,
      released: decided.release,
      dropped: decided.drop,
      ...decisions.verdictCounts(plan.name),
    };
  }
  return counts;
}
