/**
 * Parcels as bytes: one record of the exchange. Varint parcels, and for each:
 *
 *   byte version; byte 0 scan or 1 shard, varints which (stream and partition, or shard); varint epoch; 32 bytes plan digest;
 *   varint sections, and for each:
 *     varints channel, producer, from; byte flags (1 ended, 2 the watermark is the frontier, 4 no row is late,
 *     8 ordinals, 16 idle); double frontier; the watermark; varint rows; where there are any: times, steps (where some are late, with
 *     a byte a row), partitions, offsets, ordinals, then the columns as the channel's physical kinds say
 *
 *   f64: numbers; bool: a byte each; hash: low lanes, high lanes; text: lengths + 1 (0: null), bytes;
 *   lists: counts + 1 (0: null), then the values as f64 or text
 *
 * A column that repeats the high lanes of a hash column before it (a home that is the key) is the byte 255 and that column.
 */
import type { ExchangePlan } from '../../compiler/plan/exchange-plan.ts';
import type { Physical } from '../../dsl/types.ts';
import type { Column, HashColumn } from '../../operators/column/column.ts';
import type {
  ExchangeRows,
  Parcel,
  Section,
  Upstream,
} from '../../operators/stages/exchange-rows.ts';
import { Fault } from '../fault.ts';
import { readColumn, writeColumn } from './exchange-column.ts';
import { PackedReader, PackedWriter } from './packed-bytes.ts';

const VERSION = 1;
const DIGEST_BYTES = 32;
const ENDED = 1;
const SAME_WATERMARK = 2;
const NONE_LATE = 4;
const ORDINALS = 8;
const IDLE = 16;
/** Marks a column; no packing has this number. */
const LIKE_LANE = 255;

const writer = new PackedWriter();

/** The parcels' bytes, the caller's own. */
export function encodeParcels(parcels: readonly Parcel[]): Uint8Array {
  writer.varint(parcels.length);
  for (const parcel of parcels) writeParcel(parcel);
  return writer.take();
}

/** A Fault when the bytes are no parcels of this version. `exchange`: of the plan that the parcels name. */
export function decodeParcels(bytes: Uint8Array, exchange: ExchangePlan): Parcel[] {
  const input = new PackedReader(bytes);
  return Array.from({ length: input.varint() }, () => readParcel(input, exchange));
}

function writeParcel({ upstream, epoch, digest, sections }: Parcel): void {
  writer.byte(VERSION);
  if (upstream.kind === 'scan') {
    writer.byte(0);
    writer.varint(upstream.stream);
    writer.varint(upstream.partition);
  } else {
    writer.byte(1);
    writer.varint(upstream.shard);
  }
  writer.varint(epoch);
  writer.blob(Buffer.from(digest, 'hex'));
  writer.varint(sections.length);
  for (const section of sections) writeSection(section);
}

function readParcel(input: PackedReader, exchange: ExchangePlan): Parcel {
  const version = input.byte();
  if (version !== VERSION) {
    throw new Fault(
      'exchange_version',
      `an exchange entry has format ${version}; this version reads ${VERSION}`,
    );
  }
  const upstream: Upstream =
    input.byte() === 0
      ? { kind: 'scan', stream: input.varint(), partition: input.varint() }
      : { kind: 'shard', shard: input.varint() };
  const epoch = input.varint();
  const digest = Buffer.from(input.blob(DIGEST_BYTES)).toString('hex');
  const sections = Array.from({ length: input.varint() }, () => readSection(input, exchange));
  return { upstream, epoch, digest, sections };
}

function writeSection({ channel, producer, from, rows, ...progress }: Section): void {
  const { frontier, watermark, ended, idle } = progress;
  writer.varint(channel);
  writer.varint(producer);
  writer.varint(from);
  writer.byte(
    (ended ? ENDED : 0) |
      (idle ? IDLE : 0) |
      (watermark === frontier ? SAME_WATERMARK : 0) |
      (rows === null || rows.step === rows.time ? NONE_LATE : 0) |
      (rows === null || rows.ordinal === null ? 0 : ORDINALS),
  );
  writer.double(frontier);
  if (watermark !== frontier) writer.double(watermark);
  writer.varint(rows?.n ?? 0);
  if (rows !== null) writeRows(rows);
}

function writeRows({
  n,
  time,
  step,
  labelOnly,
  partition,
  offset,
  ordinal,
  columns,
}: ExchangeRows): void {
  writer.numbers(time, n);
  if (step !== time) {
    writer.numbers(step, n);
    writer.blob((labelOnly ?? new Uint8Array(n)).subarray(0, n));
  }
  writer.numbers(partition, n);
  writer.numbers(offset, n);
  if (ordinal !== null) writer.numbers(ordinal, n);
  for (const [c, column] of columns.entries()) {
    const like = columns.findIndex((other, o) => o < c && repeats(column, other, n));
    if (like < 0) {
      writeColumn(writer, column, n);
    } else {
      writer.byte(LIKE_LANE);
      writer.varint(like);
    }
  }
}

function readSection(input: PackedReader, exchange: ExchangePlan): Section {
  const channel = input.varint();
  const producer = input.varint();
  const from = input.varint();
  const flags = input.byte();
  const frontier = input.double();
  const watermark = (flags & SAME_WATERMARK) !== 0 ? frontier : input.double();
  const n = input.varint();
  const plan = exchange.channels[channel];
  if (plan === undefined) {
    throw new Fault(
      'exchange_damaged',
      `an exchange entry names channel ${channel}: there is none`,
    );
  }
  const rows = n === 0 ? null : readRows(input, n, flags, plan.physical);
  const state = { ended: (flags & ENDED) !== 0, idle: (flags & IDLE) !== 0 };
  return { channel, producer, from, frontier, watermark, ...state, rows };
}

function readRows(
  input: PackedReader,
  n: number,
  flags: number,
  physical: readonly Physical[],
): ExchangeRows {
  const time = input.numbers(n);
  const isLate = (flags & NONE_LATE) === 0;
  const step = isLate ? input.numbers(n) : time;
  const labelOnly = isLate ? input.blob(n).slice() : null;
  const partition = Int32Array.from(input.numbers(n));
  const offset = input.numbers(n);
  const ordinal = (flags & ORDINALS) === 0 ? null : Int32Array.from(input.numbers(n));
  const columns: Column[] = [];
  for (const kind of physical) {
    // Only numbers say how they are packed; nothing else can repeat a lane.
    if (kind === 'f64' && input.peek() === LIKE_LANE) {
      input.byte();
      const { hi } = columns[input.varint()] as HashColumn;
      columns.push({ kind: 'f64', data: Float64Array.from(hi) });
    } else {
      columns.push(readColumn(input, kind, n));
    }
  }
  return { n, time, step, labelOnly, partition, offset, ordinal, columns };
}

/** Whether a column of numbers is the high lanes of another. */
function repeats(column: Column, other: Column, n: number): boolean {
  if (column.kind !== 'f64' || other.kind !== 'hash') return false;
  const { data } = column;
  const { hi } = other;
  for (let i = 0; i < n; i++) if (data[i] !== hi[i]) return false;
  return true;
}
