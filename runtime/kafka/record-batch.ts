/**
 * Record batches (format 2) as they stand on the wire, without an object per record: scanning gives offsets into the fetched
 * bytes, writing takes records one after another. Every batch's CRC-32C is checked.
 *
 *   base offset i64, length i32, leader epoch i32, magic i8, crc u32 | attributes i16, last offset delta i32,
 *   first time i64, greatest time i64, producer id i64, producer epoch i16, first sequence i32, records i32, records
 *   record: length, attributes i8, time delta, offset delta, key, value, headers; numbers are zigzag varints
 */
import { crc32c } from '@node-rs/crc32';
import {
  ClusterFault,
  type Isolation,
  type ProducedRecord,
  type Records,
} from '../worker/cluster.ts';
import { CODEC_MASK, compress, decompress } from './codec.ts';
import { RecordColumns } from './record-columns.ts';
import { VarintReader } from './varint-reader.ts';
import { VarintWriter } from './varint-writer.ts';

/** Of a partition's aborted transactions: the producer, and where its first record lies. */
export type AbortedTransaction = { readonly producerId: bigint; readonly firstOffset: number };

export type ScanRequest = {
  /** Records before it are not wanted: a batch may begin earlier. */
  readonly from: number;
  readonly isolation: Isolation;
  readonly aborted: readonly AbortedTransaction[];
  /** For errors. */
  readonly place: string;
};

export type Scanned = { readonly parts: readonly Records[]; readonly next: number };

const HEADER = 61;
/** Bytes before the crc covers anything. */
const CRC_FROM = 21;
const TRANSACTIONAL = 16;
const CONTROL = 32;
const ABORT = 0;

/** The whole batches of a fetched record set; a cut one at its end is left for the next fetch. */
export function scanBatches(set: Buffer, request: ScanRequest): Scanned {
  const parts: Records[] = [];
  const skipping = new Skipping(request.aborted);
  let columns: RecordColumns | null = null;
  let next = request.from;
  for (let at = 0; at + HEADER <= set.length; ) {
    const end = at + 12 + set.readInt32BE(at + 8);
    if (end > set.length) break;
    const base = Number(set.readBigInt64BE(at));
    checkBatch(set, at, end, `${request.place} offset ${base}`);
    const attributes = set.readInt16BE(at + 21);
    const last = base + set.readInt32BE(at + 23);
    const producerId = set.readBigInt64BE(at + 43);
    const isControl = (attributes & CONTROL) !== 0;
    const body = set.subarray(at + HEADER, end);
    if (isControl) {
      skipping.ended(producerId, controlType(body) === ABORT);
    } else if (
      last >= request.from &&
      !(
        request.isolation === 'committed' &&
        (attributes & TRANSACTIONAL) !== 0 &&
        skipping.isAborted(producerId, last)
      )
    ) {
      const codec = attributes & CODEC_MASK;
      const batch = { base, firstTime: Number(set.readBigInt64BE(at + 27)), from: request.from };
      const count = set.readInt32BE(at + 57);
      if (codec === 0) {
        columns ??= new RecordColumns(set);
        columns.scan(at + HEADER, end, count, batch);
      } else {
        if (columns !== null) parts.push(columns.finish(base));
        columns = null;
        const inflated = decompress(codec, body);
        const own = new RecordColumns(inflated);
        own.scan(0, inflated.length, count, batch);
        parts.push(own.finish(last + 1));
      }
    }
    next = Math.max(next, last + 1);
    at = end;
  }
  if (columns !== null) parts.push(columns.finish(next));
  return { parts: parts.filter(({ n }) => n > 0), next };
}

export type BatchIdentity = {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly firstSequence: number;
  readonly isTransactional: boolean;
};

/** One batch of records, `now` the time of each. */
export function writeBatch(
  records: readonly ProducedRecord[],
  of: BatchIdentity,
  codec: number,
  now: number,
): Buffer {
  const out = new VarintWriter();
  records.forEach((record, i) => {
    out.record(i, record);
  });
  const body = compress(codec, out.written());
  const batch = Buffer.allocUnsafe(HEADER + body.length);
  batch.writeBigInt64BE(0n, 0);
  batch.writeInt32BE(batch.length - 12, 8);
  batch.writeInt32BE(-1, 12);
  batch.writeInt8(2, 16);
  batch.writeInt16BE(codec | (of.isTransactional ? TRANSACTIONAL : 0), 21);
  batch.writeInt32BE(records.length - 1, 23);
  batch.writeBigInt64BE(BigInt(now), 27);
  batch.writeBigInt64BE(BigInt(now), 35);
  batch.writeBigInt64BE(of.producerId, 43);
  batch.writeInt16BE(of.producerEpoch, 51);
  batch.writeInt32BE(of.firstSequence, 53);
  batch.writeInt32BE(records.length, 57);
  body.copy(batch, HEADER);
  batch.writeUInt32BE(crc32c(batch.subarray(CRC_FROM)), 17);
  return batch;
}

/** Bytes the record takes in a batch, at most. */
export function recordBytes({ key, value, headers }: ProducedRecord): number {
  let bytes = 32 + (key?.length ?? 0) + (value?.length ?? 0);
  for (const [name, text] of Object.entries(headers ?? {}))
    bytes += 10 + 3 * (name.length + text.length);
  return bytes;
}

function checkBatch(set: Buffer, at: number, end: number, place: string): void {
  const magic = set.readInt8(at + 16);
  if (magic !== 2) {
    throw new ClusterFault(
      'fatal',
      'record_format',
      `${place}: record format ${magic} of before Kafka 0.11`,
    );
  }
  if (crc32c(set.subarray(at + CRC_FROM, end)) !== set.readUInt32BE(at + 17)) {
    throw new ClusterFault('retriable', 'crc', `${place}: a record batch arrived damaged`);
  }
}

/** Type of the control record in a control batch: 0 abort, 1 commit. */
function controlType(body: Buffer): number {
  const reader = new VarintReader(body);
  reader.signed();
  reader.at++;
  reader.signed();
  reader.signed();
  reader.signed();
  return body.readInt16BE(reader.at + 2);
}

/** Which producers' transactional records are of an aborted transaction, while a record set is passed in order. */
class Skipping {
  readonly #aborted: AbortedTransaction[];
  readonly #open = new Set<bigint>();

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#aborted = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
  }

  isAborted(producerId: bigint, offset: number): boolean {
    while (this.#aborted.length > 0 && this.#aborted[0]!.firstOffset <= offset) {
      this.#open.add(this.#aborted.shift()!.producerId);
    }
    return this.#open.has(producerId);
  }

  ended(producerId: bigint, isAbort: boolean): void {
    if (isAbort) this.#open.delete(producerId);
  }
}
