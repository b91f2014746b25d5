/**
 * `unless`: a refund takes back every event credited under its key with T_event <= T_refund <= T_event + within, once.
 * Credited events are kept by key and wait for refunds. A credited event may also be applied after its refund (it came
 * late, by label time): where the event stream allows that, refunds are kept as well and events look for them.
 */
import type { LabelPlan, Plan } from '../../compiler/plan/plan.ts';
import type { HashColumn } from '../column/column.ts';
import type { Frame } from '../column/frame.ts';
import { type ColumnOf, hashOf, maskOf } from '../enrich.ts';
import { shardOf } from '../hash.ts';
import { SegmentRows } from '../state/segment-rows.ts';
import type { SlabSet } from '../state/slab.ts';
import { stateName } from '../state/state-name.ts';
import { ANCHOR_WORDS, writeAnchor } from './attribute-anchors.ts';
import type { Accepted } from './attribute-level.ts';
import type { Outcomes } from './attribute-outcomes.ts';

/** After the anchor's reference: 1 once the event was taken back. */
const TAKEN_BACK = ANCHOR_WORDS;

export class Refunds {
  readonly #unless: NonNullable<LabelPlan['unless']>;
  readonly #eventStream: number;
  readonly #events: readonly SegmentRows[];
  /** Null: no event can come after its refund. */
  readonly #refunds: readonly SegmentRows[] | null;
  readonly #found: number[] = [];

  constructor(
    plan: Plan,
    label: LabelPlan,
    unless: NonNullable<LabelPlan['unless']>,
    slabs: readonly SlabSet[],
  ) {
    const eventLateness = plan.streams[label.event.stream].labelsLateMs;
    const refundLateness = plan.streams[unless.stream].labelsLateMs ?? 0;
    this.#unless = unless;
    this.#eventStream = label.event.stream;
    this.#events = slabs.map(
      (set) =>
        new SegmentRows(
          set,
          `label/${stateName(label)}/credited`,
          unless.withinMs + refundLateness,
        ),
    );
    this.#refunds =
      eventLateness === null
        ? null
        : slabs.map(
            (set) => new SegmentRows(set, `label/${stateName(label)}/refunds`, eventLateness),
          );
  }

  expire(frontier: number): void {
    for (const rows of this.#events) rows.expire(frontier);
    for (const rows of this.#refunds ?? []) rows.expire(frontier);
  }

  /** Takes the batch's accepted events and refunds in step order, events first at equal times. */
  run(
    batch: { accepted: Accepted; event: Frame | null; refund: Frame | null },
    column: ColumnOf,
    outcomes: Outcomes,
  ): void {
    const { accepted, event, refund } = batch;
    const { stream, mask, refundKey, eventKey } = this.#unless;
    const refunds =
      refund === null
        ? null
        : {
            key: hashOf(column(stream, refund, refundKey)),
            mask: maskOf(refund, stream, mask, column),
          };
    const keys = event === null ? null : hashOf(column(this.#eventStream, event, eventKey));
    let r = 0;
    for (let a = 0; event !== null && keys !== null && a < accepted.n; a++) {
      const step = event.step[accepted.eventRow[a]];
      for (; refund !== null && refunds !== null && r < refund.n && refund.step[r] < step; r++) {
        if (refunds.mask === null || refunds.mask[r] === 1)
          this.#refund(refunds.key, refund, r, outcomes);
      }
      this.#credit(accepted, a, event, keys, outcomes);
    }
    for (; refund !== null && refunds !== null && r < refund.n; r++) {
      if (refunds.mask === null || refunds.mask[r] === 1)
        this.#refund(refunds.key, refund, r, outcomes);
    }
  }

  #credit(accepted: Accepted, a: number, event: Frame, keys: HashColumn, outcomes: Outcomes): void {
    const row = accepted.eventRow[a];
    const time = event.time[row];
    const step = event.step[row];
    outcomes.anchors.addRow(accepted.anchors, a);
    outcomes.set(time, step, accepted.share[a]);
    const lo = keys.lo[row];
    const hi = keys.hi[row];
    if (lo === 0 && hi === 0) return;
    const shard = shardOf(hi, this.#events.length);
    if (this.#refunds !== null) {
      const refund = this.#refunds[shard].newest(lo, hi, time, time + this.#unless.withinMs);
      if (refund !== 0) {
        outcomes.anchors.addRow(accepted.anchors, a);
        outcomes.set(time, step, 0);
        return;
      }
    }
    const rows = this.#events[shard];
    const at = rows.put(lo, hi, { time, now: step, words: ANCHOR_WORDS + 1 });
    if (at !== 0) writeAnchor(rows.slab, at, accepted.anchors, a);
  }

  #refund(keys: HashColumn, refund: Frame, row: number, outcomes: Outcomes): void {
    const lo = keys.lo[row];
    const hi = keys.hi[row];
    if (lo === 0 && hi === 0) return;
    const shard = shardOf(hi, this.#events.length);
    const rows = this.#events[shard];
    const time = refund.time[row];
    const step = refund.step[row];
    const found = this.#found;
    found.length = 0;
    rows.all({ lo, hi, from: time - this.#unless.withinMs, to: time }, found);
    for (let i = found.length - 1; i >= 0; i--) {
      const at = found[i];
      if (rows.slab.f64[at + TAKEN_BACK] === 1) continue;
      rows.slab.f64[at + TAKEN_BACK] = 1;
      rows.slab.mark(at + TAKEN_BACK, 1);
      outcomes.anchors.addFrom(rows.slab, at);
      outcomes.set(rows.slab.f64[at - 1], step, 0);
    }
    this.#refunds?.[shard].put(lo, hi, { time, now: step, words: 1 });
  }
}
