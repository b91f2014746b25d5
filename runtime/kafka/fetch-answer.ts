import type { Partition } from '../worker/cluster.ts';
import { protocolError } from './client.ts';
import type { AbortedTransaction } from './record-batch.ts';

export type FetchedPartition = Partition & {
  readonly error: Error | null;
  /** Offset behind the last record. */
  readonly end: number;
  /** Offset of the first record of an open transaction, or `end`. */
  readonly lastStable: number;
  readonly aborted: readonly AbortedTransaction[];
  /** Record batches; the last may be cut. */
  readonly records: Buffer;
};

/**
 * A Fetch answer, version 11:
 *
 *   throttle i32, error i16, session i32, topics: name, partitions:
 *     partition i32, error i16, high watermark i64, last stable i64, log start i64, aborted: (producer i64, first i64),
 *     preferred replica i32, records (bytes)
 */
export function readFetchAnswer(answer: Buffer): FetchedPartition[] {
  const found: FetchedPartition[] = [];
  let at = 10;
  const i16 = () => answer.readInt16BE((at += 2) - 2);
  const i32 = () => answer.readInt32BE((at += 4) - 4);
  const i64 = () => answer.readBigInt64BE((at += 8) - 8);
  const code = answer.readInt16BE(4);
  if (code !== 0) throw protocolError(code);
  for (let topics = i32(); topics > 0; topics--) {
    const length = i16();
    const topic = answer.toString('utf8', at, at + length);
    at += length;
    for (let partitions = i32(); partitions > 0; partitions--) {
      const partition = i32();
      const error = i16();
      const end = Number(i64());
      const lastStable = Number(i64());
      i64();
      const aborted: AbortedTransaction[] = [];
      for (let left = i32(); left > 0; left--) {
        const producerId = i64();
        aborted.push({ producerId, firstOffset: Number(i64()) });
      }
      i32();
      const size = Math.max(0, i32());
      const records = answer.subarray(at, at + size);
      at += size;
      found.push({
        ...{ topic, partition, end, lastStable, aborted, records },
        error: error === 0 ? null : protocolError(error),
      });
    }
  }
  return found;
}
