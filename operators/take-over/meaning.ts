/**
 * What the slots and views of a plan mean, as text that depends neither on their numbers nor on what else the plan holds:
 * two plans that compute the same say the same. Long meanings are named by their hash.
 */
import { createHash } from 'node:crypto';
import type { Expr, KeyspacePlan, Plan, SlotPlan, ViewPlan } from '../../compiler/plan/plan.ts';
import type { Type } from '../../dsl/types.ts';
import { assert } from '../assert.ts';

export class Meaning {
  readonly #plan: Plan;
  readonly #known = new Map<string, string>();

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  /** Of a slot of a stream. */
  stream(stream: number, slot: number): string {
    return this.#once(`s${stream} ${slot}`, () => this.#streamSlot(stream, slot));
  }

  /** Of a slot of an anchor. */
  anchor(anchor: number, slot: number): string {
    return this.#once(`a${anchor} ${slot}`, () => this.#anchorSlot(anchor, slot));
  }

  /** Of who is an anchor. */
  anchorRows(anchor: number): string {
    const { stream, mask } = this.#plan.anchors[anchor]!;
    const name = this.#plan.streams[stream]!.name;
    return JSON.stringify([name, mask === null ? null : this.stream(stream, mask)]);
  }

  /** What a view needs of the state of its keyspace: views of equal text can be answered from the same words. */
  held(keyspace: KeyspacePlan, view: ViewPlan): string {
    if (view.kind === 'counter') {
      const { columns, windows } = keyspace.counters[view.group]!;
      return JSON.stringify([columns[view.column]!.state, windows[view.window]]);
    }
    const store = keyspace.values[view.store]!;
    return JSON.stringify([store.state, store.windows[view.window], this.#held(keyspace, view)]);
  }

  /** Reads of most families ask nothing of the layout; those of bags do, and fields of a table's row are kept or not. */
  #held(keyspace: KeyspacePlan, view: ViewPlan & { readonly kind: 'value' }): unknown {
    const store = keyspace.values[view.store]!;
    if (view.read.fn === 'latest') return this.#field(keyspace, view, view.read.slot);
    return store.family === 'bag' ? view.read : store.family;
  }

  #field(keyspace: KeyspacePlan, view: ViewPlan & { readonly kind: 'value' }, slot: number) {
    const store = keyspace.values[view.store]!;
    const { stream } = this.#plan.feeds[keyspace.feeds[store.feed]!.feed]!;
    return this.stream(stream, store.slots[slot]!);
  }

  #once(name: string, make: () => unknown): string {
    let meaning = this.#known.get(name);
    if (meaning === undefined) {
      const made = make();
      meaning = typeof made === 'string' ? made : hashed(made);
      this.#known.set(name, meaning);
    }
    return meaning;
  }

  #streamSlot(index: number, slot: number): unknown {
    const plan = this.#plan;
    const stream = plan.streams[index]!;
    const { op, physical } = stream.slots[slot]!;
    switch (op.kind) {
      case 'field': {
        const { name, type, timeFormat } = plan.scans[stream.scan]!.fields[op.field]!;
        return ['field', stream.name, name, typeName(type), timeFormat, physical];
      }
      case 'enriched': {
        const { state, source } = plan.enrichments[op.enrichment]!;
        return ['enriched', state, this.stream(source, op.slot)];
      }
      case 'event': {
        const { state, event } = this.#labelOf(index);
        return ['event', state, this.stream(event.stream, op.slot)];
      }
      case 'anchor': {
        const { state, anchor } = this.#labelOf(index);
        return ['anchor', state, this.stream(anchor.stream, op.slot)];
      }
      case 'credit':
        return ['credit', this.#labelOf(index).state];
      case 'parent': {
        const parent = plan.labels[op.label]!;
        return [
          'parent',
          this.#labelOf(index).state,
          parent.state,
          this.stream(parent.labelStream, op.slot),
        ];
      }
      default:
        return this.#ownOp(stream.slots[slot]!, (other) => this.stream(index, other));
    }
  }

  #anchorSlot(index: number, slot: number): unknown {
    const anchor = this.#plan.anchors[index]!;
    const { op } = anchor.slots[slot]!;
    if (op.kind === 'stream') return this.stream(anchor.stream, op.slot);
    if (op.kind !== 'view')
      return this.#ownOp(anchor.slots[slot]!, (other) => this.anchor(index, other));
    const keyspace = this.#plan.keyspaces[op.keyspace]!;
    const { key, views } = keyspace.probes[op.probe]!;
    const view = views[op.view]!;
    const read = view.kind === 'value' && view.read.fn !== 'latest' ? view.read : null;
    return ['view', this.held(keyspace, view), read, this.anchor(index, key)];
  }

  #ownOp({ op }: SlotPlan, of: (slot: number) => string): unknown {
    switch (op.kind) {
      case 'combine':
        return ['combine', op.slots.map(of)];
      case 'hash_of':
        return ['hash_of', of(op.slot)];
      case 'expr':
        return meaningOf(op.expr, of);
      default:
        throw new Error(`${op.kind} is not computed`);
    }
  }

  #labelOf(stream: number) {
    const label = this.#plan.labels.find(({ labelStream }) => labelStream === stream);
    assert(label !== undefined, `stream ${stream} is of a label`);
    return label;
  }
}

/** A slot reads as what it holds, so that it does not matter which parts of an expression have slots of their own. */
function meaningOf(expr: Expr, of: (slot: number) => string): unknown {
  switch (expr.op) {
    case 'slot':
      return of(expr.slot);
    case 'call':
      return hashed(['call', expr.fn, expr.args.map((arg) => meaningOf(arg, of))]);
    default:
      return hashed(expr);
  }
}

function hashed(meaning: unknown): string {
  return createHash('sha256').update(JSON.stringify(meaning)).digest('hex').slice(0, 16);
}

/** Units and nulls change nothing of what is stored. */
function typeName(type: Type): string {
  if (type.kind === 'error') return '?';
  return type.kind === 'list' ? `${type.of}[]` : type.name;
}
