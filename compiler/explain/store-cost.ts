/**
 * What a store costs and how exact it is, estimated from its definition. Bytes are of the key's record and its slices,
 * without the slack of blocks; sketches are counted at their exact limit.
 */

import { durationText } from '../duration-text.ts';
import type { CounterStoreNode, CounterWindow, ValueStoreNode } from '../graph/ir.ts';
import { FLOAT_UNITS } from '../graph/passes/running-sums.ts';
import type { WindowPlan } from '../plan/plan.ts';

export type StoreCost = {
  /** Bytes of every key, however few events it has. */
  readonly fixedBytes: number;
  /** Bytes of each slice or entry kept. */
  readonly entryBytes: number;
  /** Most slices or entries of one key; null: one an event in the window. */
  readonly entriesMax: number | null;
};

/** A value, a slice's start, a text's place: each is eight bytes. */
const WORD_BYTES = 8;

/** Up to here distinct, topk, mode and quantile are exact; beyond, sketches of about this size stand in. */
export const EXACT_ENTRIES_MAX = 512;

/** The cost of one store to a key. */
export function storeCost(store: CounterStoreNode | ValueStoreNode): StoreCost {
  if (store.kind === 'counter_store') {
    const entriesMax = slicesMax(
      store.windows.flatMap(({ ms, hopMs }) => (ms === null ? [] : [{ ms, hopMs }])),
    );
    return {
      fixedBytes: WORD_BYTES * store.windows.length,
      entryBytes: 2 * WORD_BYTES,
      entriesMax,
    };
  }
  switch (store.family) {
    case 'decayed':
      return { fixedBytes: 2 * WORD_BYTES, entryBytes: 0, entriesMax: 0 };
    case 'latest':
      return { fixedBytes: WORD_BYTES * (1 + store.values.length), entryBytes: 0, entriesMax: 0 };
    case 'last':
      return { fixedBytes: WORD_BYTES, entryBytes: 2 * WORD_BYTES, entriesMax: store.k };
    case 'bag':
    case 'quantile':
      return { fixedBytes: WORD_BYTES, entryBytes: 2 * WORD_BYTES, entriesMax: EXACT_ENTRIES_MAX };
    case 'first':
    case 'min':
    case 'max':
    case 'tally':
      return {
        fixedBytes: 2 * WORD_BYTES,
        entryBytes: 2 * WORD_BYTES,
        entriesMax: entriesMax(store.windows),
      };
  }
}

/** Slices of all tiers: windows of one hop share a tier, longer windows only add what reaches beyond. */
function slicesMax(
  windows: readonly { readonly ms: number; readonly hopMs: number }[],
): number | null {
  let covered = 0;
  let slices = 0;
  for (const { ms, hopMs } of windows) {
    if (hopMs === 1) return null;
    slices += Math.ceil(Math.max(0, ms - covered) / hopMs) + 1;
    covered = Math.max(covered, ms);
  }
  return slices;
}

function entriesMax(windows: readonly WindowPlan[]): number | null {
  let most = 0;
  for (const window of windows) {
    if (window.kind === 'session') return null;
    if (window.kind === 'rows') most = Math.max(most, window.rows);
    if (window.kind === 'time') {
      const slices = window.rows ?? slicesMax([{ ms: window.ms, hopMs: window.hopMs }]);
      if (slices === null) return null;
      most = Math.max(most, slices);
    }
  }
  return most;
}

/** What a read over a window can be off by, in words; null: exact. */
export function windowError(window: WindowPlan | CounterWindow): string | null {
  const hopMs = 'hopMs' in window ? window.hopMs : 1;
  const all = 'kind' in window ? window.kind !== 'time' : window.ms === null;
  return all || hopMs === 1 ? null : `tail up to ${durationText(hopMs)} early`;
}

/** What each event adds to a running sum can be off by, in words; null: nothing. */
export function sumError(scale: number): string | null {
  return scale === FLOAT_UNITS ? 'each value rounded to 2^-20' : null;
}

/** What a family's answers can be off by beyond its windows; null: exact. */
export function familyError(
  family: ValueStoreNode['family'],
  fns: readonly string[],
): string | null {
  if (family === 'quantile') return `exact to ${EXACT_ENTRIES_MAX} values, then within 1 %`;
  if (family !== 'bag') return null;
  const parts: string[] = [];
  if (fns.includes('distinct'))
    parts.push(`exact to ${EXACT_ENTRIES_MAX} entries, then HyperLogLog`);
  if (fns.some((fn) => fn !== 'distinct'))
    parts.push(`exact to ${EXACT_ENTRIES_MAX} entries, then SpaceSaving`);
  return parts.join('; ');
}

/** `24 B a key + 16 B a slice, at most 91`. */
export function costText(cost: StoreCost): string {
  const fixed = `${cost.fixedBytes} B a key`;
  if (cost.entryBytes === 0) return fixed;
  const most = cost.entriesMax === null ? 'one an event' : `at most ${cost.entriesMax}`;
  return cost.entriesMax === 0 ? fixed : `${fixed} + ${cost.entryBytes} B an entry, ${most}`;
}
