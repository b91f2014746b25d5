/** Columns of lists in an example block: lengths, then all items; sets of ids, which ascend, as runs of neighbours. */
import type { Column } from '../../operators/column/column.ts';
import { LIST } from './block-layout.ts';
import type { NumberPacker } from './block-numbers.ts';
import type { TextPacker } from './block-texts.ts';
import { IntPacker } from './packed-ints.ts';
import type { WireWriter } from './wire.ts';

type ListColumn = Extract<Column, { kind: 'list_f64' | 'list_text' }>;

/** Packs columns; its buffers are used again. */
export class ListPacker {
  readonly #packer = new IntPacker();
  readonly #numbers: NumberPacker;
  readonly #texts: TextPacker;
  #length = new Int32Array(512);
  #items = new Int32Array(512);
  #values = new Float64Array(512);
  #first = new Int32Array(512);
  #run = new Int32Array(512);

  constructor(numbers: NumberPacker, texts: TextPacker) {
    this.#numbers = numbers;
    this.#texts = texts;
  }

  /** The lists of `rows` as field `field`, a ListColumn; `refs` as in Placed. */
  write(out: WireWriter, field: number, column: ListColumn, rows: Int32Array, refs: number): void {
    const message = out.open(field);
    if (refs !== 0) out.uint(LIST.refs, refs);
    const items = this.#pick(column, rows);
    const length = out.open(LIST.length);
    this.#packer.write(out, 0, null, this.#length, rows.length);
    out.shut(length);
    if (column.kind === 'list_text') {
      this.#texts.write(out, LIST.texts, column.values, this.#items.subarray(0, items));
    } else {
      for (let i = 0; i < items; i++) this.#values[i] = column.values[this.#items[i]!]!;
      const runs = this.#runs(rows.length);
      if (runs > 0) this.#asRuns(out, runs);
      else this.#numbers.write(out, LIST.numbers, this.#values, items);
    }
    out.shut(message);
  }

  /** Lengths (0 is null, n + 1 a list of n) and where the items lie; gives how many those are. */
  #pick(column: ListColumn, rows: Int32Array): number {
    if (this.#length.length < rows.length) this.#length = new Int32Array(rows.length * 2);
    let items = 0;
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      if (column.isNull?.[row]) {
        this.#length[i] = 0;
        continue;
      }
      const from = column.offsets[row]!;
      const to = column.offsets[row + 1]!;
      this.#length[i] = to - from + 1;
      if (this.#items.length < items + to - from) this.#grow(items + to - from);
      for (let at = from; at < to; at++) this.#items[items++] = at;
    }
    return items;
  }

  /**
   * Takes each list as runs of neighbours (100, 101, 102 is a run of three from 100) and gives how many there are; 0 where
   * a list does not ascend, is not of int32s from 0, or where runs would be no fewer than two thirds of the items.
   */
  #runs(lists: number): number {
    let runs = 0;
    let at = 0;
    for (let i = 0; i < lists; i++) {
      let before = -1;
      for (let left = this.#length[i]! - 1; left > 0; left--) {
        const value = this.#values[at++]!;
        if ((value | 0) !== value || value <= before || Object.is(value, -0)) return 0;
        if (before >= 0 && value === before + 1) {
          this.#run[runs - 1]!++;
        } else {
          this.#first[runs] = before < 0 ? value : value - before - 1;
          this.#run[runs++] = 0;
        }
        before = value;
      }
    }
    return runs * 3 < at * 2 || this.#isNarrow(runs, at) ? runs : 0;
  }

  /** Whether what lies between neighbours takes a byte less than the ids themselves. */
  #isNarrow(runs: number, items: number): boolean {
    let gaps = 0;
    let ids = 0;
    for (let i = 0; i < runs; i++) gaps += 32 - Math.clz32(this.#first[i]!);
    for (let i = 0; i < items; i++) ids += 32 - Math.clz32(this.#values[i]!);
    return gaps + runs * 8 < ids;
  }

  #asRuns(out: WireWriter, runs: number): void {
    out.uint(LIST.runs, runs);
    const first = out.open(LIST.first);
    this.#packer.write(out, 0, null, this.#first, runs);
    out.shut(first);
    const run = out.open(LIST.run);
    this.#packer.write(out, 0, null, this.#run, runs);
    out.shut(run);
  }

  #grow(items: number): void {
    const kept = this.#items;
    const room = items * 2;
    this.#items = new Int32Array(room);
    this.#items.set(kept);
    this.#values = new Float64Array(room);
    this.#first = new Int32Array(room);
    this.#run = new Int32Array(room);
  }
}
