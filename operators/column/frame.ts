import type { Column } from './column.ts';

/**
 * A batch of one stream's rows (or of one anchor's rows): columns by slot, filled as they are asked for.
 * Rows are in step order. `time` is the event's own time; `step` when it is applied (later than `time` only for
 * label-only late events, marked in `labelOnly`).
 */
export class Frame {
  readonly n: number;
  readonly time: Float64Array;
  readonly step: Float64Array;
  /** 1: late for features, still applied by labels. Null: no such row. */
  readonly labelOnly: Uint8Array | null;
  readonly partition: Int32Array;
  readonly offset: Float64Array;
  readonly columns: (Column | undefined)[];

  constructor(rows: {
    n: number;
    time: Float64Array;
    step: Float64Array;
    labelOnly: Uint8Array | null;
    partition: Int32Array;
    offset: Float64Array;
    columns: (Column | undefined)[];
  }) {
    this.n = rows.n;
    this.time = rows.time;
    this.step = rows.step;
    this.labelOnly = rows.labelOnly;
    this.partition = rows.partition;
    this.offset = rows.offset;
    this.columns = rows.columns;
  }
}
