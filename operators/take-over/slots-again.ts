/** Slots of an old plan's streams in a new plan: the ones that mean the same, or copies of them. */
import type { Expr, Plan } from '../../compiler/plan/plan.ts';
import { assert } from '../assert.ts';
import type { Draft, PlanDraft } from './draft.ts';
import { Meaning } from './meaning.ts';
import { nullSlot } from './quiet-slots.ts';

/** A slot of `old.streams[from]`, wanted in `draft.streams[to]`. */
export type SlotAgain = { readonly from: number; readonly to: number; readonly slot: number };

export class SlotsAgain {
  readonly #old: Plan;
  readonly #draft: PlanDraft;
  readonly #before: Meaning;
  readonly #after: Meaning;

  constructor(old: Plan, draft: PlanDraft) {
    this.#old = old;
    this.#draft = draft;
    this.#before = new Meaning(old);
    this.#after = new Meaning(draft as Plan);
  }

  /** The stream of that name; -1: nobody reads it any more. */
  stream(from: number): number {
    const { name } = this.#old.streams[from]!;
    return this.#draft.streams.findIndex((stream) => stream.name === name);
  }

  /** One that means the same; -1: there is none. */
  find({ from, to, slot }: SlotAgain): number {
    const wanted = this.#before.stream(from, slot);
    return this.#draft.streams[to]!.slots.findIndex(
      (_, other) => this.#after.stream(to, other) === wanted,
    );
  }

  /** One that means the same, or is null in every row: it keeps a place in rows that nobody asks for any more. */
  findOrNull(of: SlotAgain): number {
    const found = this.find(of);
    if (found >= 0) return found;
    const { physical } = this.#old.streams[of.from]!.slots[of.slot]!;
    return nullSlot(this.#draft.streams[of.to]!.slots, physical);
  }

  /** One that means the same, put there if need be; null: what it is made of is gone. */
  copy(of: SlotAgain): number | null {
    const found = this.find(of);
    if (found >= 0) return found;
    const { slots } = this.#draft.streams[of.to]!;
    const was = this.#old.streams[of.from]!.slots[of.slot]!;
    const put = (op: Draft<typeof was.op> | null) =>
      op === null ? null : slots.push({ name: was.name, physical: was.physical, op }) - 1;
    const again = (slot: number) => this.copy({ ...of, slot });
    switch (was.op.kind) {
      case 'field': {
        const field = this.#field(of, was.op.field, was.physical === 'hash');
        return put(field === null ? null : { kind: 'field', field });
      }
      case 'combine': {
        const parts = was.op.slots.map(again);
        return put(parts.includes(null) ? null : { kind: 'combine', slots: parts as number[] });
      }
      case 'hash_of': {
        const slot = again(was.op.slot);
        return put(slot === null ? null : { kind: 'hash_of', slot });
      }
      case 'expr': {
        const expr = exprAgain(was.op.expr, again);
        return put(expr === null ? null : { kind: 'expr', expr });
      }
      case 'credit':
        return put({ kind: 'credit' });
      case 'event':
      case 'anchor': {
        const { kind, slot: own } = was.op;
        const [before, now] = this.#labels(of);
        const slot = this.copy({ from: before[kind].stream, to: now[kind].stream, slot: own });
        return put(slot === null ? null : { kind, slot });
      }
      case 'parent': {
        const [before, now] = this.#labels(of);
        const { label: parent, slot: own } = was.op;
        const label = now.routes[before.routes.findIndex((route) => route.of === parent)]!.of!;
        const from = this.#old.labels[parent]!.labelStream;
        const slot = this.copy({ from, to: this.#draft.labels[label]!.labelStream, slot: own });
        return put(slot === null ? null : { kind: 'parent', label, slot });
      }
      default:
        return null;
    }
  }

  /** Whose label streams they are. */
  #labels({ from, to }: SlotAgain) {
    const before = this.#old.labels.find(({ labelStream }) => labelStream === from);
    const now = this.#draft.labels.find(({ labelStream }) => labelStream === to);
    assert(before !== undefined && now !== undefined, 'a label stream is of a label');
    return [before, now] as const;
  }

  /** The scan's field, which the stream then reads. */
  #field({ from, to }: SlotAgain, index: number, isHash: boolean): number | null {
    const [was, stream] = [this.#old.streams[from]!, this.#draft.streams[to]!];
    const { fields } = this.#draft.scans[stream.scan]!;
    const field = this.#old.scans[was.scan]!.fields[index]!;
    let at = fields.findIndex(({ name }) => name === field.name);
    if (at < 0) {
      at = fields.push({ ...(structuredClone(field) as Draft<typeof field>) }) - 1;
      fields[at]!.value = false;
      fields[at]!.hash = false;
    }
    const read = fields[at]!;
    const declared = ({ type, timeFormat }: Draft<typeof field> | typeof field) =>
      JSON.stringify([type, timeFormat]);
    if (declared(read) !== declared(field)) return null;
    if (isHash) read.hash = true;
    else read.value = true;
    if (!stream.fields.includes(at)) stream.fields.push(at);
    if (was.pii?.includes(index) && !stream.pii?.includes(at)) {
      stream.pii = [...(stream.pii ?? []), at];
    }
    return at;
  }
}

/** Fields of scans are in the order of their names: brings those that were put there to their places. */
export function sortFields(draft: PlanDraft): void {
  for (const [s, scan] of draft.scans.entries()) {
    const before = [...scan.fields];
    scan.fields.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
    const to = before.map((field) => scan.fields.indexOf(field));
    const moved = (field: number) => (field < 0 ? field : to[field]!);
    for (const stream of draft.streams) {
      if (stream.scan !== s) continue;
      stream.fields = stream.fields.map(moved).sort((a, b) => a - b);
      stream.idField = moved(stream.idField);
      stream.timeField = moved(stream.timeField);
      if (stream.pii !== undefined) stream.pii = stream.pii.map(moved).sort((a, b) => a - b);
      for (const { op } of stream.slots) if (op.kind === 'field') op.field = moved(op.field);
    }
  }
}

function exprAgain(expr: Expr, again: (slot: number) => number | null): Draft<Expr> | null {
  if (expr.op === 'slot') {
    const slot = again(expr.slot);
    return slot === null ? null : { ...expr, slot };
  }
  if (expr.op !== 'call') return structuredClone(expr) as Draft<Expr>;
  const args = expr.args.map((arg) => exprAgain(arg, again));
  return args.includes(null) ? null : { ...expr, args: args as Draft<Expr>[] };
}
