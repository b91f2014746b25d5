/**
 * Rows of a feed that are not visible yet (`delay`, `head`): a queue in a slab, in the order in which they become
 * visible, so that a restart finds them where they were.
 *
 * Entry: word 0 next entry, 1 size class, 2 applied time, 3 own time, 4 partition, 5 offset, then the row's columns.
 * Root: word 32 the first entry, 33 the last, 34 how many.
 */
import type { FeedPlan, SlotPlan } from '../../compiler/plan/plan.ts';
import type { Column } from '../column/column.ts';
import { Frame } from '../column/frame.ts';
import { RowBuilder } from '../column/row-builder.ts';
import { RowCodec } from '../state/row-codec.ts';
import { ROOT_USER, type Slab } from '../state/slab.ts';
import { appliedAt } from '../time.ts';
import type { FeedRows } from './feature-stage.ts';

const HEAD = ROOT_USER;
const TAIL = ROOT_USER + 1;
const COUNT = ROOT_USER + 2;
const ENTRY_WORDS = 6;

export class DelayLine {
  readonly #slab: Slab;
  readonly #feed: FeedPlan;
  readonly #slots: readonly number[];
  readonly #slotCount: number;
  readonly #codec: RowCodec;

  /** `slots`: the columns that travel, of the stream whose slots are `plans`. */
  constructor(
    slab: Slab,
    options: { feed: FeedPlan; slots: readonly number[]; plans: readonly SlotPlan[] },
  ) {
    this.#slab = slab;
    this.#feed = options.feed;
    this.#slots = options.slots;
    this.#slotCount = options.plans.length;
    this.#codec = new RowCodec(options.slots.map((slot) => options.plans[slot]!.physical));
  }

  /** Appends rows, in the order of their own times. */
  push(frame: Frame): void {
    const slab = this.#slab;
    const columns = this.#slots.map((slot) => frame.columns[slot]!);
    for (let row = 0; row < frame.n; row++) {
      const words = ENTRY_WORDS + this.#codec.measure(columns, row);
      const sizeClass = Math.ceil(Math.log2(words));
      const at = slab.alloc(sizeClass);
      const { f64 } = slab;
      f64[at + 1] = sizeClass;
      f64[at + 2] = appliedAt(frame.time[row]!, this.#feed.delayMs, this.#feed.headMs);
      f64[at + 3] = frame.time[row]!;
      f64[at + 4] = frame.partition[row]!;
      f64[at + 5] = frame.offset[row]!;
      this.#codec.write(slab, at + ENTRY_WORDS, columns, row);
      slab.mark(at, words);
      this.#link(at);
    }
  }

  /** Takes out every row that becomes visible before `frontier`; null when there is none. */
  release(frontier: number): FeedRows | null {
    const { f64 } = this.#slab;
    let n = 0;
    for (let at = f64[HEAD]!; at !== 0 && f64[at + 2]! < frontier; at = f64[at]!) n++;
    if (n === 0) return null;
    const applied = new Float64Array(n);
    const time = new Float64Array(n);
    const offset = new Float64Array(n);
    const partition = new Int32Array(n);
    const builders = this.#codec.physical.map((physical) => new RowBuilder(physical, n));
    let at = f64[HEAD]!;
    for (let row = 0; row < n; row++) {
      applied[row] = f64[at + 2]!;
      time[row] = f64[at + 3]!;
      partition[row] = f64[at + 4]!;
      offset[row] = f64[at + 5]!;
      this.#codec.read(this.#slab, at + ENTRY_WORDS, builders, row);
      const next = f64[at]!;
      this.#slab.free(at, f64[at + 1]!);
      at = next;
    }
    f64[HEAD] = at;
    if (at === 0) f64[TAIL] = 0;
    f64[COUNT] = f64[COUNT]! - n;
    const columns = new Array<Column | undefined>(this.#slotCount).fill(undefined);
    for (const [index, slot] of this.#slots.entries()) columns[slot] = builders[index]!.finish(n);
    return {
      frame: new Frame({ n, time, step: time, labelOnly: null, partition, offset, columns }),
      applied,
    };
  }

  #link(at: number): void {
    const { f64 } = this.#slab;
    const tail = f64[TAIL]!;
    if (tail === 0) f64[HEAD] = at;
    else {
      f64[tail] = at;
      this.#slab.mark(tail, 1);
    }
    f64[TAIL] = at;
    f64[COUNT] = f64[COUNT]! + 1;
    this.#slab.mark(0, 1);
  }
}
