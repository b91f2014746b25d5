/** A plan's operators as nodes, and the channels between them as they are placed, one after another. */
import type { Physical } from '../../dsl/types.ts';
import type {
  ChannelInput,
  ChannelPlan,
  NodePlan,
  ProducerPlan,
  RoutePlan,
} from './exchange-plan.ts';
import { type Homes, placeHomes, streamSlot } from './place-homes.ts';
import type { Plan } from './plan.ts';
import { SlotReach } from './slot-reach.ts';

/** A channel of stream rows that is still to be given its producers. */
export type StreamChannel = {
  readonly name: string;
  readonly node: number;
  readonly input: ChannelInput;
  readonly stream: number;
  readonly slots: readonly number[];
  readonly extra?: readonly Physical[];
  readonly mask: number | null;
  readonly late: boolean;
  readonly route: RoutePlan;
  /** Slots that the sender reads beside those that travel. */
  readonly reads?: readonly number[];
};

export class Placing {
  readonly nodes: NodePlan[];
  readonly channels: ChannelPlan[] = [];
  readonly homes: Homes;
  readonly plan: Plan;
  readonly #reach: readonly SlotReach[];
  /** By stream and depth: the slots that are read of its rows there. */
  readonly #read: Map<number, Set<number>>[];

  constructor(plan: Plan) {
    this.plan = plan;
    this.homes = placeHomes(plan);
    this.#reach = plan.streams.map((_, stream) => new SlotReach(plan, stream));
    this.#read = plan.streams.map(() => new Map());
    this.nodes = [
      ...plan.enrichments.map((_, enrichment): NodePlan => ({ kind: 'enrich', enrichment })),
      ...plan.labels.flatMap(({ routes, unless }, label): NodePlan[] => [
        ...routes.map((_, route): NodePlan => ({ kind: 'route', label, route })),
        ...(unless === null ? [] : [{ kind: 'refund', label } as const]),
      ]),
      ...plan.keyspaces.map((_, keyspace): NodePlan => ({ kind: 'keyspace', keyspace })),
      ...plan.anchors.map((_, anchor): NodePlan => ({ kind: 'home', anchor })),
    ];
  }

  /** How deep a stream's slots lie, and what is read of its rows where so many enrichments have run. */
  reach(stream: number): SlotReach {
    return this.#reach[stream];
  }

  /** Slots that are read of a stream's rows where more than `depth` enrichments have run. */
  readBeyond(stream: number, depth: number): number[] {
    return [...this.#read[stream]].flatMap(([at, slots]) => (at > depth ? [...slots] : []));
  }

  /** Adds a channel of a stream's rows, from where all that it reads can first be made. */
  stream({ reads = [], extra = [], ...channel }: StreamChannel): void {
    const { stream, slots, mask, route } = channel;
    const routed = 'slot' in route ? [route.slot] : [];
    const required = route.by === 'key' ? [route.required] : [];
    const all = [...slots, ...reads, ...routed, ...required, ...(mask === null ? [] : [mask])];
    const depth = this.#reach[stream].depthOf(all);
    this.reads(stream, depth, all);
    this.channel({ ...channel, extra, from: this.producers(stream, depth) });
  }

  channel(channel: Omit<ChannelPlan, 'physical'>): void {
    const { slots, stream, extra } = channel;
    const physical = slots.map((slot) => this.plan.streams[stream].slots[slot].physical);
    this.channels.push({ ...channel, physical: [...physical, ...extra] });
  }

  reads(stream: number, depth: number, slots: readonly number[]): void {
    const read = this.#read[stream].get(depth) ?? new Set();
    for (const slot of slots) read.add(slot);
    this.#read[stream].set(depth, read);
  }

  producers(stream: number, depth: number): ProducerPlan[] {
    const label = this.plan.labels.findIndex((each) => each.labelStream === stream);
    if (label >= 0) {
      const { routes } = this.plan.labels[label];
      return routes.map((_, r) => ({ kind: 'node', node: this.routeNode(label, r) }));
    }
    if (depth === 0) return [{ kind: 'scan', stream }];
    const enrichment = this.#reach[stream].chain[depth - 1];
    const isIt = (node: NodePlan) => node.kind === 'enrich' && node.enrichment === enrichment;
    return [{ kind: 'node', node: this.node(isIt) }];
  }

  homeReads(stream: number, id?: number): number[] {
    const home = this.homes.home[stream];
    const own = id ?? idSlot(this.plan, stream);
    return [...(home === null ? [] : [home]), ...(own < 0 ? [] : [own])];
  }

  node(is: (node: NodePlan) => boolean): number {
    return this.nodes.findIndex(is);
  }

  routeNode(label: number, route: number): number {
    return this.node((n) => n.kind === 'route' && n.label === label && n.route === route);
  }

  homeNode(anchor: number): number {
    return this.node((node) => node.kind === 'home' && node.anchor === anchor);
  }

  name(stream: number): string {
    return this.plan.streams[stream].name;
  }
}

/** The id hash of a stream's anchors: a slot of the stream; -1: nothing is anchored there. */
export function idSlot(plan: Plan, stream: number): number {
  const example = plan.examples.find(({ anchor }) => plan.anchors[anchor].stream === stream);
  if (example !== undefined) return streamSlot(plan, example.anchor, example.idHash);
  return plan.labels.find(({ anchor }) => anchor.stream === stream)?.anchor.id ?? -1;
}

export function distinct(slots: readonly number[]): number[] {
  return [...new Set(slots)];
}
