/**
 * One time window of one key. At first a log of (start of slice, value, count), one entry a value and slice. An event
 * that would be entry 513 turns the log into slices with a summary each, and a union of them that a look-up reads; when
 * the slices are exact and hold few values again, they turn back into a log.
 *
 * Section: header of the log; root (int32, 0: none yet), sketching (int32). A root is: header of the directory; slices
 * before this start have left the union; the union. A directory entry is the slice's start, then its summary.
 *
 * Only events turn one into the other, never look-ups, and events' own times never fall: what is kept depends on the
 * events alone. Where a window has more than SLICES_MAX hops, slices are some hops long, and the tail of a sketched
 * window is quantised by that.
 */
import type { WindowPlan } from '../../compiler/plan/plan.ts';
import { assert } from '../assert.ts';
import { type BlockRef, shiftRefs } from '../state/block-ref.ts';
import { ENTRY_LOG_WORDS, EntryLog } from '../state/entry-log.ts';
import { PAGE_SHIFT, type Slab, type SlabSet } from '../state/slab.ts';
import { floorTo, windowStart } from '../time.ts';
import {
  EXACT_ENTRIES_MAX,
  type SketchFamily,
  SUMMARY_WORDS,
  type Summaries,
  UNION_WORDS,
  type Unions,
} from './sketch-family.ts';

/** Words of a window's section. */
export const SLICED_WINDOW_WORDS = ENTRY_LOG_WORDS + 1;
/** Slices of a sketched window, the partial ones at its ends included. */
export const SLICES_MAX = 73;

const STATE = ENTRY_LOG_WORDS;
const ENTRY_WORDS = 3;
const VALUE = 1;
const COUNT = 2;
const LEFT_BEFORE = ENTRY_LOG_WORDS;
const UNION = LEFT_BEFORE + 1;
/** 2^4 words. */
const ROOT_CLASS = 4;
const SUMMARY = 1;
/** Entries at which slices turn back into a log: well below the bound, so as not to go to and fro. */
const CALM_ENTRIES = EXACT_ENTRIES_MAX / 2;

type TimeWindow = Extract<WindowPlan, { kind: 'time' }>;

export class SlicedWindow {
  /** The blocks that a section points to. */
  readonly refs: readonly BlockRef[];
  readonly #ms: number;
  readonly #hopMs: number;
  /** Length of a slice once sketched: the hop, or some of them. */
  readonly #sliceMs: number;
  readonly #family: SketchFamily;
  readonly #records: Slab;
  readonly #blocks: Slab;
  readonly #roots: Slab;
  readonly #slices: Slab;
  readonly #log: EntryLog;
  readonly #directory: EntryLog;
  readonly #summaries: Summaries;
  readonly #unions: Unions;
  /** Start of the slices being turned back into a log, and whose log. */
  #section = 0;
  #start = 0;

  constructor(
    plan: TimeWindow,
    family: SketchFamily,
    { records, slabs, name }: { records: Slab; slabs: SlabSet; name: string },
  ) {
    assert(UNION + UNION_WORDS <= 2 ** ROOT_CLASS, 'a root holds a union');
    this.#ms = plan.ms;
    this.#hopMs = plan.hopMs;
    this.#sliceMs = sliceLength(plan.ms, plan.hopMs);
    this.#family = family;
    this.#records = records;
    this.#blocks = slabs.open(`${name}.blocks`);
    this.#roots = slabs.open(`${name}.roots`);
    this.#slices = slabs.open(`${name}.slices`);
    this.#log = new EntryLog(records, this.#blocks, ENTRY_WORDS);
    this.#directory = new EntryLog(this.#roots, this.#slices, SUMMARY + SUMMARY_WORDS);
    const { summaries, unions } = family.slices(this.#slices, this.#roots);
    this.#summaries = summaries;
    this.#unions = unions;
    const slice = shiftRefs(summaries.refs, SUMMARY);
    const directory = {
      ...this.#directory.refAt(0),
      inner: { words: SUMMARY + SUMMARY_WORDS, refs: slice },
    };
    const root: BlockRef = {
      slab: this.#roots,
      address: STATE * 2,
      size: { kind: 'class', sizeClass: ROOT_CLASS },
      inner: { words: 2 ** ROOT_CLASS, refs: [directory, ...shiftRefs(unions.refs, UNION)] },
    };
    this.refs = [this.#log.refAt(0), root];
  }

  /** Takes a value in; not null. */
  add(at: number, word: number, time: number): void {
    if (this.#isSketching(at)) {
      this.#expireSlices(at, floorTo(time - this.#ms, this.#sliceMs));
      if (this.#isCalm(at)) this.#toLog(at);
    }
    if (!this.#isSketching(at)) {
      if (this.#enter(at, word, time)) return;
      this.#toSlices(at);
    }
    this.#addToSlice(this.#root(at), floorTo(time, this.#sliceMs), word, 1);
  }

  /** Hands what an anchor at `time` sees to the family's answering. */
  collect(at: number, time: number): void {
    if (this.#isSketching(at)) {
      const root = this.#root(at);
      this.#advance(root, floorTo(time - this.#ms, this.#sliceMs));
      this.#unions.collect(root + UNION);
      return;
    }
    const from = windowStart(time, this.#ms, this.#hopMs);
    const { f64 } = this.#blocks;
    for (let j = this.#log.size(at) - 1; j >= 0; j--) {
      const entry = this.#log.word(at, j);
      if (f64[entry]! < from) return;
      this.#family.answering.offer(f64[entry + VALUE]!, f64[entry + COUNT]!);
    }
  }

  /** Takes an entry of slice `#start` into the log. */
  offer(word: number, count: number): void {
    this.#push(this.#section, this.#start, word, count);
  }

  /** Counts the value in the log; false where that would take more entries than there may be. */
  #enter(at: number, word: number, time: number): boolean {
    const from = windowStart(time, this.#ms, this.#hopMs);
    while (this.#log.size(at) > 0 && this.#blocks.f64[this.#log.word(at, 0)]! < from) {
      this.#log.popOldest(at);
    }
    const start = floorTo(time, this.#hopMs);
    const { f64, dirty } = this.#blocks;
    const size = this.#log.size(at);
    for (let j = size - 1; j >= 0; j--) {
      const entry = this.#log.word(at, j);
      if (f64[entry] !== start) break;
      if (f64[entry + VALUE] !== word) continue;
      f64[entry + COUNT]! += 1;
      dirty[(entry + COUNT) >> PAGE_SHIFT] = 1;
      return true;
    }
    if (size >= EXACT_ENTRIES_MAX) return false;
    this.#push(at, start, word, 1);
    return true;
  }

  #push(at: number, start: number, word: number, count: number): void {
    const entry = this.#log.push(at);
    const { f64 } = this.#blocks;
    f64[entry] = start;
    f64[entry + VALUE] = word;
    f64[entry + COUNT] = count;
  }

  #toSlices(at: number): void {
    if (this.#root(at) === 0) this.#records.i32[(at + STATE) * 2] = this.#roots.alloc(ROOT_CLASS);
    this.#setSketching(at, true);
    const root = this.#root(at);
    this.#roots.f64[root + LEFT_BEFORE] = Number.NEGATIVE_INFINITY;
    this.#roots.dirty[root >> PAGE_SHIFT] = 1;
    this.#unions.init(root + UNION);
    while (this.#log.size(at) > 0) {
      const entry = this.#log.word(at, 0);
      // Adding may move the blocks, but not the numbers read here.
      const { f64 } = this.#blocks;
      const start = floorTo(f64[entry]!, this.#sliceMs);
      this.#addToSlice(root, start, f64[entry + VALUE]!, f64[entry + COUNT]!);
      this.#log.popOldest(at);
    }
  }

  #toLog(at: number): void {
    const root = this.#root(at);
    this.#section = at;
    while (this.#directory.size(root) > 0) {
      const slice = this.#directory.word(root, 0);
      this.#start = this.#slices.f64[slice]!;
      this.#summaries.visit(slice + SUMMARY, this);
      this.#summaries.release(slice + SUMMARY);
      this.#directory.popOldest(root);
    }
    this.#unions.release(root + UNION);
    this.#setSketching(at, false);
  }

  #addToSlice(root: number, start: number, word: number, weight: number): void {
    const size = this.#directory.size(root);
    let slice = size === 0 ? 0 : this.#directory.word(root, size - 1);
    if (slice === 0 || this.#slices.f64[slice] !== start) {
      slice = this.#directory.push(root);
      this.#slices.f64[slice] = start;
      this.#summaries.init(slice + SUMMARY);
    }
    const isIn = start >= this.#roots.f64[root + LEFT_BEFORE]!;
    this.#summaries.add(slice + SUMMARY, word, weight, isIn ? root + UNION : 0);
  }

  #expireSlices(at: number, from: number): void {
    const root = this.#root(at);
    this.#advance(root, from);
    while (this.#directory.size(root) > 0) {
      const slice = this.#directory.word(root, 0);
      if (this.#slices.f64[slice]! >= from) return;
      this.#summaries.release(slice + SUMMARY);
      this.#directory.popOldest(root);
    }
  }

  /** Takes slices before `from` out of the union. Neither look-ups nor events ever want them back. */
  #advance(root: number, from: number): void {
    const before = this.#roots.f64[root + LEFT_BEFORE]!;
    if (from <= before) return;
    this.#roots.f64[root + LEFT_BEFORE] = from;
    this.#roots.dirty[root >> PAGE_SHIFT] = 1;
    const size = this.#directory.size(root);
    let left = 0;
    let j = 0;
    for (; j < size; j++) {
      const slice = this.#directory.word(root, j);
      const start = this.#slices.f64[slice]!;
      if (start >= from) break;
      if (start < before) continue;
      this.#unions.leave(root + UNION, slice + SUMMARY);
      left++;
    }
    if (left === 0) return;
    this.#unions.restart(root + UNION);
    for (; j < size; j++) {
      this.#unions.join(root + UNION, this.#directory.word(root, j) + SUMMARY);
    }
  }

  /** Whether the log could hold all that the slices know. */
  #isCalm(at: number): boolean {
    const root = this.#root(at);
    const size = this.#directory.size(root);
    if (size > 0 && this.#sliceMs !== this.#hopMs) return false;
    let entries = 0;
    for (let j = 0; j < size; j++) {
      const summary = this.#directory.word(root, j) + SUMMARY;
      entries += this.#summaries.size(summary);
      if (entries > CALM_ENTRIES || !this.#summaries.isExact(summary)) return false;
    }
    return true;
  }

  #root(at: number): number {
    return this.#records.i32[(at + STATE) * 2]!;
  }

  #isSketching(at: number): boolean {
    return this.#records.i32[(at + STATE) * 2 + 1] === 1;
  }

  #setSketching(at: number, sketching: boolean): void {
    this.#records.i32[(at + STATE) * 2 + 1] = sketching ? 1 : 0;
    this.#records.dirty[(at + STATE) >> PAGE_SHIFT] = 1;
  }
}

/** The hop, or as many hops as keep a window at SLICES_MAX slices, ms. */
function sliceLength(ms: number, hopMs: number): number {
  const hops = Math.ceil(ms / hopMs) + 1;
  return hops <= SLICES_MAX ? hopMs : hopMs * Math.ceil(ms / hopMs / (SLICES_MAX - 1));
}
