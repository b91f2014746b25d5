import type { Value } from '../../operators/column/column.ts';

/** How an emitted label came to be (the emission table of the design). */
export type LabelKind =
  | 'observed'
  | 'late_positive'
  | 'matured'
  | 'confirmed_negative'
  | 'cancelled'
  | 'unknown'
  | 'absent'
  | 'audit';

/** One label in a row. Times are integer milliseconds since the epoch, `elapsed` is in ms. */
export type EmittedLabel = {
  /** 0 or 1, or between them where credit is divided; null where the kind is `unknown` or `absent`. In an audit row: the final value. */
  readonly value: number | null;
  /** A `LabelKind`; a string here, so that a reader of files need not check it first. */
  readonly kind: string;
  readonly deadline: number;
  /** Emission time minus the anchor's time. */
  readonly elapsed: number;
  /** Only of a `cancelled` label that is a fraction: the value that is taken back. */
  readonly was?: number;
  /** Audit rows only: 1 if it was positive at the wait. */
  readonly atWait?: number | null;
  /** Audit rows only: 1 if the label was ever positive, cancelled later or not. */
  readonly ever?: number | null;
};

/**
 * One emission of one example set, as the trainer reads it: plain data, columns by index.
 * `labels` holds the labels due in this row only; the others are masked in training.
 */
export type ExampleRow = {
  /** The example set's name. */
  readonly set: string;
  /** The anchor's id. */
  readonly id: string;
  /** The anchor's time, ms. */
  readonly time: number;
  /** The emission time, ms. */
  readonly emitted: number;
  /** Set for the two rows of an audited anchor: `shown` (no labels), then `audit` (final ones). */
  readonly kind?: 'shown' | 'audit' | undefined;
  readonly labels: Readonly<Record<string, EmittedLabel>>;
  /** By column index, in the order of the set's `features`. */
  readonly features: readonly Value[];
  /** In (0, 1]: losses and metrics weigh the row by 1 / sampleRate. */
  readonly sampleRate: number;
};
