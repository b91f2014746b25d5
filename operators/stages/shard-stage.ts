/**
 * One shard of a plan: every keyed operator for its keys, between the exchange log it reads and the shards it sends to.
 *
 *   receive   parcels of the shard's exchange partition, in log order
 *   advance   runs each node up to its own frontier (the least of those who feed it), a bounded number of rows at a
 *             time; what a node makes for this shard's keys goes straight to its next node, the rest waits to be taken
 *   take      parcels for the other shards
 *
 * The state is a function of one time K a node: all steps before it. A checkpoint is made in this order: take and append
 * every parcel, append `unlogged` to the own partition and say where (`logged`), then save `state` with the dirty pages.
 */
import type { ExchangePlan, NodePlan } from '../../compiler/plan/exchange-plan.ts';
import type { Plan } from '../../compiler/plan/plan.ts';
import { assert } from '../assert.ts';
import type { SlabSet } from '../state/slab.ts';
import type { StateBudget } from '../state/state-budget.ts';
import { EnrichNode } from './enrich-node.ts';
import type { Parcel, Progress, Section, Upstream } from './exchange-rows.ts';
import { HomeNode } from './home-node.ts';
import { Inbox, type InboxState } from './inbox.ts';
import { KeyspaceNode } from './keyspace-node.ts';
import type { RowSpill } from './ordered-input.ts';
import { Outbox } from './outbox.ts';
import { RefundNode } from './refund-node.ts';
import { RouteNode } from './route-node.ts';
import { type NodeParts, type StageNode, type StageOutput, slotsOf } from './stage-node.ts';
import { outletsOf, type PlacedOutlet } from './stream-outlets.ts';

/** Rows a node takes at once, roughly: a larger release is cut at a section's first step time. */
export const STAGE_ROWS = 32_768;

export type ShardStageOptions = {
  readonly shard: number;
  readonly shards: number;
  /** By stream of the plan: partitions of its topic; 0 for label streams. */
  readonly partitions: readonly number[];
  readonly slabs: SlabSet;
  /** Goes up with every owner of the shard. */
  readonly epoch: number;
  readonly codegen?: boolean;
  readonly budget?: StateBudget | null;
  readonly spill?: RowSpill | null;
  /** Rows that wait for their time take at most this much memory where there is a spill, bytes. */
  readonly bufferBytesMax?: number;
  /** Of the checkpoint whose pages are in `slabs`; null: from nothing. */
  readonly state?: ShardState | null;
  /** By example set: outputs emitted before it are out already and are not given again. */
  readonly committed?: readonly number[];
};

/** Plain JSON but for infinite times. */
export type ShardState = {
  /** By node: every step before it is in the pages. */
  readonly applied: readonly number[];
  readonly sent: Readonly<Record<string, readonly number[]>>;
  readonly inbox: InboxState;
};

export class ShardStage {
  readonly #plan: Plan;
  readonly #exchange: ExchangePlan;
  readonly #options: ShardStageOptions;
  readonly #upstream: Upstream;
  readonly #inbox: Inbox;
  readonly #outbox: Outbox;
  readonly #nodes: readonly StageNode[];
  /** By node: every step before it is applied. */
  readonly #applied: number[];
  #localEntries = 0;
  /** By node: the channels on which it sends. */
  readonly #outlets: readonly (readonly PlacedOutlet[])[];
  /** By node: the channels that lead to it. */
  readonly #channels: readonly (readonly number[])[];

  constructor(plan: Plan, exchange: ExchangePlan, options: ShardStageOptions) {
    const { shard, shards, slabs, state = null } = options;
    this.#plan = plan;
    this.#exchange = exchange;
    this.#options = options;
    this.#upstream = { kind: 'shard', shard };
    this.#applied = exchange.nodes.map((_, i) => state?.applied[i] ?? Number.NEGATIVE_INFINITY);
    this.#outlets = exchange.nodes.map((_, node) => outletsOf(exchange, { kind: 'node', node }));
    this.#outbox = new Outbox(exchange, shards, this.#outlets.flat());
    this.#inbox = new Inbox({
      ...{ exchange, shard, shards, digest: plan.digest, partitions: options.partitions },
      spill: options.spill ?? null,
      applied: [...this.#applied],
    });
    this.#channels = exchange.nodes.map((_, node) =>
      exchange.channels.flatMap((channel, index) => (channel.node === node ? [index] : [])),
    );
    const codegen = options.codegen ?? true;
    const slots = slotsOf(plan, codegen);
    const { budget = null } = options;
    const parts = { plan, exchange, shard, shards, slabs, codegen, budget, slots };
    this.#nodes = exchange.nodes.map((each, node) =>
      nodeOf(each, { ...parts, node, outbox: this.#outbox }),
    );
    if (state !== null) {
      this.#outbox.restore(state.sent);
      this.#inbox.restore(state.inbox, (outlet) => this.#outbox.sent(outlet, shard));
    }
    this.#tell();
  }

  /** Entries that never left the shard, since it was started. */
  get localEntries(): number {
    return this.#localEntries;
  }

  /** Offset of the exchange partition to read on from. */
  get next(): number {
    return this.#inbox.next;
  }

  /** Takes the record at `offset` of the shard's exchange partition. */
  receive(parcel: Parcel, offset: number): void {
    this.#inbox.receive(parcel, offset);
    this.#bound();
  }

  /**
   * Runs every node as far as it may go, homes no further than `emitUpTo`; gives what is emitted, in order for each
   * example set. A batch is the caller's own.
   */
  *advance(emitUpTo: number = Number.POSITIVE_INFINITY): Generator<StageOutput> {
    for (let isMoving = true; isMoving; ) {
      isMoving = false;
      for (const [node, plan] of this.#exchange.nodes.entries()) {
        if (!this.#hasReadOwn(node)) continue;
        const limit = plan.kind === 'home' ? emitUpTo : Number.POSITIVE_INFINITY;
        const frontier = this.#cut(node, Math.min(limit, this.#frontier(node)));
        if (!(frontier > this.#applied[node])) continue;
        isMoving = true;
        yield* this.#run(node, frontier);
      }
    }
  }

  /** What waits for another shard; null: nothing new. Appended to that shard's partition, in this order. */
  take(shard: number): Parcel | null {
    assert(shard !== this.#options.shard, 'a shard sends to itself by a call');
    return this.#parcel(this.#outbox.take(shard));
  }

  /** What this shard sent itself and has not applied: a checkpoint puts it into the shard's own partition. */
  unlogged(): Parcel | null {
    return this.#parcel(this.#inbox.unlogged());
  }

  /** Where the parcel of `unlogged` was put. */
  logged(offset: number): void {
    this.#inbox.logged(offset);
  }

  /** Everything that goes with the pages. Nothing may wait to be taken or logged. */
  state(): ShardState {
    assert(this.#outbox.waiting === 0, 'a checkpoint comes after every parcel was taken');
    return {
      applied: [...this.#applied],
      sent: this.#outbox.state(),
      inbox: this.#inbox.state(),
    };
  }

  /** How far every home could go now; infinity where there is none. */
  emittable(): number {
    let frontier = Number.POSITIVE_INFINITY;
    for (const [node, { kind }] of this.#exchange.nodes.entries()) {
      if (kind !== 'home') continue;
      frontier = Math.min(frontier, Math.max(this.#applied[node], this.#frontier(node)));
    }
    return frontier;
  }

  /** How far the sources are that are neither silent nor over, as far as the shard has heard; infinity: there is none. */
  activeSources(): number {
    let frontier = Number.POSITIVE_INFINITY;
    this.#eachSource((_, { ended, idle, frontier: at }) => {
      if (!ended && !idle) frontier = Math.min(frontier, at);
    });
    return frontier;
  }

  /** Whether every partition of a stream is silent or over, as far as the shard has heard. */
  isSilent(stream: number): boolean {
    let isSilent = true;
    this.#eachSource((of, { ended, idle }) => {
      if (of === stream && !ended && !idle) isSilent = false;
    });
    return isSilent;
  }

  /** By example set: everything emitted before it has been given. */
  emitted(): number[] {
    return this.#plan.examples.map(({ anchor }) => this.#applied[this.#home(anchor)]);
  }

  /** By example set, this shard's part: anchors for which something is still due. */
  pending(): {
    readonly example: number;
    readonly pending: ReturnType<HomeNode['pending']>[0]['pending'];
  }[] {
    return this.#nodes.flatMap((node) => (node instanceof HomeNode ? node.pending() : []));
  }

  /** By node, for people and metrics: how far it is and what it waits with. */
  sizes(): { readonly applied: number; readonly rows: number; readonly bytes: number }[] {
    return this.#channels.map((channels, node) => ({
      applied: this.#applied[node],
      rows: channels.reduce((sum, c) => sum + this.#inbox.inputs[c].rows, 0),
      bytes: channels.reduce((sum, c) => sum + this.#inbox.inputs[c].bytes, 0),
    }));
  }

  #eachSource(see: (stream: number, progress: Progress) => void): void {
    for (const [index, { from }] of this.#exchange.channels.entries()) {
      const [producer] = from;
      if (producer.kind !== 'scan') continue;
      for (const progress of this.#inbox.clocks(index)) see(producer.stream, progress);
    }
  }

  /** After a restart: what the node had sent to its own shard is read from the log before it sends more. */
  #hasReadOwn(node: number): boolean {
    const { shard } = this.#options;
    return this.#outlets[node].every(
      (outlet) => this.#inbox.received(outlet, shard) === this.#outbox.sent(outlet, shard),
    );
  }

  *#run(node: number, frontier: number): Generator<StageOutput> {
    const outputs = this.#nodes[node].run(
      {
        rows: (channel) => this.#inbox.inputs[channel].release(frontier),
        clocks: (channel) => this.#inbox.clocks(channel),
      },
      frontier,
    );
    this.#applied[node] = frontier;
    for (const outlet of this.#outlets[node]) {
      this.#outbox.progress(outlet, { frontier, watermark: frontier, ended: false, idle: false });
    }
    this.#deliver();
    for (const output of outputs) {
      if (output.batch.n > 0 && !this.#isOut(output.example, frontier)) yield output;
    }
  }

  /** What the shard made for itself; how far its nodes are it knows without being told. */
  #deliver(): void {
    for (const section of this.#outbox.take(this.#options.shard)) {
      if (section.rows === null) continue;
      this.#inbox.deliver(section);
      this.#localEntries += section.rows.n;
    }
    this.#bound();
  }

  /** Replay: the batch ends at or before what is committed. */
  #isOut(example: number, frontier: number): boolean {
    return frontier <= (this.#options.committed?.[example] ?? Number.NEGATIVE_INFINITY);
  }

  /** The least of those who feed the node. Replaying, a home stops where its outputs were committed. */
  #frontier(node: number): number {
    const plan = this.#exchange.nodes[node];
    const channels = this.#channels[node];
    const { channels: plans } = this.#exchange;
    const isIdleClock = (channel: number) => {
      const { input } = plans[channel];
      return input.kind === 'clock' && !input.waits;
    };
    let frontier = this.#least(channels.filter((channel) => !isIdleClock(channel)));
    // Once all that matters has ended, time goes on as far as the other streams do.
    if (frontier === Number.POSITIVE_INFINITY) frontier = this.#least(channels);
    if (plan.kind !== 'home') return frontier;
    for (const [example, { anchor }] of this.#plan.examples.entries()) {
      const committed = this.#options.committed?.[example] ?? Number.NEGATIVE_INFINITY;
      if (anchor === plan.anchor && committed > this.#applied[node]) {
        frontier = Math.min(frontier, committed);
      }
    }
    return frontier;
  }

  #least(channels: readonly number[]): number {
    let frontier = Number.POSITIVE_INFINITY;
    for (const channel of channels) {
      const { from } = this.#exchange.channels[channel];
      const own = (outlet: { channel: number; producer: number }) => {
        const producer = from[outlet.producer];
        assert(producer.kind === 'node', 'a scan is no part of a shard');
        const sent = this.#outbox.sent(outlet, this.#options.shard);
        return { frontier: this.#applied[producer.node], sent };
      };
      frontier = Math.min(frontier, this.#inbox.frontier(channel, own));
    }
    return frontier;
  }

  /** A frontier on the way that releases about STAGE_ROWS rows. */
  #cut(node: number, frontier: number): number {
    const outline: { step: number; rows: number }[] = [];
    for (const channel of this.#channels[node]) this.#inbox.inputs[channel].outline(outline);
    let all = 0;
    for (const { rows } of outline) all += rows;
    if (all < STAGE_ROWS) return frontier;
    outline.sort((a, b) => (a.step < b.step ? -1 : a.step > b.step ? 1 : 0));
    let rows = 0;
    for (const held of outline) {
      if (held.step >= frontier) break;
      if (rows >= STAGE_ROWS && held.step > this.#applied[node]) return held.step;
      rows += held.rows;
    }
    return frontier;
  }

  /** Each input may hold its share; the fullest gives way first. */
  #bound(): void {
    const { bufferBytesMax = Number.POSITIVE_INFINITY } = this.#options;
    let held = 0;
    for (const input of this.#inbox.inputs) held += input.bytes;
    if (held <= bufferBytesMax) return;
    const largest = this.#inbox.inputs.reduce((a, b) => (b.bytes > a.bytes ? b : a));
    largest.spillTo(Math.max(0, largest.bytes - (held - bufferBytesMax)));
  }

  /** What receivers are told first: how far the restored state is. */
  #tell(): void {
    for (const [node, frontier] of this.#applied.entries()) {
      if (frontier === Number.NEGATIVE_INFINITY) continue;
      for (const outlet of this.#outlets[node]) {
        this.#outbox.progress(outlet, { frontier, watermark: frontier, ended: false, idle: false });
      }
    }
  }

  #parcel(sections: readonly Section[]): Parcel | null {
    if (sections.length === 0) return null;
    const { epoch } = this.#options;
    return { upstream: this.#upstream, epoch, digest: this.#plan.digest, sections };
  }

  #home(anchor: number): number {
    return this.#exchange.nodes.findIndex((each) => each.kind === 'home' && each.anchor === anchor);
  }
}

function nodeOf(plan: NodePlan, parts: NodeParts): StageNode {
  switch (plan.kind) {
    case 'enrich':
      return new EnrichNode(parts, plan.enrichment);
    case 'route':
      return new RouteNode(parts, plan.label, plan.route);
    case 'refund':
      return new RefundNode(parts, plan.label);
    case 'keyspace':
      return new KeyspaceNode(parts, plan.keyspace);
    case 'home':
      return new HomeNode(parts, plan.anchor);
  }
}
