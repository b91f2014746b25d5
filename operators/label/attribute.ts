/**
 * Attribution: which anchors each label's events are credited to. Labels run one after another over a batch, parents
 * first, since a parent's accepted events are its children's candidates. Everything at a step time below the frontier is
 * in the batch, and batches never overlap in step time, so the result does not depend on where they are cut.
 *
 *   1. each route takes its ring's new rows and the label's events in step order, rows first at equal times
 *   2. an event with a candidate is accepted: credited to one anchor or to several
 *   3. refunds take credited events back
 *   4. accepted events become rows of the label's own stream, and outcomes for the anchors' emissions
 *
 * An event is never applied before its anchor: an anchor's time is at or before the event's own, which is at or before
 * the event's step, and the reorder buffer holds both back until the frontier has passed them. So there is no store
 * of events that wait for their anchors.
 *
 * A key's state lives on the shard of its hash; here all shards are in one process and a row just picks its shard.
 */
import type { LabelPlan, LabelRoutePlan, Plan } from '../../compiler/plan/plan.ts';
import type { Frame } from '../column/frame.ts';
import { type ColumnOf, hashOf, maskOf } from '../enrich.ts';
import { nulls } from '../keyspace/answers.ts';
import type { SlabSet } from '../state/slab.ts';
import { type Carry, sharedCarries } from './attribute-carry.ts';
import { type Accepted, AttributionLevel } from './attribute-level.ts';
import { Outcomes } from './attribute-outcomes.ts';
import { Refunds } from './attribute-refund.ts';
import type { RingRows } from './attribute-route.ts';

export type AttributionResult = {
  /** By index of plan.streams: the rows of label streams, in step order; null for other streams and for none. */
  readonly frames: readonly (Frame | null)[];
  /** By index of plan.labels. */
  readonly outcomes: readonly Outcomes[];
  /** By index of plan.labels: the credited events, whether anybody reads them or not. */
  readonly accepted: readonly Accepted[];
};

export class Attribution {
  readonly #plan: Plan;
  readonly #carries: readonly Carry[];
  /** By the label that names the rings; null: it uses another's. */
  readonly #levels: readonly (AttributionLevel | null)[];
  readonly #refunds: readonly (Refunds | null)[];

  /** `slabs`: one set a shard. */
  constructor(plan: Plan, slabs: readonly SlabSet[]) {
    this.#plan = plan;
    this.#carries = sharedCarries(plan);
    this.#levels = plan.labels.map(({ rings }, l) =>
      rings === l ? new AttributionLevel(plan, sharers(plan, l), this.#carries[l], slabs) : null,
    );
    this.#refunds = plan.labels.map((label) =>
      label.unless === null ? null : new Refunds(plan, label, label.unless, slabs),
    );
  }

  /** Runs one batch: by stream, the rows whose step time lies between the last frontier and the new one. */
  run(frames: readonly (Frame | null)[], column: ColumnOf): AttributionResult {
    const out: (Frame | null)[] = this.#plan.streams.map(() => null);
    const outcomes: Outcomes[] = [];
    const accepted: Accepted[] = [];
    this.#plan.labels.forEach((label, l) => {
      const level = this.#levels[l];
      if (level !== null) {
        const rings = label.routes.map((route) =>
          this.#ring(l, route, { frames, accepted }, column),
        );
        const all = level.run(frames[label.event.stream], rings, column);
        for (const [i, each] of sharers(this.#plan, l).entries()) {
          accepted[this.#plan.labels.indexOf(each)] = all[i];
        }
      }
      const rows = accepted[l];
      if (label.labelStream >= 0) out[label.labelStream] = rows.frame;
      outcomes.push(this.#outcomes(l, rows, frames, column));
    });
    return { frames: out, outcomes, accepted };
  }

  /** Frees what no row at a step time >= `frontier` can match. Call after each batch. */
  expire(frontier: number): void {
    for (const level of this.#levels) level?.expire(frontier);
    for (const refunds of this.#refunds) refunds?.expire(frontier);
  }

  #outcomes(
    l: number,
    accepted: Accepted,
    frames: readonly (Frame | null)[],
    column: ColumnOf,
  ): Outcomes {
    const label = this.#plan.labels[l];
    const event = frames[label.event.stream];
    const outcomes = new Outcomes();
    const refunds = this.#refunds[l];
    if (refunds !== null && label.unless !== null) {
      refunds.run({ accepted, event, refund: frames[label.unless.stream] }, column, outcomes);
      return outcomes;
    }
    for (let a = 0; event !== null && a < accepted.n; a++) {
      const row = accepted.eventRow[a];
      outcomes.anchors.addRow(accepted.anchors, a);
      outcomes.set(event.time[row], event.step[row], accepted.share[a]);
    }
    return outcomes;
  }

  /** What enters the route's ring: the batch's anchors, or the parent's accepted events. */
  #ring(
    l: number,
    route: LabelRoutePlan,
    batch: { frames: readonly (Frame | null)[]; accepted: readonly Accepted[] },
    column: ColumnOf,
  ): RingRows | null {
    return route.of === null
      ? this.#anchors(l, route, batch.frames, column)
      : this.#parents(l, route, batch.accepted[route.of], column);
  }

  #anchors(
    l: number,
    route: LabelRoutePlan,
    frames: readonly (Frame | null)[],
    column: ColumnOf,
  ): RingRows | null {
    const { stream, mask, id } = this.#plan.labels[l].anchor;
    const frame = frames[stream];
    if (frame === null) return null;
    const { n, time, step, partition, offset } = frame;
    const { lo, hi } = hashOf(column(stream, frame, id));
    return {
      n,
      time,
      step,
      mask: maskOf(frame, stream, mask, column),
      skip: frame.labelOnly,
      key: hashOf(column(stream, frame, route.targetKey)),
      anchors: { lo, hi, time, partition, offset },
      values: this.#carries[l].anchorSlots.map((slot) => column(stream, frame, slot)),
    };
  }

  #parents(l: number, route: LabelRoutePlan, parent: Accepted, column: ColumnOf): RingRows | null {
    const { frame } = parent;
    if (frame === null || route.of === null) return null;
    const stream = this.#plan.labels[route.of].labelStream;
    const carry = this.#carries[l];
    const handedOn = this.#carries[route.of].anchorSlots;
    const r = this.#plan.labels[l].routes.indexOf(route);
    return {
      n: parent.n,
      time: frame.time,
      step: frame.step,
      mask: null,
      skip: null,
      key: hashOf(column(stream, frame, route.targetKey)),
      anchors: parent.anchors,
      values: [
        ...carry.anchorSlots.map((slot, i) => {
          const at = handedOn.indexOf(slot);
          // Rows laid out by an earlier plan have room for what nobody asks for any more.
          return at < 0 ? nulls(carry.anchorPhysical[i], parent.n) : parent.carried[at];
        }),
        ...carry.parentSlots[r].map((slot) => column(stream, frame, slot)),
      ],
    };
  }
}

/** The labels matched in the rings of label `l`, itself first. */
function sharers(plan: Plan, l: number): readonly LabelPlan[] {
  return plan.labels.filter(({ rings }) => rings === l);
}
