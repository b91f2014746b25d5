/**
 * One label: its events against its routes, in order, over one batch. A route takes the rows of its ring and the events
 * still unmatched in step order, ring rows first at equal times; the first route with any candidate has the event.
 */
import type { LabelPlan, Plan } from '../compiler/plan.ts';
import { finish, output } from './answers.ts';
import { ANCHOR_WORDS, AnchorList } from './attribute-anchors.ts';
import type { Carry } from './attribute-carry.ts';
import { type RingRows, RouteRing } from './attribute-route.ts';
import type { Column, HashColumn } from './column.ts';
import { type ColumnOf, hashOf, maskOf } from './enrich.ts';
import { Frame } from './frame.ts';
import { takeRows } from './gather-rows.ts';
import { grown, RowBuilder } from './row-builder.ts';
import type { SlabSet } from './slab.ts';

/** Credited events: in order of their event's step, then of their candidate's. */
export type Accepted = {
  readonly n: number;
  /** Row of the event's frame. */
  readonly eventRow: Int32Array;
  readonly anchors: AnchorList;
  /** By the label's carried anchor slots. */
  readonly carried: readonly Column[];
  /** The label stream's frame; null: nobody reads it, or no row. */
  readonly frame: Frame | null;
};

export class AttributionLevel {
  readonly #label: LabelPlan;
  readonly #carry: Carry;
  readonly #rings: readonly RouteRing[];
  readonly #slots: Plan['streams'][number]['slots'];

  constructor(plan: Plan, label: LabelPlan, carry: Carry, slabs: readonly SlabSet[]) {
    this.#label = label;
    this.#carry = carry;
    this.#slots = label.labelStream < 0 ? [] : plan.streams[label.labelStream].slots;
    const latenessMs = plan.streams[label.event.stream].labelsLateMs ?? 0;
    this.#rings = label.routes.map(
      (route, r) =>
        new RouteRing(slabs, `label/${label.state}/${r}`, {
          withinMs: route.withinMs,
          credit: label.credit,
          chained: route.of !== null,
          latenessMs,
          physical: [...carry.anchorPhysical, ...carry.parentPhysical[r]],
        }),
    );
  }

  expire(frontier: number): void {
    for (const ring of this.#rings) ring.expire(frontier);
  }

  /** `rings`: what enters each route's ring in this batch, null for nothing. */
  run(event: Frame | null, rings: readonly (RingRows | null)[], column: ColumnOf): Accepted {
    const { stream, mask } = this.#label.event;
    const found = new Found(this.#carry);
    let pending =
      event === null ? new Int32Array(0) : rowsOf(event.n, maskOf(event, stream, mask, column));
    this.#rings.forEach((ring, r) => {
      const key =
        event === null ? null : hashOf(column(stream, event, this.#label.routes[r].eventKey));
      pending = route({ ring, r, rows: rings[r], event, key, pending }, found);
    });
    return this.#accepted(event, found, column);
  }

  #accepted(event: Frame | null, found: Found, column: ColumnOf): Accepted {
    const { n } = found;
    const order = found.order();
    const put = (builder: RowBuilder) =>
      order === null ? builder.finish(n) : takeRows(builder.finish(n), order);
    const anchors = order === null ? found.anchors : reordered(found.anchors, order);
    const rows = found.eventRow.subarray(0, n);
    const eventRow = order === null ? rows : rows.map((_, i) => found.eventRow[order[i]]);
    const carried = found.carried.map(put);
    const accepted = { n, eventRow, anchors, carried };
    if (event === null || n === 0 || this.#label.labelStream < 0)
      return { ...accepted, frame: null };
    const parents = found.parents.map((builders) => builders.map(put));
    const labelOnly = event.labelOnly;
    const frame = new Frame({
      n,
      time: Float64Array.from(eventRow, (row) => event.time[row]),
      step: Float64Array.from(eventRow, (row) => event.step[row]),
      labelOnly: labelOnly === null ? null : Uint8Array.from(eventRow, (row) => labelOnly[row]),
      partition: Int32Array.from(eventRow, (row) => event.partition[row]),
      offset: Float64Array.from(eventRow, (row) => event.offset[row]),
      columns: this.#columns(event, { eventRow, carried, parents }, column),
    });
    return { ...accepted, frame };
  }

  #columns(
    event: Frame,
    rows: {
      eventRow: Int32Array;
      carried: readonly Column[];
      parents: readonly (readonly Column[])[];
    },
    column: ColumnOf,
  ): (Column | undefined)[] {
    return this.#slots.map(({ op, physical }) => {
      switch (op.kind) {
        case 'event':
          return takeRows(column(this.#label.event.stream, event, op.slot), rows.eventRow);
        case 'anchor':
          return rows.carried[this.#carry.anchorSlots.indexOf(op.slot)];
        case 'parent': {
          const r = this.#label.routes.findIndex((route) => route.of === op.label);
          // No route of this level leads to that parent: the rows came another way.
          if (r < 0) return finish(output(physical, rows.eventRow.length));
          return rows.parents[r][this.#carry.parentSlots[r].indexOf(op.slot)];
        }
        default:
          return undefined;
      }
    });
  }
}

/** Matches one route; gives the events it had no candidate for. */
function route(
  at: {
    ring: RouteRing;
    r: number;
    rows: RingRows | null;
    event: Frame | null;
    key: HashColumn | null;
    pending: Int32Array;
  },
  found: Found,
): Int32Array {
  const { ring, rows, event, key, pending } = at;
  let put = 0;
  let unmatched = 0;
  for (let p = 0; event !== null && key !== null && p < pending.length; p++) {
    const row = pending[p];
    for (; rows !== null && put < rows.n && rows.step[put] <= event.step[row]; put++)
      ring.put(rows, put);
    const candidates = ring.match(key.lo[row], key.hi[row], event.time[row]);
    if (candidates.length === 0) pending[unmatched++] = row;
    else found.add(ring, at.r, { row, hi: key.hi[row], candidates });
  }
  for (; rows !== null && put < rows.n; put++) ring.put(rows, put);
  return pending.subarray(0, unmatched);
}

/** Matches in the order in which routes find them. */
class Found {
  n = 0;
  eventRow = new Int32Array(16);
  readonly anchors = new AnchorList();
  readonly carried: readonly RowBuilder[];
  /** By route; routes of one parent share their builders. */
  readonly parents: readonly (readonly RowBuilder[])[];
  readonly #into: readonly (readonly RowBuilder[])[];

  constructor(carry: Carry) {
    this.carried = carry.anchorPhysical.map((kind) => new RowBuilder(kind));
    const shared = new Map<string, RowBuilder[]>();
    this.parents = carry.parentPhysical.map((kinds, r) => {
      const name = `${carry.parents[r]}`;
      const builders = shared.get(name) ?? kinds.map((kind) => new RowBuilder(kind));
      shared.set(name, builders);
      return builders;
    });
    this.#into = this.parents.map((builders) => [...this.carried, ...builders]);
  }

  add(
    ring: RouteRing,
    r: number,
    match: { row: number; hi: number; candidates: readonly number[] },
  ): void {
    const { slab } = ring.shard(match.hi);
    const into = this.#into[r];
    for (const at of match.candidates) {
      const i = this.n++;
      if (i === this.eventRow.length) this.eventRow = grown(this.eventRow, new Int32Array(i * 2));
      this.eventRow[i] = match.row;
      this.anchors.addFrom(slab, at);
      for (const builder of this.carried) builder.rows(i + 1);
      for (const builders of this.parents) for (const builder of builders) builder.rows(i + 1);
      if (into.length > 0) ring.codec.read(slab, at + ANCHOR_WORDS, into, i);
    }
  }

  /** Positions by event row, keeping the order of one event's candidates; null: they are so already. */
  order(): Int32Array | null {
    let ascending = true;
    for (let i = 1; i < this.n && ascending; i++)
      ascending = this.eventRow[i - 1] <= this.eventRow[i];
    if (ascending) return null;
    const order = Int32Array.from({ length: this.n }, (_, i) => i);
    return order.sort((a, b) => this.eventRow[a] - this.eventRow[b] || a - b);
  }
}

function reordered(anchors: AnchorList, order: Int32Array): AnchorList {
  const out = new AnchorList();
  for (const row of order) out.addRow(anchors, row);
  return out;
}

/** Rows whose mask is 1. */
function rowsOf(n: number, mask: Uint8Array | null): Int32Array {
  const rows = new Int32Array(n);
  let count = 0;
  for (let i = 0; i < n; i++) {
    if (mask === null || mask[i] === 1) rows[count++] = i;
  }
  return rows.subarray(0, count);
}
