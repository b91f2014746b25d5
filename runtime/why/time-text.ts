/** Times and durations as people read them beside each other. */
import { showDuration } from '../../compiler/show-duration.ts';

/** `2024-10-27T03:33:20.000Z`; times that are none are named. */
export function timeText(ms: number): string {
  if (ms === Number.NEGATIVE_INFINITY) return 'the beginning';
  if (ms === Number.POSITIVE_INFINITY) return 'the end';
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? `${ms} ms` : date.toISOString();
}

/** How far `time` lies from `from`: `+1m30s`, `-250ms`, `+0ms`. */
export function awayText(time: number, from: number): string {
  const away = time - from;
  return `${away < 0 ? '-' : '+'}${showDuration(Math.abs(away))}`;
}
