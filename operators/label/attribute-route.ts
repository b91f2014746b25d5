/**
 * One route of a label: the ring of rows an event may be credited to (anchors, or the parent label's accepted events),
 * by target key, over all shards. Row payload: the anchor's reference, then the values it carries.
 */
import type { LabelPlan } from '../../compiler/plan/plan.ts';
import type { Physical } from '../../dsl/types.ts';
import type { Column, HashColumn } from '../column/column.ts';
import { shardOf } from '../hash.ts';
import { RowCodec } from '../state/row-codec.ts';
import { SegmentRows } from '../state/segment-rows.ts';
import type { SlabSet } from '../state/slab.ts';
import { ANCHOR_WORDS, type AnchorRows, sameAnchor, writeAnchor } from './attribute-anchors.ts';

/** Rows that enter a ring, in step order. `anchors` and `values` have a row for each. */
export type RingRows = {
  readonly n: number;
  readonly time: Float64Array;
  readonly step: Float64Array;
  /** Rows that are not 1 are left out; null: all enter. */
  readonly mask: Uint8Array | null;
  /** Rows that are 1 are left out; null: all enter. */
  readonly skip: Uint8Array | null;
  readonly key: HashColumn;
  readonly anchors: AnchorRows;
  readonly values: readonly Column[];
};

export class RouteRing {
  readonly codec: RowCodec;
  readonly #chained: boolean;
  readonly #shards: readonly SegmentRows[];
  readonly #found: number[] = [];

  constructor(
    slabs: readonly SlabSet[],
    name: string,
    options: {
      /** The longest that is asked for. */
      withinMs: number;
      chained: boolean;
      /** How much older than its step time an event may be: rows are kept that much longer. */
      latenessMs: number;
      physical: readonly Physical[];
    },
  ) {
    this.codec = new RowCodec(options.physical);
    this.#chained = options.chained;
    const retentionMs = options.withinMs + options.latenessMs;
    this.#shards = slabs.map((set) => new SegmentRows(set, name, retentionMs));
  }

  get size(): number {
    return this.#shards.reduce((sum, rows) => sum + rows.size, 0);
  }

  expire(frontier: number): void {
    for (const rows of this.#shards) rows.expire(frontier);
  }

  /** Adds one row, unless its key is null or it is left out. */
  put(rows: RingRows, row: number): void {
    if (rows.mask !== null && rows.mask[row] !== 1) return;
    if (rows.skip !== null && rows.skip[row] === 1) return;
    const lo = rows.key.lo[row];
    const hi = rows.key.hi[row];
    if ((lo === 0 && hi === 0) || (rows.anchors.lo[row] === 0 && rows.anchors.hi[row] === 0))
      return;
    const store = this.shard(hi);
    const values = rows.values.length === 0 ? 0 : this.codec.measure(rows.values, row);
    const words = ANCHOR_WORDS + values;
    const at = store.put(lo, hi, { time: rows.time[row], now: rows.step[row], words });
    if (at === 0) return;
    writeAnchor(store.slab, at, rows.anchors, row);
    if (values > 0) this.codec.write(store.slab, at + ANCHOR_WORDS, rows.values, row);
  }

  /**
   * Payload addresses (in the key's shard) that an event of own time `time` is credited to, oldest first: own time in
   * [time - within, time], by the label's credit. Newest means greatest own time, then latest in step order. Where all are credited an anchor
   * counts once, by its newest row. The list is reused by the next call.
   */
  match(
    lo: number,
    hi: number,
    time: number,
    { withinMs, credit }: { readonly withinMs: number; readonly credit: LabelPlan['credit'] },
  ): readonly number[] {
    const found = this.#found;
    found.length = 0;
    if (lo === 0 && hi === 0) return found;
    const store = this.shard(hi);
    const from = time - withinMs;
    if (credit.kind !== 'last' && credit.kind !== 'first') {
      store.all({ lo, hi, from, to: time }, found);
      if (this.#chained) keepNewestOfEachAnchor(store, found);
      found.reverse();
      return found;
    }
    const at =
      credit.kind === 'last' ? store.newest(lo, hi, from, time) : store.oldest(lo, hi, from, time);
    if (at !== 0) found.push(at);
    return found;
  }

  shard(hi: number): SegmentRows {
    return this.#shards[shardOf(hi, this.#shards.length)];
  }
}

/** `found` is newest first; rows of an anchor that came before are taken out. */
function keepNewestOfEachAnchor(store: SegmentRows, found: number[]): void {
  let kept = 0;
  for (const at of found) {
    let known = false;
    for (let k = 0; k < kept && !known; k++) known = sameAnchor(store.slab, found[k], at);
    if (!known) found[kept++] = at;
  }
  found.length = kept;
}
