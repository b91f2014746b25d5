import type { DecodedBatch } from '../../operators/decode/decoder.ts';

/** A place in a source partition: records before it, and the reader's own mark (bytes of a plain file). */
export type ReadPosition = { readonly rows: number; readonly bytes: number };

/** One open source partition, read in order, batch by batch. */
export type RecordReader = {
  /** The next batch; null at the end, for good. */
  read(rowsMax: number): Promise<DecodedBatch | null>;
  /** Behind the last batch that was handed out. */
  position(): ReadPosition;
  close(): Promise<void>;
};
