/**
 * The value at one edge of a window: its first, its least, its greatest. All three keep, per window, a queue of
 * candidates: events that answer once everything before them has left. A rule says which a newcomer makes needless.
 *
 * Per window, in the section: `all`: the value (NaN: none). session: the session, then the value. Others: the header
 * of a queue, then how many rows there were; a candidate is (start of its slice, its row's ordinal, value).
 */
import type { ReadOp, WindowPlan } from '../../compiler/plan/plan.ts';
import type { Frame } from '../column/frame.ts';
import type { Output } from '../keyspace/answers.ts';
import type { BlockRef } from '../state/block-ref.ts';
import { ENTRY_LOG_WORDS, EntryLog } from '../state/entry-log.ts';
import { PAGE_SHIFT, type Slab } from '../state/slab.ts';
import { floorTo } from '../time.ts';
import { reachesBackTo, rowCap } from './row-retention.ts';
import { extendSession, initSession, SESSION_WORDS, sessionIsOn } from './sessions.ts';
import { ValueCell } from './value-cell.ts';
import type { ValueStoreContext, ValueStoreOperator } from './value-store.ts';

export type EdgeRule = {
  /** An earlier value that a later one leaves standing nowhere: it is never the answer once both are in the window. */
  readonly yields: (earlier: number, later: number) => boolean;
};

const ROWS = ENTRY_LOG_WORDS;
const QUEUE_WORDS = ENTRY_LOG_WORDS + 1;
const START = 0;
const ORDINAL = 1;
const VALUE = 2;

export class EdgeStore implements ValueStoreOperator {
  readonly recordWords: number;
  readonly refs: readonly BlockRef[];
  readonly #rule: EdgeRule;
  readonly #windows: readonly { readonly plan: WindowPlan; readonly offset: number }[];
  readonly #records: Slab;
  readonly #entries: Slab;
  readonly #queue: EntryLog;
  readonly #cell: ValueCell;

  constructor({ store, records, slabs, name }: ValueStoreContext, rule: EdgeRule) {
    this.#rule = rule;
    this.#records = records;
    this.#entries = slabs.open(`${name}.entries`);
    this.#queue = new EntryLog(records, this.#entries, 3);
    this.#cell = new ValueCell(store.slots[0]!, store.physical[0]!, slabs, name);
    let words = 0;
    this.#windows = store.windows.map((plan) => {
      const offset = words;
      words += sectionWords(plan);
      return { plan, offset };
    });
    this.recordWords = words;
    this.refs = this.#windows.flatMap(({ plan, offset }) =>
      plan.kind === 'all' || plan.kind === 'session' ? [] : [this.#queue.refAt(offset)],
    );
  }

  init(at: number): void {
    for (const { plan, offset } of this.#windows) {
      if (plan.kind === 'all') this.#records.f64[at + offset] = Number.NaN;
      if (plan.kind === 'session') {
        initSession(this.#records, at + offset);
        this.#records.f64[at + offset + SESSION_WORDS] = Number.NaN;
      }
    }
  }

  open(frame: Frame): void {
    this.#cell.open(frame);
  }

  add(at: number, row: number, time: number): void {
    const word = this.#cell.read(row);
    for (let w = 0; w < this.#windows.length; w++) {
      const { plan, offset } = this.#windows[w]!;
      const section = at + offset;
      if (plan.kind === 'all') this.#keep(section, word);
      else if (plan.kind === 'session') {
        if (extendSession(this.#records, section, plan.gapMs, time)) {
          this.#records.f64[section + SESSION_WORDS] = Number.NaN;
        }
        this.#keep(section + SESSION_WORDS, word);
      } else this.#enqueue(section, plan, time, word);
    }
  }

  read(at: number, time: number, window: number, _read: ReadOp, out: Output, row: number): void {
    const { plan, offset } = this.#windows[window]!;
    const section = at + offset;
    const { f64 } = this.#records;
    if (plan.kind === 'all') this.#cell.write(f64[section]!, out, row);
    else if (plan.kind === 'session') {
      if (sessionIsOn(this.#records, section, plan.gapMs, time)) {
        this.#cell.write(f64[section + SESSION_WORDS]!, out, row);
      }
    } else {
      this.#dequeue(section, plan, time);
      if (this.#queue.size(section) === 0) return;
      this.#cell.write(this.#entries.f64[this.#queue.word(section, 0) + VALUE]!, out, row);
    }
  }

  /** One value that nothing ever leaves. */
  #keep(word: number, value: number): void {
    const { f64, dirty } = this.#records;
    if (Number.isNaN(value)) return;
    if (!Number.isNaN(f64[word]!) && !this.#rule.yields(f64[word]!, value)) return;
    f64[word] = value;
    dirty[word >> PAGE_SHIFT] = 1;
  }

  #enqueue(section: number, plan: QueuedWindow, time: number, value: number): void {
    const records = this.#records;
    records.f64[section + ROWS]! += 1;
    records.dirty[section >> PAGE_SHIFT] = 1;
    if (!Number.isNaN(value)) {
      const start = plan.kind === 'time' ? floorTo(time, plan.hopMs) : 0;
      if (!this.#standsBehind(section, plan, start, value)) {
        const entry = this.#queue.push(section);
        this.#entries.f64[entry + START] = start;
        this.#entries.f64[entry + ORDINAL] = records.f64[section + ROWS]!;
        this.#entries.f64[entry + VALUE] = value;
      }
    }
    this.#dequeue(section, plan, time);
  }

  /** Drops candidates that yield to the newcomer; true when the newcomer itself is needless. */
  #standsBehind(section: number, plan: QueuedWindow, start: number, value: number): boolean {
    for (;;) {
      const size = this.#queue.size(section);
      if (size === 0) return false;
      const newest = this.#queue.word(section, size - 1);
      if (this.#rule.yields(this.#entries.f64[newest + VALUE]!, value)) {
        this.#queue.popNewest(section);
        continue;
      }
      // Of one slice, all leave together: the one that stands before answers for both. Rows leave one by one.
      return (
        plan.kind === 'time' && plan.rows === null && this.#entries.f64[newest + START] === start
      );
    }
  }

  #dequeue(section: number, plan: QueuedWindow, time: number): void {
    const from = reachesBackTo(plan, time);
    const ordinal = this.#records.f64[section + ROWS]! - rowCap(plan);
    const { f64 } = this.#entries;
    while (this.#queue.size(section) > 0) {
      const oldest = this.#queue.word(section, 0);
      if (
        f64[oldest + ORDINAL]! > ordinal &&
        (plan.kind === 'rows' || f64[oldest + START]! >= from)
      )
        return;
      this.#queue.popOldest(section);
    }
  }
}

type QueuedWindow = Extract<WindowPlan, { kind: 'time' | 'rows' }>;

function sectionWords(window: WindowPlan): number {
  if (window.kind === 'all') return 1;
  return window.kind === 'session' ? SESSION_WORDS + 1 : QUEUE_WORDS;
}
