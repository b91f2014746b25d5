/** What must hold of every plan before anything runs on it. A breach is a bug of the compiler: it throws with the place. */
import type { Physical } from '../../dsl/types.ts';
import type {
  AnchorPlan,
  ExamplePlan,
  Expr,
  KeyspacePlan,
  LabelPlan,
  Plan,
  SlotPlan,
  StreamPlan,
} from './plan.ts';

export class PlanError extends Error {
  override readonly name = 'PlanError';
}

/** Checks that every index is in range, slots read only earlier ones, and physical kinds agree. */
export function verifyPlan(plan: Plan): void {
  for (const [s, stream] of plan.streams.entries())
    verifyStream(plan, stream, `stream ${s} (${stream.name})`);
  verifyAttribution(plan);
  for (const [f, feed] of plan.feeds.entries()) inRange(feed.stream, plan.streams, `feed ${f}`);
  for (const [a, anchor] of plan.anchors.entries())
    verifyAnchor(plan, anchor, `anchor ${a} (${anchor.name})`);
  for (const [k, keyspace] of plan.keyspaces.entries())
    verifyKeyspace(plan, keyspace, `keyspace ${k} (${keyspace.name})`);
  for (const example of plan.examples) verifyExample(plan, example, `examples ${example.name}`);
  verifyStates(plan);
}

function that(holds: boolean, place: string, claim: string): void {
  if (!holds) throw new PlanError(`${place}: ${claim}`);
}

function inRange(index: number, list: readonly unknown[], place: string): void {
  that(
    Number.isInteger(index) && index >= 0 && index < list.length,
    place,
    `index ${index} is not below ${list.length}`,
  );
}

/** The slot is there and of that physical kind. */
function isKind(slots: readonly SlotPlan[], slot: number, kind: Physical, place: string): void {
  inRange(slot, slots, place);
  that(
    slots[slot]!.physical === kind,
    place,
    `slot ${slot} is ${slots[slot]!.physical}, not ${kind}`,
  );
}

function isMask(slots: readonly SlotPlan[], mask: number | null, place: string): void {
  if (mask !== null) isKind(slots, mask, 'bool', `${place} mask`);
}

function verifyStream(plan: Plan, stream: StreamPlan, place: string): void {
  that(
    (stream.kind === 'label') === (stream.scan === -1),
    place,
    'label streams, and they alone, have no scan',
  );
  const fields = stream.scan === -1 ? [] : plan.scans[stream.scan]?.fields;
  that(fields !== undefined, place, `scan ${stream.scan} is missing`);
  for (const field of [...stream.fields, stream.idField, stream.timeField]) {
    if (field !== -1) inRange(field, fields ?? [], `${place} field`);
  }
  if (stream.dedupSlot !== undefined)
    isKind(stream.slots, stream.dedupSlot, 'hash', `${place} dedup`);
  if (stream.idField >= 0) that(fields![stream.idField]!.hash, place, 'its id has no hash column');
  if (stream.timeField >= 0)
    that(fields![stream.timeField]!.value, place, 'its time has no column');
  for (const [i, slot] of stream.slots.entries()) {
    const at = `${place} slot ${i} (${slot.name})`;
    verifyStreamOp(plan, { stream, slot, index: i }, at);
  }
}

type Placed = { readonly stream: StreamPlan; readonly slot: SlotPlan; readonly index: number };

function verifyStreamOp(plan: Plan, { stream, slot, index }: Placed, place: string): void {
  const { op } = slot;
  const label = plan.labels.find(
    ({ labelStream }) => labelStream >= 0 && plan.streams[labelStream] === stream,
  );
  const same = (slots: readonly SlotPlan[]) => {
    if ('slot' in op) isKind(slots, op.slot, slot.physical, place);
  };
  switch (op.kind) {
    case 'field': {
      const field = plan.scans[stream.scan]?.fields[op.field];
      that(
        field !== undefined && (slot.physical === 'hash' ? field.hash : field.value),
        place,
        'its scan does not decode it',
      );
      return;
    }
    case 'enriched': {
      const enrichment = plan.enrichments[op.enrichment];
      that(
        enrichment?.fields.some(({ from, to }) => from === op.slot && to === index) ?? false,
        place,
        'its enrichment does not fill it',
      );
      same(plan.streams[enrichment!.source]!.slots);
      return;
    }
    case 'event':
      that(label !== undefined, place, 'only label streams read an event');
      same(plan.streams[label!.event.stream]!.slots);
      return;
    case 'anchor':
      that(label !== undefined, place, 'only label streams read an anchor');
      same(plan.streams[label!.anchor.stream]!.slots);
      return;
    case 'credit':
      that(label !== undefined, place, 'only label streams read a share');
      return;
    case 'parent': {
      const parent = plan.labels[op.label];
      that(
        label?.routes.some((route) => route.of === op.label) ?? false,
        place,
        'it reads a label that is not its parent',
      );
      same(plan.streams[parent!.labelStream]?.slots ?? []);
      return;
    }
    case 'stream':
    case 'view':
      that(false, place, `${op.kind} belongs on anchors`);
      return;
    default:
      verifyOwnOp(stream.slots, index, place);
      return;
  }
}

/** Ops over the same frame's earlier slots. */
function verifyOwnOp(slots: readonly SlotPlan[], index: number, place: string): void {
  const { op, physical } = slots[index]!;
  const before = slots.slice(0, index);
  switch (op.kind) {
    case 'combine':
      that(
        physical === 'hash' && op.slots.length > 1,
        place,
        'a combined key is a hash of several',
      );
      for (const slot of op.slots) isKind(before, slot, 'hash', place);
      return;
    case 'hash_of':
      that(physical === 'hash', place, 'it is no hash');
      inRange(op.slot, before, place);
      return;
    case 'expr':
      that(op.expr.physical === physical, place, `its expression makes ${op.expr.physical}`);
      verifyExpr(before, op.expr, place);
      return;
    default:
      that(false, place, `${op.kind} is not computed`);
      return;
  }
}

function verifyExpr(before: readonly SlotPlan[], expr: Expr, place: string): void {
  if (expr.op === 'slot') isKind(before, expr.slot, expr.physical, place);
  if (expr.op === 'call') for (const arg of expr.args) verifyExpr(before, arg, place);
  if (expr.op === 'const' && typeof expr.value === 'number')
    that(Number.isFinite(expr.value), place, 'a constant is not finite');
}

function verifyAttribution(plan: Plan): void {
  for (const [e, enrichment] of plan.enrichments.entries()) {
    const place = `enrichment ${e}`;
    inRange(enrichment.stream, plan.streams, place);
    inRange(enrichment.source, plan.streams, place);
    const event = plan.streams[enrichment.stream]!.slots;
    const source = plan.streams[enrichment.source]!.slots;
    isMask(event, enrichment.mask, place);
    isMask(source, enrichment.sourceMask, place);
    isKind(event, enrichment.key, 'hash', `${place} key`);
    isKind(source, enrichment.sourceKey, 'hash', `${place} source key`);
    for (const { from, to } of enrichment.fields) {
      inRange(from, source, place);
      isKind(event, to, source[from]!.physical, place);
    }
  }
  for (const [l, label] of plan.labels.entries())
    verifyLabel(plan, { label, index: l }, `label ${l} (${label.name})`);
}

function verifyLabel(
  plan: Plan,
  { label, index }: { label: LabelPlan; index: number },
  place: string,
): void {
  for (const stream of [label.anchor.stream, label.event.stream, ...label.waitsFor])
    inRange(stream, plan.streams, place);
  const anchor = plan.streams[label.anchor.stream]!.slots;
  const event = plan.streams[label.event.stream]!.slots;
  isMask(anchor, label.anchor.mask, `${place} anchor`);
  isKind(anchor, label.anchor.id, 'hash', `${place} anchor id`);
  isMask(event, label.event.mask, `${place} event`);
  const rings = plan.labels[label.rings];
  that(
    label.rings <= index && rings?.routes.length === label.routes.length,
    place,
    'its rings are those of no label before it',
  );
  for (const route of label.routes) {
    isKind(event, route.eventKey, 'hash', `${place} event key`);
    if (route.of !== null) that(route.of < index, place, 'a parent comes after it');
    const target =
      route.of === null ? anchor : (plan.streams[plan.labels[route.of]!.labelStream]?.slots ?? []);
    isKind(target, route.targetKey, 'hash', `${place} target key`);
  }
  if (label.labelStream !== -1)
    that(plan.streams[label.labelStream]?.kind === 'label', place, 'its stream is no label stream');
  if (label.unless === null) return;
  inRange(label.unless.stream, plan.streams, place);
  const refund = plan.streams[label.unless.stream]!.slots;
  isMask(refund, label.unless.mask, `${place} unless`);
  isKind(refund, label.unless.refundKey, 'hash', `${place} refund key`);
  isKind(event, label.unless.eventKey, 'hash', `${place} refunded key`);
}

function verifyAnchor(plan: Plan, anchor: AnchorPlan, place: string): void {
  inRange(anchor.stream, plan.streams, place);
  const stream = plan.streams[anchor.stream]!.slots;
  isMask(stream, anchor.mask, place);
  for (const [i, slot] of anchor.slots.entries()) {
    const at = `${place} slot ${i} (${slot.name})`;
    const { op } = slot;
    if (op.kind === 'stream') isKind(stream, op.slot, slot.physical, at);
    else if (op.kind === 'view') verifyView(plan, { anchor, index: i }, at);
    else verifyOwnOp(anchor.slots, i, at);
  }
}

function verifyView(
  plan: Plan,
  { anchor, index }: { anchor: AnchorPlan; index: number },
  place: string,
): void {
  const { op, physical } = anchor.slots[index]!;
  if (op.kind !== 'view') return;
  const probe = plan.keyspaces[op.keyspace]?.probes[op.probe];
  const view = probe?.views[op.view];
  that(probe !== undefined && view !== undefined, place, 'there is no such view');
  that(plan.anchors[probe!.anchor] === anchor, place, 'its probe is of another anchor');
  isKind(anchor.slots.slice(0, index), probe!.key, 'hash', `${place} key`);
  const answer = view!.kind === 'counter' ? 'f64' : view!.physical;
  that(answer === physical, place, `its view answers ${answer}`);
}

function verifyKeyspace(plan: Plan, keyspace: KeyspacePlan, place: string): void {
  const slotsOf = (feed: number) =>
    plan.streams[plan.feeds[keyspace.feeds[feed]!.feed]!.stream]!.slots;
  for (const { feed, key } of keyspace.feeds) {
    inRange(feed, plan.feeds, place);
    isKind(plan.streams[plan.feeds[feed]!.stream]!.slots, key, 'hash', `${place} feed`);
  }
  for (const group of keyspace.counters) {
    that(
      ascends(group.windows.map(({ ms, hopMs }) => [ms ?? Infinity, hopMs])),
      place,
      'windows do not ascend',
    );
    for (const column of group.columns) {
      inRange(column.feed, keyspace.feeds, place);
      isMask(slotsOf(column.feed), column.mask, place);
      if (column.value !== null) isKind(slotsOf(column.feed), column.value, 'f64', place);
    }
  }
  for (const store of keyspace.values) {
    inRange(store.feed, keyspace.feeds, place);
    isMask(slotsOf(store.feed), store.mask, place);
    that(store.slots.length === store.physical.length, place, 'slots and kinds differ in number');
    for (const [i, slot] of store.slots.entries())
      isKind(slotsOf(store.feed), slot, store.physical[i]!, place);
  }
  for (const probe of keyspace.probes) {
    inRange(probe.anchor, plan.anchors, place);
    isKind(plan.anchors[probe.anchor]!.slots, probe.key, 'hash', `${place} probe`);
  }
  for (const views of [...keyspace.probes.map((probe) => probe.views), keyspace.kept ?? []]) {
    for (const view of views) {
      if (view.kind === 'counter') {
        inRange(view.group, keyspace.counters, place);
        inRange(view.column, keyspace.counters[view.group]!.columns, place);
        inRange(view.window, keyspace.counters[view.group]!.windows, place);
      } else {
        inRange(view.store, keyspace.values, place);
        inRange(view.window, keyspace.values[view.store]!.windows, place);
        if (view.read.fn === 'latest')
          inRange(view.read.slot, keyspace.values[view.store]!.slots, place);
        if (view.read.fn === 'last')
          that(
            (view.read.k ?? 1) <= keyspace.values[view.store]!.k,
            place,
            'k is above the store’s',
          );
      }
    }
  }
}

function ascends(pairs: readonly (readonly number[])[]): boolean {
  return pairs.every((pair, i) => {
    const before = pairs[i - 1];
    return (
      before === undefined ||
      before[0]! < pair[0]! ||
      (before[0] === pair[0] && before[1]! < pair[1]!)
    );
  });
}

function verifyExample(plan: Plan, example: ExamplePlan, place: string): void {
  inRange(example.anchor, plan.anchors, place);
  const { slots } = plan.anchors[example.anchor]!;
  inRange(example.id, slots, `${place} id`);
  isKind(slots, example.idHash, 'hash', `${place} id hash`);
  for (const column of example.features) inRange(column.slot, slots, `${place} ${column.name}`);
  for (const label of example.labels) inRange(label.label, plan.labels, `${place} ${label.name}`);
  for (const check of example.checks) {
    if (check.kind === 'rate') inRange(check.label, example.labels, `${place} check`);
    else if ('column' in check) inRange(check.column, example.features, `${place} check`);
  }
}

/** A state has one home for each time since which it is kept. */
function verifyStates(plan: Plan): void {
  const states = [
    ...plan.enrichments,
    ...plan.labels,
    ...plan.keyspaces.flatMap(({ counters, values, since }) =>
      [...counters.flatMap(({ columns }) => columns), ...values].flatMap(({ state, retired }) =>
        retired ? [] : [{ state, since }],
      ),
    ),
  ];
  const seen = new Set<string>();
  for (const { state, since } of states) {
    that(/^[0-9a-f]{16}$/.test(state), `state ${state}`, 'its name is not 16 hex digits');
    that(!seen.has(`${state} ${since}`), `state ${state}`, 'it is kept twice');
    seen.add(`${state} ${since}`);
  }
}
