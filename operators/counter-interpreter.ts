/** Counters by walking the layout step by step: slow, plain, and what the generated kernel must equal bit for bit. */
import {
  bitsOf,
  type CounterBatch,
  type CounterKernel,
  numbersOf,
  numbersOut,
  timesOf,
} from './counter-kernel.ts';
import {
  type Chain,
  type CounterLayout,
  type CounterView,
  NEWEST_END,
  NEWEST_START,
  NEXT_EXPIRY,
} from './counter-layout.ts';
import type { CounterLog } from './counter-log.ts';
import type { Slab } from './slab.ts';
import { addWide, LIMB } from './wide-sum.ts';

export class CounterInterpreter implements CounterKernel {
  readonly #layout: CounterLayout;
  readonly #logs: readonly CounterLog[];
  readonly #records: Slab;
  #batch: CounterBatch | null = null;

  constructor(layout: CounterLayout, logs: readonly CounterLog[], records: Slab) {
    this.#layout = layout;
    this.#logs = logs;
    this.#records = records;
  }

  open(batch: CounterBatch): void {
    this.#batch = batch;
  }

  touch(): void {}

  run(from: number, to: number): void {
    const batch = this.#batch!;
    const { steps, records, feedFrames } = batch;
    for (let i = from; i < to; i++) {
      const who = steps.participant[i]!;
      if (records[i]! < 0) continue;
      if (who < feedFrames.length) {
        for (let c = 0; c < this.#layout.chains.length; c++) this.#feed(c, batch, i);
      } else {
        this.#probe(who - feedFrames.length, batch, i);
      }
    }
  }

  #feed(index: number, batch: CounterBatch, i: number): void {
    const chain = this.#layout.chains[index]!;
    const feed = batch.steps.participant[i]!;
    const row = batch.steps.row[i]!;
    const record = batch.records[i]!;
    const frame = batch.feedFrames[feed]!;
    const added = chain.columns.map(({ plan }) => {
      if (plan.feed !== feed) return Number.NaN;
      if (plan.mask !== null && bitsOf(frame, plan.mask)[row] !== 1) return Number.NaN;
      if (plan.value === null) return 1;
      const value = numbersOf(frame, plan.value)[row]!;
      return Math.round(plan.square ? value * value * plan.scale : value * plan.scale);
    });
    if (added.every((value) => Number.isNaN(value))) return;
    const late = this.#openSlice(index, record, timesOf(frame)[row]!);
    for (const [c, { plan, lane }] of chain.columns.entries()) {
      const value = added[c]!;
      if (Number.isNaN(value)) continue;
      const total = record + chain.totals + lane;
      if (plan.value === null) this.#records.f64[total]! += 1;
      else addWide(this.#records.f64, total, value);
    }
    if (late) this.#logs[index]!.settle(record);
  }

  #openSlice(index: number, record: number, time: number): boolean {
    const chain: Chain = this.#layout.chains[index]!;
    if (chain.windows.length === 0) return false;
    const { f64 } = this.#records;
    const isInNewest =
      time >= f64[record + chain.at + NEWEST_START]! && time < f64[record + chain.at + NEWEST_END]!;
    if (isInNewest) return false;
    return this.#logs[index]!.push(record, time);
  }

  #probe(probe: number, batch: CounterBatch, i: number): void {
    const row = batch.steps.row[i]!;
    const record = batch.records[i]!;
    const time = timesOf(batch.probeFrames[probe]!)[row]!;
    const views = this.#layout.views[probe]!;
    if (record > 0) {
      for (const [index, chain] of this.#layout.chains.entries()) {
        if (chain.windows.length === 0) continue;
        if (time >= this.#records.f64[record + chain.at + NEXT_EXPIRY]!) {
          this.#logs[index]!.expire(record, time);
        }
      }
    }
    for (const view of views) {
      const value = record === 0 ? 0 : this.#read(record, view);
      numbersOut(batch.answers, probe, view.view)[row] = value;
    }
  }

  #read(record: number, view: CounterView): number {
    const { f64 } = this.#records;
    const limb = (k: number) =>
      f64[record + view.total + k]! - (view.before < 0 ? 0 : f64[record + view.before + k]!);
    return (view.wide ? limb(0) + limb(1) * LIMB : limb(0)) / view.scale;
  }
}
