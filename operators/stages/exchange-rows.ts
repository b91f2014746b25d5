/**
 * What travels between operators of different shards: rows in columns, in sections of a channel, in parcels.
 *
 * A *link* is one producer (the scan of a partition, a node of a shard) of one channel to one shard. Its entries are numbered
 * from 1, and are the same with the same numbers whenever they are made again: they are a function of the source
 * partitions and of nothing else. Only where they are cut into sections may differ.
 */
import type { Physical } from '../../dsl/types.ts';
import type { Column } from '../column/column.ts';
import { gatherRows, takeRows } from '../column/gather-rows.ts';

/** Rows of one channel. In a section they are in the order of their numbers; `columns` as the channel says. */
export type ExchangeRows = {
  readonly n: number;
  /** Own time, ms; step: when the row is applied, ms. The same array where no row is late. */
  readonly time: Float64Array;
  readonly step: Float64Array;
  /** 1: late for features; null: no such row. */
  readonly labelOnly: Uint8Array | null;
  /** Source position; `ordinal` tells apart what one event became (credits to several anchors); null: all 0. */
  readonly partition: Int32Array;
  readonly offset: Float64Array;
  readonly ordinal: Int32Array | null;
  readonly columns: readonly Column[];
};

/** How far a producer has come on a channel. */
export type Progress = {
  /** Every entry with a step before it has been sent, ms; +infinity: nothing more comes. */
  readonly frontier: number;
  /** Event time up to which the source really spoke, ms; the frontier itself, but for scans that ended or idle. */
  readonly watermark: number;
  /** The source has ended: it says nothing about what comes after its watermark. */
  readonly ended: boolean;
  /** The source is silent, as far as a clock can tell: something to decide by, never to compute with. */
  readonly idle: boolean;
};

/** Entries (from, from + n] of one link, and the producer's progress after them. `rows` null: none. */
export type Section = Progress & {
  readonly channel: number;
  /** Index of the channel's `from`. */
  readonly producer: number;
  readonly from: number;
  readonly rows: ExchangeRows | null;
};

/** Who sent a parcel: the scan of a stream's partition, or a shard. */
export type Upstream =
  | { readonly kind: 'scan'; readonly stream: number; readonly partition: number }
  | { readonly kind: 'shard'; readonly shard: number };

/** What one upstream has for one shard. A record of the shard's exchange partition holds one or several. */
export type Parcel = {
  readonly upstream: Upstream;
  /** Goes up with every owner of the task; a parcel of a lower one is ignored once a higher one has been seen. */
  readonly epoch: number;
  /** Of the plan, as in `Plan.digest`: entries of another plan are refused. */
  readonly digest: string;
  readonly sections: readonly Section[];
};

/** Rows `rows` of `from`, in that order. */
export function takeExchange(from: ExchangeRows, rows: Int32Array): ExchangeRows {
  const time = takeNumbers(from.time, rows);
  const { labelOnly, ordinal } = from;
  return {
    n: rows.length,
    time,
    step: from.step === from.time ? time : takeNumbers(from.step, rows),
    labelOnly: labelOnly === null ? null : takeBytes(labelOnly, rows),
    partition: takeLanes(from.partition, rows),
    offset: takeNumbers(from.offset, rows),
    ordinal: ordinal === null ? null : takeLanes(ordinal, rows),
    columns: from.columns.map((column) => takeRows(column, rows)),
  };
}

/** Rows [start, end) of `from`, as views of its arrays. */
export function sliceExchange(from: ExchangeRows, start: number, end: number): ExchangeRows {
  const time = from.time.subarray(start, end);
  return {
    n: end - start,
    time,
    step: from.step === from.time ? time : from.step.subarray(start, end),
    labelOnly: from.labelOnly?.subarray(start, end) ?? null,
    partition: from.partition.subarray(start, end),
    offset: from.offset.subarray(start, end),
    ordinal: from.ordinal?.subarray(start, end) ?? null,
    columns: from.columns.map((column) => sliceColumn(column, start, end)),
  };
}

function sliceColumn(column: Column, start: number, end: number): Column {
  switch (column.kind) {
    case 'f64':
      return { kind: 'f64', data: column.data.subarray(start, end) };
    case 'bool':
      return { kind: 'bool', data: column.data.subarray(start, end) };
    case 'hash':
      return {
        ...{ kind: 'hash', lo: column.lo.subarray(start, end) },
        hi: column.hi.subarray(start, end),
      };
    case 'text':
      return {
        ...{ kind: 'text', bytes: column.bytes, start: column.start.subarray(start, end) },
        end: column.end.subarray(start, end),
      };
    case 'list_f64':
    case 'list_text': {
      const offsets = column.offsets.subarray(start, end + 1);
      return { ...column, offsets, isNull: column.isNull?.subarray(start, end) ?? null };
    }
  }
}

function takeNumbers(from: Float64Array, rows: Int32Array): Float64Array {
  const out = new Float64Array(rows.length);
  for (let i = 0; i < out.length; i++) out[i] = from[rows[i]];
  return out;
}

function takeLanes(from: Int32Array, rows: Int32Array): Int32Array {
  const out = new Int32Array(rows.length);
  for (let i = 0; i < out.length; i++) out[i] = from[rows[i]];
  return out;
}

function takeBytes(from: Uint8Array, rows: Int32Array): Uint8Array {
  const out = new Uint8Array(rows.length);
  for (let i = 0; i < out.length; i++) out[i] = from[rows[i]];
  return out;
}

/** Rows rows[i] of parts[pieces[i]], in that order. All parts are of one channel; there is at least one. */
export function gatherExchange(
  parts: readonly ExchangeRows[],
  pieces: Int32Array,
  rows: Int32Array,
  physical: readonly Physical[],
): ExchangeRows {
  const n = rows.length;
  const numbers = (of: (part: ExchangeRows) => Float64Array) => {
    const sources = parts.map(of);
    const out = new Float64Array(n);
    for (let i = 0; i < n; i++) out[i] = sources[pieces[i]][rows[i]];
    return out;
  };
  const partition = new Int32Array(n);
  for (let i = 0; i < n; i++) partition[i] = parts[pieces[i]].partition[rows[i]];
  const isLate = parts.some((part) => part.labelOnly !== null);
  const labelOnly = isLate ? new Uint8Array(n) : null;
  for (let i = 0; labelOnly !== null && i < n; i++) {
    labelOnly[i] = parts[pieces[i]].labelOnly?.[rows[i]] ?? 0;
  }
  const isSplit = parts.some((part) => part.ordinal !== null);
  const ordinal = isSplit ? new Int32Array(n) : null;
  for (let i = 0; ordinal !== null && i < n; i++) {
    ordinal[i] = parts[pieces[i]].ordinal?.[rows[i]] ?? 0;
  }
  const time = numbers((part) => part.time);
  const sameTimes = parts.every((part) => part.step === part.time);
  return {
    n,
    time,
    step: sameTimes ? time : numbers((part) => part.step),
    labelOnly,
    partition,
    offset: numbers((part) => part.offset),
    ordinal,
    columns: physical.map((_, c) =>
      gatherRows(
        parts.map((part) => part.columns[c]),
        pieces,
        rows,
        n,
      ),
    ),
  };
}

/** Bytes that the rows take in memory, roughly. */
export function exchangeBytes(rows: ExchangeRows): number {
  let bytes = rows.n * 32;
  for (const column of rows.columns) bytes += columnBytes(column, rows.n);
  return bytes;
}

function columnBytes(column: Column, n: number): number {
  switch (column.kind) {
    case 'f64':
    case 'hash':
      return n * 8;
    case 'bool':
      return n;
    case 'text':
      return n * 8 + column.bytes.length;
    case 'list_f64':
      return n * 4 + column.values.byteLength;
    case 'list_text':
      return n * 4 + columnBytes(column.values, column.values.start.length);
  }
}
