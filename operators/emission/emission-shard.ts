/**
 * The anchors of one example set on one shard, through time. A batch goes as follows:
 *
 *   1. new anchors are frozen: id and features to the row slab, a record, a first timer
 *   2. held labels whose streams speak again go out, at the frontier before
 *   3. time by time below the frontier: the outcomes of that time are applied, the timers due then are taken, and each
 *      anchor they touch takes one step (operators/emission/emission-step.ts)
 *
 * Each record has one timer that counts, at or before the next time at which something is due. A record is freed, with
 * its row, as soon as no emission is due and no event or refund can be applied to it any more.
 */
import type { ExamplePlan, Plan } from '../../compiler/plan/plan.ts';
import { assert } from '../assert.ts';
import type { Column } from '../column/column.ts';
import { shardOf } from '../hash.ts';
import type { AnchorRows } from '../label/attribute-anchors.ts';
import type { Outcomes } from '../label/attribute-outcomes.ts';
import type { RowCodec } from '../state/row-codec.ts';
import { ROOT_USER, type Slab, type SlabSet } from '../state/slab.ts';
import { EmissionAnchors, LABEL_WORDS, RECORD_WORDS } from './emission-anchors.ts';
import { takeAudit, writeAudit } from './emission-audit.ts';
import { ROW_AUDIT, ROW_EXAMPLE, ROW_SHOWN } from './emission-batch.ts';
import {
  ANY_POSITIVE,
  AUDIT_PENDING,
  CREDITED,
  DEADLINE_PENDING,
  SHARE_BIT,
  SHOWN_PENDING,
  STANDS,
  TOUCHED,
  WAIT_PENDING,
} from './emission-flags.ts';
import type { EmissionRows } from './emission-rows.ts';
import type { EmissionRules } from './emission-rules.ts';
import { countPending, nextLook, type Reading } from './emission-schedule.ts';
import { EmissionStep, type Frontiers, NEVER } from './emission-step.ts';
import { Sample } from './sample.ts';
import { TimerQueue } from './timer-queue.ts';

/** Counters, in the root of the record slab. */
const ANCHORS = ROOT_USER + 8;
const SAMPLED_OUT = ROOT_USER + 9;

/** New anchors: rows of the anchor's frame, its position and what is frozen of it (the id first). */
export type NewAnchors = {
  readonly n: number;
  readonly anchors: AnchorRows;
  readonly skip: Uint8Array | null;
  readonly columns: readonly Column[];
};

export class EmissionShard {
  readonly #anchors: EmissionAnchors;
  readonly #rows: Slab;
  readonly #timers: TimerQueue;
  readonly #rules: EmissionRules;
  readonly #codec: RowCodec;
  readonly #step: EmissionStep;
  readonly #reading: Reading;
  readonly #negatives: Sample;
  readonly #audit: Sample;
  readonly #shard: { readonly index: number; readonly of: number };
  readonly #touched: number[] = [];
  readonly #heads: Int32Array;
  readonly #bySource = (a: number, b: number): number => {
    const { f64, i32 } = this.#anchors.slab;
    return i32[a * 2 + 6] - i32[b * 2 + 6] || f64[a + 4] - f64[b + 4];
  };

  constructor(
    plan: Plan,
    example: ExamplePlan,
    more: {
      rules: EmissionRules;
      codec: RowCodec;
      slabs: SlabSet;
      shard: { index: number; of: number };
    },
  ) {
    const name = `emission/${example.name}`;
    this.#anchors = new EmissionAnchors(more.slabs, `${name}/anchors`, more.rules.labels.length);
    this.#rows = more.slabs.open(`${name}/rows`);
    this.#timers = new TimerQueue(more.slabs, `${name}/timers`, more.rules.offsetsMs.length);
    this.#rules = more.rules;
    this.#codec = more.codec;
    this.#step = new EmissionStep(plan, more.rules);
    this.#reading = { rules: more.rules, step: this.#step, slab: this.#anchors.slab };
    const set = example.set ?? example.name;
    this.#negatives = new Sample(set, example.sampleNegatives);
    this.#audit = new Sample(`audit${set}`, example.audit);
    this.#shard = more.shard;
    this.#heads = new Int32Array(more.rules.labels.length);
  }

  get live(): number {
    return this.#anchors.size;
  }

  /** Anchors ever taken in, and rows that sampling left out. */
  get counters(): { readonly anchors: number; readonly sampledOut: number } {
    const { f64 } = this.#anchors.slab;
    return { anchors: f64[ANCHORS], sampledOut: f64[SAMPLED_OUT] };
  }

  /** By label of the set: anchors for which an emission of it is still due; last, those whose audit row is. */
  pending(): number[] {
    const counts = new Array<number>(this.#rules.emitted + 1).fill(0);
    for (const record of this.#anchors.all()) countPending(this.#reading, record, counts);
    return counts;
  }

  /** One batch; what it emits is appended to `into`. `outcomes` by followed label. */
  accept(
    fresh: NewAnchors | null,
    outcomes: readonly Outcomes[],
    frontiers: Frontiers,
    into: EmissionRows,
  ): void {
    const before = this.#anchors.frontier;
    assert(frontiers.frontier >= before, 'the frontier went back');
    const woke = this.#step.advance(frontiers, before);
    if (fresh !== null) this.#freeze(fresh, before);
    if (woke && this.#anchors.held > 0) this.#releaseHeld(before, into);
    this.#heads.fill(0);
    for (;;) {
      const at = Math.min(this.#nextOutcome(outcomes), this.#timers.due());
      if (at >= frontiers.frontier || at >= NEVER) break;
      assert(at >= before, 'an emission before the last frontier');
      this.#apply(outcomes, at);
      for (let timer = this.#timers.take(at); timer !== -1; timer = this.#timers.take(at)) {
        const record = this.#anchors.resolve(timer);
        if (record !== 0 && this.#anchors.slab.f64[record + 7] === at) this.#touch(record);
      }
      this.#runTouched(at, into);
    }
    this.#anchors.frontier = frontiers.frontier;
  }

  #freeze(fresh: NewAnchors, before: number): void {
    const { lo, hi, time } = fresh.anchors;
    for (let row = 0; row < fresh.n; row++) {
      if (lo[row] === 0 && hi[row] === 0) continue;
      if (fresh.skip !== null && fresh.skip[row] === 1) continue;
      if (shardOf(hi[row], this.#shard.of) !== this.#shard.index) continue;
      assert(time[row] >= before, 'an anchor before the last frontier');
      const record = this.#anchors.add(fresh.anchors, row);
      this.#store(record, fresh.columns, row);
      const { slab } = this.#anchors;
      const audited = this.#audit.has(lo[row], hi[row]);
      slab.i32[record * 2 + 7] = audited ? SHOWN_PENDING | AUDIT_PENDING : 0;
      this.#prepare(record);
      slab.f64[ANCHORS] += 1;
      slab.mark(ANCHORS, 1);
      this.#schedule(record, audited ? time[row] : this.#firstDue(record));
    }
  }

  #prepare(record: number): void {
    const { f64, i32 } = this.#anchors.slab;
    const { labels, emitted } = this.#rules;
    for (let l = 0; l < labels.length; l++) {
      const word = record + RECORD_WORDS + l * LABEL_WORDS;
      f64[word + 1] = Number.NEGATIVE_INFINITY;
      if (l >= emitted) continue;
      i32[word * 2 + 1] = WAIT_PENDING | (labels[l].emitsAtDeadline ? DEADLINE_PENDING : 0);
    }
  }

  #firstDue(record: number): number {
    this.#step.findDeadlines(this.#anchors.slab, record);
    return nextLook(this.#reading, record);
  }

  #store(record: number, columns: readonly Column[], row: number): void {
    const words = this.#codec.measure(columns, row);
    const sizeClass = Math.ceil(Math.log2(words));
    const at = this.#rows.alloc(sizeClass);
    this.#codec.write(this.#rows, at, columns, row);
    this.#anchors.slab.f64[record + 5] = at;
    this.#anchors.slab.i32[record * 2 + 12] = sizeClass;
  }

  /** Steps every record with a held label or audit: its streams may speak again. */
  #releaseHeld(before: number, into: EmissionRows): void {
    for (const record of this.#anchors.all()) {
      if (this.#anchors.isHeld(record, this.#rules.emitted)) this.#touch(record);
    }
    this.#runTouched(before, into);
  }

  #nextOutcome(outcomes: readonly Outcomes[]): number {
    let next = Number.POSITIVE_INFINITY;
    for (let l = 0; l < outcomes.length; l++) {
      const list = outcomes[l];
      let i = this.#heads[l];
      while (i < list.n && shardOf(list.anchors.hi[i], this.#shard.of) !== this.#shard.index) i++;
      this.#heads[l] = i;
      if (i < list.n && list.applied[i] < next) next = list.applied[i];
    }
    return next;
  }

  #apply(outcomes: readonly Outcomes[], at: number): void {
    for (let l = 0; l < outcomes.length; l++) {
      const list = outcomes[l];
      let i = this.#heads[l];
      for (; i < list.n && list.applied[i] === at; i++) {
        if (shardOf(list.anchors.hi[i], this.#shard.of) === this.#shard.index) {
          this.#outcome(list, i, l);
        }
      }
      this.#heads[l] = i;
    }
  }

  #outcome(list: Outcomes, i: number, l: number): void {
    const record = this.#anchors.find(list.anchors, i);
    if (record === 0) return;
    const { f64, i32 } = this.#anchors.slab;
    const word = record + RECORD_WORDS + l * LABEL_WORDS;
    const share = list.share[i];
    if (share === 0) {
      i32[word * 2]--;
    } else {
      i32[word * 2]++;
      i32[word * 2 + 1] = withShare(i32[word * 2 + 1] | CREDITED, share);
      if (list.time[i] > f64[word + 1]) f64[word + 1] = list.time[i];
    }
    this.#touch(record);
  }

  #touch(record: number): void {
    const { i32 } = this.#anchors.slab;
    if ((i32[record * 2 + 7] & TOUCHED) !== 0) return;
    i32[record * 2 + 7] |= TOUCHED;
    this.#touched.push(record);
  }

  /** Steps what was touched; by source, so that rows of equal time and id have an order of their own. */
  #runTouched(at: number, into: EmissionRows): void {
    if (this.#touched.length > 1) this.#touched.sort(this.#bySource);
    for (const record of this.#touched) {
      this.#anchors.slab.i32[record * 2 + 7] &= ~TOUCHED;
      this.#run(record, at, into);
    }
    this.#touched.length = 0;
  }

  #run(record: number, at: number, into: EmissionRows): void {
    const { slab } = this.#anchors;
    const wasHeld = this.#anchors.isHeld(record, this.#rules.emitted);
    this.#anchors.mark(record);
    if ((slab.i32[record * 2 + 7] & SHOWN_PENDING) !== 0 && at === slab.f64[record + 2]) {
      slab.i32[record * 2 + 7] &= ~SHOWN_PENDING;
      this.#row(record, { at, kind: ROW_SHOWN, sampleRate: this.#audit.share }, into);
    }
    this.#step.run(slab, record, at);
    for (let row = 0; row < 3; row++) this.#emit(record, at, row, into);
    if (takeAudit(this.#reading, record, at)) {
      const audit = { at, kind: ROW_AUDIT, sampleRate: this.#audit.share };
      writeAudit(this.#reading, record, this.#row(record, audit, into), into);
    }
    const isHeld = this.#anchors.isHeld(record, this.#rules.emitted);
    if (isHeld !== wasHeld) this.#anchors.countHeld(isHeld ? 1 : -1);
    const next = nextLook(this.#reading, record);
    if (next <= at) this.#free(record);
    else if (slab.f64[record + 7] <= at || next < slab.f64[record + 7])
      this.#schedule(record, next);
  }

  /** Emits the step's entries of one row, unless sampling leaves it out. */
  #emit(record: number, at: number, row: number, into: EmissionRows): void {
    const { entries, label, value, kind, deadlines } = this.#step;
    const { i32, f64 } = this.#anchors.slab;
    let any = false;
    for (let e = 0; e < entries; e++) {
      if (this.#step.row[e] !== row) continue;
      any = true;
      if (value[e] === 1) i32[record * 2 + 7] |= ANY_POSITIVE;
    }
    if (!any) return;
    const positive = (i32[record * 2 + 7] & ANY_POSITIVE) !== 0;
    if (!positive && !this.#negatives.has(i32[record * 2 + 2], i32[record * 2 + 3])) {
      f64[SAMPLED_OUT] += 1;
      this.#anchors.slab.mark(SAMPLED_OUT, 1);
      return;
    }
    const sampleRate = positive ? 1 : this.#negatives.share;
    const to = this.#row(record, { at, kind: ROW_EXAMPLE, sampleRate }, into);
    for (let e = 0; e < entries; e++) {
      if (this.#step.row[e] !== row) continue;
      const l = label[e];
      into.label(to, l, { value: value[e], kind: kind[e], deadline: deadlines[l] });
      into.credit(to, l, this.#step.share[e]);
    }
  }

  #row(
    record: number,
    row: { at: number; kind: number; sampleRate: number },
    into: EmissionRows,
  ): number {
    const { f64 } = this.#anchors.slab;
    const { at: emitted, kind, sampleRate } = row;
    const to = into.add({ emitted, time: f64[record + 2], kind, sampleRate });
    this.#codec.read(this.#rows, f64[record + 5], into.columns, to);
    return to;
  }

  #schedule(record: number, due: number): void {
    const { slab } = this.#anchors;
    slab.f64[record + 7] = due;
    const offset = due - slab.f64[record + 2];
    this.#timers.push(this.#rules.offsetsMs.indexOf(offset), due, this.#anchors.reference(record));
  }

  #free(record: number): void {
    const { slab } = this.#anchors;
    this.#rows.free(slab.f64[record + 5], slab.i32[record * 2 + 12]);
    this.#anchors.remove(record);
  }
}

/**
 * A label has the share of the event that turned it positive, and keeps it while any of its events stands. Events of one
 * instant have no order: the greatest share of theirs.
 */
function withShare(flags: number, share: number): number {
  if ((flags & STANDS) !== 0 || share <= flags >>> SHARE_BIT) return flags;
  return (flags & ((1 << SHARE_BIT) - 1)) | (share << SHARE_BIT);
}
