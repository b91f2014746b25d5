/**
 * The reorder buffer of one stream: rows arrive per partition in offset order and leave in step order
 * (step time, partition, offset) once the frontier has passed them. Chunks are kept as they were decoded; rows are
 * gathered once, on release. Where memory is short, chunks that are due last go to the spill (`spillTo`) and come back when due.
 */
import { assert } from '../assert.ts';
import type { Column } from '../column/column.ts';
import type { ColumnPool } from '../column/column-pool.ts';
import { Frame } from '../column/frame.ts';
import { gatherNumbers, gatherRows, runsOf } from '../column/gather-rows.ts';

/** Accepted rows of one decoded batch. `columns` by slot of the stream; rows of `columns` are named by `rows`. */
export type Chunk = {
  readonly partition: number;
  readonly n: number;
  /** Row of `columns` for each accepted row; null: row i is row i. */
  readonly rows: Int32Array | null;
  readonly time: Float64Array;
  readonly step: Float64Array;
  readonly labelOnly: Uint8Array | null;
  readonly offset: Float64Array;
  readonly columns: readonly (Column | undefined)[];
  /** Of rows that had been kept back (ahead-rows.ts): who reads on from there gets them again. They come before others of their step. */
  readonly readFrom?: number;
};

/** Where chunks go when memory is short; synchronous, local, cleared at start. */
export type Spill = {
  readonly write: (chunk: Chunk) => number;
  readonly read: (handle: number) => Chunk;
  readonly free: (handle: number) => void;
};

type Held = {
  chunk: Chunk | null;
  handle: number;
  readonly bytes: number;
  readonly minStep: number;
  readonly maxStep: number;
  readonly partition: number;
  /** Rows not released yet, in order; null: all. */
  pending: Int32Array | null;
  pendingCount: number;
  readonly isKeptBack: boolean;
  /** Offset to read on from to get every row that is not released. */
  lowestOffset: number;
};

export class ReorderBuffer {
  readonly #slots: readonly number[];
  readonly #slotCount: number;
  readonly #spill: Spill | null;
  readonly #pool: ColumnPool | undefined;
  #held: Held[] = [];
  #bytes = 0;
  #rows = 0;
  #spilled = 0;

  /** `slots`: the stream's decoded slots. `pool`: what is released then lasts until it is recycled. */
  constructor(slotCount: number, slots: readonly number[], spill: Spill | null, pool?: ColumnPool) {
    this.#pool = pool;
    this.#slotCount = slotCount;
    this.#slots = slots;
    this.#spill = spill;
  }

  get rows(): number {
    return this.#rows;
  }

  /** Bytes held in memory. */
  get bytes(): number {
    return this.#bytes;
  }

  get spilledBytes(): number {
    return this.#spilled;
  }

  add(chunk: Chunk): void {
    if (chunk.n === 0) return;
    let minStep = Number.POSITIVE_INFINITY;
    let maxStep = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < chunk.n; i++) {
      const step = chunk.step[i]!;
      if (step < minStep) minStep = step;
      if (step > maxStep) maxStep = step;
    }
    const bytes = chunkBytes(chunk);
    this.#held.push({
      chunk,
      handle: -1,
      bytes,
      minStep,
      maxStep,
      partition: chunk.partition,
      pending: null,
      pendingCount: chunk.n,
      isKeptBack: chunk.readFrom !== undefined,
      lowestOffset: chunk.readFrom ?? chunk.offset[0]!,
    });
    this.#bytes += bytes;
    this.#rows += chunk.n;
  }

  /** Sends chunks that are due last to the spill until at most `bytesMax` stay in memory. */
  spillTo(bytesMax: number): void {
    if (this.#spill === null || this.#bytes <= bytesMax) return;
    const inMemory = this.#held.filter((held) => held.chunk !== null);
    inMemory.sort((a, b) => b.minStep - a.minStep);
    for (const held of inMemory) {
      if (this.#bytes <= bytesMax) return;
      held.handle = this.#spill.write(held.chunk!);
      held.chunk = null;
      this.#bytes -= held.bytes;
      this.#spilled += held.bytes;
    }
  }

  /** Adds (smallest step, rows) of every chunk to `into`: for cutting a large release. */
  outline(into: { step: number; rows: number }[]): void {
    for (const held of this.#held) into.push({ step: held.minStep, rows: held.pendingCount });
  }

  /** Offset to read the partition on from, so that every row that is still held comes again; null when none is. */
  lowestOffset(partition: number): number | null {
    let lowest: number | null = null;
    for (const held of this.#held) {
      if (held.partition !== partition) continue;
      if (lowest === null || held.lowestOffset < lowest) lowest = held.lowestOffset;
    }
    return lowest;
  }

  /** Every row with step < frontier, in step order; null when there is none. */
  release(frontier: number): Frame | null {
    const due = this.#held.filter((held) => held.minStep < frontier);
    if (due.length === 0) return null;
    due.sort(byPlace);
    let upTo = 0;
    for (const held of due) upTo += held.pendingCount;
    const pieces = this.#pool?.i32(upTo) ?? new Int32Array(upTo);
    const rows = this.#pool?.i32(upTo) ?? new Int32Array(upTo);
    const steps = this.#pool?.f64(upTo) ?? new Float64Array(upTo);
    let n = 0;
    for (let piece = 0; piece < due.length; piece++) {
      n = this.#take(due[piece]!, frontier, { piece, n, pieces, rows, steps });
    }
    const chunks = due.map((held) => held.chunk!);
    const order = sortSteps(steps, n);
    const frame = this.#frame(chunks, order, { n, pieces, rows });
    this.#drop(due);
    return frame;
  }

  #take(
    held: Held,
    frontier: number,
    out: { piece: number; n: number; pieces: Int32Array; rows: Int32Array; steps: Float64Array },
  ): number {
    if (held.chunk === null) this.#bringBack(held);
    const { chunk } = held;
    assert(chunk !== null, 'a chunk that is due is in memory');
    const all = held.maxStep < frontier;
    const rest = all ? null : new Int32Array(held.pendingCount);
    let left = 0;
    let { n } = out;
    for (let i = 0; i < held.pendingCount; i++) {
      const row = held.pending === null ? i : held.pending[i]!;
      const step = chunk.step[row]!;
      if (step < frontier) {
        out.pieces[n] = out.piece;
        out.rows[n] = row;
        out.steps[n] = step;
        n++;
      } else {
        rest![left++] = row;
      }
    }
    this.#rows -= held.pendingCount - left;
    held.pendingCount = left;
    if (left > 0) {
      held.pending = rest!.subarray(0, left);
      if (!held.isKeptBack) held.lowestOffset = chunk.offset[rest![0]!]!;
    }
    return n;
  }

  #bringBack(held: Held): void {
    assert(this.#spill !== null && held.handle >= 0, 'a chunk is in memory or in the spill');
    held.chunk = this.#spill.read(held.handle);
    this.#spill.free(held.handle);
    held.handle = -1;
    this.#bytes += held.bytes;
    this.#spilled -= held.bytes;
  }

  #drop(due: readonly Held[]): void {
    const gone = new Set(due.filter((held) => held.pendingCount === 0));
    for (const held of gone) this.#bytes -= held.bytes;
    this.#held = this.#held.filter((held) => !gone.has(held));
    for (const held of due) {
      if (held.pendingCount > 0) {
        (held as { minStep: number }).minStep = minOf(held.chunk!.step, held.pending!);
      }
    }
  }

  #frame(
    chunks: readonly Chunk[],
    order: Int32Array | null,
    picked: { n: number; pieces: Int32Array; rows: Int32Array },
  ): Frame {
    const { n } = picked;
    const pieces = order === null ? picked.pieces : permute(picked.pieces, order);
    const rows = order === null ? picked.rows : permute(picked.rows, order);
    const pool = this.#pool;
    const time = pool?.f64(n) ?? new Float64Array(n);
    const step = pool?.f64(n) ?? new Float64Array(n);
    const offset = pool?.f64(n) ?? new Float64Array(n);
    const partition = pool?.i32(n) ?? new Int32Array(n);
    const late = chunks.some((chunk) => chunk.labelOnly !== null) ? new Uint8Array(n) : null;
    const source = pool?.i32(n) ?? new Int32Array(n);
    const own = { n, pieces, rows, runs: runsOf(pieces, rows, n) };
    const pick = (out: Float64Array, of: (chunk: Chunk) => Float64Array) =>
      gatherNumbers(out, chunks.map(of), own);
    pick(time, (chunk) => chunk.time);
    pick(step, (chunk) => chunk.step);
    pick(offset, (chunk) => chunk.offset);
    const partitions = Int32Array.from(chunks, (chunk) => chunk.partition);
    for (let i = 0; i < n; i++) partition[i] = partitions[pieces[i]!]!;
    const named = chunks.map((chunk) => chunk.rows);
    for (let i = 0; i < n; i++) source[i] = named[pieces[i]!]?.[rows[i]!] ?? rows[i]!;
    for (let i = 0; late !== null && i < n; i++) {
      late[i] = chunks[pieces[i]!]!.labelOnly?.[rows[i]!] ?? 0;
    }
    const runs = runsOf(pieces, source, n);
    const columns = new Array<Column | undefined>(this.#slotCount).fill(undefined);
    for (const slot of this.#slots) {
      columns[slot] = gatherRows(
        chunks.map((chunk) => chunk.columns[slot]!),
        pieces,
        source,
        n,
        { pool, runs },
      );
    }
    return new Frame({ n, time, step, labelOnly: late, partition, offset, columns });
  }
}

/** As rows of one step are applied. One that was kept back lay beyond all that came before it: its equals came after it. */
function byPlace(a: Held, b: Held): number {
  return (
    a.partition - b.partition ||
    Number(b.isKeptBack) - Number(a.isKeptBack) ||
    a.lowestOffset - b.lowestOffset
  );
}

/** The order that sorts steps ascending, equal ones as they stand; null when they are sorted already. */
function sortSteps(steps: Float64Array, n: number): Int32Array | null {
  let sorted = true;
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < n; i++) {
    const step = steps[i]!;
    if (step < max) sorted = false;
    if (step > max) max = step;
    if (step < min) min = step;
  }
  if (sorted) return null;
  const order = new Int32Array(n);
  // One native sort of numbers that hold both the step and the position, where both fit into 53 bits.
  if ((max - min + 1) * n < 2 ** 53) {
    const keys = new Float64Array(n);
    for (let i = 0; i < n; i++) keys[i] = (steps[i]! - min) * n + i;
    keys.sort();
    for (let i = 0; i < n; i++) order[i] = keys[i]! % n;
    return order;
  }
  for (let i = 0; i < n; i++) order[i] = i;
  return order.sort((a, b) => steps[a]! - steps[b]! || a - b);
}

function permute(values: Int32Array, order: Int32Array): Int32Array {
  const out = new Int32Array(order.length);
  for (let i = 0; i < order.length; i++) out[i] = values[order[i]!]!;
  return out;
}

function minOf(step: Float64Array, rows: Int32Array): number {
  let min = Number.POSITIVE_INFINITY;
  for (const row of rows) min = Math.min(min, step[row]!);
  return min;
}

function chunkBytes(chunk: Chunk): number {
  let bytes = chunk.n * 24;
  for (const column of chunk.columns) if (column !== undefined) bytes += columnBytes(column);
  return bytes;
}

function columnBytes(column: Column): number {
  switch (column.kind) {
    case 'f64':
    case 'bool':
      return column.data.byteLength;
    case 'hash':
      return column.lo.byteLength * 2;
    case 'text':
      return column.start.byteLength * 2 + column.bytes.byteLength;
    case 'list_f64':
      return column.offsets.byteLength + column.values.byteLength;
    case 'list_text':
      return column.offsets.byteLength + columnBytes(column.values);
  }
}
