/** Merges the rows of several frames into one list of steps. */
import type { ColumnPool } from '../column/column-pool.ts';
import type { Steps } from './steps.ts';

/** Rows that take part: their times ascend. Earlier sources go first at equal times. */
export type StepSource = {
  readonly participant: number;
  readonly time: Float64Array;
  readonly n: number;
  /** Participants right after whose step a step of this one becomes one of a pair, if both are of the same row. */
  readonly pairs: readonly { readonly after: number; readonly as: number }[];
};

/** One totally ordered list: by time, then by the order of `sources`, then by row. Its arrays are of the pool, if given. */
export function mergeSteps(sources: readonly StepSource[], pool?: ColumnPool): Steps {
  const live = sources.filter((source) => source.n > 0);
  let n = 0;
  for (const source of live) n += source.n;
  const time = pool?.f64(n) ?? new Float64Array(n);
  const participant = pool?.i32(n) ?? new Int32Array(n);
  const row = pool?.i32(n) ?? new Int32Array(n);
  const end = live.length === 0 ? 0 : merge(live, n, time, participant, row);
  return { n: end, time, participant, row };
}

/** Fills the arrays from sources that all have rows, `n` together; how many steps there are. */
function merge(
  sources: readonly StepSource[],
  n: number,
  time: Float64Array,
  participant: Int32Array,
  row: Int32Array,
): number {
  const at = new Int32Array(sources.length);
  const head = Float64Array.from(sources, (source) => source.time[0]!);
  let end = 0;
  for (let i = 0; i < n; i++) {
    let best = 0;
    let bestTime = head[0]!;
    for (let s = 1; s < head.length; s++) {
      if (head[s]! < bestTime) {
        best = s;
        bestTime = head[s]!;
      }
    }
    const source = sources[best]!;
    const position = at[best]!;
    at[best] = position + 1;
    head[best] = position + 1 < source.n ? source.time[position + 1]! : Number.POSITIVE_INFINITY;
    if (source.pairs.length > 0 && end > 0 && row[end - 1] === position) {
      const pair = pairAfter(source.pairs, participant[end - 1]!);
      if (pair >= 0) {
        participant[end - 1] = pair;
        continue;
      }
    }
    time[end] = bestTime;
    participant[end] = source.participant;
    row[end++] = position;
  }
  return end;
}

function pairAfter(pairs: StepSource['pairs'], participant: number): number {
  for (let p = 0; p < pairs.length; p++) if (pairs[p]!.after === participant) return pairs[p]!.as;
  return -1;
}
