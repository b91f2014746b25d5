/**
 * What a shard receives. A parcel of the exchange log is taken as follows:
 *
 *   1. of another plan, or of an epoch below one that was seen of its upstream: refused, ignored
 *   2. each section, by its link: entries at or below the link's cursor are dropped, a gap throws ExchangeGap
 *   3. the rest goes to the input of its node, in step order with what others sent; rows with a step below what the
 *      node has applied are in its state already (the log is read again)
 *   4. the link's progress moves on, never back
 *
 * What a shard sends to itself comes by a function call, with the same numbers; a checkpoint puts what is not applied yet
 * into the log (`unlogged`), so that a restart finds it there.
 */
import type { ExchangePlan } from '../../compiler/plan/exchange-plan.ts';
import { assert } from '../assert.ts';
import {
  type Parcel,
  type Progress,
  type Section,
  sliceExchange,
  takeExchange,
  type Upstream,
} from './exchange-rows.ts';
import { OrderedInput, type RowSpill } from './ordered-input.ts';
import { NOTHING } from './outbox.ts';

/** Entries of a link are missing: its upstream must send again from the cursor, or the log was cut too far. */
export class ExchangeGap extends Error {}

export type InboxOptions = {
  readonly exchange: ExchangePlan;
  readonly digest: string;
  readonly shard: number;
  readonly shards: number;
  /** By stream of the plan: how many partitions its topic has; 0 for label streams. */
  readonly partitions: readonly number[];
  readonly spill: RowSpill | null;
  /** By node: every step before it is in the restored state. */
  readonly applied: readonly number[];
};

type Link = {
  readonly channel: number;
  readonly producer: number;
  readonly instance: number;
  /** Of all links. */
  readonly index: number;
  /** The shard's own: always as far as its node, once all its entries are here. */
  readonly isOwn: boolean;
  received: number;
  /** Own links: how many of the log's entries count; later ones are an earlier life's, and are made again. */
  logged: number;
  progress: Progress;
};

/** Plain JSON but for infinite times. `links` by name: [entries applied, frontier, watermark, ended]. */
export type InboxState = {
  readonly links: Readonly<Record<string, readonly [number, number, number, boolean]>>;
  /** By upstream: its epoch before `logOffset`. */
  readonly epochs: Readonly<Record<string, number>>;
  /** Where to read the exchange log on from. */
  readonly logOffset: number;
};

export class Inbox {
  readonly inputs: readonly OrderedInput[];
  readonly #options: InboxOptions;
  readonly #links: Link[] = [];
  /** By channel, its producers, their instances. */
  readonly #producers: readonly (readonly Link[][])[];
  /** By channel. */
  readonly #linksOf: readonly Link[][];
  /** By upstream: its epochs, and where in the log each began. Oldest first. */
  readonly #epochs = new Map<string, { readonly epoch: number; readonly from: number }[]>();
  /** Of the log. */
  #next = 0;

  constructor(options: InboxOptions) {
    this.#options = options;
    const { channels } = options.exchange;
    this.inputs = channels.map((channel) => new OrderedInput(channel, options.spill));
    this.#producers = channels.map((channel, c) =>
      channel.from.map((from, producer) => {
        const count = from.kind === 'scan' ? options.partitions[from.stream] : options.shards;
        return Array.from({ length: count }, (_, instance): Link => {
          const isOwn = from.kind === 'node' && instance === options.shard;
          const index = this.#links.length;
          const link = {
            channel: c,
            producer,
            instance,
            index,
            isOwn,
            received: 0,
            logged: 0,
            progress: NOTHING,
          };
          this.#links.push(link);
          return link;
        });
      }),
    );
    this.#linksOf = this.#producers.map((producers) => producers.flat());
  }

  /** Offset of the log's next parcel. */
  get next(): number {
    return this.#next;
  }

  /** Takes a parcel of the log's record at `offset`. */
  receive(parcel: Parcel, offset: number): void {
    this.#next = offset + 1;
    const { upstream, epoch, digest, sections } = parcel;
    assert(digest === this.#options.digest, `an exchange entry of plan ${digest.slice(0, 12)}`);
    const name = upstreamName(upstream);
    const epochs = this.#epochs.get(name) ?? [];
    const known = epochs.at(-1)?.epoch ?? -1;
    if (epoch < known) return;
    if (epoch > known) this.#epochs.set(name, [...epochs, { epoch, from: offset }]);
    const instance = upstream.kind === 'scan' ? upstream.partition : upstream.shard;
    for (const section of sections) this.#take(section, instance, offset);
  }

  /** Takes what the shard sends to itself. */
  deliver(section: Section): void {
    this.#take(section, this.#options.shard, -1);
  }

  /** How far a channel's producers are, all together. `own`: how far the shard's own nodes are. */
  frontier(channel: number, own: (outlet: { channel: number; producer: number }) => Own): number {
    let frontier = Number.POSITIVE_INFINITY;
    for (const link of this.#linksOf[channel]) {
      const at = link.isOwn ? ownFrontier(link, own(link)) : link.progress.frontier;
      if (at < frontier) frontier = at;
    }
    return frontier;
  }

  /** Entries taken of a link, in all. */
  received(
    outlet: { readonly channel: number; readonly producer: number },
    instance: number,
  ): number {
    return this.#link(outlet, instance).received;
  }

  /** Progress of each of a channel's producers. */
  clocks(channel: number): Progress[] {
    return this.#linksOf[channel].map((link) => link.progress);
  }

  /** Sections with what came from the shard itself, is not applied yet and lies in no log. */
  unlogged(): Section[] {
    const sections: Section[] = [];
    for (const input of this.inputs) {
      for (const held of input.held) {
        if (held.logOffset >= 0) continue;
        const { channel, producer, progress } = this.#links[held.link];
        sections.push({ channel, producer, from: held.from, rows: input.read(held), ...progress });
      }
    }
    return sections;
  }

  /** What `unlogged` gave is at this offset of the log. */
  logged(offset: number): void {
    for (const input of this.inputs) {
      for (const held of input.held) if (held.logOffset < 0) held.logOffset = offset;
    }
  }

  /** As of now; nothing may be unlogged. */
  state(): InboxState {
    const lowest = new Map<number, number>();
    let logOffset = this.#next;
    for (const input of this.inputs) {
      for (const held of input.held) {
        assert(held.logOffset >= 0, 'a checkpoint after `unlogged` was appended');
        logOffset = Math.min(logOffset, held.logOffset);
        lowest.set(held.link, Math.min(lowest.get(held.link) ?? held.from, held.from));
      }
    }
    const links = this.#links.map((link, l): [string, [number, number, number, boolean]] => {
      const from = lowest.get(l);
      // What is read again says again how far its sender was; before that nobody may rely on it.
      const { frontier, watermark, ended } = from === undefined ? link.progress : NOTHING;
      return [linkName(link), [from ?? link.received, frontier, watermark, ended]];
    });
    const epochs: Record<string, number> = {};
    for (const [name, list] of this.#epochs) {
      const before = list.filter(({ from }) => from < logOffset).at(-1);
      if (before !== undefined) epochs[name] = before.epoch;
    }
    return { links: Object.fromEntries(links), epochs, logOffset };
  }

  /** `sent`: how many entries of a channel the shard has sent itself in that state. */
  restore(
    state: InboxState,
    sent: (outlet: { readonly channel: number; readonly producer: number }) => number,
  ): void {
    for (const link of this.#links) {
      if (link.isOwn) link.logged = sent(link);
      const saved = state.links[linkName(link)];
      if (saved === undefined) continue;
      const [received, frontier, watermark, ended] = saved;
      link.received = received;
      link.progress = { frontier, watermark, ended, idle: false };
    }
    for (const [name, epoch] of Object.entries(state.epochs)) {
      this.#epochs.set(name, [{ epoch, from: -1 }]);
    }
    this.#next = state.logOffset;
  }

  #link(
    { channel, producer }: { readonly channel: number; readonly producer: number },
    instance: number,
  ): Link {
    const link = this.#producers[channel]?.[producer]?.[instance];
    assert(link !== undefined, `channel ${channel} has no producer ${producer} at ${instance}`);
    return link;
  }

  #take(section: Section, instance: number, logOffset: number): void {
    const { channel, producer, from, rows } = section;
    const link = this.#link({ channel, producer }, instance);
    const to = from + (rows?.n ?? 0);
    if (link.isOwn && logOffset >= 0) {
      // Left by a life whose checkpoint was lost or never saved: what this state needs was logged behind it.
      if (from > link.received) return;
      if (to > link.logged) {
        if (rows === null || from >= link.logged) return;
        const known = { ...section, rows: sliceExchange(rows, 0, link.logged - from) };
        this.#take(known, instance, logOffset);
        return;
      }
    }
    if (from > link.received) {
      throw new ExchangeGap(
        `${this.#options.exchange.channels[channel].name}: entries ${link.received + 1} to ${from} of ${linkName(link)} are missing`,
      );
    }
    if (rows !== null && to > link.received) {
      const skip = link.received - from;
      const fresh =
        skip === 0
          ? rows
          : takeExchange(
              rows,
              Int32Array.from({ length: rows.n - skip }, (_, i) => skip + i),
            );
      const { node } = this.#options.exchange.channels[channel];
      const at = { link: link.index, from: link.received, logOffset };
      this.inputs[channel].add(fresh, at, this.#options.applied[node]);
      link.received = to;
    }
    // A parcel that is sent again may know less; what is behind the cursor says nothing new.
    if (to === link.received && section.frontier >= link.progress.frontier) {
      const { frontier, watermark, ended, idle } = section;
      link.progress = { frontier, watermark, ended, idle };
    }
  }
}

/** How far the shard's own node is, and how many entries it has sent to its own shard. */
export type Own = { readonly frontier: number; readonly sent: number };

function ownFrontier(link: Link, { frontier, sent }: Own): number {
  return link.received === sent ? frontier : Number.NEGATIVE_INFINITY;
}

function upstreamName(upstream: Upstream): string {
  return upstream.kind === 'scan'
    ? `scan ${upstream.stream}/${upstream.partition}`
    : `shard ${upstream.shard}`;
}

function linkName({ channel, producer, instance }: Link): string {
  return `${channel}.${producer}/${instance}`;
}
