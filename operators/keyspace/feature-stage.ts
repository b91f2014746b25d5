/**
 * Look-ups and updates: brings feeds and anchors of one advance into one order of steps, runs every keyspace on every
 * shard over it, and completes the anchors' frames with what the look-ups answered.
 */
import type { AnchorPlan, KeyspacePlan, Plan, SlotPlan } from '../../compiler/plan/plan.ts';
import { assert } from '../assert.ts';
import type { BoolColumn, Column } from '../column/column.ts';
import type { ColumnPool } from '../column/column-pool.ts';
import { Frame } from '../column/frame.ts';
import { takeRows } from '../column/gather-rows.ts';
import { Slots } from '../column/slots.ts';
import { shardOf } from '../hash.ts';
import type { SlabSet } from '../state/slab.ts';
import type { StateBudget } from '../state/state-budget.ts';
import { Answers } from './answers.ts';
import { DelayLine } from './delay-line.ts';
import { Keyspace } from './keyspace.ts';
import { mergeSteps, type StepSource } from './merge-steps.ts';
import { type Participants, pairOf, participantsOf } from './participants.ts';
import type { Steps } from './steps.ts';

/** A frame of a stream with the evaluator of its slots. */
export type StreamFrame = { readonly frame: Frame; readonly slots: Slots };

export class FeatureStage {
  readonly #plan: Plan;
  readonly #shards: number;
  readonly #pool: ColumnPool | undefined;
  readonly #anchorSlots: readonly Slots[];
  readonly #keyspaces: readonly (readonly Keyspace[])[];
  readonly #feedSlots: readonly (readonly number[])[];
  readonly #delays: readonly (DelayLine | null)[];
  /** By keyspace. */
  readonly #participants: readonly Participants[];

  readonly #budget: StateBudget | null;

  /** `pool`: what `run` gives then lasts until it is recycled. `budget`: of keys in memory; null: none. */
  constructor(
    plan: Plan,
    slabs: readonly SlabSet[],
    codegen: boolean,
    pool?: ColumnPool,
    budget: StateBudget | null = null,
  ) {
    this.#pool = pool;
    this.#budget = budget;
    this.#plan = plan;
    this.#shards = slabs.length;
    this.#anchorSlots = plan.anchors.map((anchor) => new Slots(anchor.slots, codegen, pool));
    this.#keyspaces = plan.keyspaces.map((_, index) =>
      slabs.map((set, shard) => new Keyspace(plan, index, set, shard, { codegen, budget })),
    );
    this.#participants = plan.keyspaces.map((keyspace) => participantsOf(plan, keyspace));
    this.#feedSlots = plan.feeds.map(({ kept }, feed) => kept ?? slotsReadOf(plan, feed));
    this.#delays = plan.feeds.map((feed, index) => {
      if (feed.delayMs === 0 && feed.headMs === 0) return null;
      const stream = plan.streams[feed.stream]!;
      const slots = this.#feedSlots[index]!;
      // Delayed rows are keyed by nothing and replayed by nobody: they wait in the first shard's slabs.
      return new DelayLine(slabs[0]!.open(`delay/${feed.place ?? index}`), {
        feed,
        slots,
        plans: stream.slots,
      });
    });
  }

  /** Evaluator of an anchor's slots. */
  slots(anchor: number): Slots {
    return this.#anchorSlots[anchor]!;
  }

  /** Keys held in memory, over all keyspaces and shards. */
  keys(): number {
    let sum = 0;
    for (const shards of this.#keyspaces) for (const keyspace of shards) sum += keyspace.keys;
    return sum;
  }

  /** Applies every step below `frontier`; gives the anchors' frames, complete with their answers. */
  run(streams: readonly (StreamFrame | null)[], frontier: number): (Frame | null)[] {
    this.#budget?.refresh();
    const anchors = this.#plan.anchors.map((anchor) =>
      anchorFrame(anchor, streams[anchor.stream] ?? null),
    );
    const feeds = this.#plan.feeds.map((_, index) => this.#feedFrame(index, streams, frontier));
    const ordered = new Map<string, Steps>();
    for (const [index, keyspace] of this.#plan.keyspaces.entries()) {
      this.#runKeyspace(index, keyspace, { anchors, feeds, ordered });
    }
    return anchors;
  }

  /** The rows of a feed that become visible now: without label-only ones, delayed as the feed says. */
  #feedFrame(
    index: number,
    streams: readonly (StreamFrame | null)[],
    frontier: number,
  ): FeedRows | null {
    const stream = streams[this.#plan.feeds[index]!.stream] ?? null;
    const delay = this.#delays[index]!;
    let rows: Frame | null = null;
    if (stream !== null) {
      for (const slot of this.#feedSlots[index]!) stream.slots.column(stream.frame, slot);
      rows = withoutLabelOnly(stream.frame, this.#feedSlots[index]!);
    }
    if (delay === null) return rows === null ? null : { frame: rows, applied: rows.time };
    if (rows !== null) delay.push(rows);
    return delay.release(frontier);
  }

  #runKeyspace(index: number, plan: KeyspacePlan, batch: KeyedBatch): void {
    const feedFrames = plan.feeds.map(({ feed }) => batch.feeds[feed]?.frame ?? null);
    const probeFrames = plan.probes.map(({ anchor }) => batch.anchors[anchor] ?? null);
    for (const [probe, { anchor, key }] of plan.probes.entries()) {
      const frame = probeFrames[probe];
      if (frame) this.#anchorSlots[anchor]!.column(frame, key);
    }
    const steps = this.#steps(index, plan, batch);
    if (steps.n === 0) return;
    const answers = new Answers(
      plan,
      probeFrames.map((frame) => frame?.n ?? 0),
      this.#pool,
    );
    const perShard =
      this.#shards === 1
        ? [steps]
        : splitByShard(steps, this.#keyHashes(index, feedFrames, probeFrames), this.#shards);
    for (const [shard, part] of perShard.entries()) {
      if (part.n > 0) this.#keyspaces[index]![shard]!.run(part, feedFrames, probeFrames, answers);
    }
    for (const [anchorIndex, anchor] of this.#plan.anchors.entries()) {
      fillViews(anchor.slots, batch.anchors[anchorIndex] ?? null, index, answers);
    }
  }

  /** Probes go first at equal times. Equal lists are merged once. */
  #steps(index: number, plan: KeyspacePlan, batch: KeyedBatch): Steps {
    const participants = this.#participants[index]!;
    const { feed, probe } = participants;
    const signature = `${plan.feeds.map((each) => each.feed)}|${plan.probes.map((each) => each.anchor)}|${feed}|${probe}`;
    const known = batch.ordered.get(signature);
    if (known !== undefined) return known;
    const feeds = plan.feeds.length;
    const frames = plan.probes.map(({ anchor }) => batch.anchors[anchor] ?? null);
    const sources: StepSource[] = [];
    for (const [p, frame] of frames.entries()) {
      if (frame) sources.push({ participant: feeds + p, time: frame.time, n: frame.n, pairs: [] });
    }
    const byStream = plan.feeds
      .map((_, update) => update)
      .sort((a, b) => plan.feeds[a]!.feed - plan.feeds[b]!.feed);
    for (const update of byStream) {
      const rows = batch.feeds[plan.feeds[update]!.feed];
      if (!rows) continue;
      // Rows are the same where the anchor takes its stream's as they are.
      const pairs = frames.flatMap((frame, p) => {
        const as = pairOf(participants, feeds + p, update);
        return as >= 0 && frame?.time === rows.frame.time ? [{ after: feeds + p, as }] : [];
      });
      sources.push({ participant: update, time: rows.applied, n: rows.frame.n, pairs });
    }
    const steps = mergeSteps(sources, this.#pool);
    batch.ordered.set(signature, steps);
    return steps;
  }

  /** The high hash lane of every participant's key, by participant. */
  #keyHashes(
    index: number,
    feeds: readonly (Frame | null)[],
    probes: readonly (Frame | null)[],
  ): (Int32Array | null)[] {
    const plan = this.#plan.keyspaces[index]!;
    const { feed, probe } = this.#participants[index]!;
    return Array.from(feed, (f, who) =>
      f >= 0
        ? highLane(feeds[f]!, plan.feeds[f]!.key)
        : highLane(probes[probe[who]!]!, plan.probes[probe[who]!]!.key),
    );
  }
}

function highLane(frame: Frame | null, slot: number): Int32Array | null {
  if (frame === null) return null;
  const column = frame.columns[slot];
  assert(column?.kind === 'hash', 'keys are hashes');
  return column.hi;
}

/** Rows of a feed in the order in which they are applied. */
export type FeedRows = { readonly frame: Frame; readonly applied: Float64Array };

type KeyedBatch = {
  readonly anchors: readonly (Frame | null)[];
  readonly feeds: readonly (FeedRows | null)[];
  readonly ordered: Map<string, Steps>;
};

/** The stream's rows that are anchors: neither label-only nor masked out. */
function anchorFrame(anchor: AnchorPlan, stream: StreamFrame | null): Frame | null {
  if (stream === null) return null;
  const { frame, slots } = stream;
  const mask = anchor.mask === null ? null : (slots.column(frame, anchor.mask) as BoolColumn).data;
  const rows = mask === null && frame.labelOnly === null ? null : pickRows(frame, mask);
  if (rows !== null && rows.length === 0) return null;
  const columns = anchor.slots.map(({ op }): Column | undefined => {
    if (op.kind !== 'stream') return undefined;
    const column = slots.column(frame, op.slot);
    return rows === null ? column : takeRows(column, rows);
  });
  return rows === null ? new Frame({ ...frame, columns }) : subset(frame, rows, columns);
}

function pickRows(frame: Frame, mask: Uint8Array | null): Int32Array {
  const rows = new Int32Array(frame.n);
  let n = 0;
  for (let i = 0; i < frame.n; i++) {
    if ((mask === null || mask[i] === 1) && frame.labelOnly?.[i] !== 1) rows[n++] = i;
  }
  return rows.subarray(0, n);
}

function subset(frame: Frame, rows: Int32Array, columns: (Column | undefined)[]): Frame {
  const pick = (from: Float64Array) => Float64Array.from(rows, (row) => from[row]!);
  return new Frame({
    n: rows.length,
    time: pick(frame.time),
    step: pick(frame.step),
    labelOnly: null,
    partition: Int32Array.from(rows, (row) => frame.partition[row]!),
    offset: pick(frame.offset),
    columns,
  });
}

/** The frame without late rows; itself when it has none. */
function withoutLabelOnly(frame: Frame, slots: readonly number[]): Frame | null {
  if (frame.labelOnly === null) return frame;
  const rows = pickRows(frame, null);
  if (rows.length === 0) return null;
  const columns = new Array<Column | undefined>(frame.columns.length).fill(undefined);
  for (const slot of slots) columns[slot] = takeRows(frame.columns[slot]!, rows);
  return subset(frame, rows, columns);
}

/** Slots of a feed's stream that some keyspace reads through it. */
export function slotsReadOf(plan: Plan, feed: number): number[] {
  const slots = new Set<number>();
  for (const keyspace of plan.keyspaces) {
    for (const [index, writer] of keyspace.feeds.entries()) {
      if (writer.feed !== feed) continue;
      slots.add(writer.key);
      for (const column of keyspace.counters.flatMap((group) => group.columns)) {
        if (column.feed !== index) continue;
        if (column.mask !== null) slots.add(column.mask);
        if (column.value !== null) slots.add(column.value);
      }
      for (const store of keyspace.values) {
        if (store.feed !== index) continue;
        if (store.mask !== null) slots.add(store.mask);
        for (const slot of store.slots) slots.add(slot);
      }
    }
  }
  return [...slots].sort((a, b) => a - b);
}

/** The steps of each shard, in order. This is the exchange of one process: a step's key names its shard. */
function splitByShard(steps: Steps, high: readonly (Int32Array | null)[], shards: number): Steps[] {
  const counts = new Int32Array(shards);
  const shardAt = new Uint16Array(steps.n);
  for (let i = 0; i < steps.n; i++) {
    const shard = shardOf(high[steps.participant[i]!]![steps.row[i]!]!, shards);
    shardAt[i] = shard;
    counts[shard] = counts[shard]! + 1;
  }
  const parts = Array.from(
    counts,
    (n): Steps => ({
      n,
      time: new Float64Array(n),
      participant: new Int32Array(n),
      row: new Int32Array(n),
    }),
  );
  const at = new Int32Array(shards);
  for (let i = 0; i < steps.n; i++) {
    const part = parts[shardAt[i]!]!;
    const position = at[shardAt[i]!]!;
    at[shardAt[i]!] = position + 1;
    part.time[position] = steps.time[i]!;
    part.participant[position] = steps.participant[i]!;
    part.row[position] = steps.row[i]!;
  }
  return parts;
}

function fillViews(
  slots: readonly SlotPlan[],
  frame: Frame | null,
  keyspace: number,
  answers: Answers,
): void {
  if (frame === null) return;
  for (const [slot, { op }] of slots.entries()) {
    if (op.kind === 'view' && op.keyspace === keyspace) {
      frame.columns[slot] = answers.column(op.probe, op.view);
    }
  }
}
