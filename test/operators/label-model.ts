/**
 * Attribution and emission said once more, over whole histories in arrays and with no regard for cost: the oracle of
 * the operators. It reads the plan, takes all rows at once, and asks of every anchor and every instant what the
 * rules say.
 */
import type { LabelPlan, Plan, PolicyPlan } from '../../compiler/plan/plan.ts';
import type { Value } from '../../operators/column/column.ts';
import { hash01, hashText, lanes } from '../../operators/hash.ts';
import type { Row } from './label-fixture.ts';

/** An event credited to an anchor. */
export type Credit = {
  readonly event: Row;
  readonly anchor: Row;
  /** The parent's credit it came by; null: by the anchor itself. */
  readonly parent: Credit | null;
  /** When it is taken back; +infinity: never. */
  cancelledAt: number;
};

/** Values of a label stream's slots for one credit. */
export function labelValues(plan: Plan, label: LabelPlan, credit: Credit): Value[] {
  return plan.streams[label.labelStream].slots.map(({ op }): Value => {
    switch (op.kind) {
      case 'event':
        return credit.event.values[op.slot];
      case 'anchor':
        return credit.anchor.values[op.slot];
      case 'parent': {
        const { parent } = credit;
        if (parent === null) return null;
        return labelValues(plan, plan.labels[op.label], parent)[op.slot];
      }
      default:
        return null;
    }
  });
}

const passes = (row: Row, mask: number | null) => mask === null || row.values[mask] === true;

/** By label: its credits, in the order of the label's stream. `rows` by stream, in step order. */
export function attribute(plan: Plan, rows: readonly (readonly Row[])[]): Credit[][] {
  const all: Credit[][] = [];
  for (const label of plan.labels) {
    const credits: Credit[] = [];
    for (const event of rows[label.event.stream]) {
      if (!passes(event, label.event.mask)) continue;
      for (const route of label.routes) {
        const key = event.values[route.eventKey];
        if (key === null) continue;
        const candidates =
          route.of === null
            ? anchorCandidates(label, route.targetKey, key, rows)
            : parentCandidates(plan, route.of, route.targetKey, key, all[route.of]);
        const eligible = candidates.filter(
          ({ time, step }) =>
            step <= event.step && time <= event.time && event.time <= time + route.withinMs,
        );
        if (eligible.length === 0) continue;
        eligible.sort((a, b) => a.time - b.time);
        for (const { anchor, parent } of chosen(label.credit, eligible)) {
          credits.push({ event, anchor, parent, cancelledAt: Number.POSITIVE_INFINITY });
        }
        break;
      }
    }
    takeBack(label, credits, rows);
    all.push(credits);
  }
  return all;
}

type Candidate = { time: number; step: number; anchor: Row; parent: Credit | null };

function anchorCandidates(
  label: LabelPlan,
  slot: number,
  key: Value,
  rows: readonly (readonly Row[])[],
): Candidate[] {
  return rows[label.anchor.stream]
    .filter(
      (row) => row.step === row.time && passes(row, label.anchor.mask) && row.values[slot] === key,
    )
    .map((row) => ({ time: row.time, step: row.step, anchor: row, parent: null }));
}

function parentCandidates(
  plan: Plan,
  of: number,
  slot: number,
  key: Value,
  credits: readonly Credit[],
): Candidate[] {
  return credits
    .filter((credit) => labelValues(plan, plan.labels[of], credit)[slot] === key)
    .map((credit) => ({
      time: credit.event.time,
      step: credit.event.step,
      anchor: credit.anchor,
      parent: credit,
    }));
}

function chosen(credit: LabelPlan['credit'], eligible: readonly Candidate[]): Candidate[] {
  if (credit.kind === 'last') return [eligible[eligible.length - 1]];
  if (credit.kind === 'first') return [eligible[0]];
  return eligible.filter(
    (one, i) => !eligible.slice(i + 1).some((later) => later.anchor === one.anchor),
  );
}

function takeBack(
  label: LabelPlan,
  credits: readonly Credit[],
  rows: readonly (readonly Row[])[],
): void {
  const { unless } = label;
  if (unless === null) return;
  for (const credit of credits) {
    const key = credit.event.values[unless.eventKey];
    for (const refund of rows[unless.stream]) {
      const applies =
        key !== null &&
        passes(refund, unless.mask) &&
        refund.values[unless.refundKey] === key &&
        credit.event.time <= refund.time &&
        refund.time <= credit.event.time + unless.withinMs;
      if (!applies) continue;
      credit.cancelledAt = Math.min(credit.cancelledAt, Math.max(refund.step, credit.event.step));
    }
  }
}

export type ModelLabel = {
  value: number | null;
  kind: string;
  deadline: number;
  elapsed: number;
  atWait?: number;
  ever?: number;
};
export type ModelRow = {
  id: string;
  time: number;
  emitted: number;
  kind: string;
  rate: number;
  labels: Record<string, ModelLabel>;
};

/** What the streams come to in the end: when their labels are known (S15), how far event time goes. */
export type Ending = { readonly labelFrontier: readonly number[]; readonly reached: number };

type Emitted = { at: number; label: string; set: ModelLabel };

/** Everything an example set emits over the whole history, unordered. */
export function emissions(
  plan: Plan,
  example: number,
  rows: readonly (readonly Row[])[],
  ending: Ending,
): ModelRow[] {
  const set = plan.examples[example];
  const anchorPlan = plan.anchors[set.anchor];
  const credits = attribute(plan, rows);
  const out: ModelRow[] = [];
  for (const anchor of rows[anchorPlan.stream]) {
    if (anchor.step !== anchor.time || !passes(anchor, anchorPlan.mask)) continue;
    const idText = anchor.values[slotOf(plan, set.anchor, set.id)] as string;
    const emitted: Emitted[] = [];
    const world = { plan, anchor, credits, ending };
    for (const { name, label, policy } of set.labels) {
      for (const one of labelEmissions(world, label, policy)) emitted.push({ ...one, label: name });
    }
    const base = { id: idText, time: anchor.time };
    if (share(`audit${set.name}`, idText) < set.audit) {
      out.push({ ...base, emitted: anchor.time, kind: 'shown', rate: set.audit, labels: {} });
    }
    out.push(...exampleRows(base, emitted, set.sampleNegatives, share(set.name, idText)));
    if (share(`audit${set.name}`, idText) < set.audit) {
      const audit = auditRow(world, set.labels);
      if (audit !== null) out.push({ ...base, kind: 'audit', rate: set.audit, ...audit });
    }
  }
  return out;
}

function slotOf(plan: Plan, anchor: number, slot: number): number {
  const { op } = plan.anchors[anchor].slots[slot];
  return op.kind === 'stream' ? op.slot : -1;
}

export function share(salt: string, id: string): number {
  hashText(salt);
  const [saltLo, saltHi] = lanes;
  hashText(id);
  const [lo, hi] = lanes;
  return hash01(saltLo, saltHi, lo, hi);
}

/** Emissions of one time share a row; a label's second one at that time goes into a second row. */
function exampleRows(
  base: { id: string; time: number },
  emitted: readonly Emitted[],
  rate: number,
  at: number,
): ModelRow[] {
  const out: ModelRow[] = [];
  let positive = false;
  for (const time of [...new Set(emitted.map((one) => one.at))].sort((a, b) => a - b)) {
    const rows: Record<string, ModelLabel>[] = [];
    for (const { label, set } of emitted.filter((one) => one.at === time)) {
      const row = rows.find((labels) => labels[label] === undefined) ?? {};
      if (!rows.includes(row)) rows.push(row);
      row[label] = set;
    }
    for (const labels of rows) {
      positive ||= Object.values(labels).some(({ value }) => value === 1);
      if (!positive && at >= rate) continue;
      out.push({ ...base, emitted: time, kind: 'example', rate: positive ? 1 : rate, labels });
    }
  }
  return out;
}

type World = {
  readonly plan: Plan;
  readonly anchor: Row;
  readonly credits: readonly (readonly Credit[])[];
  readonly ending: Ending;
};

function creditsOf({ anchor, credits }: World, label: number): Credit[] {
  return credits[label].filter((credit) => credit.anchor === anchor);
}

function valueAtTime(world: World, label: number, x: number): boolean {
  return creditsOf(world, label).some(
    ({ event, cancelledAt }) => event.step <= x && cancelledAt > x,
  );
}

/** D as known at x. */
function deadlineAt(world: World, label: number, x: number): number {
  let deadline = Number.NEGATIVE_INFINITY;
  for (const { of, withinMs } of world.plan.labels[label].routes) {
    if (of === null) {
      deadline = Math.max(deadline, world.anchor.time + withinMs);
      continue;
    }
    deadline = Math.max(deadline, deadlineAt(world, of, x));
    for (const { event } of creditsOf(world, of)) {
      if (event.step <= x) deadline = Math.max(deadline, event.time + withinMs);
    }
  }
  return deadline;
}

/** The first time that is at or after what `due` says as of then. */
function settles(due: (x: number) => number): number {
  let x = due(Number.NEGATIVE_INFINITY);
  while (due(x) > x) x = due(x);
  return x;
}

/** When what is due at `d` goes out: at once, after the hold as unknown, or never. */
function outcomeAt(world: World, label: number, d: number): { at: number; known: boolean } {
  const { plan, ending } = world;
  const silent = plan.labels[label].waitsFor.filter((stream) => ending.labelFrontier[stream] <= d);
  if (silent.length === 0) return { at: d, known: true };
  const at = d + Math.max(...silent.map((stream) => plan.streams[stream].holdMs));
  return { at: at < ending.reached ? at : Number.POSITIVE_INFINITY, known: false };
}

function labelEmissions(world: World, label: number, policy: PolicyPlan): Omit<Emitted, 'label'>[] {
  const t = world.anchor.time;
  const isNow = policy.kind === 'now_then_late';
  const emitsLate = policy.kind !== 'wait' && policy.kind !== 'wait_horizon';
  const wait =
    policy.kind === 'wait_horizon'
      ? settles((x) => deadlineAt(world, label, x))
      : t + (policy.kind === 'now_then_late' ? 0 : policy.waitMs);
  const settled = settles((x) => Math.max(deadlineAt(world, label, x), wait));
  const waited = isNow ? { at: t, known: true } : outcomeAt(world, label, wait);
  const atSettled = outcomeAt(world, label, settled);
  const steps = creditsOf(world, label).map(({ event }) => event.step);
  const instants = creditsOf(world, label).flatMap(({ event, cancelledAt }) => [
    event.step,
    cancelledAt,
  ]);
  instants.push(waited.at, atSettled.at);
  const out: Omit<Emitted, 'label'>[] = [];
  let positive = false;
  let late = false;
  for (const x of [...new Set(instants)].filter(Number.isFinite).sort((a, b) => a - b)) {
    const emit = (value: number | null, kind: string) =>
      out.push({
        at: x,
        set: { value, kind, deadline: deadlineAt(world, label, x), elapsed: x - t },
      });
    const isOne = valueAtTime(world, label, x);
    if (x === waited.at) {
      const one = !isNow && isOne && valueAtTime(world, label, wait);
      if (waited.known) emit(one ? 1 : 0, 'observed');
      else emit(null, 'unknown');
      positive ||= waited.known && one;
    }
    const mayBeLate = isNow ? x >= wait : x > wait;
    if (emitsLate && mayBeLate && !positive && isOne && steps.includes(x)) {
      emit(1, 'late_positive');
      positive = true;
      late = true;
    }
    if (positive && !isOne) {
      emit(0, 'cancelled');
      return out;
    }
    if (policy.kind === 'wait_then_everything' && x === atSettled.at && !late) {
      if (!atSettled.known) emit(null, 'unknown');
      else emit(isOne ? 1 : 0, isOne ? 'matured' : 'confirmed_negative');
      positive ||= atSettled.known && isOne;
    }
  }
  return out;
}

function auditRow(
  world: World,
  labels: readonly { name: string; label: number; policy: PolicyPlan }[],
): { emitted: number; labels: Record<string, ModelLabel> } | null {
  const due = settles((x) =>
    Math.max(
      ...labels.map(({ label }) => {
        const { unless } = world.plan.labels[label];
        const credited = creditsOf(world, label).filter(({ event }) => event.step <= x);
        const refundable =
          unless === null ? [] : credited.map(({ event }) => event.time + unless.withinMs);
        return Math.max(deadlineAt(world, label, x), ...refundable);
      }),
    ),
  );
  const held = labels.map(({ label }) => outcomeAt(world, label, due));
  const at = Math.max(...held.map((one) => one.at));
  if (at === Number.POSITIVE_INFINITY) return null;
  const out: Record<string, ModelLabel> = {};
  labels.forEach(({ name, label, policy }, l) => {
    const set = { deadline: deadlineAt(world, label, at), elapsed: at - world.anchor.time };
    if (!held[l].known) {
      out[name] = { value: null, kind: 'unknown', ...set };
      return;
    }
    const wait =
      policy.kind === 'wait_horizon'
        ? settles((x) => deadlineAt(world, label, x))
        : world.anchor.time + (policy.kind === 'now_then_late' ? 0 : policy.waitMs);
    const atWait = policy.kind !== 'now_then_late' && wait <= at && valueAtTime(world, label, wait);
    const ever = creditsOf(world, label).some(
      ({ event }) => event.step <= at && valueAtTime(world, label, event.step),
    );
    out[name] = {
      value: valueAtTime(world, label, due) ? 1 : 0,
      kind: 'audit',
      ...set,
      atWait: atWait ? 1 : 0,
      ever: ever ? 1 : 0,
    };
  });
  return { emitted: at, labels: out };
}
