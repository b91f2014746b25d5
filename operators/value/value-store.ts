/**
 * What every value family promises, and the one loop that runs it. A store keeps a fixed section in each key's record
 * (and whatever else it needs in slabs of its own); it sees the steps of a batch in order.
 */
import type { KeyspacePlan, Plan, ReadOp, ValueStore } from '../../compiler/plan/plan.ts';
import type { BoolColumn } from '../column/column.ts';
import type { Frame } from '../column/frame.ts';
import { type Answers, answerEmpty, type Output } from '../keyspace/answers.ts';
import type { Participants } from '../keyspace/participants.ts';
import type { Steps } from '../keyspace/steps.ts';
import type { BlockRef } from '../state/block-ref.ts';
import type { Slab, SlabSet } from '../state/slab.ts';

/** One family's state and arithmetic. `at` is the word index of the store's section in `records`. */
export interface ValueStoreOperator {
  /** Words of its section in a key's record. */
  readonly recordWords: number;
  /** Every block that a section points to. */
  readonly refs: readonly BlockRef[];
  /** Sections may hold other keys from now on: nothing that was remembered of one is true any more. */
  forget?(): void;
  /** Gives a fresh (zeroed) section its first state. */
  init(at: number): void;
  /** Points the store at the frame whose rows `add` will name. */
  open(frame: Frame): void;
  /** Row `row` of the open frame, own time `time`; it has passed the mask and its key is not null. */
  add(at: number, row: number, time: number): void;
  /** What window `window` answers an anchor at `time`; times never fall. May tidy the section up (and mark it). */
  read(at: number, time: number, window: number, read: ReadOp, out: Output, row: number): void;
}

/** What a store is built from. `slabs` and `name` are its own; `records` holds its sections. */
export type ValueStoreContext = {
  readonly plan: Plan;
  readonly keyspace: KeyspacePlan;
  readonly store: ValueStore;
  readonly records: Slab;
  readonly slabs: SlabSet;
  readonly name: string;
};

export type ValueStoreConstructor = (context: ValueStoreContext) => ValueStoreOperator;

/** One view of a store: where its answer goes. */
export type ValueView = {
  readonly probe: number;
  readonly view: number;
  readonly window: number;
  readonly read: ReadOp;
};

/** A store in its keyspace: its plan, its section's offset in the record, who reads it. */
export type PlacedStore = {
  readonly plan: ValueStore;
  readonly operator: ValueStoreOperator;
  readonly offset: number;
  /** Views by probe. */
  readonly views: readonly (readonly ValueView[])[];
};

export type ValueBatch = {
  readonly steps: Steps;
  /** Per step: the key's record, 0 unknown key (look-ups only), -1 null key. */
  readonly records: Int32Array;
  readonly participants: Participants;
  readonly feedFrames: readonly (Frame | null)[];
  readonly probeFrames: readonly (Frame | null)[];
  readonly answers: Answers;
};

/** Runs one store over a batch's steps. */
export function runValueStore(store: PlacedStore, batch: ValueBatch): void {
  const { steps, records, participants } = batch;
  const { participant, row, n } = steps;
  const { operator, offset, plan } = store;
  const frame = batch.feedFrames[plan.feed];
  if (frame != null) operator.open(frame);
  const mask =
    plan.mask === null
      ? null
      : ((frame?.columns[plan.mask] as BoolColumn | undefined)?.data ?? null);
  for (let i = 0; i < n; i++) {
    const who = participant[i]!;
    const record = records[i]!;
    const probe = participants.probe[who]!;
    if (probe >= 0 && record >= 0) {
      const views = store.views[probe]!;
      if (views.length > 0) lookUp(store, views, batch, i);
    }
    if (participants.feed[who] === plan.feed && record > 0) {
      const at = row[i]!;
      if (mask === null || mask[at] === 1) operator.add(record + offset, at, frame!.time[at]!);
    }
  }
}

function lookUp(
  store: PlacedStore,
  views: readonly ValueView[],
  batch: ValueBatch,
  i: number,
): void {
  const record = batch.records[i]!;
  const row = batch.steps.row[i]!;
  const outputs = batch.answers.outputs[views[0]!.probe]!;
  const time = batch.probeFrames[views[0]!.probe]!.time[row]!;
  for (let v = 0; v < views.length; v++) {
    const view = views[v]!;
    const out = outputs[view.view]!;
    if (record === 0) answerEmpty(out, row, view.read);
    else store.operator.read(record + store.offset, time, view.window, view.read, out, row);
  }
}
