/**
 * One route of a label on one shard: the ring of its keys. Accepted events become rows of the label's own stream and
 * outcomes at their anchors' homes (or go to the label's refunds); events without a candidate go on to the next route.
 */
import type { LabelPlan } from '../../compiler/plan/plan.ts';
import { assert } from '../assert.ts';
import type { Column, F64Column } from '../column/column.ts';
import type { Frame } from '../column/frame.ts';
import { type ColumnOf, hashOf } from '../enrich.ts';
import { shardOf } from '../hash.ts';
import { type Carry, carries } from '../label/attribute-carry.ts';
import { type Accepted, AttributionLevel } from '../label/attribute-level.ts';
import type { RingRows } from '../label/attribute-route.ts';
import { ANCHOR_COLUMNS, anchorColumns, anchorsOf } from './anchor-columns.ts';
import {
  channelsTo,
  columnsOf,
  extraOf,
  frameOf,
  type NodeChannel,
  type NodeInputs,
  type NodeParts,
  outletsFrom,
  type StageNode,
  type StageOutput,
  takeFrame,
} from './stage-node.ts';
import type { PlacedOutlet } from './stream-outlets.ts';

export class RouteNode implements StageNode {
  readonly #parts: NodeParts;
  readonly #label: LabelPlan;
  readonly #parent: number | null;
  readonly #carry: Carry;
  readonly #level: AttributionLevel;
  readonly #column: ColumnOf;
  readonly #ring: NodeChannel;
  readonly #event: NodeChannel;
  readonly #out: ReturnType<typeof outletsFrom>;

  constructor(parts: NodeParts, l: number, r: number) {
    const { plan, slabs, slots } = parts;
    const label = plan.labels[l];
    const all = carries(plan)[l];
    const channels = channelsTo(parts);
    const ring = channels.find((each) => each.plan.input.kind === 'ring');
    const event = channels.find((each) => each.plan.input.kind === 'event');
    assert(ring !== undefined && event !== undefined, 'a route has both inputs');
    this.#parts = parts;
    this.#parent = label.routes[r].of;
    // A level of one route; what its masks leave out does not come.
    this.#label = {
      ...label,
      state: `${label.state}.${r}`,
      routes: [label.routes[r]],
      event: { ...label.event, mask: null },
    };
    this.#carry = {
      ...{ anchorSlots: all.anchorSlots, anchorPhysical: all.anchorPhysical },
      parents: [all.parents[r]],
      parentSlots: [all.parentSlots[r]],
      parentPhysical: [all.parentPhysical[r]],
    };
    this.#level = new AttributionLevel(plan, [this.#label], this.#carry, [slabs]);
    this.#column = columnsOf(slots);
    this.#ring = ring;
    this.#event = event;
    this.#out = outletsFrom(parts);
  }

  run(inputs: NodeInputs, frontier: number): readonly StageOutput[] {
    const events = inputs.rows(this.#event.index);
    const event = events === null ? null : frameOf(this.#parts.plan, this.#event.plan, events);
    const [accepted] = this.#level.run(event, [this.#ringRows(inputs)], this.#column);
    this.#level.expire(frontier);
    if (event !== null) this.#send(event, accepted);
    return [];
  }

  #ringRows(inputs: NodeInputs): RingRows | null {
    const rows = inputs.rows(this.#ring.index);
    if (rows === null) return null;
    const { plan } = this.#ring;
    const frame = frameOf(this.#parts.plan, plan, rows);
    const { n, time, step, partition, offset } = frame;
    const extra = extraOf(plan, rows);
    const column = (slot: number) => this.#column(plan.stream, frame, slot);
    const key = hashOf(column(this.#label.routes[0].targetKey));
    const taken = { n, time, step, mask: null, skip: null, key };
    if (this.#parent === null) {
      const { lo, hi } = hashOf(column(this.#label.anchor.id));
      const home = Int32Array.from((extra[0] as F64Column).data);
      const anchors = { lo, hi, time, partition, offset, home };
      return { ...taken, anchors, values: this.#carry.anchorSlots.map(column) };
    }
    return {
      ...taken,
      anchors: anchorsOf(extra),
      values: [...extra.slice(ANCHOR_COLUMNS), ...this.#carry.parentSlots[0].map(column)],
    };
  }

  #send(event: Frame, accepted: Accepted): void {
    const { plan, slots } = this.#parts;
    const ordinal = ordinals(accepted);
    for (const outlet of this.#out.outlets) {
      const { input, stream } = outlet.plan;
      if (input.kind === 'event') this.#sendUnmatched(outlet, event, accepted);
      else if (accepted.n === 0) continue;
      else if (input.kind === 'outcome') this.#sendOutcomes(outlet, event, accepted, ordinal);
      else if (input.kind === 'accepted') {
        const frame = takeFrame(event, accepted.eventRow);
        const column = (slot: number) => this.#column(stream, frame, slot);
        const extra = () => [...anchorColumns(accepted.anchors), shares(accepted)];
        this.#out.sender.send(outlet, { frame, ordinal, column, extra });
      } else {
        const frame = accepted.frame!;
        const column = (slot: number) => slots[stream].column(frame, slot);
        const isRing = input.kind === 'ring';
        const extra = isRing ? () => this.#handedOn(plan.labels, outlet, accepted) : null;
        this.#out.sender.send(outlet, { frame, ordinal, column, extra });
      }
    }
  }

  /** To a child's ring: the anchor, and those of its values that the child carries. */
  #handedOn(labels: readonly LabelPlan[], outlet: PlacedOutlet, accepted: Accepted): Column[] {
    const to = this.#parts.exchange.nodes[outlet.plan.node];
    assert(to.kind === 'route' && labels[to.label] !== undefined, 'a ring is of a route');
    const carried = carries(this.#parts.plan)[to.label].anchorSlots;
    return [
      ...anchorColumns(accepted.anchors),
      ...carried.map((slot) => accepted.carried[this.#carry.anchorSlots.indexOf(slot)]),
    ];
  }

  #sendUnmatched(outlet: PlacedOutlet, event: Frame, accepted: Accepted): void {
    const matched = new Uint8Array(event.n);
    for (const row of accepted.eventRow) matched[row] = 1;
    const rest = Int32Array.from({ length: event.n }, (_, i) => i).filter((i) => matched[i] === 0);
    if (rest.length === 0) return;
    const frame = takeFrame(event, rest);
    const column = (slot: number) => this.#column(outlet.plan.stream, frame, slot);
    this.#out.sender.send(outlet, { frame, ordinal: null, column, extra: null });
  }

  #sendOutcomes(outlet: PlacedOutlet, event: Frame, accepted: Accepted, ordinal: Int32Array): void {
    const { n, eventRow, anchors } = accepted;
    const numbers = (from: Float64Array) => Float64Array.from(eventRow, (row) => from[row]);
    const { outbox, shards } = this.#parts;
    outbox.send(
      outlet,
      {
        ...{ n, labelOnly: null, ordinal },
        time: numbers(event.time),
        step: numbers(event.step),
        partition: Int32Array.from(eventRow, (row) => event.partition[row]),
        offset: numbers(event.offset),
        columns: [...anchorColumns(anchors), shares(accepted)],
      },
      Int32Array.from({ length: n }, (_, i) => shardOf(anchors.home[i], shards)),
    );
  }
}

/** What each is credited with, in millionths. */
function shares({ share }: Accepted): Column {
  return { kind: 'f64', data: Float64Array.from(share) };
}

/** The place of each credit among those of its event. */
function ordinals({ n, eventRow }: Accepted): Int32Array {
  const ordinal = new Int32Array(n);
  for (let i = 1; i < n; i++) ordinal[i] = eventRow[i] === eventRow[i - 1] ? ordinal[i - 1] + 1 : 0;
  return ordinal;
}
