/** A time as JSON: JSON has no infinities, and a frontier that nothing holds any more is one. */
export type JsonTime = number | 'start' | 'end';

export function toJsonTime(time: number): JsonTime {
  if (time === Number.NEGATIVE_INFINITY) return 'start';
  return time === Number.POSITIVE_INFINITY ? 'end' : time;
}

export function fromJsonTime(time: JsonTime): number {
  if (time === 'start') return Number.NEGATIVE_INFINITY;
  return time === 'end' ? Number.POSITIVE_INFINITY : time;
}
