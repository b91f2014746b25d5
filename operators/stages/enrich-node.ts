/** An enrichment on one shard: source rows and events of its keys; events go on with what they took. */
import { assert } from '../assert.ts';
import { type ColumnOf, Enrich } from '../enrich.ts';
import {
  channelsTo,
  columnsOf,
  frameOf,
  type NodeChannel,
  type NodeInputs,
  type NodeParts,
  outletsFrom,
  type StageNode,
  type StageOutput,
} from './stage-node.ts';

export class EnrichNode implements StageNode {
  readonly #parts: NodeParts;
  readonly #enrich: Enrich;
  readonly #stream: number;
  readonly #column: ColumnOf;
  readonly #source: NodeChannel;
  readonly #event: NodeChannel;
  readonly #out: ReturnType<typeof outletsFrom>;

  constructor(parts: NodeParts, enrichment: number) {
    const { plan, slabs, slots } = parts;
    const { stream } = plan.enrichments[enrichment];
    const channels = channelsTo(parts);
    const source = channels.find((each) => each.plan.input.kind === 'source');
    const event = channels.find((each) => each.plan.input.kind === 'event');
    assert(source !== undefined && event !== undefined, 'an enrichment has both inputs');
    this.#parts = parts;
    // Sources that the mask leaves out do not come.
    const enrichments = plan.enrichments.with(enrichment, {
      ...plan.enrichments[enrichment],
      sourceMask: null,
    });
    this.#enrich = new Enrich({ ...plan, enrichments }, enrichment, [slabs]);
    this.#stream = stream;
    this.#column = columnsOf(slots);
    this.#source = source;
    this.#event = event;
    this.#out = outletsFrom(parts);
  }

  run(inputs: NodeInputs, frontier: number): readonly StageOutput[] {
    const { plan, slots } = this.#parts;
    const sources = inputs.rows(this.#source.index);
    const events = inputs.rows(this.#event.index);
    const source = sources === null ? null : frameOf(plan, this.#source.plan, sources);
    const event = events === null ? null : frameOf(plan, this.#event.plan, events);
    this.#enrich.run(source, event, this.#column);
    this.#enrich.expire(frontier);
    if (event === null) return [];
    const column = (slot: number) => slots[this.#stream].column(event, slot);
    for (const outlet of this.#out.outlets) {
      this.#out.sender.send(outlet, { frame: event, ordinal: null, column, extra: null });
    }
    return [];
  }
}
