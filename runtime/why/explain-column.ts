/**
 * Why a feature has its value at one anchor: the column's expression down to fields and look-ups, and for each look-up the
 * events that count. Every value is worked out again from what is listed; nothing of the run's state is read.
 *
 *   questions   what is to be gathered, before the inputs are replayed
 *   explain     the column with its values, after
 */
import { callText, windowText } from '../../compiler/plan/expression-text.ts';
import type { ExamplePlan, Expr, Plan, SlotOp, SlotPlan } from '../../compiler/plan/plan.ts';
import type { Value } from '../../operators/column/column.ts';
import { evaluate } from '../../operators/expression/expression-interpreter.ts';
import { EXACT_ENTRIES_MAX } from '../../operators/sketch/sketch-family.ts';
import type { Counted } from './aggregate-value.ts';
import type { AnchorRow } from './anchor-row.ts';
import { askedWindow } from './asked-window.ts';
import type { NearMiss } from './near-misses.ts';
import { columnOf, keyHash } from './row-values.ts';
import { type ShownEvents, shownEvents } from './shown-events.ts';
import type { Sources } from './sources.ts';
import { WindowEvents, type WindowQuestion } from './window-events.ts';

/** `value` undefined: it cannot be worked out again (the look-ups say why). */
export type Explained =
  | { readonly kind: 'field'; readonly name: string; readonly value: Value | undefined }
  | {
      readonly kind: 'expression';
      readonly name: string;
      readonly text: string;
      readonly value: Value | undefined;
      readonly operands: readonly Explained[];
    }
  | ExplainedLookUp;

export type ExplainedLookUp = {
  readonly kind: 'look-up';
  readonly name: string;
  readonly value: Value | undefined;
  /** The stream or label whose events are looked at. */
  readonly source: string;
  readonly key: readonly { readonly name: string; readonly value: Value }[];
  readonly window: { readonly text: string; readonly from: number | null; readonly to: number };
  /** The field or expression that an event adds; null: nothing but itself. */
  readonly adds: string | null;
  readonly count: number;
  readonly events: ShownEvents;
  readonly near: readonly NearMiss[];
  /** `approximate`: a sketch answered the run, `value` is exact. `cut`: there are too many events to keep. */
  readonly how: 'exact' | 'approximate' | 'cut' | 'null key';
};

type LookUp = {
  readonly events: WindowEvents;
  readonly key: ExplainedLookUp['key'];
  readonly derive: (events: readonly Counted[]) => Value;
  /** The value is how many there are: they need not be kept. */
  readonly isCount: boolean;
  readonly isSketched: boolean;
};

export class ColumnQuestion {
  readonly #plan: Plan;
  readonly #replayed: Plan;
  readonly #set: ExamplePlan;
  readonly #anchor: AnchorRow;
  readonly #sources: Sources;
  /** Events of a look-up that are shown, at most. */
  readonly #shown: number;
  /** By `anchor` or `stream` and slot. */
  readonly #lookUps = new Map<string, LookUp>();

  constructor(
    at: { readonly plan: Plan; readonly replayed: Plan; readonly sources: Sources },
    of: { readonly set: ExamplePlan; readonly slot: number; readonly anchor: AnchorRow },
    shown: number,
  ) {
    this.#shown = shown;
    this.#plan = at.plan;
    this.#replayed = at.replayed;
    this.#sources = at.sources;
    this.#set = of.set;
    this.#anchor = of.anchor;
    this.#gather(of.slot);
  }

  /** To be shown everything that is replayed. */
  get questions(): readonly WindowEvents[] {
    return [...this.#lookUps.values()].map(({ events }) => events);
  }

  /** The column in anchor slot `slot`; once everything has been shown. */
  explain(slot: number): Explained {
    const { op } = this.#slots[slot];
    const name = this.#nameOf(slot);
    switch (op.kind) {
      case 'view':
        return this.#lookUp(`anchor ${slot}`, name);
      case 'stream':
        return this.#field(op.slot, name);
      case 'expr':
        return this.#expression(op.expr, name, {
          operand: (leaf) => this.explain(leaf),
          nameOf: (leaf) => this.#nameOf(leaf),
        });
      default:
        throw new Error(`column ${name} is a ${op.kind}`);
    }
  }

  get #slots(): readonly SlotPlan[] {
    return this.#plan.anchors[this.#set.anchor].slots;
  }

  get #streamSlots(): readonly SlotPlan[] {
    return this.#sources.slotsOf(this.#anchor.stream);
  }

  /** What the author calls it, where the set has it as a column. */
  #nameOf(slot: number): string {
    const column = this.#plan.examples
      .filter(({ anchor }) => anchor === this.#set.anchor)
      .flatMap(({ features }) => features)
      .find((feature) => feature.slot === slot);
    return column?.name ?? this.#slots[slot].name;
  }

  #gather(slot: number): void {
    const { op } = this.#slots[slot];
    if (op.kind === 'view') this.#ask(`anchor ${slot}`, () => this.#viewed(op));
    else if (op.kind === 'stream') this.#gatherField(op.slot);
    else if (op.kind === 'expr') for (const leaf of leavesOf(op.expr)) this.#gather(leaf);
  }

  /** A field that an enrichment filled in, or an expression of such. */
  #gatherField(slot: number): void {
    const { op } = this.#streamSlots[slot];
    if (op.kind === 'enriched') this.#ask(`stream ${slot}`, () => this.#enriched(op));
    else if (op.kind === 'expr') for (const leaf of leavesOf(op.expr)) this.#gatherField(leaf);
  }

  #ask(name: string, make: () => LookUp): void {
    if (!this.#lookUps.has(name)) this.#lookUps.set(name, make());
  }

  #viewed(op: SlotOp & { readonly kind: 'view' }): LookUp {
    const keyspace = this.#plan.keyspaces[op.keyspace];
    const probe = keyspace.probes[op.probe];
    const view = probe.views[op.view];
    const keyOp = this.#slots[probe.key].op;
    if (keyOp.kind !== 'stream') throw new Error("a look-up's key is made of its anchor's fields");
    const asked = askedWindow(keyspace, view);
    const writer = keyspace.feeds[asked.feed];
    const feed = this.#plan.feeds[writer.feed];
    const { t, derive } = { t: this.#anchor.time, derive: asked.derive };
    return {
      key: this.#keyParts(keyOp.slot),
      derive: (events) => derive(events, t),
      isCount: asked.isCount,
      isSketched: asked.isSketched,
      events: this.#windowEvents({
        feed,
        keySlot: writer.key,
        key: keyHash(this.#anchor.values[keyOp.slot]),
        mask: asked.mask,
        valueSlot:
          asked.valueSlot === null ? null : this.#sources.readable(feed.stream, asked.valueSlot),
        window: asked.window,
        nulls: asked.nulls,
        seesSameTime: false,
      }),
    };
  }

  #enriched(op: SlotOp & { readonly kind: 'enriched' }): LookUp {
    const enrichment = this.#plan.enrichments[op.enrichment];
    const { mask, key, source, sourceMask, sourceKey, withinMs } = enrichment;
    const passes = mask === null || this.#anchor.values[mask] === true;
    return {
      key: this.#keyParts(key),
      derive: (events) => events.at(-1)?.value ?? null,
      isCount: false,
      isSketched: false,
      events: this.#windowEvents({
        feed: { stream: source, delayMs: 0, headMs: 0 },
        keySlot: sourceKey,
        key: passes ? keyHash(this.#anchor.values[key]) : null,
        mask: sourceMask,
        valueSlot: this.#sources.readable(source, op.slot),
        window: { kind: 'time', ms: withinMs, hopMs: 1, rows: null },
        nulls: 'valid',
        seesSameTime: true,
      }),
    };
  }

  #windowEvents(question: WindowQuestion): WindowEvents {
    return new WindowEvents(this.#replayed, question, this.#anchor, this.#sources);
  }

  #keyParts(slot: number): ExplainedLookUp['key'] {
    const { op } = this.#streamSlots[slot];
    const parts = op.kind === 'combine' ? op.slots : [slot];
    return parts.map((part) => ({
      name: this.#streamSlots[part].name,
      value: this.#anchor.values[this.#sources.readable(this.#anchor.stream, part)],
    }));
  }

  #field(slot: number, name: string): Explained {
    const { op } = this.#streamSlots[slot];
    if (op.kind === 'enriched') return this.#lookUp(`stream ${slot}`, name);
    if (op.kind !== 'expr') return { kind: 'field', name, value: this.#anchor.values[slot] };
    return this.#expression(op.expr, name, {
      operand: (leaf) => this.#field(leaf, this.#streamSlots[leaf].name),
      nameOf: (leaf) => this.#streamSlots[leaf].name,
    });
  }

  #expression(
    expr: Expr,
    name: string,
    of: {
      readonly operand: (slot: number) => Explained;
      readonly nameOf: (slot: number) => string;
    },
  ): Explained {
    const leaves = new Map(leavesOf(expr).map((slot) => [slot, of.operand(slot)]));
    const operands = [...leaves.values()];
    const text = exprText(expr, of.nameOf);
    const isKnown = operands.every(({ value }) => value !== undefined);
    const kinds = new Map(leafKinds(expr));
    const inputs = {
      n: 1,
      time: Float64Array.of(this.#anchor.time),
      column: (slot: number) => columnOf(leaves.get(slot)?.value ?? null, kinds.get(slot) ?? 'f64'),
    };
    const value = isKnown ? evaluate(expr, inputs, 0) : undefined;
    return { kind: 'expression', name, text, value, operands };
  }

  #lookUp(of: string, name: string): ExplainedLookUp {
    const { events, key, isCount, derive, isSketched } = this.#lookUps.get(of)!;
    events.settle();
    const { question, count } = events;
    const { feed, mask, valueSlot, window } = question;
    const { slots } = this.#replayed.streams[feed.stream];
    const near = events.nearMisses(mask === null ? null : slots[mask].name);
    const how = howOf(events, near, { isCount, isSketched });
    return {
      kind: 'look-up',
      name,
      value: lookedUp(how, () => (isCount ? count : derive(events.events))),
      source: this.#replayed.streams[feed.stream].name,
      key,
      window: {
        text: windowText(window),
        from: Number.isFinite(events.from) ? events.from : null,
        to: this.#anchor.time,
      },
      adds: valueSlot === null ? null : slots[valueSlot].name,
      count,
      events: shownEvents(events, this.#sources, this.#shown),
      near,
      how,
    };
  }
}

/** A sketch goes on for a while after its window has emptied: what was just before counts too. */
function howOf(
  events: WindowEvents,
  near: readonly NearMiss[],
  of: Pick<LookUp, 'isCount' | 'isSketched'>,
): ExplainedLookUp['how'] {
  if (events.question.key === null) return 'null key';
  if (events.isCut && !of.isCount) return 'cut';
  const before = near.find(({ reason }) => reason === 'before the window')?.count ?? 0;
  return of.isSketched && events.count + before > EXACT_ENTRIES_MAX ? 'approximate' : 'exact';
}

function lookedUp(how: ExplainedLookUp['how'], derive: () => Value): Value | undefined {
  if (how === 'null key') return null;
  return how === 'cut' ? undefined : derive();
}

/** Slots that an expression reads, each once, in the order of its text. */
export function leavesOf(expr: Expr): number[] {
  return [...new Set(leafKinds(expr).map(([slot]) => slot))];
}

function leafKinds(expr: Expr): [number, SlotPlan['physical']][] {
  if (expr.op === 'slot') return [[expr.slot, expr.physical]];
  return expr.op === 'call' ? expr.args.flatMap(leafKinds) : [];
}

function exprText(expr: Expr, nameOf: (slot: number) => string): string {
  switch (expr.op) {
    case 'slot':
      return nameOf(expr.slot);
    case 'const':
      return JSON.stringify(expr.value);
    case 'list':
      return JSON.stringify(expr.values);
    case 'call':
      return callText(
        expr.fn,
        expr.args.map((arg) => exprText(arg, nameOf)),
      );
  }
}
