/** Event-time arithmetic: absolute epoch milliseconds, floors toward minus infinity. */

export function floorTo(time: number, hopMs: number): number {
  return Math.floor(time / hopMs) * hopMs;
}

/** First instant a window of `ms` at anchor time `t` sees. */
export function windowStart(t: number, ms: number, hopMs: number): number {
  return floorTo(t - ms, hopMs);
}

/**
 * When an event of own time `s` becomes visible: anchors at t see it iff appliedAt < t. With `head h` anchors look
 * only up to floor(t, h), so the event appears just before the next multiple of h (half a millisecond: times are whole).
 */
export function appliedAt(s: number, delayMs: number, headMs: number): number {
  const applied = s + delayMs;
  return headMs === 0 ? applied : floorTo(applied, headMs) + headMs - 0.5;
}
