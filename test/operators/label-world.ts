/** An ad world for label tests: impressions, clicks, pixels; plans over them, random rows, and runs of the operators. */
import type { ExamplePlan, LabelPlan, Plan, PolicyPlan } from '../../compiler/plan/plan.ts';
import { type Value, valueAt } from '../../operators/column/column.ts';
import { Emission } from '../../operators/emission/emission.ts';
import {
  type EmissionBatch,
  LABEL_KINDS,
  ROW_KINDS,
} from '../../operators/emission/emission-batch.ts';
import { Attribution } from '../../operators/label/attribute.ts';
import { SlabSet } from '../../operators/state/slab.ts';
import type { Rng } from '../random.ts';
import {
  columnIn,
  frameOf,
  inStepOrder,
  planOf,
  type Row,
  SavedPages,
  type SlotSpec,
  streamPlan,
} from './label-fixture.ts';
import type { Ending, ModelLabel, ModelRow } from './label-model.ts';

export const IMPRESSION = 0;
export const CLICK = 1;
export const PIXEL = 2;
export const CLICKED = 3;
export const PURCHASED = 4;

/** Slots of the streams. */
const IMPRESSION_SLOTS: readonly SlotSpec[] = [
  ['impression_id', 'hash'],
  ['user', 'hash'],
  ['masked', 'bool'],
  ['id', 'text'],
  ['bid', 'f64'],
  ['tags', 'list_text'],
];
const CLICK_SLOTS: readonly SlotSpec[] = [
  ['impression_id', 'hash'],
  ['user', 'hash'],
  ['masked', 'bool'],
  ['name', 'text'],
];
const PIXEL_SLOTS: readonly SlotSpec[] = [
  ['user', 'hash'],
  ['order', 'hash'],
  ['is_buy', 'bool'],
  ['is_refund', 'bool'],
  ['value', 'f64'],
];
const CLICKED_SLOTS: readonly SlotSpec[] = [
  ['user', 'hash', { kind: 'event', slot: 1 }],
  ['name', 'text', { kind: 'event', slot: 3 }],
  ['bid', 'f64', { kind: 'anchor', slot: 4 }],
];
/** Without a route of `clicked` there is no click to read: the anchor's id stands in. */
const purchasedSlots = (isChained: boolean): readonly SlotSpec[] => [
  ['value', 'f64', { kind: 'event', slot: 4 }],
  ['id', 'text', { kind: 'anchor', slot: 3 }],
  [
    'click',
    'text',
    isChained ? { kind: 'parent', label: 0, slot: 1 } : { kind: 'anchor', slot: 3 },
  ],
  ['tags', 'list_text', { kind: 'anchor', slot: 5 }],
];

export type Choice = {
  readonly click: { withinMs: number; credit: LabelPlan['credit'] };
  readonly buy: {
    credit: LabelPlan['credit'];
    /** Null: no such route. In this order. */
    ofClicked: number | null;
    ofAnchor: number | null;
    unlessMs: number | null;
  };
  readonly labels: readonly { name: 'clicked' | 'purchased'; policy: PolicyPlan }[];
  readonly clickLateMs: number | null;
  readonly pixelLateMs: number | null;
  readonly sampleNegatives: number;
  readonly audit: number;
};

/** Labels `clicked` (0) and `purchased` (1) over impressions, and one example set of them. */
export function adPlan(choice: Choice): Plan {
  const anchor = { stream: IMPRESSION, mask: 2, id: 0 };
  const clicked: LabelPlan = {
    state: 'clicked',
    name: 'clicked',
    anchor,
    event: { stream: CLICK, mask: 2 },
    routes: [{ withinMs: choice.click.withinMs, of: null, eventKey: 0, targetKey: 0 }],
    rings: 0,
    credit: choice.click.credit,
    unless: null,
    labelStream: CLICKED,
    graceMs: choice.clickLateMs ?? 0,
    waitsFor: [CLICK],
  };
  const { ofClicked, ofAnchor, unlessMs } = choice.buy;
  const purchased: LabelPlan = {
    state: 'purchased',
    name: 'purchased',
    anchor,
    event: { stream: PIXEL, mask: 2 },
    routes: [
      ...(ofClicked === null ? [] : [{ withinMs: ofClicked, of: 0, eventKey: 0, targetKey: 0 }]),
      ...(ofAnchor === null ? [] : [{ withinMs: ofAnchor, of: null, eventKey: 0, targetKey: 1 }]),
    ],
    rings: 1,
    credit: choice.buy.credit,
    unless:
      unlessMs === null
        ? null
        : { stream: PIXEL, mask: 3, refundKey: 1, eventKey: 1, withinMs: unlessMs },
    labelStream: PURCHASED,
    graceMs: Math.max(choice.pixelLateMs ?? 0, ofClicked === null ? 0 : (choice.clickLateMs ?? 0)),
    waitsFor: ofClicked === null ? [PIXEL] : [CLICK, PIXEL],
  };
  const example: ExamplePlan = {
    name: 'ads',
    topic: null,
    anchor: 0,
    id: 0,
    idHash: 1,
    features: [
      { name: 'bid', slot: 2, type: { kind: 'error' }, input: 'dense' },
      { name: 'tags', slot: 3, type: { kind: 'error' }, input: 'ids' },
    ],
    labels: choice.labels.map(({ name, policy }) => ({
      name,
      policy,
      label: name === 'clicked' ? 0 : 1,
    })),
    sampleNegatives: choice.sampleNegatives,
    audit: choice.audit,
    checks: [],
  };
  const slot = (name: string, physical: 'text' | 'hash' | 'f64' | 'list_text', from: number) => ({
    name,
    physical,
    op: { kind: 'stream' as const, slot: from },
  });
  return planOf({
    streams: [
      streamPlan('impression', IMPRESSION_SLOTS, { holdMs: 50 }),
      streamPlan('click', CLICK_SLOTS, { labelsLateMs: choice.clickLateMs, holdMs: 40 }),
      streamPlan('pixel', PIXEL_SLOTS, { labelsLateMs: choice.pixelLateMs, holdMs: 60 }),
      streamPlan('clicked', CLICKED_SLOTS, { kind: 'label' }),
      streamPlan('purchased', purchasedSlots(ofClicked !== null), { kind: 'label' }),
    ],
    labels: [clicked, purchased],
    anchors: [
      {
        name: 'impression',
        stream: IMPRESSION,
        mask: 2,
        slots: [
          slot('id', 'text', 3),
          slot('impression_id', 'hash', 0),
          slot('bid', 'f64', 4),
          slot('tags', 'list_text', 5),
        ],
      },
    ],
    examples: [example],
  });
}

export function impression(
  id: string,
  time: number,
  user: Value,
  more: { offset?: number; masked?: boolean } = {},
): Row {
  const values = [id, user, more.masked ?? true, id, time / 2, [id, 'x']];
  return { time, step: time, partition: 0, offset: more.offset ?? time, values };
}

export function click(id: Value, time: number, user: Value, step = time): Row {
  return { time, step, partition: 0, offset: time, values: [id, user, true, `click ${time}`] };
}

export function buy(user: Value, time: number, order: Value = null, step = time): Row {
  return { time, step, partition: 0, offset: time, values: [user, order, true, false, time] };
}

export function refund(order: Value, time: number, step = time): Row {
  return { time, step, partition: 0, offset: time + 0.5, values: [null, order, false, true, null] };
}

/** Rows of all streams, with ties, nulls and label-only late events. */
export function randomRows(choice: Choice, random: Rng, span: number): Row[][] {
  const users = [1, 2, 3, null];
  const lateness = (lateMs: number | null) =>
    lateMs !== null && random.chance(0.25) ? random.below(lateMs + 1) : 0;
  const impressions: Row[] = [];
  const count = 5 + random.below(40);
  for (let i = 0; i < count; i++) {
    // Now and then an id comes again, at another time or at the same: each row is an anchor of its own.
    const twin = random.chance(0.1) ? impressions.at(-1) : undefined;
    const id = String(twin?.values[0] ?? `i${i}`);
    const time = twin !== undefined && random.chance(0.5) ? twin.time : random.below(span);
    const masked = !random.chance(0.1);
    impressions.push(impression(id, time, random.pick(users), { offset: i, masked }));
  }
  const row = (offset: number, late: number, values: readonly Value[]): Row => {
    const step = late + random.below(span);
    return { time: step - late, step, partition: random.below(2), offset, values };
  };
  const clicks = Array.from({ length: random.below(40) }, (_, i) => {
    const of = random.pick(impressions);
    const masked = random.pick([true, true, true, false, null]);
    return row(i, lateness(choice.clickLateMs), [of.values[0], of.values[1], masked, `c${i}`]);
  });
  const pixels = Array.from({ length: random.below(50) }, (_, i) => {
    const isRefund = random.chance(0.35);
    const order = random.pick([null, 1, 2, 3, 4, 5]);
    return row(i, lateness(choice.pixelLateMs), [
      random.pick(users),
      order,
      !isRefund,
      isRefund,
      i,
    ]);
  });
  return [impressions, clicks, pixels].map(inStepOrder);
}

export type RunResult = {
  readonly rows: ModelRow[];
  readonly features: Value[][];
  readonly labelRows: { time: number; step: number; values: Value[] }[][];
  readonly live: number;
  readonly pending: ReturnType<Emission['pending']>;
};

/** Runs the operators over `rows`, cut at `cuts`, over `shards`; restored from saved pages now and then. */
export function run(
  plan: Plan,
  rows: readonly (readonly Row[])[],
  how: { cuts: readonly number[]; shards: number; ending: Ending; random: Rng | null },
): RunResult {
  let slabs = Array.from({ length: how.shards }, () => new SlabSet());
  let attribution = new Attribution(plan, slabs);
  let emission = new Emission(plan, 0, slabs);
  const pages = new SavedPages();
  const out: RunResult = {
    rows: [],
    features: [],
    labelRows: [[], []],
    live: 0,
    pending: { labels: [], audit: 0 },
  };
  let from = Number.NEGATIVE_INFINITY;
  for (const to of [...how.cuts, Number.POSITIVE_INFINITY]) {
    const frames = plan.streams.map((stream, s) =>
      s < 3 ? frameOf(rows[s], stream, from, to) : null,
    );
    const attributed = attribution.run(frames, columnIn);
    if (Number.isFinite(to)) attribution.expire(to);
    for (const [l, stream] of [CLICKED, PURCHASED].entries()) {
      const frame = attributed.frames[stream];
      for (let i = 0; frame !== null && i < frame.n; i++) {
        const values = frame.columns.map((column) =>
          column === undefined ? null : valueAt(column, i),
        );
        out.labelRows[l].push({ time: frame.time[i], step: frame.step[i], values });
      }
    }
    const anchorRows = rows[IMPRESSION].filter((row) => row.values[2] === true);
    const anchors = frameOf(anchorRows, plan.streams[IMPRESSION], from, to);
    const batch = emission.accept(
      anchors,
      (slot) => {
        const { op } = plan.anchors[0].slots[slot];
        if (anchors === null || op.kind !== 'stream') throw new Error('no such column');
        return columnIn(0, anchors, op.slot);
      },
      attributed.outcomes,
      {
        frontier: to,
        reached: Math.min(to, how.ending.reached),
        labelFrontier: (stream) => Math.min(to, how.ending.labelFrontier[stream]),
      },
    );
    checkBatch(batch, from, to);
    readBatch(plan, batch, out);
    pages.save(slabs);
    if (how.random?.chance(0.3)) {
      slabs = pages.restore(how.shards);
      attribution = new Attribution(plan, slabs);
      emission = new Emission(plan, 0, slabs);
    }
    from = to;
  }
  return { ...out, live: emission.live, pending: emission.pending() };
}

/** Rows lie between the frontiers and ascend. */
function checkBatch(batch: EmissionBatch, from: number, to: number): void {
  for (let i = 0; i < batch.n; i++) {
    if (batch.emitted[i] < from || batch.emitted[i] >= to)
      throw new Error('emitted outside its batch');
    if (i > 0 && batch.emitted[i] < batch.emitted[i - 1]) throw new Error('emitted out of order');
  }
}

function readBatch(plan: Plan, batch: EmissionBatch, into: RunResult): void {
  for (let i = 0; i < batch.n; i++) {
    const labels: Record<string, ModelLabel> = {};
    plan.examples[0].labels.forEach(({ name }, l) => {
      const column = batch.labels[l];
      if (column.kind[i] === 0) return;
      const kind = LABEL_KINDS[column.kind[i]];
      const value = column.value[i] === 2 ? null : column.value[i];
      labels[name] = { value, kind, deadline: column.deadline[i], elapsed: column.elapsed[i] };
      if (kind === 'audit' && column.audit !== null) {
        labels[name].atWait = column.audit.atWait[i];
        labels[name].ever = column.audit.ever[i];
      }
    });
    into.rows.push({
      id: String(valueAt(batch.id, i)),
      time: batch.time[i],
      emitted: batch.emitted[i],
      kind: ROW_KINDS[batch.kind[i]],
      rate: batch.sampleRate[i],
      labels,
    });
    into.features.push(
      Array.from({ length: batch.features.length }, (_, f) => valueAt(batch.features.at(f)!, i)),
    );
  }
}

/** Rows as text, sorted as the engine promises; rows equal in all of that stay as they are. */
export function canonical(rows: readonly ModelRow[]): string[] {
  return [...rows]
    .sort(
      (a, b) =>
        a.emitted - b.emitted ||
        a.time - b.time ||
        Buffer.compare(Buffer.from(a.id), Buffer.from(b.id)),
    )
    .map(show);
}

export function show(row: ModelRow): string {
  const labels = Object.entries(row.labels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, set]) => {
      const audit = set.atWait === undefined ? '' : ` wait ${set.atWait} ever ${set.ever}`;
      return `${name} ${set.value} ${set.kind} by ${set.deadline} after ${set.elapsed}${audit}`;
    });
  return `${row.emitted} ${row.id}@${row.time} ${row.kind} x${row.rate} {${labels.join(', ')}}`;
}
