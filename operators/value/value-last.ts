/**
 * The newest values of a window, newest first. One log per key serves all windows of the store: entries are
 * (own time, value), kept as long as some window may still answer with them. Events with a null value are entries only
 * where a window counts rows.
 * Section: the log's header; how many entries are not null; then a session for each session window.
 */
import type { ReadOp, WindowPlan } from '../../compiler/plan/plan.ts';
import type { Frame } from '../column/frame.ts';
import type { Output } from '../keyspace/answers.ts';
import type { BlockRef } from '../state/block-ref.ts';
import { ENTRY_LOG_WORDS, EntryLog } from '../state/entry-log.ts';
import type { Slab } from '../state/slab.ts';
import { countsRows, reachesBackTo, rowCap } from './row-retention.ts';
import {
  extendSession,
  initSession,
  SESSION_WORDS,
  sessionIsOn,
  sessionStart,
} from './sessions.ts';
import { ValueCell } from './value-cell.ts';
import type {
  ValueStoreConstructor,
  ValueStoreContext,
  ValueStoreOperator,
} from './value-store.ts';

const PRESENT = ENTRY_LOG_WORDS;
const SESSIONS = PRESENT + 1;

export const lastStore: ValueStoreConstructor = (context) => new LastStore(context);

class LastStore implements ValueStoreOperator {
  readonly recordWords: number;
  readonly refs: readonly BlockRef[];
  readonly #windows: readonly WindowPlan[];
  readonly #k: number;
  readonly #keepsNulls: boolean;
  readonly #records: Slab;
  readonly #entries: Slab;
  readonly #log: EntryLog;
  readonly #cell: ValueCell;

  constructor({ store, records, slabs, name }: ValueStoreContext) {
    this.#windows = store.windows;
    this.#k = Math.max(1, store.k);
    this.#keepsNulls = store.windows.some(countsRows);
    this.#records = records;
    this.#entries = slabs.open(`${name}.entries`);
    this.#log = new EntryLog(records, this.#entries, 2);
    this.#cell = new ValueCell(store.slots[0]!, store.physical[0]!, slabs, name);
    this.recordWords = SESSIONS + store.windows.length * SESSION_WORDS;
    this.refs = [this.#log.refAt(0)];
  }

  init(at: number): void {
    for (let w = 0; w < this.#windows.length; w++) initSession(this.#records, this.#session(at, w));
  }

  open(frame: Frame): void {
    this.#cell.open(frame);
  }

  add(at: number, row: number, time: number): void {
    for (let w = 0; w < this.#windows.length; w++) {
      const window = this.#windows[w]!;
      if (window.kind === 'session') {
        extendSession(this.#records, this.#session(at, w), window.gapMs, time);
      }
    }
    const word = this.#cell.read(row);
    const isNull = Number.isNaN(word);
    if (isNull && !this.#keepsNulls) return;
    const entry = this.#log.push(at);
    this.#entries.f64[entry] = time;
    this.#entries.f64[entry + 1] = word;
    if (!isNull) this.#records.f64[at + PRESENT]! += 1;
    while (this.#oldestIsDone(at, time)) {
      if (!Number.isNaN(this.#entries.f64[this.#log.word(at, 0) + 1]!)) {
        this.#records.f64[at + PRESENT]! -= 1;
      }
      this.#log.popOldest(at);
    }
  }

  read(at: number, time: number, index: number, read: ReadOp, out: Output, row: number): void {
    const wanted = read.fn === 'last' ? (read.k ?? 1) : 1;
    const asList = read.fn === 'last' && read.k !== null;
    if (asList && (out.kind === 'list_f64' || out.kind === 'list_text')) out.begin(row);
    const window = this.#windows[index]!;
    let from = reachesBackTo(window, time);
    if (window.kind === 'session') {
      const session = this.#session(at, index);
      if (!sessionIsOn(this.#records, session, window.gapMs, time)) return;
      from = sessionStart(this.#records, session);
    }
    const size = this.#log.size(at);
    const rows = Math.min(size, rowCap(window));
    for (let rank = 0, taken = 0; rank < rows && taken < wanted; rank++) {
      const entry = this.#log.word(at, size - 1 - rank);
      if (this.#entries.f64[entry]! < from) return;
      const word = this.#entries.f64[entry + 1]!;
      if (Number.isNaN(word)) continue;
      taken++;
      if (asList) this.#cell.push(word, out);
      else this.#cell.write(word, out, row);
    }
  }

  /** No window can answer with the oldest entry any more, at `time` or after. */
  #oldestIsDone(at: number, time: number): boolean {
    const size = this.#log.size(at);
    if (size === 0) return false;
    const entry = this.#log.word(at, 0);
    const own = this.#entries.f64[entry]!;
    const isNull = Number.isNaN(this.#entries.f64[entry + 1]!);
    const newerPresent = this.#records.f64[at + PRESENT]! - (isNull ? 0 : 1);
    for (let w = 0; w < this.#windows.length; w++) {
      const window = this.#windows[w]!;
      if (size - 1 >= rowCap(window) || newerPresent >= this.#k) continue;
      if (isNull && !countsRows(window)) continue;
      if (own < reachesBackTo(window, time)) continue;
      if (window.kind === 'session' && own < sessionStart(this.#records, this.#session(at, w)))
        continue;
      return false;
    }
    return true;
  }

  #session(at: number, window: number): number {
    return at + SESSIONS + window * SESSION_WORDS;
  }
}
