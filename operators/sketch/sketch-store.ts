/**
 * A store of bounded size that answers of any window what its family makes of the values in it. Each window has a
 * section of its own, so that an answer never depends on which other windows are read:
 *
 * time: see `sketch-slices.ts`. all: one summary. session: the session, and a summary of it.
 * rows, and time capped in rows: a log of (own time, value) that all those windows share, read back from its newest;
 * always exact. Its header comes first in the section of the store.
 */
import type { ReadOp, ValueStore, WindowPlan } from '../../compiler/plan/plan.ts';
import type { Frame } from '../column/frame.ts';
import type { Output } from '../keyspace/answers.ts';
import { type BlockRef, shiftRefs } from '../state/block-ref.ts';
import { ENTRY_LOG_WORDS, EntryLog } from '../state/entry-log.ts';
import type { Slab, SlabSet } from '../state/slab.ts';
import { countsRows, reachesBackTo, rowCap } from '../value/row-retention.ts';
import { extendSession, initSession, SESSION_WORDS, sessionIsOn } from '../value/sessions.ts';
import type { ValueStoreOperator } from '../value/value-store.ts';
import {
  ALL_ENTRIES_MAX,
  SESSION_ENTRIES_MAX,
  type SketchFamily,
  SUMMARY_WORDS,
  type Summaries,
} from './sketch-family.ts';
import { SLICED_WINDOW_WORDS, SlicedWindow } from './sketch-slices.ts';

type Placed =
  | { readonly kind: 'sliced'; readonly offset: number; readonly window: SlicedWindow }
  | { readonly kind: 'all'; readonly offset: number }
  | { readonly kind: 'session'; readonly offset: number; readonly gapMs: number }
  | { readonly kind: 'rows'; readonly plan: WindowPlan };

export type SketchStoreContext = {
  readonly store: ValueStore;
  readonly records: Slab;
  /** Where its blocks go. */
  readonly slabs: SlabSet;
  readonly name: string;
};

export class SketchStore implements ValueStoreOperator {
  readonly recordWords: number;
  readonly refs: readonly BlockRef[];
  readonly #family: SketchFamily;
  readonly #records: Slab;
  readonly #blocks: Slab;
  readonly #rows: EntryLog;
  readonly #windows: readonly Placed[];
  readonly #rowWindows: readonly WindowPlan[];
  readonly #all: Summaries;
  readonly #sessions: Summaries;
  /** What the family has collected: nothing needs to be collected again until something changes. */
  #lastAt = 0;
  #lastWindow = -1;
  #lastTime = 0;

  constructor({ store, records, slabs, name }: SketchStoreContext, family: SketchFamily) {
    this.#family = family;
    this.#records = records;
    this.#blocks = slabs.open(`${name}.blocks`);
    this.#rows = new EntryLog(records, this.#blocks, 2);
    this.#all = family.summaries(records, ALL_ENTRIES_MAX);
    this.#sessions = family.summaries(records, SESSION_ENTRIES_MAX);
    this.#rowWindows = store.windows.filter(countsRows);
    let words = this.#rowWindows.length > 0 ? ENTRY_LOG_WORDS : 0;
    this.#windows = store.windows.map((plan): Placed => {
      const offset = words;
      if (countsRows(plan)) return { kind: 'rows', plan };
      if (plan.kind === 'session') {
        words += SESSION_WORDS + SUMMARY_WORDS;
        return { kind: 'session', offset, gapMs: plan.gapMs };
      }
      if (plan.kind === 'time') {
        words += SLICED_WINDOW_WORDS;
        return {
          kind: 'sliced',
          offset,
          window: new SlicedWindow(plan, family, { records, slabs, name }),
        };
      }
      words += SUMMARY_WORDS;
      return { kind: 'all', offset };
    });
    this.recordWords = words;
    this.refs = [
      ...(this.#rowWindows.length > 0 ? [this.#rows.refAt(0)] : []),
      ...this.#windows.flatMap((window) => this.#refsOf(window)),
    ];
  }

  forget(): void {
    this.#lastWindow = -1;
  }

  #refsOf(window: Placed): BlockRef[] {
    switch (window.kind) {
      case 'sliced':
        return shiftRefs(window.window.refs, window.offset);
      case 'all':
        return shiftRefs(this.#all.refs, window.offset);
      case 'session':
        return shiftRefs(this.#sessions.refs, window.offset + SESSION_WORDS);
      case 'rows':
        return [];
    }
  }

  init(at: number): void {
    for (const window of this.#windows) {
      if (window.kind === 'session') initSession(this.#records, at + window.offset);
    }
  }

  open(frame: Frame): void {
    this.#family.open(frame);
  }

  add(at: number, row: number, time: number): void {
    const word = this.#family.read(row);
    const isNull = Number.isNaN(word);
    this.#lastWindow = -1;
    for (let w = 0; w < this.#windows.length; w++) {
      const window = this.#windows[w]!;
      if (window.kind === 'sliced') {
        if (!isNull) window.window.add(at + window.offset, word, time);
      } else if (window.kind === 'all') {
        if (!isNull) this.#all.add(at + window.offset, word, 1, 0);
      } else if (window.kind === 'session') {
        const section = at + window.offset;
        const summary = section + SESSION_WORDS;
        const begins = extendSession(this.#records, section, window.gapMs, time);
        if (begins) this.#sessions.release(summary);
        if (!isNull) this.#sessions.add(summary, word, 1, 0);
      }
    }
    if (this.#rowWindows.length > 0) this.#append(at, word, time);
  }

  read(at: number, time: number, index: number, read: ReadOp, out: Output, row: number): void {
    if (at !== this.#lastAt || index !== this.#lastWindow || time !== this.#lastTime) {
      this.#collect(at, time, index);
      this.#lastAt = at;
      this.#lastWindow = index;
      this.#lastTime = time;
    }
    this.#family.answering.write(read, out, row);
  }

  #collect(at: number, time: number, index: number): void {
    const window = this.#windows[index]!;
    this.#family.answering.begin();
    switch (window.kind) {
      case 'sliced':
        window.window.collect(at + window.offset, time);
        return;
      case 'all':
        this.#all.collect(at + window.offset);
        return;
      case 'session': {
        const section = at + window.offset;
        if (!sessionIsOn(this.#records, section, window.gapMs, time)) return;
        this.#sessions.collect(section + SESSION_WORDS);
        return;
      }
      case 'rows':
        this.#collectRows(at, time, window.plan);
    }
  }

  #collectRows(at: number, time: number, window: WindowPlan): void {
    const from = reachesBackTo(window, time);
    const size = this.#rows.size(at);
    const oldest = Math.max(0, size - rowCap(window));
    const { f64 } = this.#blocks;
    for (let j = size - 1; j >= oldest; j--) {
      const entry = this.#rows.word(at, j);
      if (f64[entry]! < from) return;
      const word = f64[entry + 1]!;
      if (!Number.isNaN(word)) this.#family.answering.offer(word, 1);
    }
  }

  #append(at: number, word: number, time: number): void {
    const entry = this.#rows.push(at);
    const { f64 } = this.#blocks;
    f64[entry] = time;
    f64[entry + 1] = word;
    while (this.#oldestIsDone(at, time)) this.#rows.popOldest(at);
  }

  #oldestIsDone(at: number, time: number): boolean {
    const size = this.#rows.size(at);
    const own = this.#blocks.f64[this.#rows.word(at, 0)]!;
    for (let w = 0; w < this.#rowWindows.length; w++) {
      const window = this.#rowWindows[w]!;
      if (size - 1 < rowCap(window) && own >= reachesBackTo(window, time)) return false;
    }
    return true;
  }
}
