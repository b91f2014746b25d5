/**
 * Where batches of a live stream end: after so many rows that are trained on, or where a publish is due, by event time. Rows
 * alone decide, so that every reader of the stream cuts it alike.
 */
import { assert } from '../../operators/assert.ts';
import type { ExampleRow } from '../block/example-row.ts';

/** The next rows in order, and what is known of those behind them. */
export type ReadyRows = {
  readonly ready: readonly ExampleRow[];
  /** No row emitted before it is missing. */
  readonly watermark: number;
};

export type LiveCut = {
  /** Rows to train on; may be none. */
  readonly count: number;
  /** The stretch of event time they lie in is over: a publish is due behind them. */
  readonly closes: boolean;
};

export class LiveBatches {
  readonly #rowsMax: number;
  readonly #paceMs: number;
  /** Where the stretch ends that rows were last taken of, and nothing was published since; null: none is open. */
  #openUntil: number | null;

  /** `open`: emission time of the last row taken, if its stretch was not closed yet. */
  constructor(rowsMax: number, paceMs: number, open: number | null) {
    this.#rowsMax = rowsMax;
    this.#paceMs = paceMs;
    this.#openUntil = open === null ? null : this.#endOf(open);
  }

  /** Rows were trained on, and are in no published model. */
  get isOpen(): boolean {
    return this.#openUntil !== null;
  }

  /** The next batch; null: it is not known yet where it ends. `flush`: what is ready is one. */
  next({ ready, watermark }: ReadyRows, flush = false): LiveCut | null {
    const first = ready[0];
    if (first === undefined) return this.#closed(watermark) ?? (flush ? this.#flushed(0) : null);
    this.#openUntil ??= this.#endOf(first.emitted);
    const until = this.#openUntil;
    let trained = 0;
    let count = 0;
    for (; count < ready.length && trained < this.#rowsMax; count++) {
      const row = ready[count]!;
      if (row.emitted >= until) return this.#close(count);
      if (row.kind === undefined) trained++;
    }
    if (trained === this.#rowsMax) return { count, closes: false };
    if (watermark >= until) return this.#close(count);
    return flush ? this.#flushed(count) : null;
  }

  #closed(watermark: number): LiveCut | null {
    const until = this.#openUntil;
    return until === null || watermark < until ? null : this.#close(0);
  }

  /** What comes later in this stretch opens it again. */
  #flushed(count: number): LiveCut | null {
    return this.#openUntil === null ? null : this.#close(count);
  }

  #close(count: number): LiveCut {
    assert(this.#openUntil !== null, 'only an open stretch closes');
    this.#openUntil = null;
    return { count, closes: true };
  }

  #endOf(emitted: number): number {
    return (Math.floor(emitted / this.#paceMs) + 1) * this.#paceMs;
  }
}
