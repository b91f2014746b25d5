/** Since when the columns of a plan have seen events, where that is not from the beginning. */
import type { Expr, Plan, SlotPlan, ViewPlan } from '../../compiler/plan/plan.ts';

export type ColumnCoverage = {
  readonly set: string;
  /** `user_ctr`, or `label clicked`: anchors and events before did not take part in its credit. */
  readonly column: string;
  /** Events before it were not counted, ms. */
  readonly since: number;
  /** From here on the column is as if they had been; null: it never is (windows of rows, of all time). */
  readonly full: number | null;
};

/** Of the sets that take anchors. */
export function coverageOf(plan: Omit<Plan, 'digest'>): readonly ColumnCoverage[] {
  if (plan.takenOver === undefined) return [];
  const reach = new Reach(plan);
  return plan.examples.flatMap(({ name: set, closed, anchor, features, labels }) => {
    if (closed) return [];
    const found = [
      ...features.map(({ name, slot }) => [name, reach.anchor(anchor, slot)] as const),
      ...labels.map(({ name, label }) => [`label ${name}`, reach.label(label)] as const),
    ];
    return found.flatMap(([column, all]) =>
      all.length === 0 ? [] : [{ set, column, ...together(all) }],
    );
  });
}

type Since = { readonly since: number; readonly full: number | null };

function together(found: readonly Since[]): Since {
  const full = found.map((each) => each.full ?? Number.POSITIVE_INFINITY);
  const latest = Math.max(...full);
  return {
    since: Math.max(...found.map(({ since }) => since)),
    full: Number.isFinite(latest) ? latest : null,
  };
}

/** Walks from a slot to everything that is behind it. */
class Reach {
  readonly #plan: Omit<Plan, 'digest'>;

  constructor(plan: Omit<Plan, 'digest'>) {
    this.#plan = plan;
  }

  anchor(anchor: number, slot: number): Since[] {
    const { stream, slots } = this.#plan.anchors[anchor]!;
    const { op } = slots[slot]!;
    if (op.kind === 'stream') return this.#stream(stream, op.slot);
    if (op.kind !== 'view') return readBy(slots[slot]!).flatMap((s) => this.anchor(anchor, s));
    const keyspace = this.#plan.keyspaces[op.keyspace]!;
    const { key, views } = keyspace.probes[op.probe]!;
    const view = views[op.view]!;
    const { since } = keyspace;
    const own =
      since === undefined ? [] : [{ since, full: fullAt(since, this.#window(op.keyspace, view)) }];
    return [...own, ...this.anchor(anchor, key), ...this.#fed(op.keyspace, view)];
  }

  /** Whom a label credits hangs on the anchors that it has seen, and on what its parents credited. */
  label(index: number): Since[] {
    const { since, routes } = this.#plan.labels[index]!;
    const own = since === undefined ? [] : [{ since, full: since + this.#horizon(index) }];
    return [...own, ...routes.flatMap(({ of }) => (of === null ? [] : this.label(of)))];
  }

  /** How far before an event its anchor may lie. */
  #horizon(index: number): number {
    const { routes } = this.#plan.labels[index]!;
    const of = routes.map(({ of, withinMs }) => withinMs + (of === null ? 0 : this.#horizon(of)));
    return Math.max(...of);
  }

  /** What the store's events are made of. */
  #fed(index: number, view: ViewPlan): Since[] {
    const { counters, values, feeds } = this.#plan.keyspaces[index]!;
    const part =
      view.kind === 'counter' ? counters[view.group]!.columns[view.column]! : values[view.store]!;
    const { feed, key } = feeds[part.feed]!;
    const { stream } = this.#plan.feeds[feed]!;
    const read = 'slots' in part ? part.slots : part.value === null ? [] : [part.value];
    const slots = [key, ...(part.mask === null ? [] : [part.mask]), ...read];
    const label = this.#plan.labels.findIndex(({ labelStream }) => labelStream === stream);
    const found = slots.flatMap((slot) => this.#stream(stream, slot));
    const window = this.#window(index, view);
    const credited = label < 0 ? [] : this.label(label);
    // An event that is not as it should be stays in the window for its length.
    return [...found, ...credited].map(({ since, full }) => ({
      since,
      full: full === null ? null : fullAt(full, window),
    }));
  }

  #stream(stream: number, slot: number): Since[] {
    const { slots } = this.#plan.streams[stream]!;
    const { op } = slots[slot]!;
    if (op.kind !== 'enriched') return readBy(slots[slot]!).flatMap((s) => this.#stream(stream, s));
    const { since, withinMs } = this.#plan.enrichments[op.enrichment]!;
    return since === undefined ? [] : [{ since, full: since + withinMs }];
  }

  #window(index: number, view: ViewPlan): number | null {
    const { counters, values } = this.#plan.keyspaces[index]!;
    if (view.kind === 'counter') {
      const { ms, hopMs } = counters[view.group]!.windows[view.window]!;
      return ms === null ? null : ms + hopMs;
    }
    const window = values[view.store]!.windows[view.window]!;
    return window.kind === 'time' ? window.ms + window.hopMs : null;
  }
}

function fullAt(since: number, windowMs: number | null): number | null {
  return windowMs === null ? null : since + windowMs;
}

/** Slots of the same frame that a slot is made of. */
function readBy({ op }: SlotPlan): readonly number[] {
  switch (op.kind) {
    case 'combine':
      return op.slots;
    case 'hash_of':
      return [op.slot];
    case 'expr':
      return slotsOf(op.expr);
    default:
      return [];
  }
}

function slotsOf(expr: Expr): readonly number[] {
  if (expr.op === 'slot') return [expr.slot];
  return expr.op === 'call' ? expr.args.flatMap(slotsOf) : [];
}
