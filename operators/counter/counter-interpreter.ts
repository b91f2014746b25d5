/** Counters by walking the layout step by step: slow, plain, and what the generated kernel must equal bit for bit. */

import { PAGE_SHIFT, type Slab } from '../state/slab.ts';
import type { CounterChains } from './counter-chains.ts';
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
import { addWide, LIMB } from './wide-sum.ts';

export class CounterInterpreter implements CounterKernel {
  readonly #layout: CounterLayout;
  readonly #chains: CounterChains;
  #batch: CounterBatch | null = null;

  constructor(layout: CounterLayout, chains: CounterChains) {
    this.#layout = layout;
    this.#chains = chains;
  }

  open(batch: CounterBatch): void {
    this.#batch = batch;
  }

  touch(): void {}

  run(from: number, to: number): void {
    const batch = this.#batch!;
    const { steps, records, participants } = batch;
    for (let i = from; i < to; i++) {
      const who = steps.participant[i]!;
      if (records[i]! < 0) continue;
      if (participants.probe[who]! >= 0) this.#probe(participants.probe[who]!, batch, i);
      const feed = participants.feed[who]!;
      if (feed < 0) continue;
      for (let c = 0; c < this.#layout.chains.length; c++) this.#feed(c, feed, batch, i);
    }
  }

  #feed(index: number, feed: number, batch: CounterBatch, i: number): void {
    const chain = this.#layout.chains[index]!;
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
    if (chain.windows.length === 0) {
      this.#addTotals(chain, this.#chains.records, record, added);
    } else if (!this.#addQuiet(index, record, timesOf(frame)[row]!, added)) {
      this.#addBusy(index, record, timesOf(frame)[row]!, added);
    }
  }

  /** False: the key is busy, or is not quiet with that event; nothing was added. */
  #addQuiet(index: number, record: number, time: number, added: readonly number[]): boolean {
    const chain: Chain = this.#layout.chains[index]!;
    const quiet = this.#chains.quiet[index]!;
    if (quiet.busy(record) !== 0) return false;
    const slice = quiet.slice(record, time);
    if (slice === 0) return false;
    const lanes = chain.columns.map(({ lane }) => lane);
    const isAdded = (c: number) => !Number.isNaN(added[c]!);
    if (lanes.some((lane, c) => isAdded(c) && !quiet.fits(slice, lane, added[c]!))) return false;
    for (const [c, lane] of lanes.entries()) if (isAdded(c)) quiet.add(slice, lane, added[c]!);
    return true;
  }

  #addBusy(index: number, record: number, time: number, added: readonly number[]): void {
    const chain: Chain = this.#layout.chains[index]!;
    const { quiet, logs, sections } = this.#chains;
    const busy = quiet[index]!.busy(record) || quiet[index]!.promote(record);
    const isInNewest =
      time >= sections.f64[busy + NEWEST_START]! && time < sections.f64[busy + NEWEST_END]!;
    const late = isInNewest ? false : logs[index]!.push(busy, time);
    this.#addTotals(chain, sections, busy, added);
    if (late) logs[index]!.settle(busy);
  }

  #addTotals(chain: Chain, home: Slab, at: number, added: readonly number[]): void {
    for (const [c, { plan, lane }] of chain.columns.entries()) {
      const value = added[c]!;
      if (Number.isNaN(value)) continue;
      const total = at + chain.totals + lane;
      if (plan.value === null) home.f64[total]! += 1;
      else addWide(home.f64, total, value);
    }
    home.dirty[at >> PAGE_SHIFT] = 1;
  }

  #probe(probe: number, batch: CounterBatch, i: number): void {
    const row = batch.steps.row[i]!;
    const record = batch.records[i]!;
    const time = timesOf(batch.probeFrames[probe]!)[row]!;
    const views = this.#layout.views[probe]!;
    if (record > 0) for (const index of chainsOf(views)) this.#expire(index, record, time);
    for (const view of views) {
      const value = record === 0 ? 0 : this.#read(record, view, time);
      numbersOut(batch.answers, probe, view.view)[row] = value;
    }
  }

  #expire(index: number, record: number, time: number): void {
    if (this.#layout.chains[index]!.windows.length === 0) return;
    const quiet = this.#chains.quiet[index]!;
    const busy = quiet.busy(record);
    if (busy === 0 || time < this.#chains.sections.f64[busy + NEXT_EXPIRY]!) return;
    this.#chains.logs[index]!.expire(busy, time);
    quiet.demoteIfEmpty(record);
  }

  #read(record: number, view: CounterView, time: number): number {
    const { quiet, records, sections } = this.#chains;
    if (view.window < 0) return readTotal(view, records, record);
    const chain = quiet[view.chain]!;
    const busy = chain.busy(record);
    if (busy !== 0) return readTotal(view, sections, busy);
    const { ms, hopMs } = this.#layout.chains[view.chain]!.windows[view.window]!;
    const from = Math.floor((time - ms) / hopMs) * hopMs;
    return chain.sum(record, view.lane, from) / view.scale;
  }
}

function readTotal(view: CounterView, { f64 }: Slab, at: number): number {
  const limb = (k: number) =>
    f64[at + view.total + k]! - (view.before < 0 ? 0 : f64[at + view.before + k]!);
  return (view.wide ? limb(0) + limb(1) * LIMB : limb(0)) / view.scale;
}

function chainsOf(views: readonly CounterView[]): Set<number> {
  return new Set(views.map((view) => view.chain));
}
