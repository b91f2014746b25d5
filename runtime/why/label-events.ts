/**
 * What one label could credit to one anchor, gathered while the inputs are replayed: the *touches* that have a key of the
 * anchor's (anchors themselves, or events that the parent label accepted; this anchor's and those of others), and the events that
 * come with such a key. Who gets what is worked out from these by the rule (`credited-touches.ts`); the run's own attribution
 * is noted beside each event, to hold the two against each other.
 */
import type { LabelPlan, LabelRoutePlan, Plan } from '../../compiler/plan/plan.ts';
import { type HashColumn, type Value, valueAt } from '../../operators/column/column.ts';
import type { Frame } from '../../operators/column/frame.ts';
import { type ColumnOf, maskOf } from '../../operators/enrich.ts';
import type { AnchorRows } from '../../operators/label/attribute-anchors.ts';
import type { Accepted } from '../../operators/label/attribute-level.ts';
import type { AppliedBatch } from '../../operators/pipeline.ts';
import type { AnchorRow } from './anchor-row.ts';
import { isKey, isNullKey, type KeyHash } from './row-values.ts';
import type { SetAsideRow } from './set-aside-rows.ts';
import type { Sources } from './sources.ts';

/** An event or an anchor, by where it stands. */
export type EventRef = {
  readonly time: number;
  readonly id: string | null;
  readonly partition: number;
  readonly offset: number;
};

/** What an event may be credited to. */
export type Touch = {
  /** Place of its key among those of the anchor's. */
  readonly key: number;
  readonly time: number;
  readonly step: number;
  readonly anchor: EventRef;
  readonly isOurs: boolean;
  /** The parent label's event; null: the anchor is the touch. */
  readonly via: EventRef | null;
};

export type LabelEvent = EventRef & {
  /** When it was applied: later than its own time where its record came late. */
  readonly step: number;
  readonly isFiltered: boolean;
  /** By route: the place of its key among those of the anchor's; -1: it has another. All -1: its keys are null. */
  readonly keys: readonly number[];
  /** What `unless` knows it by; null: nothing. */
  readonly refundKey: KeyHash;
  /** As the run credited it, share in millionths. */
  readonly credited: readonly {
    readonly anchor: EventRef;
    readonly isOurs: boolean;
    readonly share: number;
  }[];
};

/** A key that one of the anchor's touches has, for people too, and when that touch was. */
export type TouchKey = {
  readonly hash: KeyHash;
  readonly parts: readonly KeyPart[];
  readonly time: number;
};

export type KeyPart = { readonly name: string; readonly value: Value };

export type LabelAsked = {
  readonly plan: Plan;
  readonly sources: Sources;
  readonly label: number;
  readonly anchor: AnchorRow;
  /** By route. */
  readonly keys: readonly (readonly TouchKey[])[];
  /** Hash slots of the label's own stream by which other labels are chained to it. */
  readonly keySlots: readonly number[];
};

/** Touches and events kept, at most: every touch is looked at for every event. Beyond it the answer says that there are more. */
const KEPT_MAX = 20_000;

export class LabelEvents {
  /** By route, in step order. */
  readonly touches: Touch[][];
  readonly events: LabelEvent[] = [];
  /** Records of the event's stream that their scan did not let through. */
  readonly aside: (SetAsideRow & { readonly isKnown: boolean })[] = [];
  /** By key slot of the label's stream: keys of the events credited to the anchor. */
  readonly handedOn: ReadonlyMap<number, TouchKey[]>;
  isCut = false;
  readonly #asked: LabelAsked;
  readonly #label: LabelPlan;
  /** By route, each once. */
  readonly #keys: readonly (readonly KeyHash[])[];
  /**
   * What is near enough to matter, ms: whatever could be credited to the anchor, whatever it could be credited to instead on any
   * route, and as much again.
   */
  readonly #from: number;
  readonly #to: number;

  constructor(asked: LabelAsked) {
    this.#asked = asked;
    this.#label = asked.plan.labels[asked.label];
    this.touches = this.#label.routes.map(() => []);
    this.handedOn = new Map(asked.keySlots.map((slot) => [slot, []]));
    this.#keys = asked.keys.map((keys) => [
      ...new Map(keys.map(({ hash }) => [`${hash?.lo} ${hash?.hi}`, hash])).values(),
    ]);
    const times = asked.keys.flat().map(({ time }) => time);
    const mostMs = Math.max(...this.#label.routes.map(({ withinMs }) => withinMs));
    this.#from = Math.min(...times) - mostMs;
    this.#to = Math.max(...times) + 2 * mostMs;
  }

  /** The stream that its events are of. */
  get stream(): number {
    return this.#label.event.stream;
  }

  applied(batch: AppliedBatch): void {
    for (const [r, route] of this.#label.routes.entries()) {
      if (this.#asked.keys[r].length === 0) continue;
      if (route.of === null) this.#takeAnchors(r, route, batch);
      else this.#takeParents(r, route, batch);
    }
    const frame = batch.frames[this.stream];
    if (frame !== null && frame !== undefined) this.#takeEvents(frame, batch);
  }

  setAside(row: SetAsideRow): void {
    if (row.time !== null && !this.#isNear(row.time)) return;
    const keys = this.#label.routes.map(({ eventKey }) => row.hash(eventKey));
    const isOurs = keys.some(
      (key, r) =>
        key !== 'unknown' &&
        key !== null &&
        this.#keys[r].some((ours) => ours?.lo === key.lo && ours.hi === key.hi),
    );
    // A malformed record may have no key to be told by: then it is told as one that may be ours.
    const isOpen = keys.some((key) => key === 'unknown') || row.reason === 'malformed';
    const mayBe = isOpen && keys.every((key) => key === 'unknown' || key === null);
    if (isOurs || mayBe) this.#keep(this.aside, { ...row, isKnown: isOurs });
  }

  #takeAnchors(r: number, route: LabelRoutePlan, { frames, column }: AppliedBatch): void {
    const { stream, mask, id } = this.#label.anchor;
    const frame = frames[stream];
    if (frame === null) return;
    const passes = maskOf(frame, stream, mask, column);
    const ids = column(stream, frame, id) as HashColumn;
    const keys = column(stream, frame, route.targetKey) as HashColumn;
    for (let row = 0; row < frame.n; row++) {
      const key = this.#touchKey(r, keys, row, frame.time[row]);
      if (key < 0) continue;
      if (passes !== null && passes[row] !== 1) continue;
      if (frame.labelOnly?.[row] === 1 || isNullKey(ids, row)) continue;
      const ref = this.#ref(stream, frame, row, column);
      const { time, step } = frame;
      this.#keep(this.touches[r], {
        ...{ key, time: time[row], step: step[row], anchor: ref, via: null },
        isOurs: this.#isAnchor(ref),
      });
    }
  }

  #takeParents(r: number, route: LabelRoutePlan, batch: AppliedBatch): void {
    const parent = this.#asked.plan.labels[route.of!];
    const accepted = batch.accepted[route.of!];
    const { frame, anchors } = accepted;
    const events = batch.frames[parent.event.stream];
    if (frame === null || events === null) return;
    const keys = batch.column(parent.labelStream, frame, route.targetKey) as HashColumn;
    for (let row = 0; row < frame.n; row++) {
      const key = this.#touchKey(r, keys, row, frame.time[row]);
      if (key < 0) continue;
      const anchor = anchorRef(anchors, row);
      const eventRow = accepted.eventRow[row];
      this.#keep(this.touches[r], {
        ...{ key, time: frame.time[row], step: frame.step[row], anchor },
        isOurs: this.#isAnchor(anchor),
        via: this.#ref(parent.event.stream, events, eventRow, batch.column),
      });
    }
  }

  #takeEvents(frame: Frame, { accepted, column }: AppliedBatch): void {
    const { event, routes, unless } = this.#label;
    const keys = routes.map(({ eventKey }) => column(event.stream, frame, eventKey) as HashColumn);
    const passes = maskOf(frame, event.stream, event.mask, column);
    const refundKeys =
      unless === null ? null : (column(event.stream, frame, unless.eventKey) as HashColumn);
    for (let row = 0; row < frame.n; row++) {
      if (!this.#isNear(frame.time[row])) continue;
      const ours = keys.map((column, r) => this.#keyAt(r, column, row));
      const isNull = keys.every((column) => isNullKey(column, row));
      if (ours.every((key) => key < 0) && !isNull) continue;
      this.#keep(this.events, {
        ...this.#ref(event.stream, frame, row, column),
        ...{ step: frame.step[row], keys: ours },
        isFiltered: passes !== null && passes[row] !== 1,
        refundKey: refundKeys === null ? null : hashAt(refundKeys, row),
        credited: this.#credited(accepted[this.#asked.label], row),
      });
    }
    this.#handOn(frame, accepted[this.#asked.label], column);
  }

  #credited(rows: Accepted, eventRow: number): LabelEvent['credited'] {
    const credited: LabelEvent['credited'][number][] = [];
    for (let a = 0; a < rows.n; a++) {
      if (rows.eventRow[a] !== eventRow) continue;
      const anchor = anchorRef(rows.anchors, a);
      credited.push({ anchor, isOurs: this.#isAnchor(anchor), share: rows.share[a] });
    }
    return credited;
  }

  #handOn(events: Frame, rows: Accepted, column: ColumnOf): void {
    const { frame } = rows;
    const { labelStream } = this.#label;
    if (frame === null || this.handedOn.size === 0) return;
    for (let a = 0; a < rows.n; a++) {
      if (!this.#isAnchor(anchorRef(rows.anchors, a))) continue;
      for (const [slot, keys] of this.handedOn) {
        const hash = hashAt(column(labelStream, frame, slot) as HashColumn, a);
        const parts = this.#keyParts(slot, (part) =>
          valueAt(column(this.stream, events, part), rows.eventRow[a]),
        );
        this.#keep(keys, { hash, parts, time: frame.time[a] });
      }
    }
  }

  /** The parts of a key of the label's stream in words; `ofEvent` reads a slot of the event's stream. */
  #keyParts(slot: number, ofEvent: (slot: number) => Value): KeyPart[] {
    const { sources, anchor } = this.#asked;
    const slots = sources.slotsOf(this.#label.labelStream);
    const { op, name } = slots[slot];
    switch (op.kind) {
      case 'combine':
        return op.slots.flatMap((part) => this.#keyParts(part, ofEvent));
      case 'hash_of':
        return this.#keyParts(op.slot, ofEvent);
      case 'event':
        return [{ name, value: ofEvent(sources.readable(this.stream, op.slot)) }];
      case 'anchor':
        return [{ name, value: anchor.values[sources.readable(anchor.stream, op.slot)] }];
      default:
        return [{ name, value: null }];
    }
  }

  #ref(stream: number, frame: Frame, row: number, column: ColumnOf): EventRef {
    return {
      time: frame.time[row],
      id: this.#asked.sources.idAt(stream, frame, row, column),
      partition: frame.partition[row],
      offset: frame.offset[row],
    };
  }

  #isAnchor({ partition, offset }: EventRef): boolean {
    const { anchor } = this.#asked;
    return anchor.partition === partition && anchor.offset === offset;
  }

  #touchKey(r: number, keys: HashColumn, row: number, time: number): number {
    return this.#isNear(time) ? this.#keyAt(r, keys, row) : -1;
  }

  #keyAt(r: number, keys: HashColumn, row: number): number {
    return this.#keys[r].findIndex((key) => isKey(keys, row, key));
  }

  #isNear(time: number): boolean {
    return time >= this.#from && time <= this.#to;
  }

  #keep<T>(into: T[], each: T): void {
    if (into.length < KEPT_MAX) into.push(each);
    else this.isCut = true;
  }
}

function anchorRef({ time, partition, offset }: AnchorRows, row: number): EventRef {
  return { time: time[row], id: null, partition: partition[row], offset: offset[row] };
}

function hashAt({ lo, hi }: HashColumn, row: number): KeyHash {
  return lo[row] === 0 && hi[row] === 0 ? null : { lo: lo[row], hi: hi[row] };
}
