/** Rows that one example set emits, in columns. */
import { WHOLE_CREDIT } from '../../dsl/credit.ts';
import type { Column, TextColumn } from '../column/column.ts';

/** What a row is, by code. */
export const ROW_KINDS = ['example', 'shown', 'audit'] as const;
export const ROW_EXAMPLE = 0;
export const ROW_SHOWN = 1;
export const ROW_AUDIT = 2;

/** How a label's value came to be, by code. `absent`: the label is not due in this row. */
export const LABEL_KINDS = [
  'absent',
  'observed',
  'late_positive',
  'matured',
  'confirmed_negative',
  'cancelled',
  'unknown',
  'audit',
] as const;
export const LABEL_ABSENT = 0;
export const LABEL_OBSERVED = 1;
export const LABEL_LATE_POSITIVE = 2;
export const LABEL_MATURED = 3;
export const LABEL_CONFIRMED_NEGATIVE = 4;
export const LABEL_CANCELLED = 5;
export const LABEL_UNKNOWN = 6;
export const LABEL_AUDIT = 7;

/** One label of the set, by row. Values are 0, 1 for a positive, or 2 for none. */
export type LabelColumns = {
  /** Audit rows: the final value. */
  readonly value: Uint8Array;
  /** Index into LABEL_KINDS. */
  readonly kind: Uint8Array;
  /** ms; NaN where the label is absent. As known when the row is emitted. */
  readonly deadline: Float64Array;
  /** Emitted minus the anchor's time, ms; NaN where absent. */
  readonly elapsed: Float64Array;
  /**
   * Of a label that is a fraction: millionths of a positive, and, where one is cancelled, of the one taken back; else 0. Null: a
   * positive is 1.
   */
  readonly credit: Int32Array | null;
  /** Audit rows, else 2: whether it was positive at the wait, and ever. Null where the set has no audit. */
  readonly audit: { readonly atWait: Uint8Array; readonly ever: Uint8Array } | null;
};

/** In the order of the set's columns. One may be made only when it is asked for: who needs no values of it asks for none. */
export type FeatureColumns = {
  readonly length: number;
  at(index: number): Column | undefined;
};

/**
 * Sorted by (emitted, time, id bytes); rows equal in all three are by source position, then as in the emission table. Lent
 * until the pipeline's next step: its columns are written again then (column-pool.ts).
 */
export type EmissionBatch = {
  readonly n: number;
  readonly emitted: Float64Array;
  readonly time: Float64Array;
  readonly id: TextColumn;
  /** Index into ROW_KINDS. */
  readonly kind: Uint8Array;
  /** In the order of the set's labels. */
  readonly labels: readonly LabelColumns[];
  /** In (0, 1]. `shown` and `audit` rows: the audited share. */
  readonly sampleRate: Float64Array;
  readonly features: FeatureColumns;
};

/** A label's value in a row: 0, a positive's part of 1, or null. */
export function labelValue({ value, credit }: LabelColumns, row: number): number | null {
  if (value[row] === 2) return null;
  return value[row] === 1 && credit !== null ? credit[row] / WHOLE_CREDIT : value[row];
}

/** What a `cancelled` row takes back of a label that is a fraction; null elsewhere. */
export function takenBack({ kind, credit }: LabelColumns, row: number): number | null {
  return credit === null || kind[row] !== LABEL_CANCELLED ? null : credit[row] / WHOLE_CREDIT;
}
