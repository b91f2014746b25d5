/**
 * One segment file of the embedded log. Little-endian.
 *
 *   header  16 B   'MLOG', u32 version, f64 offset of its first record
 *   batch   24 B   u32 payload bytes, u32 CRC-32 of the 16 bytes that follow and the payload,
 *                  f64 offset of its first record, u32 records, u32 zero
 *           payload: per record u32 length, u32 zero, bytes, zeroes up to a multiple of 8
 *
 * A batch is whole or absent: what a crash left half written at the end of the last segment is cut off at open. A bad
 * batch with a good one behind it is no torn tail but damage, and a Fault: at open, or in a long segment when it is read.
 */
import { assert } from '../../operators/assert.ts';
import { LOG_BATCH_BYTES_MAX } from '../config.ts';
import { Fault } from '../fault.ts';
import type { AppendFile } from '../files.ts';
import { crc32 } from '../store/checksum.ts';
import type { LogRecord } from './log.ts';

export const SEGMENT_HEADER_BYTES = 16;
const BATCH_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 8;
/** Records begin at multiples of it, so that arrays in them can be used where they lie. */
const ALIGN = 8;
/** Of a longer segment only headers and the last batches are read at open. */
const VERIFIED_BYTES_MAX = 4 * 1024 * 1024;
const VERSION = 2;
const MAGIC = 0x474f4c4d;

export class LogSegment {
  readonly base: number;
  readonly file: AppendFile;
  /** Offset after the last record. */
  end: number;
  readonly #batchOffsets: number[] = [];
  readonly #batchPositions: number[] = [];

  private constructor(file: AppendFile, base: number) {
    this.file = file;
    this.base = base;
    this.end = base;
  }

  static async create(file: AppendFile, base: number): Promise<LogSegment> {
    const header = new DataView(new ArrayBuffer(SEGMENT_HEADER_BYTES));
    header.setUint32(0, MAGIC, true);
    header.setUint32(4, VERSION, true);
    header.setFloat64(8, base, true);
    await file.truncate(0);
    await file.append(new Uint8Array(header.buffer));
    await file.sync();
    return new LogSegment(file, base);
  }

  /** Reads the batch headers and checks checksums; `last` allows (and cuts off) a torn tail. */
  static async open(file: AppendFile, base: number, last: boolean): Promise<LogSegment> {
    const header = await file.readAt(0, SEGMENT_HEADER_BYTES);
    if (header.length < SEGMENT_HEADER_BYTES && last) return LogSegment.create(file, base);
    const view = viewOf(header);
    if (
      header.length < SEGMENT_HEADER_BYTES ||
      view.getUint32(0, true) !== MAGIC ||
      view.getFloat64(8, true) !== base
    ) {
      throw damaged(file.path, 0, 'its header is not that of a log segment');
    }
    const version = view.getUint32(4, true);
    if (version !== VERSION) throw damaged(file.path, 0, `its format ${version} is not known here`);
    const segment = new LogSegment(file, base);
    await segment.#scan(last);
    return segment;
  }

  async append(values: readonly Uint8Array[], sync: boolean): Promise<void> {
    const batch = encodeBatch(values, this.end);
    const position = this.file.length;
    try {
      await this.file.append(batch);
      if (sync) await this.file.sync();
    } catch (error) {
      // A half-written batch would hide the next one behind it.
      if (this.file.length !== position) await this.file.truncate(position).catch(() => undefined);
      throw error;
    }
    this.#batchOffsets.push(this.end);
    this.#batchPositions.push(position);
    this.end += values.length;
  }

  async read(offset: number, bytesMax: number): Promise<LogRecord[]> {
    const out: LogRecord[] = [];
    let bytes = 0;
    for (let i = this.#batchOf(offset); i < this.#batchPositions.length; i++) {
      const position = this.#batchPositions[i]!;
      const end = this.#batchPositions[i + 1] ?? this.file.length;
      if (out.length > 0 && bytes + (end - position) > bytesMax) break;
      const batch = await this.file.readAt(position, end - position);
      const records = decodeBatch(batch, this.#batchOffsets[i]!);
      if (records === null) throw damaged(this.file.path, position, 'a checksum does not match');
      for (const record of records) if (record.offset >= offset) out.push(record);
      bytes += end - position;
    }
    return out;
  }

  async #scan(last: boolean): Promise<void> {
    const { file } = this;
    let position = SEGMENT_HEADER_BYTES;
    while (position < file.length) {
      const header = await this.#headerAt(position);
      if (header === null || header.offset !== this.end) break;
      this.#batchOffsets.push(this.end);
      this.#batchPositions.push(position);
      this.end += header.count;
      position += header.bytes;
    }
    const whole = await this.#wholeBatches();
    if (whole === this.#batchPositions.length && position === file.length) return;
    const bad = this.#batchPositions[whole] ?? position;
    if (!last || (await this.#hasBatchBehind(bad))) {
      throw damaged(file.path, bad, 'a checksum does not match');
    }
    this.end = this.#batchOffsets[whole] ?? this.end;
    this.#batchOffsets.length = whole;
    this.#batchPositions.length = whole;
    await file.truncate(bad);
    await file.sync();
  }

  /** How many batches stand before the first bad one; of a long segment, before the bad ones at its end. */
  async #wholeBatches(): Promise<number> {
    const count = this.#batchPositions.length;
    if (this.file.length <= VERIFIED_BYTES_MAX) {
      for (let i = 0; i < count; i++) if (!(await this.#isWhole(i))) return i;
      return count;
    }
    let whole = count;
    while (whole > 0 && !(await this.#isWhole(whole - 1))) whole--;
    return whole;
  }

  async #isWhole(i: number): Promise<boolean> {
    return (await this.#batchAt(this.#batchPositions[i]!, this.#batchOffsets[i]!)) !== null;
  }

  /** Of the batch there, if it lies within the file: its bytes, records, and the offset of its first record. */
  async #headerAt(
    position: number,
  ): Promise<{ bytes: number; count: number; offset: number } | null> {
    const header = await this.file.readAt(position, BATCH_HEADER_BYTES);
    if (header.length < BATCH_HEADER_BYTES) return null;
    const view = viewOf(header);
    const bytes = BATCH_HEADER_BYTES + view.getUint32(0, true);
    if (bytes > LOG_BATCH_BYTES_MAX || position + bytes > this.file.length) return null;
    return { bytes, count: view.getUint32(16, true), offset: view.getFloat64(8, true) };
  }

  async #batchAt(position: number, offset: number): Promise<LogRecord[] | null> {
    const header = await this.#headerAt(position);
    if (header === null) return null;
    return decodeBatch(await this.file.readAt(position, header.bytes), offset);
  }

  /** Whether a whole batch follows the bad one: then this is damage, not a write cut short. */
  async #hasBatchBehind(position: number): Promise<boolean> {
    const bad = await this.file.readAt(position, BATCH_HEADER_BYTES);
    if (bad.length < BATCH_HEADER_BYTES) return false;
    const next = position + BATCH_HEADER_BYTES + viewOf(bad).getUint32(0, true);
    const behind = await this.#headerAt(next);
    return behind !== null && (await this.#batchAt(next, behind.offset)) !== null;
  }

  /** Index of the batch that holds `offset`. */
  #batchOf(offset: number): number {
    let low = 0;
    let high = this.#batchOffsets.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#batchOffsets[middle]! <= offset) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

function encodeBatch(values: readonly Uint8Array[], offset: number): Uint8Array {
  let payload = 0;
  for (const value of values) payload += RECORD_HEADER_BYTES + padded(value.length);
  assert(payload <= LOG_BATCH_BYTES_MAX, `a log batch of ${payload} bytes`);
  const bytes = new Uint8Array(BATCH_HEADER_BYTES + payload);
  const view = viewOf(bytes);
  view.setUint32(0, payload, true);
  view.setFloat64(8, offset, true);
  view.setUint32(16, values.length, true);
  let at = BATCH_HEADER_BYTES;
  for (const value of values) {
    view.setUint32(at, value.length, true);
    bytes.set(value, at + RECORD_HEADER_BYTES);
    at += RECORD_HEADER_BYTES + padded(value.length);
  }
  view.setUint32(4, crc32(bytes.subarray(8)), true);
  return bytes;
}

/** The records of a batch that must begin at `offset`; null when anything about it is wrong. */
function decodeBatch(bytes: Uint8Array, offset: number): LogRecord[] | null {
  if (bytes.length < BATCH_HEADER_BYTES) return null;
  const view = viewOf(bytes);
  if (view.getUint32(0, true) !== bytes.length - BATCH_HEADER_BYTES) return null;
  if (view.getUint32(4, true) !== crc32(bytes.subarray(8))) return null;
  if (view.getFloat64(8, true) !== offset) return null;
  const count = view.getUint32(16, true);
  const records: LogRecord[] = [];
  let at = BATCH_HEADER_BYTES;
  for (let i = 0; i < count; i++) {
    const length = view.getUint32(at, true);
    const from = at + RECORD_HEADER_BYTES;
    records.push({ offset: offset + i, value: bytes.subarray(from, from + length) });
    at = from + padded(length);
  }
  return records;
}

function padded(length: number): number {
  return Math.ceil(length / ALIGN) * ALIGN;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function damaged(path: string, position: number, what: string): Fault {
  return new Fault('log_damaged', `${path} is damaged at byte ${position}: ${what}.`, {
    context: { path, position },
  });
}
