/** Aggregates over the events of a window, by their definitions (S10). Sums are exact, in big integers. */
import type { AggregateDef } from '../../compiler/check/logical.ts';
import { compare, type Value } from './value.ts';
import type { Seen } from './window.ts';

type Single = number | boolean | string;

/** Floats are rounded once, on entry, to multiples of it. */
const QUANTUM = 2 ** 20;

/** `events` in step order; `t`: the anchor's time. */
export function aggregate(def: AggregateDef, events: readonly Seen[], t: number): Value {
  const some = events.filter(({ value }) => value !== null);
  const values = some.map(({ value }) => value as Single);
  switch (def.agg) {
    case 'count':
      return events.length;
    case 'distinct':
      return new Set(values).size;
    case 'decayed_count':
      return (
        decayed(
          events.map(({ time }) => ({ time, x: 1 })),
          def,
          t,
        ) ?? 0
      );
    case 'decayed_sum':
      return decayed(
        some.map(({ time, value }) => ({ time, x: Number(value) })),
        def,
        t,
      );
    case 'last':
      return def.k === null ? (values.at(-1) ?? null) : values.toReversed().slice(0, def.k);
    case 'topk':
      return ranked(values)
        .slice(0, def.k ?? 0)
        .map(({ value }) => value);
    default:
      return values.length === 0 ? null : ofSome(def, values);
  }
}

function ofSome(def: AggregateDef, values: readonly Single[]): Value {
  const sorted = values.toSorted(compare);
  const n = values.length;
  switch (def.agg) {
    case 'sum':
      return sumOf(values, def);
    case 'mean':
      return sumOf(values, def) / n;
    case 'stddev': {
      const mean = sumOf(values, def) / n;
      return Math.sqrt(Math.max(0, sumOfSquares(values) / n - mean * mean));
    }
    case 'min':
      return sorted[0];
    case 'max':
      return sorted[n - 1];
    case 'first':
      return values[0];
    case 'quantile':
      return sorted[Math.max(0, Math.ceil((def.q ?? 0) * n) - 1)];
    case 'mode':
      return ranked(values)[0].value;
    case 'mode_share':
      return ranked(values)[0].count / n;
    default:
      throw new Error(`no aggregate ${def.agg}`);
  }
}

function sumOf(values: readonly Single[], { value, source }: AggregateDef): number {
  const isFloat = value?.type.kind === 'scalar' && value.type.name === 'float';
  // Shares of events are whole millionths.
  const isShare = source.kind === 'label' && value?.kind === 'field' && value.name === 'credit';
  const scale = isShare ? 1_000_000 : isFloat ? QUANTUM : 1;
  return exactSum(values.map((x) => Math.round(Number(x) * scale))) / scale;
}

function sumOfSquares(values: readonly Single[]): number {
  return exactSum(values.map((x) => Math.round(Number(x) * Number(x) * QUANTUM))) / QUANTUM;
}

function exactSum(wholes: readonly number[]): number {
  return Number(wholes.reduce((sum, x) => sum + BigInt(x), 0n));
}

/** Most frequent first, ties smaller first. */
function ranked(values: readonly Single[]): { value: Single; count: number }[] {
  const counts = new Map<Single, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  const all = [...counts].map(([value, count]) => ({ value, count }));
  return all.sort((a, b) => b.count - a.count || compare(a.value, b.value));
}

/** Halves every half-life; null: nothing was seen. */
function decayed(
  events: readonly { readonly time: number; readonly x: number }[],
  { halfLifeMs }: AggregateDef,
  t: number,
): number | null {
  if (events.length === 0 || halfLifeMs === null) return null;
  let level = 0;
  let last = events[0].time;
  for (const { time, x } of events) {
    level = level * 2 ** (-(time - last) / halfLifeMs) + x;
    last = time;
  }
  return level * 2 ** (-(t - last) / halfLifeMs);
}
