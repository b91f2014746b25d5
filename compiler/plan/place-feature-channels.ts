/** The channels of keyspaces and homes: visits, answers, anchors, outcomes and clocks. */
import { distinct, type Placing } from './exchange-placing.ts';
import { keyParts, streamSlot } from './place-homes.ts';
import { REF_COLUMNS } from './place-label-channels.ts';
import type { Plan } from './plan.ts';
import { inputsOf } from './slot-reach.ts';

export function placeKeyspace(at: Placing, k: number): void {
  const { feeds, probes, name } = at.plan.keyspaces[k];
  const node = at.node((each) => each.kind === 'keyspace' && each.keyspace === k);
  const visits = new Map<
    string,
    { stream: number; key: number; feeds: number[]; probes: number[] }
  >();
  const visit = (stream: number, key: number) => {
    const found = visits.get(`${stream} ${key}`) ?? { stream, key, feeds: [], probes: [] };
    visits.set(`${stream} ${key}`, found);
    return found;
  };
  for (const [i, { feed, key }] of feeds.entries()) {
    visit(at.plan.feeds[feed].stream, key).feeds.push(i);
  }
  probes.forEach(({ anchor, key }, i) => {
    const slot = streamSlot(at.plan, anchor, key);
    visit(at.plan.anchors[anchor].stream, slot).probes.push(i);
  });
  for (const { stream, key, ...who } of visits.values()) {
    const part = at.homes.part[k];
    const slot = part === null ? key : keyParts(at.plan, stream, key)[part];
    const looksUp = who.probes.length > 0;
    const onlyProbe = who.feeds.length === 0 && who.probes.length === 1;
    const masks = who.probes.map((i) => at.plan.anchors[probes[i].anchor].mask);
    at.stream({
      name: `${at.name(stream)} -> ${name}`,
      node,
      input: { kind: 'visit', ...who },
      stream,
      slots: distinct([
        key,
        ...who.feeds.flatMap((i) => slotsOfFeed(at.plan, k, i)),
        ...(onlyProbe ? [] : masks.filter((mask) => mask !== null)),
      ]),
      extra: looksUp ? ['f64'] : [],
      mask: onlyProbe ? masks[0] : null,
      late: false,
      route: { by: 'key', slot, required: key },
      reads: looksUp ? at.homeReads(stream) : [],
    });
  }
  probes.forEach(({ anchor, views }, probe) => {
    at.channel({
      name: `${name} -> ${at.plan.anchors[anchor].name}`,
      from: [{ kind: 'node', node }],
      node: at.homeNode(anchor),
      input: { kind: 'answers', keyspace: k, probe },
      stream: -1,
      slots: [],
      extra: views.map((view) => (view.kind === 'counter' ? 'f64' : view.physical)),
      mask: null,
      late: false,
      route: { by: 'home' },
    });
  });
}

export function placeHome(at: Placing, a: number): void {
  const { stream, mask, slots, name } = at.plan.anchors[a];
  const node = at.homeNode(a);
  const probes = at.plan.keyspaces.flatMap(({ probes: all }, k) =>
    all.flatMap(({ anchor }, p): [number, number][] => (anchor === a ? [[k, p]] : [])),
  );
  const keys = probes.map(([k, p]) => streamSlot(at.plan, a, at.plan.keyspaces[k].probes[p].key));
  const keySlots = new Set(probes.map(([k, p]) => at.plan.keyspaces[k].probes[p].key));
  const travelling = slots.flatMap(({ op }, slot) =>
    op.kind === 'stream' && !(keySlots.has(slot) && !readsSlot(at.plan, a, slot)) ? [op.slot] : [],
  );
  at.stream({
    name: `${at.name(stream)} -> ${name}`,
    node,
    input: { kind: 'anchor', probes },
    stream,
    slots: distinct(travelling),
    extra: probes.length > 0 ? ['f64'] : [],
    mask,
    late: false,
    route: { by: 'home' },
    reads: [...keys, ...at.homeReads(stream)],
  });
  const labels = labelsOf(at.plan, a);
  for (const label of labels) outcomes(at, label, node, name);
  if (labels.length > 0) clocks(at, labels, node, name);
}

function outcomes(at: Placing, l: number, node: number, anchor: string): void {
  const { routes, unless, name } = at.plan.labels[l];
  const from =
    unless === null
      ? routes.map((_, r) => at.routeNode(l, r))
      : [at.node((each) => each.kind === 'refund' && each.label === l)];
  at.channel({
    name: `${name} -> ${anchor}`,
    from: from.map((each) => ({ kind: 'node', node: each })),
    node,
    input: { kind: 'outcome', label: l },
    stream: -1,
    slots: [],
    extra: [...REF_COLUMNS, 'f64'],
    mask: null,
    late: true,
    route: { by: 'home' },
  });
}

function clocks(at: Placing, labels: readonly number[], node: number, anchor: string): void {
  const waits = new Set(labels.flatMap((label) => at.plan.labels[label].waitsFor));
  at.plan.streams.forEach(({ scan, name }, stream) => {
    if (scan < 0) return;
    at.channel({
      name: `${name} -> ${anchor} as clock`,
      from: [{ kind: 'scan', stream }],
      node,
      input: { kind: 'clock', waits: waits.has(stream) },
      stream,
      slots: [],
      extra: [],
      mask: null,
      late: false,
      route: { by: 'all' },
    });
  });
}

/** The labels that an anchor's example sets follow: their own and those they are chained to. Ascending. */
function labelsOf(plan: Plan, anchor: number): number[] {
  const labels = new Set<number>();
  const follow = (label: number): void => {
    labels.add(label);
    for (const { of } of plan.labels[label].routes) if (of !== null) follow(of);
  };
  for (const example of plan.examples) {
    if (example.anchor === anchor) for (const { label } of example.labels) follow(label);
  }
  return [...labels].sort((a, b) => a - b);
}

/** Slots of a feed's stream that the keyspace reads of it, its key aside. */
function slotsOfFeed(plan: Plan, k: number, feed: number): number[] {
  const { counters, values } = plan.keyspaces[k];
  const columns = counters.flatMap((group) => group.columns).filter((each) => each.feed === feed);
  const stores = values.filter((store) => store.feed === feed);
  const slots = [
    ...columns.flatMap(({ mask, value }) => [mask, value]),
    ...stores.flatMap((store) => [store.mask, ...store.slots]),
  ];
  return slots.filter((slot) => slot !== null);
}

/** Whether something of the anchor's frame, or an example set, reads the slot. */
function readsSlot(plan: Plan, anchor: number, slot: number): boolean {
  const used = plan.anchors[anchor].slots.some(({ op }) => inputsOf(op).includes(slot));
  const shown = plan.examples.some(
    (set) =>
      set.anchor === anchor &&
      (set.id === slot ||
        set.idHash === slot ||
        set.features.some((feature) => feature.slot === slot)),
  );
  return used || shown;
}
