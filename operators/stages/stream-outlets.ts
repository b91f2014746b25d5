/** Sends the rows of a stream, from where they are made, on every channel that wants them there. */
import type { ChannelPlan, ExchangePlan, ProducerPlan } from '../../compiler/plan/exchange-plan.ts';
import type { Plan } from '../../compiler/plan/plan.ts';
import { assert } from '../assert.ts';
import type { Column, HashColumn } from '../column/column.ts';
import type { Frame } from '../column/frame.ts';
import { hashOf } from '../enrich.ts';
import { shardOf } from '../hash.ts';
import type { Outbox, Outlet } from './outbox.ts';

/** Rows of one stream at one point of their way. */
export type OutgoingRows = {
  readonly frame: Frame;
  readonly ordinal: Int32Array | null;
  /** The column of a slot of the rows' stream. */
  readonly column: (slot: number) => Column;
  /** The extra columns of a channel that reads more than slots of its stream; null: this file knows them. */
  readonly extra: ((channel: ChannelPlan) => readonly Column[]) | null;
};

/** A channel at one of its producers. */
export type PlacedOutlet = Outlet & { readonly plan: ChannelPlan };

/** Every channel on which the producer sends. */
export function outletsOf(exchange: ExchangePlan, who: ProducerPlan): PlacedOutlet[] {
  return exchange.channels.flatMap((plan, channel) => {
    const producer = plan.from.findIndex((each) =>
      each.kind === 'scan'
        ? who.kind === 'scan' && each.stream === who.stream
        : who.kind === 'node' && each.node === who.node,
    );
    return producer < 0 ? [] : [{ plan, channel, producer }];
  });
}

export class StreamOutlets {
  readonly #plan: Plan;
  readonly #exchange: ExchangePlan;
  readonly #outbox: Outbox;
  readonly #shards: number;

  constructor(plan: Plan, exchange: ExchangePlan, outbox: Outbox, shards: number) {
    this.#plan = plan;
    this.#exchange = exchange;
    this.#outbox = outbox;
    this.#shards = shards;
  }

  /** Sends the rows on one channel. */
  send(outlet: PlacedOutlet, rows: OutgoingRows): void {
    const { plan } = outlet;
    const { frame, column } = rows;
    const extra = rows.extra?.(plan) ?? this.#extra(plan, rows);
    const { n, time, step, labelOnly, partition, offset } = frame;
    const to = this.#targets(plan, rows);
    this.#outbox.send(
      outlet,
      {
        ...{ n, time, labelOnly: plan.late ? labelOnly : null, partition, offset },
        step: labelOnly === null ? time : step,
        ordinal: rows.ordinal,
        columns: [...plan.slots.map(column), ...extra],
      },
      to,
    );
  }

  /** By row: the high lane of the home key's hash, of the id's where that is null. */
  #homes(stream: number, { frame, column }: OutgoingRows): Int32Array {
    const home = this.#exchange.homes[stream];
    // Anchors of labels that no example set reads have no home: nothing is ever sent there.
    if (home === null) return new Int32Array(frame.n);
    const id = hashOf(column(home.id));
    if (home.key === null) return id.hi;
    const key = hashOf(column(home.key));
    const homes = new Int32Array(frame.n);
    for (let i = 0; i < frame.n; i++) homes[i] = isNull(key, i) ? id.hi[i] : key.hi[i];
    return homes;
  }

  #extra(plan: ChannelPlan, rows: OutgoingRows): Column[] {
    if (plan.extra.length === 0) return [];
    if (plan.input.kind === 'anchor') return [this.#expected(plan, plan.input.probes, rows)];
    return [{ kind: 'f64', data: Float64Array.from(this.#homes(plan.stream, rows)) }];
  }

  /** Bit p: the key of probe p is not null, so an answer will come. */
  #expected(
    plan: ChannelPlan,
    probes: readonly (readonly [number, number])[],
    { frame, column }: OutgoingRows,
  ): Column {
    assert(probes.length <= 53, `${plan.name}: ${probes.length} look-ups, at most 53`);
    const data = new Float64Array(frame.n);
    probes.forEach(([keyspace, probe], p) => {
      const { anchor, key } = this.#plan.keyspaces[keyspace].probes[probe];
      const { op } = this.#plan.anchors[anchor].slots[key];
      assert(op.kind === 'stream', 'a look-up key is a slot of the stream');
      const hash = hashOf(column(op.slot));
      for (let i = 0; i < frame.n; i++) if (!isNull(hash, i)) data[i] += 2 ** p;
    });
    return { kind: 'f64', data };
  }

  /** The shard of each row; -1: it stays behind. */
  #targets(plan: ChannelPlan, rows: OutgoingRows): Int32Array {
    const { frame, column } = rows;
    const to = new Int32Array(frame.n);
    const { route, mask } = plan;
    switch (route.by) {
      case 'key': {
        const key = hashOf(column(route.slot));
        const required = hashOf(column(route.required));
        for (let i = 0; i < frame.n; i++) {
          to[i] = isNull(required, i) ? -1 : shardOf(key.hi[i], this.#shards);
        }
        break;
      }
      case 'key_or_any': {
        const key = hashOf(column(route.slot));
        for (let i = 0; i < frame.n; i++) {
          to[i] = isNull(key, i)
            ? frame.offset[i] % this.#shards
            : shardOf(key.hi[i], this.#shards);
        }
        break;
      }
      case 'home': {
        const homes = this.#homes(plan.stream, rows);
        for (let i = 0; i < frame.n; i++) to[i] = shardOf(homes[i], this.#shards);
        break;
      }
      case 'all':
        to.fill(-1);
    }
    if (mask !== null) {
      const values = column(mask);
      assert(values.kind === 'bool', 'a mask is of truth values');
      for (let i = 0; i < frame.n; i++) if (values.data[i] !== 1) to[i] = -1;
    }
    if (!plan.late && frame.labelOnly !== null) {
      for (let i = 0; i < frame.n; i++) if (frame.labelOnly[i] === 1) to[i] = -1;
    }
    return to;
  }
}

function isNull(key: HashColumn, row: number): boolean {
  return key.lo[row] === 0 && key.hi[row] === 0;
}
