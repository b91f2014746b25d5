/**
 * Accepted rows of a partition whose time lies beyond what is believed (`ahead`): the first ones of all, those behind a gap, and
 * those of clocks that are wrong, perhaps by years. They are kept here, in the scan's own state, until the partition's time comes within
 * reach, and only then go the way of all rows. Were they to wait with the others, the place from which the partition is read on
 * could not move past the first of them.
 *
 * Which rows are here, and after which row they leave, follows from the partition's prefix and its floors alone. A row is
 * kept encoded, as it is in a checkpoint, so that one that was restored is no other than one that was not.
 */
import type { Plan, SlotPlan } from '../../compiler/plan/plan.ts';
import type { Column } from '../column/column.ts';
import { RowBuilder } from '../column/row-builder.ts';
import type { DecodedBatch } from '../decode/decoder.ts';
import { RowCodec } from '../state/row-codec.ts';
import { ROOT_WORDS, Slab } from '../state/slab.ts';

/** Rows that are kept at most, and the bytes of them; but the first two always are: every partition begins with them. */
const AHEAD_ROWS_MAX = 256;
const AHEAD_BYTES_MAX = 256 * 1024;
const ALWAYS_KEPT = 2;

/** Plain JSON. `columns` says what `bytes` (base64) holds. */
export type AheadState = {
  readonly columns: string;
  readonly rows: readonly AheadRow[];
};

type AheadRow = { readonly offset: number; readonly time: number; readonly bytes: string };

/** Rows that were kept and have come within reach, in offset order. */
export type ReleasedRows = {
  readonly n: number;
  readonly time: Float64Array;
  readonly offset: Float64Array;
  /** By slot of the stream: those that are decoded. */
  readonly columns: (Column | undefined)[];
  /** Offset of the row that brought them within reach: whoever reads from there, or from before, gets them again. */
  readonly from: number;
};

export class AheadRows {
  readonly #slots: readonly SlotPlan[];
  readonly #decoded: readonly number[];
  readonly #codec: RowCodec;
  readonly #columns: string;
  /** Oldest first; never changed, since states hold on to it. */
  #rows: readonly AheadRow[];
  #bytes = 0;
  #scratch: Slab | null = null;
  /** The least time that is kept. */
  lowest = Number.POSITIVE_INFINITY;

  constructor(plan: Plan, stream: number, state: AheadState | undefined) {
    const { slots } = plan.streams[stream]!;
    this.#slots = slots;
    this.#decoded = [...slots.keys()].filter((slot) => slots[slot]!.op.kind === 'field');
    this.#codec = new RowCodec(this.#decoded.map((slot) => slots[slot]!.physical));
    this.#columns = aheadColumns(plan, stream);
    this.#rows = [];
    this.#set(state?.rows ?? []);
  }

  /** Absent: there are none. */
  get state(): AheadState | undefined {
    return this.#rows.length === 0 ? undefined : { columns: this.#columns, rows: this.#rows };
  }

  /** False: there is no room for it. */
  keep(batch: DecodedBatch, row: number, time: number): boolean {
    const columns = this.#columnsOf(batch);
    const words = this.#codec.measure(columns, row);
    const isFull = this.#rows.length >= AHEAD_ROWS_MAX || this.#bytes + words * 8 > AHEAD_BYTES_MAX;
    if (isFull && this.#rows.length >= ALWAYS_KEPT) return false;
    const scratch = this.#room(words);
    // What fills a row up to whole words must be the same whenever it is encoded.
    scratch.f64.fill(0, ROOT_WORDS, ROOT_WORDS + words);
    this.#codec.write(scratch, ROOT_WORDS, columns, row);
    const written = scratch.u8.subarray(ROOT_WORDS * 8, (ROOT_WORDS + words) * 8);
    const bytes = Buffer.from(written).toString('base64');
    this.#set([...this.#rows, { offset: batch.firstOffset + row, time, bytes }]);
    return true;
  }

  /** Those up to `time` leave, because of the row at `from`; null: there are none. */
  release(time: number, from: number): ReleasedRows | null {
    if (this.#rows.length === 0 || this.lowest > time) return null;
    const released = this.#decode(
      this.#rows.filter((row) => row.time <= time),
      from,
    );
    this.#set(this.#rows.filter((row) => row.time > time));
    return released;
  }

  #set(rows: readonly AheadRow[]): void {
    this.#rows = rows;
    this.#bytes = 0;
    this.lowest = Number.POSITIVE_INFINITY;
    for (const { time, bytes } of rows) {
      this.#bytes += (bytes.length / 4) * 3;
      this.lowest = Math.min(this.lowest, time);
    }
  }

  #decode(rows: readonly AheadRow[], from: number): ReleasedRows {
    const builders = this.#codec.physical.map((kind) => new RowBuilder(kind, rows.length));
    for (const [i, { bytes }] of rows.entries()) {
      const read = Buffer.from(bytes, 'base64');
      const scratch = this.#room(read.length / 8);
      scratch.u8.set(read, ROOT_WORDS * 8);
      this.#codec.read(scratch, ROOT_WORDS, builders, i);
    }
    const columns = new Array<Column | undefined>(this.#slots.length).fill(undefined);
    for (const [i, slot] of this.#decoded.entries()) {
      columns[slot] = builders[i]!.finish(rows.length);
    }
    return {
      n: rows.length,
      time: Float64Array.from(rows, ({ time }) => time),
      offset: Float64Array.from(rows, ({ offset }) => offset),
      ...{ columns, from },
    };
  }

  #room(words: number): Slab {
    this.#scratch ??= new Slab('ahead');
    this.#scratch.ensure(ROOT_WORDS + words);
    return this.#scratch;
  }

  #columnsOf(batch: DecodedBatch): Column[] {
    return this.#decoded.map((slot) => decodedColumn(batch, this.#slots[slot]!)!);
  }
}

/** The column of a slot that is decoded; undefined: it is computed. */
export function decodedColumn(batch: DecodedBatch, { op, physical }: SlotPlan): Column | undefined {
  if (op.kind !== 'field') return undefined;
  const decoded = batch.columns[op.field]!;
  return physical === 'hash' ? decoded.hash! : decoded.value!;
}

/** What a row of the stream holds that is kept: one that was kept under other columns cannot be read. */
export function aheadColumns(plan: Plan, stream: number): string {
  const { slots, scan } = plan.streams[stream]!;
  const { fields } = plan.scans[scan]!;
  return slots
    .flatMap(({ op, physical }) =>
      op.kind === 'field' ? [`${fields[op.field]!.name}:${physical}`] : [],
    )
    .join(' ');
}
