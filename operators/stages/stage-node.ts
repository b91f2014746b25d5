/** One operator of a shard between its inputs and its outlets; every kind of node is one file beside this. */
import type { ChannelPlan, ExchangePlan } from '../../compiler/plan/exchange-plan.ts';
import type { Plan } from '../../compiler/plan/plan.ts';
import type { Column } from '../column/column.ts';
import { Frame } from '../column/frame.ts';
import { takeRows } from '../column/gather-rows.ts';
import { Slots } from '../column/slots.ts';
import type { EmissionBatch } from '../emission/emission-batch.ts';
import type { ColumnOf } from '../enrich.ts';
import type { SlabSet } from '../state/slab.ts';
import type { StateBudget } from '../state/state-budget.ts';
import type { ExchangeRows, Progress } from './exchange-rows.ts';
import type { Outbox } from './outbox.ts';
import { outletsOf, type PlacedOutlet, StreamOutlets } from './stream-outlets.ts';

export type StageNode = {
  /**
   * Applies every row with a step below `frontier` that was not applied before, and sends what comes of it. `inputs`: by
   * channel, in step order. Gives what an anchor's example sets emit; other nodes nothing.
   */
  run(inputs: NodeInputs, frontier: number): readonly StageOutput[];
};

/** A batch that the example set `plan.examples[example]` emits. */
export type StageOutput = { readonly example: number; readonly batch: EmissionBatch };

export type NodeInputs = {
  readonly rows: (channel: number) => ExchangeRows | null;
  readonly clocks: (channel: number) => readonly Progress[];
};

/** What every node is made of. */
export type NodeParts = {
  readonly plan: Plan;
  readonly exchange: ExchangePlan;
  /** Index of the node. */
  readonly node: number;
  readonly shard: number;
  readonly shards: number;
  readonly slabs: SlabSet;
  readonly codegen: boolean;
  readonly budget: StateBudget | null;
  readonly outbox: Outbox;
  /** By stream of the plan. */
  readonly slots: readonly Slots[];
};

export type NodeChannel = { readonly index: number; readonly plan: ChannelPlan };

/** The channels that lead to the node. */
export function channelsTo({ exchange, node }: NodeParts): NodeChannel[] {
  return exchange.channels.flatMap((plan, index) => (plan.node === node ? [{ index, plan }] : []));
}

/** The channels that lead from the node, and who sends a stream's rows on them. */
export function outletsFrom(parts: NodeParts): {
  readonly outlets: readonly PlacedOutlet[];
  readonly sender: StreamOutlets;
} {
  const { plan, exchange, outbox, shards, node } = parts;
  return {
    outlets: outletsOf(exchange, { kind: 'node', node }),
    sender: new StreamOutlets(plan, exchange, outbox, shards),
  };
}

/** Slots of frames that came over the exchange: those that travelled, and what can be made of them. */
export function columnsOf(slots: readonly Slots[]): ColumnOf {
  return (stream, frame, slot) => slots[stream].column(frame, slot);
}

export function slotsOf(plan: Plan, codegen: boolean): Slots[] {
  return plan.streams.map((stream) => new Slots(stream.slots, codegen));
}

/** The rows as a frame of their channel's stream. */
export function frameOf(plan: Plan, channel: ChannelPlan, rows: ExchangeRows): Frame {
  const columns = new Array<Column | undefined>(plan.streams[channel.stream].slots.length);
  columns.fill(undefined);
  channel.slots.forEach((slot, i) => {
    columns[slot] = rows.columns[i];
  });
  const { n, time, step, labelOnly, partition, offset } = rows;
  return new Frame({ n, time, step, labelOnly, partition, offset, columns });
}

/** The channel's extra columns. */
export function extraOf(channel: ChannelPlan, rows: ExchangeRows): readonly Column[] {
  return rows.columns.slice(channel.slots.length);
}

/** Rows `rows` of a frame, with the columns that it has. */
export function takeFrame(frame: Frame, rows: Int32Array): Frame {
  const numbers = (from: Float64Array) => Float64Array.from(rows, (row) => from[row]);
  const { labelOnly } = frame;
  return new Frame({
    n: rows.length,
    time: numbers(frame.time),
    step: numbers(frame.step),
    labelOnly: labelOnly === null ? null : Uint8Array.from(rows, (row) => labelOnly[row]),
    partition: Int32Array.from(rows, (row) => frame.partition[row]),
    offset: numbers(frame.offset),
    columns: frame.columns.map((column) =>
      column === undefined ? undefined : takeRows(column, rows),
    ),
  });
}
