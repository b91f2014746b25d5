/** Which of a key's events its windows can still see: what the logs of `last` and `tally` keep. */
import type { WindowPlan } from '../../compiler/plan/plan.ts';
import { windowStart } from '../time.ts';

/** First own time a window of the log reaches back to at `time`, by time alone. */
export function reachesBackTo(window: WindowPlan, time: number): number {
  return window.kind === 'time'
    ? windowStart(time, window.ms, window.hopMs)
    : Number.NEGATIVE_INFINITY;
}

/** Events (newest first) a window is capped at; +inf: none. */
export function rowCap(window: WindowPlan): number {
  if (window.kind === 'rows') return window.rows;
  return window.kind === 'time'
    ? (window.rows ?? Number.POSITIVE_INFINITY)
    : Number.POSITIVE_INFINITY;
}

/** Whether a window counts rows, those with a null value included. */
export function countsRows(window: WindowPlan): boolean {
  return rowCap(window) !== Number.POSITIVE_INFINITY;
}
