/** Builds an emission batch row by row. */
import type { Physical } from '../../dsl/types.ts';
import { assert } from '../assert.ts';
import { grown, RowBuilder } from '../column/row-builder.ts';
import type { EmissionBatch } from './emission-batch.ts';
import { sortEmissions } from './emission-order.ts';

const ROWS_MIN = 64;

type LabelRows = {
  value: Uint8Array;
  kind: Uint8Array;
  deadline: Float64Array;
  atWait: Uint8Array;
  ever: Uint8Array;
  credit: Int32Array | null;
};

export class EmissionRows {
  n = 0;
  /** The id, then the features: one builder for each column of the frozen row. */
  readonly columns: readonly RowBuilder[];
  readonly #audited: boolean;
  readonly #labels: LabelRows[];
  #emitted = new Float64Array(ROWS_MIN);
  #time = new Float64Array(ROWS_MIN);
  #kind = new Uint8Array(ROWS_MIN);
  #rate = new Float64Array(ROWS_MIN);

  /** `physical`: of the id and the features. `divides`: by label, whether its value is a fraction. */
  constructor(physical: readonly Physical[], divides: readonly boolean[], audited: boolean) {
    this.columns = physical.map((kind) => new RowBuilder(kind, ROWS_MIN));
    this.#audited = audited;
    this.#labels = divides.map((isFraction) => ({
      value: new Uint8Array(ROWS_MIN).fill(2),
      kind: new Uint8Array(ROWS_MIN),
      deadline: new Float64Array(ROWS_MIN).fill(Number.NaN),
      atWait: new Uint8Array(ROWS_MIN).fill(2),
      ever: new Uint8Array(ROWS_MIN).fill(2),
      credit: isFraction ? new Int32Array(ROWS_MIN) : null,
    }));
  }

  /** A new row, its labels absent; gives its index. Its id and features are the caller's to fill in. */
  add(row: { emitted: number; time: number; kind: number; sampleRate: number }): number {
    const i = this.n++;
    if (i === this.#emitted.length) this.#grow(i * 2);
    for (const builder of this.columns) builder.rows(i + 1);
    this.#emitted[i] = row.emitted;
    this.#time[i] = row.time;
    this.#kind[i] = row.kind;
    this.#rate[i] = row.sampleRate;
    return i;
  }

  label(row: number, label: number, set: { value: number; kind: number; deadline: number }): void {
    const columns = this.#labels[label];
    columns.value[row] = set.value;
    columns.kind[row] = set.kind;
    columns.deadline[row] = set.deadline;
  }

  /** Millionths; nothing where the label is no fraction. */
  credit(row: number, label: number, share: number): void {
    const { credit } = this.#labels[label];
    if (credit !== null) credit[row] = share;
  }

  audit(row: number, label: number, atWait: number, ever: number): void {
    this.#labels[label].atWait[row] = atWait;
    this.#labels[label].ever[row] = ever;
  }

  /** The rows so far, in order; the builder must not be used after. */
  finish(): EmissionBatch {
    const { n } = this;
    const emitted = this.#emitted.subarray(0, n);
    const time = this.#time.subarray(0, n);
    const [id, ...features] = this.columns.map((builder) => builder.finish(n));
    assert(id.kind === 'text', 'an id is a text');
    return sortEmissions({
      n,
      emitted,
      time,
      id,
      kind: this.#kind.subarray(0, n),
      labels: this.#labels.map((label) => ({
        value: label.value.subarray(0, n),
        kind: label.kind.subarray(0, n),
        deadline: label.deadline.subarray(0, n),
        credit: label.credit?.subarray(0, n) ?? null,
        elapsed: emitted.map((at, i) => (label.kind[i] === 0 ? Number.NaN : at - time[i])),
        audit: this.#audited
          ? { atWait: label.atWait.subarray(0, n), ever: label.ever.subarray(0, n) }
          : null,
      })),
      sampleRate: this.#rate.subarray(0, n),
      features,
    });
  }

  #grow(size: number): void {
    const from = this.#emitted.length;
    this.#emitted = grown(this.#emitted, new Float64Array(size));
    this.#time = grown(this.#time, new Float64Array(size));
    this.#kind = grown(this.#kind, new Uint8Array(size));
    this.#rate = grown(this.#rate, new Float64Array(size));
    for (const label of this.#labels) {
      label.value = grown(label.value, new Uint8Array(size)).fill(2, from);
      label.kind = grown(label.kind, new Uint8Array(size));
      if (label.credit !== null) label.credit = grown(label.credit, new Int32Array(size));
      label.deadline = grown(label.deadline, new Float64Array(size)).fill(Number.NaN, from);
      label.atWait = grown(label.atWait, new Uint8Array(size)).fill(2, from);
      label.ever = grown(label.ever, new Uint8Array(size)).fill(2, from);
    }
  }
}
