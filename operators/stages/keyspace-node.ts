/**
 * A keyspace on one shard. A row that looks up and updates under one key came as one entry; look-ups go first at equal
 * times. Delayed feeds wait here, so their state is the shard's own. Answers go to the anchors' homes.
 */
import type { KeyspacePlan } from '../../compiler/plan/plan.ts';
import { assert } from '../assert.ts';
import type { BoolColumn, Column, F64Column } from '../column/column.ts';
import { Frame } from '../column/frame.ts';
import { takeRows } from '../column/gather-rows.ts';
import { shardOf } from '../hash.ts';
import { Answers } from '../keyspace/answers.ts';
import { DelayLine } from '../keyspace/delay-line.ts';
import type { FeedRows } from '../keyspace/feature-stage.ts';
import { Keyspace } from '../keyspace/keyspace.ts';
import { mergeSteps, type StepSource } from '../keyspace/merge-steps.ts';
import type { ExchangeRows } from './exchange-rows.ts';
import {
  channelsTo,
  extraOf,
  frameOf,
  type NodeChannel,
  type NodeInputs,
  type NodeParts,
  outletsFrom,
  type StageNode,
  type StageOutput,
} from './stage-node.ts';

type Visit = NodeChannel & {
  readonly feeds: readonly number[];
  readonly probes: readonly number[];
};

/** Look-ups of one probe: the frame they read their key from, where they came from, and their anchors' homes. */
type Probes = { readonly frame: Frame; readonly homes: Int32Array };

export class KeyspaceNode implements StageNode {
  readonly #parts: NodeParts;
  readonly #plan: KeyspacePlan;
  readonly #keyspace: Keyspace;
  readonly #visits: readonly Visit[];
  /** By feed of the keyspace. */
  readonly #delays: readonly (DelayLine | null)[];
  readonly #outlets: ReturnType<typeof outletsFrom>['outlets'];

  constructor(parts: NodeParts, k: number) {
    const { plan, slabs, shard, codegen, budget } = parts;
    this.#parts = parts;
    this.#plan = plan.keyspaces[k];
    this.#keyspace = new Keyspace(plan, k, slabs, shard, { codegen, budget });
    this.#visits = channelsTo(parts).map((channel) => {
      const { input } = channel.plan;
      assert(input.kind === 'visit', 'a keyspace is visited');
      return { ...channel, feeds: input.feeds, probes: input.probes };
    });
    this.#delays = this.#plan.feeds.map(({ feed }, i) => {
      const { delayMs, headMs, stream } = plan.feeds[feed];
      if (delayMs === 0 && headMs === 0) return null;
      const visit = this.#visits.find((each) => each.feeds.includes(i));
      const { slots } = visit!.plan;
      const options = { feed: plan.feeds[feed], slots, plans: plan.streams[stream].slots };
      return new DelayLine(slabs.open(`k${k}.delay${i}`), options);
    });
    this.#outlets = outletsFrom(parts).outlets;
  }

  run(inputs: NodeInputs, frontier: number): readonly StageOutput[] {
    this.#parts.budget?.refresh();
    const feeds: (FeedRows | null)[] = this.#plan.feeds.map(() => null);
    const probes: (Probes | null)[] = this.#plan.probes.map(() => null);
    for (const visit of this.#visits) {
      const rows = inputs.rows(visit.index);
      if (rows === null) continue;
      const frame = frameOf(this.#parts.plan, visit.plan, rows);
      for (const i of visit.feeds) feeds[i] = { frame, applied: frame.time };
      for (const i of visit.probes) probes[i] = this.#probe(i, visit, rows, frame);
    }
    this.#delays.forEach((delay, i) => {
      if (delay === null) return;
      const fresh = feeds[i];
      if (fresh !== null) delay.push(fresh.frame);
      feeds[i] = delay.release(frontier);
    });
    this.#apply(feeds, probes);
    return [];
  }

  #apply(feeds: readonly (FeedRows | null)[], probes: readonly (Probes | null)[]): void {
    const steps = mergeSteps(this.#sources(feeds, probes));
    if (steps.n === 0) return;
    const answers = new Answers(
      this.#plan,
      probes.map((probe) => probe?.frame.n ?? 0),
    );
    this.#keyspace.run(
      steps,
      feeds.map((feed) => feed?.frame ?? null),
      probes.map((probe) => probe?.frame ?? null),
      answers,
    );
    for (const outlet of this.#outlets) {
      const { input } = outlet.plan;
      assert(input.kind === 'answers', 'a keyspace sends answers');
      const probe = probes[input.probe];
      if (probe === null) continue;
      const { n, time, partition, offset } = probe.frame;
      const { shards } = this.#parts;
      this.#parts.outbox.send(
        outlet,
        {
          ...{ n, time, step: time, labelOnly: null, partition, offset, ordinal: null },
          columns: outlet.plan.extra.map((_, view) => answers.column(input.probe, view)),
        },
        Int32Array.from(probe.homes, (home) => shardOf(home, shards)),
      );
    }
  }

  /** As the plan's step order has it: look-ups, then updates by feed. */
  #sources(feeds: readonly (FeedRows | null)[], probes: readonly (Probes | null)[]): StepSource[] {
    const sources: StepSource[] = [];
    probes.forEach((probe, i) => {
      if (probe === null) return;
      const { time, n } = probe.frame;
      sources.push({ participant: feeds.length + i, time, n, pairs: [] });
    });
    const byStream = feeds
      .map((_, i) => i)
      .sort((a, b) => this.#plan.feeds[a].feed - this.#plan.feeds[b].feed);
    for (const i of byStream) {
      const rows = feeds[i];
      if (rows !== null)
        sources.push({ participant: i, time: rows.applied, n: rows.frame.n, pairs: [] });
    }
    return sources;
  }

  #probe(i: number, visit: Visit, rows: ExchangeRows, stream: Frame): Probes | null {
    const { anchor, key } = this.#plan.probes[i];
    const { mask, slots } = this.#parts.plan.anchors[anchor];
    const { op } = slots[key];
    assert(op.kind === 'stream', 'a look-up key is a slot of the stream');
    const taken = pick(mask === null || visit.plan.mask === mask ? null : stream.columns[mask]);
    if (taken !== null && taken.length === 0) return null;
    const homes = Int32Array.from((extraOf(visit.plan, rows)[0] as F64Column).data);
    const columns = new Array<Column | undefined>(slots.length).fill(undefined);
    const keys = stream.columns[op.slot]!;
    const { n, time, partition, offset } = stream;
    if (taken === null) {
      columns[key] = keys;
      const frame = new Frame({ n, time, step: time, labelOnly: null, partition, offset, columns });
      return { frame, homes };
    }
    columns[key] = takeRows(keys, taken);
    const times = Float64Array.from(taken, (row) => time[row]);
    return {
      frame: new Frame({
        ...{ n: taken.length, time: times, step: times, labelOnly: null, columns },
        partition: Int32Array.from(taken, (row) => partition[row]),
        offset: Float64Array.from(taken, (row) => offset[row]),
      }),
      homes: Int32Array.from(taken, (row) => homes[row]),
    };
  }
}

/** Rows that the mask takes; null: all. */
function pick(mask: Column | null | undefined): Int32Array | null {
  if (mask === null || mask === undefined) return null;
  const { data } = mask as BoolColumn;
  return Int32Array.from({ length: data.length }, (_, i) => i).filter((i) => data[i] === 1);
}
