/** The channels of labels: anchors and events to their routes, credits to refunds. */
import type { Physical } from '../../dsl/types.ts';
import { distinct, type Placing, type StreamChannel } from './exchange-placing.ts';
import type { ProducerPlan, RoutePlan } from './exchange-plan.ts';
import type { Plan } from './plan.ts';

/** An anchor's reference: id hash, time, partition, offset, home lane. */
export const REF_COLUMNS: readonly Physical[] = ['hash', 'f64', 'f64', 'f64', 'f64'];

export function placeLabel(at: Placing, l: number): void {
  const label = at.plan.labels[l];
  label.routes.forEach((route, r) => {
    const node = at.routeNode(l, r);
    if (route.of === null) anchorRing(at, l, r, node);
    else parentRing(at, l, r, node);
    labelEvents(at, l, r, node);
  });
  if (label.unless !== null) refunds(at, l);
}

function anchorRing(at: Placing, l: number, r: number, node: number): void {
  const { anchor, name, routes } = at.plan.labels[l];
  const key = routes[r].targetKey;
  at.stream({
    name: `${at.name(anchor.stream)} -> ${name} as anchor`,
    node,
    input: { kind: 'ring' },
    stream: anchor.stream,
    slots: distinct([key, anchor.id, ...carriedSlots(at.plan, l)]),
    extra: ['f64'],
    mask: anchor.mask,
    late: false,
    route: { by: 'key', slot: key, required: key },
    reads: at.homeReads(anchor.stream, anchor.id),
  });
}

function parentRing(at: Placing, l: number, r: number, node: number): void {
  const { name, routes } = at.plan.labels[l];
  const { of, targetKey } = routes[r];
  const parent = at.plan.labels[of!];
  const anchorSlots = at.plan.streams[parent.anchor.stream].slots;
  at.stream({
    name: `${parent.name} -> ${name} as parent`,
    node,
    input: { kind: 'ring' },
    stream: parent.labelStream,
    slots: distinct([targetKey, ...parentSlots(at.plan, l, of!)]),
    extra: [...REF_COLUMNS, ...carriedSlots(at.plan, l).map((slot) => anchorSlots[slot].physical)],
    mask: null,
    late: true,
    route: { by: 'key', slot: targetKey, required: targetKey },
  });
}

/** The first route's events come from their stream, a later route's from the one before. */
function labelEvents(at: Placing, l: number, r: number, node: number): void {
  const { event, name, routes, labelStream, unless } = at.plan.labels[l];
  const read = labelStream < 0 ? [] : eventSlots(at.plan, labelStream);
  const key = routes[r].eventKey;
  const isLast = r === routes.length - 1;
  const route: RoutePlan = isLast
    ? { by: 'key', slot: key, required: key }
    : { by: 'key_or_any', slot: key };
  const channel: StreamChannel = {
    name: `${at.name(event.stream)} -> ${name}`,
    node,
    input: { kind: 'event' },
    stream: event.stream,
    slots: distinct([
      ...routes.slice(r).map((route) => route.eventKey),
      ...(unless === null ? [] : [unless.eventKey]),
      ...read,
    ]),
    mask: r === 0 ? event.mask : null,
    late: true,
    route,
  };
  if (r === 0) at.stream(channel);
  else {
    const from: ProducerPlan[] = [{ kind: 'node', node: at.routeNode(l, r - 1) }];
    at.channel({ ...channel, extra: [], from });
  }
}

function refunds(at: Placing, l: number): void {
  const { unless, event, name, routes } = at.plan.labels[l];
  const { stream, mask, refundKey, eventKey } = unless!;
  const node = at.node((each) => each.kind === 'refund' && each.label === l);
  at.channel({
    name: `${name} -> its refunds`,
    from: routes.map((_, r) => ({ kind: 'node', node: at.routeNode(l, r) })),
    node,
    input: { kind: 'accepted' },
    stream: event.stream,
    slots: [eventKey],
    extra: [...REF_COLUMNS, 'f64'],
    mask: null,
    late: true,
    route: { by: 'key_or_any', slot: eventKey },
  });
  at.stream({
    name: `${at.name(stream)} -> ${name} as refund`,
    node,
    input: { kind: 'refund' },
    stream,
    slots: [refundKey],
    mask,
    late: true,
    route: { by: 'key', slot: refundKey, required: refundKey },
  });
}

/** Slots of the anchor's stream that rows of the label carry, for itself and for labels chained to it. Ascending. */
function carriedSlots(plan: Plan, l: number): number[] {
  const slots = new Set<number>();
  const { labelStream } = plan.labels[l];
  for (const { op } of labelStream < 0 ? [] : plan.streams[labelStream].slots) {
    if (op.kind === 'anchor') slots.add(op.slot);
  }
  plan.labels.forEach(({ routes }, child) => {
    if (routes.some(({ of }) => of === l)) {
      for (const slot of carriedSlots(plan, child)) slots.add(slot);
    }
  });
  return [...slots].sort((a, b) => a - b);
}

/** Slots of the parent's label stream that the label's own stream reads. Ascending. */
function parentSlots(plan: Plan, l: number, parent: number): number[] {
  const { labelStream } = plan.labels[l];
  const slots = (labelStream < 0 ? [] : plan.streams[labelStream].slots).flatMap(({ op }) =>
    op.kind === 'parent' && op.label === parent ? [op.slot] : [],
  );
  return distinct(slots).sort((a, b) => a - b);
}

function eventSlots(plan: Plan, labelStream: number): number[] {
  return plan.streams[labelStream].slots.flatMap(({ op }) =>
    op.kind === 'event' ? [op.slot] : [],
  );
}
