/**
 * An enrichment: an event takes fields of the newest source row that has its key and lies in [t - within, t], t the
 * event's own time. Rows of both streams are taken in step order, sources first at equal times, so an event finds a
 * source of its own instant. Sources that are late for features are not kept; label-only events look up all the same,
 * which is why rows live for `within` plus the event stream's `labels` lateness.
 */
import type { EnrichPlan, Plan } from '../compiler/plan/plan.ts';
import { assert } from './assert.ts';
import type { Column, HashColumn } from './column/column.ts';
import type { Frame } from './column/frame.ts';
import { RowBuilder } from './column/row-builder.ts';
import { shardOf } from './hash.ts';
import { RowCodec } from './state/row-codec.ts';
import { SegmentRows } from './state/segment-rows.ts';
import type { SlabSet } from './state/slab.ts';
import { stateName } from './state/state-name.ts';

/** The column of a slot of `plan.streams[stream]`, evaluated if need be. */
export type ColumnOf = (stream: number, frame: Frame, slot: number) => Column;

export class Enrich {
  readonly #plan: EnrichPlan;
  readonly #codec: RowCodec;
  readonly #rows: readonly SegmentRows[];

  /** `slabs`: one set a shard; a key's rows are on the shard of its hash. */
  constructor(plan: Plan, index: number, slabs: readonly SlabSet[]) {
    const enrichment = plan.enrichments[index];
    const source = plan.streams[enrichment.source];
    const retentionMs = enrichment.withinMs + (plan.streams[enrichment.stream].labelsLateMs ?? 0);
    this.#plan = enrichment;
    this.#codec = new RowCodec(enrichment.fields.map((field) => source.slots[field.from].physical));
    this.#rows = slabs.map(
      (set) => new SegmentRows(set, `enrich/${stateName(enrichment)}`, retentionMs),
    );
  }

  /** Source rows kept, expired ones not yet freed included. */
  get size(): number {
    return this.#rows.reduce((sum, rows) => sum + rows.size, 0);
  }

  /** Takes in both streams' rows of one batch and fills the event frame's `enriched` slots. */
  run(source: Frame | null, event: Frame | null, column: ColumnOf): void {
    const plan = this.#plan;
    const builders = this.#codec.physical.map((kind) => new RowBuilder(kind, event?.n ?? 0));
    const puts = source === null ? null : this.#puts(source, column);
    const key = event === null ? null : hashOf(column(plan.stream, event, plan.key));
    const mask = event === null ? null : maskOf(event, plan.stream, plan.mask, column);
    let s = 0;
    for (let e = 0; event !== null && key !== null && e < event.n; e++) {
      for (; puts !== null && s < puts.frame.n && puts.frame.step[s] <= event.step[e]; s++) {
        this.#put(puts, s);
      }
      if (mask === null || mask[e] === 1) this.#get(key, event, e, builders);
    }
    for (; puts !== null && s < puts.frame.n; s++) this.#put(puts, s);
    if (event === null) return;
    plan.fields.forEach((field, i) => {
      event.columns[field.to] = builders[i].finish(event.n);
    });
  }

  /** Frees what no event at a step time >= `frontier` can ask for. */
  expire(frontier: number): void {
    for (const rows of this.#rows) rows.expire(frontier);
  }

  #puts(frame: Frame, column: ColumnOf): Puts {
    const plan = this.#plan;
    return {
      frame,
      mask: maskOf(frame, plan.source, plan.sourceMask, column),
      key: hashOf(column(plan.source, frame, plan.sourceKey)),
      fields: plan.fields.map((field) => column(plan.source, frame, field.from)),
    };
  }

  #put(puts: Puts, row: number): void {
    const { frame, key } = puts;
    if (puts.mask !== null && puts.mask[row] !== 1) return;
    if (frame.labelOnly !== null && frame.labelOnly[row] === 1) return;
    const lo = key.lo[row];
    const hi = key.hi[row];
    if (lo === 0 && hi === 0) return;
    const rows = this.#rows[shardOf(hi, this.#rows.length)];
    const words = this.#codec.measure(puts.fields, row);
    const at = rows.put(lo, hi, { time: frame.time[row], now: frame.step[row], words });
    if (at !== 0) this.#codec.write(rows.slab, at, puts.fields, row);
  }

  #get(key: HashColumn, event: Frame, row: number, into: readonly RowBuilder[]): void {
    const lo = key.lo[row];
    const hi = key.hi[row];
    if (lo === 0 && hi === 0) return;
    const rows = this.#rows[shardOf(hi, this.#rows.length)];
    const time = event.time[row];
    const at = rows.newest(lo, hi, time - this.#plan.withinMs, time);
    if (at !== 0) this.#codec.read(rows.slab, at, into, row);
  }
}

type Puts = {
  readonly frame: Frame;
  readonly mask: Uint8Array | null;
  readonly key: HashColumn;
  readonly fields: readonly Column[];
};

/** The column as key hashes. */
export function hashOf(column: Column): HashColumn {
  assert(column.kind === 'hash', `a ${column.kind} column is no key`);
  return column;
}

/** The mask's values (1: taken); null: every row. */
export function maskOf(
  frame: Frame,
  stream: number,
  mask: number | null,
  column: ColumnOf,
): Uint8Array | null {
  if (mask === null) return null;
  const values = column(stream, frame, mask);
  assert(values.kind === 'bool', `a ${values.kind} column is no mask`);
  return values.data;
}
