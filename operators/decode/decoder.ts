/** What every decoder makes of bytes: a batch of records of one scan, in columns. */
import type { Column, HashColumn } from '../column/column.ts';

/** A batch never holds more rows. */
export const BATCH_ROWS_MAX = 4096;

/** Longest line (record) that is parsed, in bytes; a longer one is malformed and its rest is skipped. */
export const LINE_BYTES_MAX = 1 << 20;

/** The columns of one scan field: as the plan asks (`ScanField.value`, `ScanField.hash`). */
export type DecodedColumn = {
  readonly value?: Column | undefined;
  readonly hash?: HashColumn | undefined;
};

/**
 * What is wrong, as a side table ordered by row, then by field. `field` is an index of the scan's fields, or -1 when
 * the whole record is bad (then it is the row's only entry); `reason` is a code of decode-reasons.ts.
 */
export type BadFields = {
  readonly count: number;
  readonly row: Int32Array;
  readonly field: Int32Array;
  readonly reason: Uint8Array;
};

/**
 * Rows `firstOffset .. firstOffset + n` of one partition. Offsets are row ordinals, malformed ones counted and blank
 * lines not. Columns have at least `n` rows; a bad field's cell is null. Text columns share `rawBytes` or an arena
 * beside it. The reader of a batch owns it until it calls `release`.
 */
export type DecodedBatch = {
  readonly n: number;
  readonly firstOffset: number;
  /** By scan field. */
  readonly columns: readonly DecodedColumn[];
  readonly bad: BadFields;
  /** By row: 0, or the number of the erasure by which it is as if the record were not there (erasure.ts). Absent: all 0. */
  readonly erased?: Uint16Array;
  /** By row: 1 where it is not of the time span that is read; absent: all are. */
  readonly outside?: Uint8Array;
  /** Source of row i: rawBytes[rawStart[i] .. rawEnd[i]); rawStart -1 where it was not kept. */
  readonly rawBytes: Uint8Array;
  readonly rawStart: Int32Array;
  readonly rawEnd: Int32Array;
  /** Optional: a promise that nobody reads the batch or its columns any more, so its arrays may be used again. */
  readonly release: () => void;
};

/** The source text of a row, for the quarantine; null where it was not kept. */
export function rawText(batch: DecodedBatch, row: number): string | null {
  const start = batch.rawStart[row]!;
  return start < 0 ? null : decoder.decode(batch.rawBytes.subarray(start, batch.rawEnd[row]!));
}

const decoder = new TextDecoder();
