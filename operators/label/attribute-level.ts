/**
 * A label, or several that differ in windows and credit alone: its events against its routes, in order, over one batch. A
 * route takes the rows of its ring and the events in step order, ring rows first at equal times; the first route with any
 * candidate has the event. Labels side by side share rings and pass: an event is looked for once for each, in one ring.
 */
import type { LabelPlan, Plan } from '../../compiler/plan/plan.ts';
import { type Credit, dividesCredit, WHOLE_CREDIT } from '../../dsl/credit.ts';
import type { Column, HashColumn } from '../column/column.ts';
import { Frame } from '../column/frame.ts';
import { takeRows } from '../column/gather-rows.ts';
import { grown, RowBuilder } from '../column/row-builder.ts';
import { type ColumnOf, hashOf, maskOf } from '../enrich.ts';
import { nulls } from '../keyspace/answers.ts';
import type { SlabSet } from '../state/slab.ts';
import { stateName } from '../state/state-name.ts';
import { ANCHOR_WORDS, AnchorList } from './attribute-anchors.ts';
import type { Carry } from './attribute-carry.ts';
import { type RingRows, RouteRing } from './attribute-route.ts';
import { creditShares } from './credit-shares.ts';

/** Credited events: in order of their event's step, then of their candidate's. */
export type Accepted = {
  readonly n: number;
  /** Row of the event's frame. */
  readonly eventRow: Int32Array;
  readonly anchors: AnchorList;
  /** Millionths of the event that each is credited with. */
  readonly share: Int32Array;
  /** By the label's carried anchor slots. */
  readonly carried: readonly Column[];
  /** The label stream's frame; null: nobody reads it, or no row. */
  readonly frame: Frame | null;
};

export class AttributionLevel {
  readonly #labels: readonly LabelPlan[];
  readonly #carry: Carry;
  readonly #rings: readonly RouteRing[];
  readonly #streams: Plan['streams'];

  /** `labels`: those that share rings; the first one names their state. `carry`: of all of them. */
  constructor(plan: Plan, labels: readonly LabelPlan[], carry: Carry, slabs: readonly SlabSet[]) {
    const [label] = labels;
    this.#labels = labels;
    this.#carry = carry;
    this.#streams = plan.streams;
    const latenessMs = plan.streams[label.event.stream].labelsLateMs ?? 0;
    this.#rings = label.routes.map(
      (route, r) =>
        new RouteRing(slabs, `label/${label.kept?.name ?? stateName(label)}/${r}`, {
          withinMs: Math.max(
            label.kept?.withinMs[r] ?? 0,
            ...labels.map(({ routes }) => routes[r].withinMs),
          ),
          chained: route.of !== null,
          latenessMs,
          physical: [...carry.anchorPhysical, ...carry.parentPhysical[r]],
        }),
    );
  }

  expire(frontier: number): void {
    for (const ring of this.#rings) ring.expire(frontier);
  }

  /** `rings`: what enters each route's ring in this batch, null for nothing. Gives each label's, in their order. */
  run(
    event: Frame | null,
    rings: readonly (RingRows | null)[],
    column: ColumnOf,
  ): readonly Accepted[] {
    const [{ event: source, routes }] = this.#labels;
    const rows =
      event === null
        ? new Int32Array(0)
        : rowsOf(event.n, maskOf(event, source.stream, source.mask, column));
    const matches = this.#labels.map(
      (label): Matches => ({
        label,
        found: new Found(this.#carry),
        matched: new Uint8Array(rows.length),
      }),
    );
    this.#rings.forEach((ring, r) => {
      const key = event === null ? null : hashOf(column(source.stream, event, routes[r].eventKey));
      matchRoute({ ring, r, entering: rings[r], event, key, rows }, matches);
    });
    return matches.map(({ label, found }) => this.#accepted(label, event, found, column));
  }

  #accepted(label: LabelPlan, event: Frame | null, found: Found, column: ColumnOf): Accepted {
    const { n } = found;
    const order = found.order();
    const put = (builder: RowBuilder) =>
      order === null ? builder.finish(n) : takeRows(builder.finish(n), order);
    const anchors = order === null ? found.anchors : reordered(found.anchors, order);
    const rows = found.eventRow.subarray(0, n);
    const eventRow = order === null ? rows : rows.map((_, i) => found.eventRow[order[i]]);
    const shares = found.share.subarray(0, n);
    const share = order === null ? shares : shares.map((_, i) => found.share[order[i]]);
    const carried = found.carried.map(put);
    const accepted = { n, eventRow, anchors, share, carried };
    if (event === null || n === 0 || label.labelStream < 0) return { ...accepted, frame: null };
    const parents = found.parents.map((builders) => builders.map(put));
    const labelOnly = event.labelOnly;
    const frame = new Frame({
      n,
      time: Float64Array.from(eventRow, (row) => event.time[row]),
      step: Float64Array.from(eventRow, (row) => event.step[row]),
      labelOnly: labelOnly === null ? null : Uint8Array.from(eventRow, (row) => labelOnly[row]),
      partition: Int32Array.from(eventRow, (row) => event.partition[row]),
      offset: Float64Array.from(eventRow, (row) => event.offset[row]),
      columns: this.#columns(label, event, { eventRow, share, carried, parents }, column),
    });
    return { ...accepted, frame };
  }

  #columns(
    label: LabelPlan,
    event: Frame,
    rows: {
      eventRow: Int32Array;
      share: Int32Array;
      carried: readonly Column[];
      parents: readonly (readonly Column[])[];
    },
    column: ColumnOf,
  ): (Column | undefined)[] {
    return this.#streams[label.labelStream].slots.map(({ op, physical }) => {
      switch (op.kind) {
        case 'event':
          return takeRows(column(label.event.stream, event, op.slot), rows.eventRow);
        case 'anchor':
          return rows.carried[this.#carry.anchorSlots.indexOf(op.slot)];
        case 'credit':
          return {
            kind: 'f64',
            data: Float64Array.from(rows.share, (share) => share / WHOLE_CREDIT),
          };
        case 'parent': {
          const r = label.routes.findIndex((route) => route.of === op.label);
          // No route of this level leads to that parent: the rows came another way.
          if (r < 0) return nulls(physical, rows.eventRow.length);
          return rows.parents[r][this.#carry.parentSlots[r].indexOf(op.slot)];
        }
        default:
          return undefined;
      }
    });
  }
}

/** What one of the labels found so far; `matched` by place in the batch's event rows. */
type Matches = {
  readonly label: LabelPlan;
  readonly found: Found;
  readonly matched: Uint8Array;
};

/** Matches one route: the events that each label has no candidate for yet. */
function matchRoute(
  at: {
    ring: RouteRing;
    r: number;
    entering: RingRows | null;
    event: Frame | null;
    key: HashColumn | null;
    rows: Int32Array;
  },
  matches: readonly Matches[],
): void {
  const { ring, r, entering, event, key, rows } = at;
  let put = 0;
  for (let p = 0; event !== null && key !== null && p < rows.length; p++) {
    const row = rows[p];
    for (; entering !== null && put < entering.n && entering.step[put] <= event.step[row]; put++)
      ring.put(entering, put);
    for (const { label, found, matched } of matches) {
      if (matched[p] === 1) continue;
      const { withinMs } = label.routes[r];
      const { credit } = label;
      const candidates = ring.match(key.lo[row], key.hi[row], event.time[row], {
        withinMs,
        credit,
      });
      if (candidates.length === 0) continue;
      matched[p] = 1;
      const shares = sharesOf(ring, key.hi[row], candidates, credit);
      found.add(ring, r, { row, hi: key.hi[row], candidates, shares });
    }
  }
  for (; entering !== null && put < entering.n; put++) ring.put(entering, put);
}

/** By candidate, in millionths; null: each has the whole event. */
function sharesOf(
  ring: RouteRing,
  hi: number,
  candidates: readonly number[],
  credit: Credit,
): readonly number[] | null {
  if (!dividesCredit(credit)) return null;
  const { f64 } = ring.shard(hi).slab;
  return creditShares(
    credit,
    // A row's own time lies before its payload.
    candidates.map((at) => f64[at - 1]),
  );
}

/** Matches in the order in which routes find them. A share that is rounded to nothing is no match. */
class Found {
  n = 0;
  eventRow = new Int32Array(16);
  share = new Int32Array(16);
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
    match: {
      row: number;
      hi: number;
      candidates: readonly number[];
      shares: readonly number[] | null;
    },
  ): void {
    const { slab } = ring.shard(match.hi);
    const into = this.#into[r];
    for (const [c, at] of match.candidates.entries()) {
      const share = match.shares === null ? WHOLE_CREDIT : match.shares[c];
      if (share === 0) continue;
      const i = this.n++;
      if (i === this.eventRow.length) {
        this.eventRow = grown(this.eventRow, new Int32Array(i * 2));
        this.share = grown(this.share, new Int32Array(i * 2));
      }
      this.eventRow[i] = match.row;
      this.share[i] = share;
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
