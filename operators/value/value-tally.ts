/**
 * Count, sum and sum of squares over rows and sessions. One log per key of (own time, the three before this event), so
 * a window's answer is the totals less what was before its first event. With a slot, a null value counts as a row and
 * adds nothing; without one, every event adds 1 to the count.
 * Section: the log's header; totals (count, sum low, high, squares low, high); per session window the session and the
 * totals before it.
 */
import type { ReadOp, WindowPlan } from '../../compiler/plan/plan.ts';
import type { Frame } from '../column/frame.ts';
import { numbersOf } from '../counter/counter-kernel.ts';
import { addWide, LIMB } from '../counter/wide-sum.ts';
import type { Output } from '../keyspace/answers.ts';
import type { BlockRef } from '../state/block-ref.ts';
import { ENTRY_LOG_WORDS, EntryLog } from '../state/entry-log.ts';
import { PAGE_SHIFT, type Slab } from '../state/slab.ts';
import { reachesBackTo, rowCap } from './row-retention.ts';
import { extendSession, initSession, SESSION_WORDS, sessionIsOn } from './sessions.ts';
import type {
  ValueStoreConstructor,
  ValueStoreContext,
  ValueStoreOperator,
} from './value-store.ts';

const LANES = 5;
const COUNT = 0;
const SUM = 1;
const SQUARES = 3;
const TOTALS = ENTRY_LOG_WORDS;
const SESSIONS = TOTALS + LANES;
const SECTION_WORDS = SESSION_WORDS + LANES;
/** Quantum of squares where values are not whole. */
const SQUARE_SCALE = 2 ** 20;

export const tallyStore: ValueStoreConstructor = (context) => new TallyStore(context);

class TallyStore implements ValueStoreOperator {
  readonly recordWords: number;
  readonly refs: readonly BlockRef[];
  readonly #windows: readonly WindowPlan[];
  readonly #scale: number;
  readonly #squareScale: number;
  readonly #slot: number | undefined;
  readonly #records: Slab;
  readonly #entries: Slab;
  readonly #log: EntryLog;
  /** Windows that need the log. */
  readonly #logged: readonly WindowPlan[];
  #values: Float64Array | null = null;

  constructor({ store, records, slabs, name }: ValueStoreContext) {
    this.#windows = store.windows;
    this.#logged = store.windows.filter(({ kind }) => kind === 'rows' || kind === 'time');
    this.#scale = store.scale;
    this.#squareScale = store.scale === 1 ? 1 : SQUARE_SCALE;
    this.#slot = store.slots[0];
    this.#records = records;
    this.#entries = slabs.open(`${name}.entries`);
    this.#log = new EntryLog(records, this.#entries, 1 + LANES);
    this.recordWords = SESSIONS + store.windows.length * SECTION_WORDS;
    this.refs = [this.#log.refAt(0)];
  }

  init(at: number): void {
    for (let w = 0; w < this.#windows.length; w++) initSession(this.#records, session(at, w));
  }

  open(frame: Frame): void {
    this.#values = this.#slot === undefined ? null : numbersOf(frame, this.#slot);
  }

  add(at: number, row: number, time: number): void {
    const { f64, dirty } = this.#records;
    const totals = at + TOTALS;
    dirty[at >> PAGE_SHIFT] = 1;
    for (let w = 0; w < this.#windows.length; w++) {
      const window = this.#windows[w]!;
      if (window.kind !== 'session') continue;
      const section = session(at, w);
      if (!extendSession(this.#records, section, window.gapMs, time)) continue;
      f64.copyWithin(section + SESSION_WORDS, totals, totals + LANES);
    }
    if (this.#logged.length > 0) this.#append(at, time);
    const value = this.#values === null ? 0 : this.#values[row]!;
    if (Number.isNaN(value)) return;
    f64[totals + COUNT]! += 1;
    if (this.#values === null) return;
    addWide(f64, totals + SUM, Math.round(value * this.#scale));
    addWide(f64, totals + SQUARES, Math.round(value * value * this.#squareScale));
  }

  read(at: number, time: number, index: number, read: ReadOp, out: Output, row: number): void {
    if (out.kind !== 'f64') return;
    const window = this.#windows[index]!;
    const totals = this.#records.f64;
    if (window.kind === 'session') {
      const section = session(at, index);
      const isOn = sessionIsOn(this.#records, section, window.gapMs, time);
      out.data[row] = isOn ? this.#difference(at, read, totals, section + SESSION_WORDS) : 0;
      return;
    }
    const size = this.#log.size(at);
    const first = Math.max(
      size - rowCap(window),
      this.#firstSince(at, reachesBackTo(window, time)),
      0,
    );
    if (window.kind === 'all') out.data[row] = this.#total(at, read);
    else if (first >= size) out.data[row] = 0;
    else
      out.data[row] = this.#difference(at, read, this.#entries.f64, this.#log.word(at, first) + 1);
  }

  /** The totals less the lanes at `before` of `lanes`. */
  #difference(at: number, read: ReadOp, lanes: Float64Array, before: number): number {
    const { f64 } = this.#records;
    const lane = laneOf(read);
    const less = (k: number) => f64[at + TOTALS + lane + k]! - lanes[before + lane + k]!;
    return lane === COUNT ? less(0) : (less(0) + less(1) * LIMB) / this.#scaleOf(lane);
  }

  #total(at: number, read: ReadOp): number {
    const { f64 } = this.#records;
    const lane = laneOf(read);
    const word = at + TOTALS + lane;
    return lane === COUNT ? f64[word]! : (f64[word]! + f64[word + 1]! * LIMB) / this.#scaleOf(lane);
  }

  #scaleOf(lane: number): number {
    return lane === SQUARES ? this.#squareScale : this.#scale;
  }

  /** Appends the totals as they stand before the event, and drops what no window reaches any more. */
  #append(at: number, time: number): void {
    const entry = this.#log.push(at);
    const { f64 } = this.#entries;
    f64[entry] = time;
    for (let lane = 0; lane < LANES; lane++) {
      f64[entry + 1 + lane] = this.#records.f64[at + TOTALS + lane]!;
    }
    while (this.#oldestIsDone(at, time)) this.#log.popOldest(at);
  }

  #oldestIsDone(at: number, time: number): boolean {
    const size = this.#log.size(at);
    const own = this.#entries.f64[this.#log.word(at, 0)]!;
    for (let w = 0; w < this.#logged.length; w++) {
      const window = this.#logged[w]!;
      if (size - 1 < rowCap(window) && own >= reachesBackTo(window, time)) return false;
    }
    return true;
  }

  /** Index of the first entry with own time >= from; binary search, as own times never fall. */
  #firstSince(at: number, from: number): number {
    if (from === Number.NEGATIVE_INFINITY) return 0;
    let low = 0;
    let high = this.#log.size(at);
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#entries.f64[this.#log.word(at, middle)]! < from) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function laneOf(read: ReadOp): number {
  if (read.fn === 'count') return COUNT;
  return read.fn === 'sum' ? SUM : SQUARES;
}

function session(at: number, window: number): number {
  return at + SESSIONS + window * SECTION_WORDS;
}
