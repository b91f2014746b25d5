/** What slots of a stream rest on: how many of its enrichments must have run, and what must travel for the rest to be made. */
import type { Expr, Plan, SlotOp, SlotPlan } from './plan.ts';

export class SlotReach {
  readonly #slots: readonly SlotPlan[];
  /** Indexes of plan.enrichments that fill in slots of the stream, in the order in which they run. */
  readonly chain: readonly number[];
  readonly #depths: (number | undefined)[] = [];

  constructor(plan: Plan, stream: number) {
    this.#slots = plan.streams[stream].slots;
    this.chain = plan.enrichments.flatMap((each, index) => (each.stream === stream ? [index] : []));
  }

  /** Enrichments of the chain that must have run before the slot can be made. */
  depth(slot: number): number {
    const known = this.#depths[slot];
    if (known !== undefined) return known;
    const { op } = this.#slots[slot];
    const depth =
      op.kind === 'enriched'
        ? this.chain.indexOf(op.enrichment) + 1
        : Math.max(0, ...this.#inputs(slot).map((input) => this.depth(input)));
    this.#depths[slot] = depth;
    return depth;
  }

  depthOf(slots: readonly number[]): number {
    return Math.max(0, ...slots.map((slot) => this.depth(slot)));
  }

  /** What must travel where `depth` enrichments have run, so that `slots` can be made once all have. Ascending. */
  travels(slots: readonly number[], depth: number): number[] {
    const out = new Set<number>();
    const visit = (slot: number): void => {
      if (this.depth(slot) <= depth) out.add(slot);
      else for (const input of this.#inputs(slot)) visit(input);
    };
    slots.forEach(visit);
    return [...out].sort((a, b) => a - b);
  }

  #inputs(slot: number): readonly number[] {
    return inputsOf(this.#slots[slot].op);
  }
}

/** The slots of the same frame that a slot is made of. */
export function inputsOf(op: SlotOp): readonly number[] {
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

function slotsOf(expr: Expr): number[] {
  if (expr.op === 'slot') return [expr.slot];
  return expr.op === 'call' ? expr.args.flatMap(slotsOf) : [];
}
