/** A label's refunds on one shard, by their key: credits go in, outcomes (and credits taken back) go to the anchors' homes. */
import { assert } from '../assert.ts';
import type { Column, F64Column } from '../column/column.ts';
import type { ColumnOf } from '../enrich.ts';
import { shardOf } from '../hash.ts';
import { Outcomes } from '../label/attribute-outcomes.ts';
import { Refunds } from '../label/attribute-refund.ts';
import { anchorColumns, anchorList } from './anchor-columns.ts';
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
} from './stage-node.ts';

export class RefundNode implements StageNode {
  readonly #parts: NodeParts;
  readonly #refunds: Refunds;
  readonly #column: ColumnOf;
  readonly #accepted: NodeChannel;
  readonly #refund: NodeChannel;
  readonly #outlets: ReturnType<typeof outletsFrom>['outlets'];

  constructor(parts: NodeParts, l: number) {
    const { plan, slabs, slots } = parts;
    const label = plan.labels[l];
    const channels = channelsTo(parts);
    const accepted = channels.find((each) => each.plan.input.kind === 'accepted');
    const refund = channels.find((each) => each.plan.input.kind === 'refund');
    assert(accepted !== undefined && refund !== undefined, 'refunds have both inputs');
    assert(label.unless !== null, 'the label can be taken back');
    this.#parts = parts;
    this.#refunds = new Refunds(plan, label, { ...label.unless, mask: null }, [slabs]);
    this.#column = columnsOf(slots);
    this.#accepted = accepted;
    this.#refund = refund;
    this.#outlets = outletsFrom(parts).outlets;
  }

  run(inputs: NodeInputs, frontier: number): readonly StageOutput[] {
    const { plan } = this.#parts;
    const credits = inputs.rows(this.#accepted.index);
    const refunds = inputs.rows(this.#refund.index);
    const n = credits?.n ?? 0;
    const event = credits === null ? null : frameOf(plan, this.#accepted.plan, credits);
    const refund = refunds === null ? null : frameOf(plan, this.#refund.plan, refunds);
    const extra = credits === null ? null : extraOf(this.#accepted.plan, credits);
    const accepted = {
      n,
      eventRow: Int32Array.from({ length: n }, (_, i) => i),
      anchors: anchorList(extra ?? NO_ANCHORS, n),
      share: Int32Array.from(extra === null ? [] : (extra.at(-1) as F64Column).data),
      carried: [],
      frame: null,
    };
    const outcomes = new Outcomes();
    this.#refunds.run({ accepted, event, refund }, this.#column, outcomes);
    this.#refunds.expire(frontier);
    if (outcomes.n > 0) this.#send(outcomes);
    return [];
  }

  #send({ n, anchors, time, applied, share }: Outcomes): void {
    const { outbox, shards } = this.#parts;
    const shares: Column = { kind: 'f64', data: Float64Array.from(share.subarray(0, n)) };
    const to = Int32Array.from({ length: n }, (_, i) => shardOf(anchors.home[i], shards));
    for (const outlet of this.#outlets) {
      outbox.send(
        outlet,
        {
          ...{ n, labelOnly: null, ordinal: null },
          time: time.slice(0, n),
          step: applied.slice(0, n),
          // Outcomes of one instant are applied together: their order says nothing.
          partition: new Int32Array(n),
          offset: new Float64Array(n),
          columns: [...anchorColumns(anchors), shares],
        },
        to,
      );
    }
  }
}

const NO_NUMBERS: Column = { kind: 'f64', data: new Float64Array(0) };
const NO_ANCHORS: readonly Column[] = [
  { kind: 'hash', lo: new Int32Array(0), hi: new Int32Array(0) },
  NO_NUMBERS,
  NO_NUMBERS,
  NO_NUMBERS,
  NO_NUMBERS,
];
