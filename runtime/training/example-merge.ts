/**
 * Rows of an example set from several units, put into one order that no arrival decides: by emission time, id and kind. A row
 * is ready once every unit is known to have emitted everything up to its time. What a unit promises is in its blocks'
 * headers, and in its progress records, which go on where it has no rows.
 */

import type { ExampleRow } from '../block/example-row.ts';
import { Fault } from '../fault.ts';

/** Rows of a unit, from one record. */
export type UnitBlock = {
  readonly unit: number;
  readonly partition: number;
  readonly offset: number;
  /** Rows of the unit before it. */
  readonly firstRow: number;
  /** Nothing of the unit that comes behind it was emitted before, ms. */
  readonly watermark: number;
  readonly lastEmitted: number;
  readonly rows: readonly ExampleRow[];
};

/** How far rows were taken: those emitted before `emitted`, and the first `taken` of those emitted then, in order. */
export type MergePlace = {
  /** Null: none yet. */
  readonly emitted: number | null;
  readonly taken: number;
  /** By partition: where to read on. */
  readonly offsets: readonly number[];
  /** By unit: its rows before what is read from there; null: none were seen of it. */
  readonly rows: readonly (number | null)[];
};

type Progress = { readonly rows: number; readonly k: number };
type BlockInFlight = Pick<UnitBlock, 'partition' | 'offset' | 'firstRow' | 'lastEmitted'>;

type Unit = {
  /** Rows of it read; null: none yet. */
  seen: number | null;
  /** Everything emitted before is read. */
  watermark: number;
  waiting: ExampleRow[];
  /** Said of more rows than are read. */
  promises: Progress[];
  /** Blocks with rows that are not taken. */
  blocks: BlockInFlight[];
};

export class ExampleMerge {
  /** In order, everything before them taken; `take` removes from the front. */
  readonly ready: ExampleRow[] = [];
  readonly #units: readonly Unit[];
  readonly #next: number[];
  readonly #topic: string;
  #emitted: number | null;
  #taken: number;
  /** Rows emitted at `emitted` that an earlier life took and that come again. */
  #again: number;
  #sorted = Number.NEGATIVE_INFINITY;

  constructor(topic: string, from: MergePlace) {
    this.#topic = topic;
    this.#next = [...from.offsets];
    this.#emitted = from.emitted;
    this.#taken = from.taken;
    this.#again = from.taken;
    this.#units = from.rows.map((seen) => ({
      ...{ seen, watermark: Number.NEGATIVE_INFINITY },
      ...{ waiting: [], promises: [], blocks: [] },
    }));
  }

  /** Takes up a block; those of an earlier life are passed over. A Fault when rows are missing, or begin anew. */
  add(block: UnitBlock): void {
    const unit = this.#units[block.unit];
    if (unit === undefined)
      throw this.#fault('examples_foreign', block, 'is of no unit of this application');
    const end = block.firstRow + block.rows.length;
    if (unit.seen !== null && end <= unit.seen && unit.blocks.length === 0) return;
    if (unit.seen !== null && block.firstRow > unit.seen) {
      const missing = block.firstRow - unit.seen;
      throw this.#fault(
        'examples_gone',
        block,
        `comes ${missing} rows too late: the topic no longer keeps them. Train anew into another folder, and keep the topic longer`,
      );
    }
    if (unit.seen !== null && block.firstRow < unit.seen) {
      throw this.#fault(
        'examples_anew',
        block,
        `has rows that were read before: the topic was made anew. Train anew into another folder`,
      );
    }
    unit.seen = end;
    unit.watermark = Math.max(unit.watermark, block.watermark);
    const { partition, offset, firstRow, lastEmitted } = block;
    unit.blocks.push({ partition, offset, firstRow, lastEmitted });
    for (const row of block.rows) {
      if (this.#emitted === null || row.emitted >= this.#emitted) unit.waiting.push(row);
    }
    this.#keepPromises(unit);
  }

  /** What a unit's progress record says: `rows` of it are out, and with them everything emitted before `k`. */
  promise(unit: number, promise: Progress): void {
    const of = this.#units[unit];
    if (of === undefined) return;
    of.promises.push(promise);
    this.#keepPromises(of);
  }

  /** A partition is read up to the offset. */
  readTo(partition: number, offset: number): void {
    this.#next[partition] = offset;
  }

  /** Everything emitted before is in order. */
  get watermark(): number {
    return Math.min(...this.#units.map(({ watermark }) => watermark));
  }

  /** Units that hold the others up. */
  slowest(): number[] {
    const { watermark } = this;
    return [...this.#units.keys()].filter((unit) => this.#units[unit]!.watermark === watermark);
  }

  /** Partitions where a unit's rows come from; null: none were seen yet. */
  partitionOf(unit: number): number | null {
    return this.#units[unit]!.blocks.at(-1)?.partition ?? null;
  }

  /** Rows that were read and not taken. */
  get size(): number {
    return this.#units.reduce((sum, { waiting }) => sum + waiting.length, this.ready.length);
  }

  /** Moves what became complete to `ready`. */
  settle(): void {
    const { watermark } = this;
    if (watermark <= this.#sorted) return;
    this.#sorted = watermark;
    const complete: Placed[] = [];
    for (const [unit, of] of this.#units.entries()) {
      let count = 0;
      while (count < of.waiting.length && of.waiting[count]!.emitted < watermark) count++;
      for (const row of of.waiting.splice(0, count))
        complete.push({ row, unit, nth: complete.length });
    }
    complete.sort(inOrder);
    for (const { row } of complete) {
      if (this.#again > 0 && row.emitted === this.#emitted) this.#again--;
      else this.ready.push(row);
    }
  }

  /** Removes the first `count` rows of `ready`. */
  take(count: number): ExampleRow[] {
    const rows = this.ready.splice(0, count);
    for (const { emitted } of rows) {
      this.#taken = emitted === this.#emitted ? this.#taken + 1 : 1;
      this.#emitted = emitted;
    }
    return rows;
  }

  /** Where another life goes on behind what was taken. */
  place(): MergePlace {
    const emitted = this.#emitted;
    const offsets = [...this.#next];
    const rows = this.#units.map((unit) => {
      if (emitted !== null) {
        const first = unit.blocks.findIndex(({ lastEmitted }) => lastEmitted >= emitted);
        unit.blocks.splice(0, first < 0 ? unit.blocks.length : first);
      }
      for (const { partition, offset } of unit.blocks) {
        offsets[partition] = Math.min(offsets[partition]!, offset);
      }
      return unit.blocks[0]?.firstRow ?? unit.seen;
    });
    return { emitted, taken: this.#taken, offsets, rows };
  }

  #keepPromises(unit: Unit): void {
    const seen = unit.seen ?? 0;
    let kept = 0;
    for (const { rows, k } of unit.promises) {
      if (rows > seen) break;
      unit.watermark = Math.max(unit.watermark, k);
      kept++;
    }
    unit.promises.splice(0, kept);
  }

  #fault(kind: string, { unit, partition, offset }: UnitBlock, what: string): Fault {
    const topic = this.#topic;
    return new Fault(
      kind,
      `${topic}, partition ${partition}, offset ${offset}: the block of unit ${unit} ${what}.`,
      {
        context: { topic, partition, offset, unit },
      },
    );
  }
}

type Placed = { readonly row: ExampleRow; readonly unit: number; readonly nth: number };

/** Rows that agree in all of it are of one unit, whose own order holds. */
function inOrder(a: Placed, b: Placed): number {
  const byTime = a.row.emitted - b.row.emitted;
  if (byTime !== 0) return byTime;
  if (a.row.id !== b.row.id) return a.row.id < b.row.id ? -1 : 1;
  const kinds = (a.row.kind ?? '') < (b.row.kind ?? '') ? -1 : Number(a.row.kind !== b.row.kind);
  return kinds || a.unit - b.unit || a.nth - b.nth;
}
