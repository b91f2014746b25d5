/** What a view of a keyspace asks of the events of its window, and what it makes of them. */
import type { KeyspacePlan, ValueStore, WindowPlan } from '../../compiler/plan/plan.ts';
import type { Value } from '../../operators/column/column.ts';
import { countsRows } from '../../operators/value/row-retention.ts';
import { type Counted, counterValue, storeValue } from './aggregate-value.ts';
import type { WindowQuestion } from './window-events.ts';

export type AskedWindow = Pick<WindowQuestion, 'mask' | 'valueSlot' | 'window' | 'nulls'> & {
  /** Index of the keyspace's feeds. */
  readonly feed: number;
  readonly derive: (events: readonly Counted[], t: number) => Value;
  readonly isCount: boolean;
  readonly isSketched: boolean;
};

type View<K extends 'counter' | 'value'> = KeyspacePlan['probes'][number]['views'][number] & {
  readonly kind: K;
};

export function askedWindow(keyspace: KeyspacePlan, view: View<'counter' | 'value'>): AskedWindow {
  return view.kind === 'counter' ? counterOf(keyspace, view) : storeOf(keyspace, view);
}

function counterOf(keyspace: KeyspacePlan, view: View<'counter'>): AskedWindow {
  const group = keyspace.counters[view.group];
  const column = group.columns[view.column];
  const { ms, hopMs } = group.windows[view.window];
  return {
    ...{ feed: column.feed, mask: column.mask, valueSlot: column.value },
    window: ms === null ? { kind: 'all' } : { kind: 'time', ms, hopMs, rows: null },
    nulls: 'skipped',
    derive: (events) => counterValue(column, events),
    isCount: column.value === null,
    isSketched: false,
  };
}

function storeOf(keyspace: KeyspacePlan, view: View<'value'>): AskedWindow {
  const store = keyspace.values[view.store];
  const { read } = view;
  const window = store.windows[view.window];
  return {
    ...{ feed: store.feed, mask: store.mask, window },
    valueSlot: store.slots[read.fn === 'latest' ? read.slot : 0] ?? null,
    nulls: read.fn === 'latest' ? 'valid' : takesNulls(window) ? 'counted' : 'skipped',
    derive: (events, t) => storeValue(store, read, events, t),
    isCount: false,
    isSketched: isSketched(store, window),
  };
}

/** Beyond some entries; windows of rows are always exact. */
function isSketched({ family }: ValueStore, window: WindowPlan): boolean {
  return (family === 'bag' || family === 'quantile') && !countsRows(window);
}

/** Where rows are counted, and where any event carries a session on. */
function takesNulls(window: WindowPlan): boolean {
  return countsRows(window) || window.kind === 'session';
}
