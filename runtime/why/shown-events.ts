/** The events of a look-up as they are told: the first and the last ones, each with its place. */
import type { Value } from '../../operators/column/column.ts';
import type { Place } from './near-misses.ts';
import type { Sources } from './sources.ts';
import type { CountedEvent, WindowEvents } from './window-events.ts';

export type ShownEvent = {
  readonly time: number;
  readonly id: string | null;
  readonly value: Value;
  readonly place: Place;
  /** Of a label: where the anchor stands that it was credited to. */
  readonly creditedTo?: Place & { readonly time: number };
};

export type ShownEvents = {
  readonly events: readonly ShownEvent[];
  /** Events left out, between `events[after - 1]` and `events[after]`. */
  readonly omitted: { readonly after: number; readonly count: number };
};

/** At most `most` events of a window, from both ends. */
export function shownEvents(of: WindowEvents, sources: Sources, most: number): ShownEvents {
  const { events, count } = of;
  const isAll = count <= most && !of.isCut;
  const after = isAll ? events.length : Math.min(most, events.length) >> 1;
  const tail = isAll ? 0 : Math.min(most, events.length) - after;
  const shown = [...events.slice(0, after), ...events.slice(events.length - tail)];
  return {
    events: shown.map((event) => placed(of, sources, event)),
    omitted: { after, count: count - shown.length },
  };
}

function placed(of: WindowEvents, sources: Sources, event: CountedEvent): ShownEvent {
  const { stream } = of.question.feed;
  const { time, id, value, partition, offset, creditedTo } = event;
  const shown = { time, id, value, place: sources.place(stream, partition, offset) };
  if (creditedTo === undefined) return shown;
  const anchor = sources.anchorOf(stream);
  const at = sources.place(anchor, creditedTo.partition, creditedTo.offset);
  return { ...shown, creditedTo: { ...at, time: creditedTo.time } };
}
