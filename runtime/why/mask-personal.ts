/**
 * What `why` says without saying who: values of fields tagged `pii`, and of what is made of them, are masked wherever they
 * would be shown on the way to a value. The value itself is in the output, where the compiler lets nobody show.
 */
import type { Plan, SlotOp, StreamPlan } from '../../compiler/plan/plan.ts';
import { type Explained, leavesOf } from './explain-column.ts';
import type { ExplainedLabel } from './explain-label.ts';
import { MASKED } from './sources.ts';
import type { WhyLabel } from './why-label.ts';

export function maskPersonal(explained: Explained, plan: Plan): Explained {
  const mask = new Mask(plan);
  return mask.isNeeded ? { ...mask.explained(explained), value: explained.value } : explained;
}

/** Of a label the keys that events are found by, and the ids of events. */
export function maskPersonalLabel(why: WhyLabel, plan: Plan): WhyLabel {
  const mask = new Mask(plan);
  return mask.isNeeded ? { ...why, explained: mask.label(why.explained) } : why;
}

class Mask {
  readonly #plan: Plan;
  /** Slots by their names: fields, and expressions as they are written. */
  readonly #names: ReadonlySet<string>;
  /** Streams whose events are known by a tagged field. */
  readonly #streams: ReadonlySet<string>;

  constructor(plan: Plan) {
    this.#plan = plan;
    const tagged = ({ slots }: StreamPlan, stream: number) =>
      slots.filter((_, slot) => this.#shows(stream, slot)).map(({ name }) => name);
    this.#names = new Set(plan.streams.flatMap(tagged));
    const byTagged = plan.streams.filter(({ pii, idField }) => pii?.includes(idField));
    this.#streams = new Set(byTagged.map(({ name }) => name));
  }

  get isNeeded(): boolean {
    return this.#names.size > 0;
  }

  explained(of: Explained): Explained {
    switch (of.kind) {
      case 'field':
        return this.#named(of);
      case 'expression': {
        const operands = of.operands.map((operand) => this.explained(operand));
        const isMasked = operands.some(({ value }) => value === MASKED);
        return { ...of, operands, ...(isMasked ? { value: MASKED } : {}) };
      }
      case 'look-up': {
        const isMasked = of.adds !== null && this.#names.has(of.adds);
        const events = of.events.events.map((event) => ({
          ...this.#placed(event),
          ...(isMasked ? { value: MASKED } : {}),
        }));
        return {
          ...{ ...of, key: of.key.map((part) => this.#named(part)) },
          events: { ...of.events, events },
          near: of.near.map((miss) => ({
            ...{ ...miss, events: miss.events.map((event) => this.#placed(event)) },
          })),
          ...(isMasked ? { value: MASKED } : {}),
        };
      }
    }
  }

  /** Ids of events that became events are masked where they are read (`Sources`). */
  label(of: ExplainedLabel): ExplainedLabel {
    return {
      ...of,
      routes: of.routes.map((route) => ({
        ...route,
        keys: route.keys.map((parts) => parts.map((part) => this.#named(part))),
      })),
      near: of.near.map((miss) => ({
        ...{ ...miss, events: miss.events.map((event) => this.#placed(event)) },
      })),
      parents: of.parents.map((parent) => this.label(parent)),
    };
  }

  #named<T extends { readonly name: string }>(part: T): T {
    return this.#names.has(part.name) ? { ...part, value: MASKED } : part;
  }

  #placed<T extends { readonly id: string | null; readonly place: { readonly stream: string } }>(
    event: T,
  ): T {
    return this.#streams.has(event.place.stream) ? { ...event, id: MASKED } : event;
  }

  /** Whether a slot of a stream is made of a tagged field. */
  #shows(stream: number, slot: number): boolean {
    const { slots, pii = [] } = this.#plan.streams[stream];
    const op: SlotOp = slots[slot].op;
    const label = () => this.#plan.labels.find(({ labelStream }) => labelStream === stream)!;
    switch (op.kind) {
      case 'field':
        return pii.includes(op.field);
      case 'combine':
        return op.slots.some((part) => this.#shows(stream, part));
      case 'hash_of':
        return this.#shows(stream, op.slot);
      case 'expr':
        return leavesOf(op.expr).some((leaf) => this.#shows(stream, leaf));
      case 'enriched':
        return this.#shows(this.#plan.enrichments[op.enrichment].source, op.slot);
      case 'event':
        return this.#shows(label().event.stream, op.slot);
      case 'parent':
        return this.#shows(this.#plan.labels[op.label].labelStream, op.slot);
      case 'anchor':
        return this.#shows(label().anchor.stream, op.slot);
      default:
        return false;
    }
  }
}
