/**
 * The current session of a key for one `over session gap` window: events whose gaps are at most `gap`.
 * Two words: own time of the latest event (-inf: none), own time of the session's first.
 */
import { PAGE_SHIFT, type Slab } from '../state/slab.ts';

export const SESSION_WORDS = 2;

export function initSession(records: Slab, at: number): void {
  records.f64[at] = Number.NEGATIVE_INFINITY;
  records.f64[at + 1] = Number.NEGATIVE_INFINITY;
}

/** Takes an event in; true when it begins a session. */
export function extendSession(records: Slab, at: number, gapMs: number, time: number): boolean {
  const { f64 } = records;
  const begins = !(time - f64[at]! <= gapMs);
  f64[at] = time;
  if (begins) f64[at + 1] = time;
  records.dirty[at >> PAGE_SHIFT] = 1;
  return begins;
}

/** Whether the latest session is still the current one for an anchor at `time`. */
export function sessionIsOn(records: Slab, at: number, gapMs: number, time: number): boolean {
  return time - records.f64[at]! <= gapMs;
}

/** Own time of the session's first event. */
export function sessionStart(records: Slab, at: number): number {
  return records.f64[at + 1]!;
}
