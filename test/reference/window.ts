/** Which events an anchor sees in a window (S8, S9). */
import type { Window } from '../../compiler/check/logical.ts';
import type { Value } from './value.ts';

/** An event as an aggregate sees it: it passed the filters and has the anchor's key. */
export type Seen = { readonly time: number; readonly value: Value };

/** How a stream's `delay` and a feature's `head` hold events back. */
export type Held = { readonly delayMs: number; readonly headMs: number };

/** Whether an anchor at t sees an event of own time s. */
export function isVisible(s: number, t: number, { delayMs, headMs }: Held): boolean {
  if (headMs === 0) return s + delayMs < t;
  return floorTo(s + delayMs, headMs) + headMs - 0.5 < t;
}

/** The events of the window at t; `seen` are all that the anchor sees, in step order. */
export function inWindow(seen: readonly Seen[], window: Window, t: number): readonly Seen[] {
  switch (window.kind) {
    case 'all':
      return seen;
    case 'rows':
      return seen.slice(-window.rows);
    case 'time': {
      const from = floorTo(t - window.ms, window.hopMs);
      const within = seen.filter(({ time }) => time >= from);
      return window.atMostRows === null ? within : within.slice(-window.atMostRows);
    }
    case 'session':
      return currentSession(seen, window.gapMs, t);
  }
}

function currentSession(seen: readonly Seen[], gapMs: number, t: number): readonly Seen[] {
  let from = seen.length;
  let next = t;
  while (from > 0 && next - seen[from - 1].time <= gapMs) next = seen[--from].time;
  return seen.slice(from);
}

function floorTo(time: number, step: number): number {
  return Math.floor(time / step) * step;
}
