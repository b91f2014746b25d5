/**
 * `dedup global`: event ids over all partitions of a stream. A stage of its own behind the reorder buffer: which of two copies
 * comes first is decided by step order, not by who was read first, so it depends on neither batches nor the pace of partitions.
 *
 * A copy is dropped when an earlier one was applied with an own time of its step time minus the horizon or later: as within a
 * partition, a copy with the same time is never forgotten too early. The ids and the counts are state as of the frontier.
 */
import type { StreamPlan } from '../../compiler/plan/plan.ts';
import { assert } from '../assert.ts';
import { Frame } from '../column/frame.ts';
import { gatherRows } from '../column/gather-rows.ts';
import { ROOT_USER, type Slab } from '../state/slab.ts';
import { DedupSet, DUPLICATE } from './scan-dedup.ts';

/** Root words beside those of the set: copies dropped, and those of them that were late for features. */
const DROPPED = ROOT_USER + 8;
const DROPPED_LABEL_ONLY = ROOT_USER + 9;

export class GlobalDedup {
  readonly #slab: Slab;
  readonly #slot: number;
  readonly #horizonMs: number;
  readonly #ids: DedupSet;

  /** The stream must have a `dedupSlot`. `slab`: its own. */
  constructor(stream: StreamPlan, slab: Slab) {
    assert(stream.dedupSlot !== undefined, `stream ${stream.name} has no id to compare`);
    this.#slab = slab;
    this.#slot = stream.dedupSlot;
    this.#horizonMs = Math.max(stream.lateMs, stream.labelsLateMs ?? 0, stream.dedupMs ?? 0);
    this.#ids = new DedupSet(slab, this.#horizonMs);
  }

  get dropped(): { readonly rows: number; readonly labelOnly: number } {
    const { f64 } = this.#slab;
    return { rows: f64[DROPPED], labelOnly: f64[DROPPED_LABEL_ONLY] };
  }

  /** The rows of a frame that are no copies; null: none. `frontier`: all later rows have a step time of it or later. */
  keep(frame: Frame, frontier: number): Frame | null {
    const id = frame.columns[this.#slot];
    assert(id?.kind === 'hash', 'an id is a hash');
    const kept = new Int32Array(frame.n);
    let n = 0;
    for (let row = 0; row < frame.n; row++) {
      const since = frame.step[row] - this.#horizonMs;
      const lo = id.lo[row];
      const hi = id.hi[row];
      if (this.#ids.find(lo, hi, Number.POSITIVE_INFINITY, since) === DUPLICATE) {
        this.#count(frame, row);
        continue;
      }
      // All ids have the same offset: what is here came before.
      this.#ids.add(lo, hi, frame.time[row], 0, frame.step[row]);
      kept[n++] = row;
    }
    if (Number.isFinite(frontier)) this.#ids.forgetBefore(frontier - this.#horizonMs);
    if (n === frame.n) return frame;
    return n === 0 ? null : rowsOf(frame, kept.subarray(0, n));
  }

  #count(frame: Frame, row: number): void {
    const { f64, dirty } = this.#slab;
    f64[DROPPED]++;
    if (frame.labelOnly?.[row] === 1) f64[DROPPED_LABEL_ONLY]++;
    dirty[0] = 1;
  }
}

function rowsOf(frame: Frame, rows: Int32Array): Frame {
  const n = rows.length;
  const pieces = new Int32Array(n);
  return new Frame({
    n,
    time: Float64Array.from(rows, (row) => frame.time[row]),
    step: Float64Array.from(rows, (row) => frame.step[row]),
    labelOnly: frame.labelOnly && Uint8Array.from(rows, (row) => frame.labelOnly![row]),
    partition: Int32Array.from(rows, (row) => frame.partition[row]),
    offset: Float64Array.from(rows, (row) => frame.offset[row]),
    columns: frame.columns.map((column) => column && gatherRows([column], pieces, rows, n)),
  });
}
