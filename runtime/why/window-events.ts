/**
 * The events of one window of one key, as an anchor at t sees them, gathered while the inputs are replayed; and those
 * that lie near and do not count, each with the first reason that keeps it out.
 */
import { durationText } from '../../compiler/duration-text.ts';
import type { FeedPlan, Plan, WindowPlan } from '../../compiler/plan/plan.ts';
import {
  type BoolColumn,
  type Column,
  type HashColumn,
  type Value,
  valueAt,
} from '../../operators/column/column.ts';
import type { Frame } from '../../operators/column/frame.ts';
import type { AppliedBatch } from '../../operators/pipeline.ts';
import { appliedAt, windowStart } from '../../operators/time.ts';
import type { Counted } from './aggregate-value.ts';
import { type NearMiss, NearMisses, type NearReason } from './near-misses.ts';
import { isKey, isNullKey, type KeyHash } from './row-values.ts';
import type { SetAsideRow } from './set-aside-rows.ts';
import type { Sources } from './sources.ts';

/** What is asked of a stream: the events that a look-up of one anchor is about. */
export type WindowQuestion = {
  readonly feed: FeedPlan;
  /** Hash slot of the feed's stream, and what it must be. */
  readonly keySlot: number;
  readonly key: KeyHash;
  /** Bool slot that must be true; null: every event. */
  readonly mask: number | null;
  /** What an event adds; null: nothing but itself. */
  readonly valueSlot: number | null;
  readonly window: WindowPlan;
  /** An event without a value: adds nothing; takes a place in a window of rows or a session; is as good as any. */
  readonly nulls: 'skipped' | 'counted' | 'valid';
  /** An enrichment finds events of the same time, itself included; a window does not. */
  readonly seesSameTime: boolean;
};

/** The anchor that looks. */
export type Looker = {
  readonly stream: number;
  readonly partition: number;
  readonly offset: number;
  readonly time: number;
};

export type CountedEvent = Counted & {
  readonly id: string | null;
  readonly partition: number;
  readonly offset: number;
  /** Of a label's stream: the anchor it was credited to. */
  readonly creditedTo?: {
    readonly time: number;
    readonly partition: number;
    readonly offset: number;
  };
};

/** Events of a window kept, at most: of more the middle ones are counted only, and the value cannot be worked out again. */
const EVENTS_MAX = 100_000;

export class WindowEvents {
  readonly question: WindowQuestion;
  /** The first instant the window sees, ms; -Infinity where it is not bounded by time. */
  readonly from: number;
  readonly #plan: Plan;
  readonly #anchor: Looker;
  readonly #sources: Sources;
  readonly #near = new NearMisses();
  #events: CountedEvent[] = [];
  #forgotten = 0;

  constructor(plan: Plan, question: WindowQuestion, anchor: Looker, sources: Sources) {
    this.question = question;
    this.#plan = plan;
    this.#anchor = anchor;
    this.#sources = sources;
    const { window } = question;
    this.from =
      window.kind === 'time'
        ? windowStart(anchor.time, window.ms, window.hopMs)
        : Number.NEGATIVE_INFINITY;
  }

  get stream(): number {
    return this.question.feed.stream;
  }

  /** How many events count. */
  get count(): number {
    return this.#events.length + this.#forgotten;
  }

  /** Those that count, in step order. */
  get events(): readonly CountedEvent[] {
    return this.#events;
  }

  /** Some of the events were counted and not kept. */
  get isCut(): boolean {
    return this.#forgotten > 0;
  }

  applied({ frames, column, accepted }: BatchParts): void {
    const { feed, keySlot, mask, key } = this.question;
    const frame = frames[feed.stream];
    if (frame === null || frame === undefined || key === null) return;
    const keys = column(feed.stream, frame, keySlot) as HashColumn;
    const label = this.#plan.labels.findIndex(({ labelStream }) => labelStream === feed.stream);
    const view: FrameView = {
      frame,
      passes: mask === null ? null : (column(feed.stream, frame, mask) as BoolColumn).data,
      values: this.#valuesOf(frame, column),
      id: this.#ids(frame, label, { frames, column, accepted }),
      anchors: label < 0 ? null : accepted[label].anchors,
    };
    for (let row = 0; row < frame.n; row++) {
      if (isKey(keys, row, key)) this.#take(view, row);
      else if (isNullKey(keys, row) && this.#isNear(frame.time[row]))
        this.#miss('null key', view, row);
    }
  }

  /** A record of the stream that its scan did not let through. */
  setAside(row: SetAsideRow): void {
    if (row.time !== null && !this.#isNear(row.time)) return;
    const key = row.hash(this.question.keySlot);
    const isOurs =
      key === 'unknown' ||
      (key !== null && key.lo === this.question.key?.lo && key.hi === this.question.key?.hi);
    // A malformed record may have no key to be told by: then it is told as one that may be ours.
    const mayBeOurs = key === null && row.reason === 'malformed';
    if (!isOurs && !mayBeOurs) return;
    const isKnown = key !== null && key !== 'unknown';
    const note = [row.note, isKnown ? '' : 'its key cannot be told'].filter((text) => text !== '');
    const { stream, partition } = row;
    const place = this.#sources.place(stream, partition, row.offset);
    this.#near.add(row.reason, () => ({
      ...{ time: row.time, id: row.id, place },
      ...(note.length === 0 ? {} : { note: note.join('; ') }),
    }));
  }

  /** Call once everything has been shown: a session may have ended before the anchor. */
  settle(): void {
    const { window } = this.question;
    const last = this.#events.at(-1);
    if (window.kind !== 'session' || last === undefined) return;
    if (this.#anchor.time - last.time > window.gapMs) this.#dropAll('earlier session');
  }

  nearMisses(filterText: string | null): NearMiss[] {
    return this.#near.told(this.#texts(filterText));
  }

  /** Of a label's events the ids that they have in their own stream. */
  #ids(frame: Frame, label: number, batch: BatchParts): FrameView['id'] {
    const { stream } = this.question.feed;
    const { column, frames, accepted } = batch;
    if (label < 0) return (row) => this.#sources.idAt(stream, frame, row, column);
    const of = this.#plan.labels[label].event.stream;
    const events = frames[of];
    if (events === null) return () => null;
    return (row) => this.#sources.idAt(of, events, accepted[label].eventRow[row], column);
  }

  #valuesOf(frame: Frame, column: AppliedBatch['column']): Column | null {
    const { valueSlot, feed } = this.question;
    return valueSlot === null ? null : column(feed.stream, frame, valueSlot);
  }

  #take(view: FrameView, row: number): void {
    const { values, frame } = view;
    const { nulls } = this.question;
    if (!this.#isNear(frame.time[row])) return;
    const out = this.#keptOutBy(view, row);
    if (out !== null) {
      this.#miss(out, view, row);
      return;
    }
    const value = values === null ? null : valueAt(values, row);
    const isNull = value === null && values !== null && nulls !== 'valid';
    if (isNull) this.#miss('null value', view, row);
    if (!isNull || nulls === 'counted') this.#add(eventAt(view, row, value));
  }

  /** The first reason for which an event of the key does not count, whatever its value. */
  #keptOutBy(view: FrameView, row: number): NearReason | null {
    const { frame, passes } = view;
    const { feed, seesSameTime } = this.question;
    const time = frame.time[row];
    if (time < this.from) return 'before the window';
    if (frame.labelOnly?.[row] === 1) return 'late for features';
    if (this.#isAnchor(view, row) && !seesSameTime) return 'the anchor itself';
    if (passes !== null && passes[row] !== 1) return 'filtered';
    const { delayMs, headMs } = feed;
    if (seesSameTime || appliedAt(time, delayMs, headMs) < this.#anchor.time) return null;
    return delayMs === 0 && headMs === 0 ? 'same time' : 'not visible yet';
  }

  #add(event: CountedEvent): void {
    const { window } = this.question;
    const events = this.#events;
    const last = events.at(-1);
    if (window.kind === 'session' && last !== undefined && event.time - last.time > window.gapMs) {
      this.#dropAll('earlier session');
    }
    events.push(event);
    const rows = window.kind === 'rows' || window.kind === 'time' ? window.rows : null;
    if (rows !== null && events.length > rows) {
      const [out] = events.splice(0, 1);
      this.#near.add('pushed out', () => this.#nearEvent(out));
    }
    if (events.length > EVENTS_MAX) {
      const middle = EVENTS_MAX >> 1;
      events.splice(middle >> 1, middle);
      this.#forgotten += middle;
    }
  }

  #dropAll(reason: NearReason): void {
    for (const event of this.#events) this.#near.add(reason, () => this.#nearEvent(event));
    this.#events.length = 0;
    this.#forgotten = 0;
  }

  #miss(reason: NearReason, view: FrameView, row: number): void {
    this.#near.add(reason, () => this.#nearEvent(eventAt(view, row, null)));
  }

  #nearEvent({ time, id, partition, offset }: CountedEvent) {
    return { time, id, place: this.#sources.place(this.question.feed.stream, partition, offset) };
  }

  #isAnchor({ frame }: FrameView, row: number): boolean {
    const { stream, partition, offset } = this.#anchor;
    return (
      this.question.feed.stream === stream &&
      frame.partition[row] === partition &&
      frame.offset[row] === offset
    );
  }

  /** In the window, or at most its length before. */
  #isNear(time: number): boolean {
    const t = this.#anchor.time;
    return time <= t && time >= this.from - (t - this.from);
  }

  #texts(filterText: string | null): Record<NearReason, string> {
    const { feed, window } = this.question;
    const gap = window.kind === 'session' ? durationText(window.gapMs) : '';
    const seen = [
      feed.delayMs > 0 ? `delay ${durationText(feed.delayMs)}` : '',
      feed.headMs > 0 ? `head ${durationText(feed.headMs)}` : '',
    ].filter((text) => text !== '');
    return {
      'the anchor itself': 'the anchor itself: it sees what came before it',
      'same time': "at the anchor's own millisecond: an anchor sees times before its own",
      'not visible yet': `not visible to anchors yet (${seen.join(', ')})`,
      'before the window': 'just before the window began',
      filtered: `filtered out: ${filterText ?? 'the filter'} does not hold`,
      'null value':
        this.question.nulls === 'counted'
          ? 'the value is null: it takes a place and adds nothing'
          : 'the value is null: nothing to add',
      'null key': 'a part of the key is null',
      'pushed out': 'pushed out of the window by newer ones',
      'earlier session': `of an earlier session: more than ${gap} without an event came after`,
      'late for features': 'late: labels see it, features do not',
      late: 'late: dropped, see late.ndjson',
      duplicate: 'a duplicate: an earlier record has the same id',
      malformed: 'malformed: dropped, see malformed.ndjson',
    };
  }
}

type BatchParts = Pick<AppliedBatch, 'frames' | 'column' | 'accepted'>;

type FrameView = {
  readonly frame: Frame;
  readonly passes: Uint8Array | null;
  readonly values: Column | null;
  readonly id: (row: number) => string | null;
  readonly anchors: {
    readonly time: Float64Array;
    readonly partition: Int32Array;
    readonly offset: Float64Array;
  } | null;
};

function eventAt({ frame, id, anchors }: FrameView, row: number, value: Value): CountedEvent {
  const event = {
    time: frame.time[row],
    id: id(row),
    value,
    partition: frame.partition[row],
    offset: frame.offset[row],
  };
  if (anchors === null) return event;
  const creditedTo = {
    time: anchors.time[row],
    partition: anchors.partition[row],
    offset: anchors.offset[row],
  };
  return { ...event, creditedTo };
}
