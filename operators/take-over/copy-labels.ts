/**
 * Labels that anchors of a closed set wait for, and that the new program does not have: they are copied from the old plan,
 * over streams that both read, with the fields and expressions that they need.
 */
import type { LabelPlan, Plan } from '../../compiler/plan/plan.ts';
import type { Draft, PlanDraft } from './draft.ts';
import { type SlotAgain, SlotsAgain, sortFields } from './slots-again.ts';

/** `awaited`: labels (indexes) of the old plan. Puts copies behind the draft's labels; gives reasons why it cannot be done. */
export function copyLabels(old: Plan, draft: PlanDraft, awaited: ReadonlySet<number>): string[] {
  const copies = new LabelCopies(old, draft);
  for (const label of awaited) copies.label(label);
  sortFields(draft);
  return [...copies.reasons];
}

/** The label of a draft that goes on with the state of one of the old plan; -1: none. */
export function sameLabel(draft: PlanDraft, { state }: LabelPlan): number {
  return draft.labels.findIndex((each) => each.state === state && each.twin === undefined);
}

class LabelCopies {
  readonly reasons = new Set<string>();
  readonly #old: Plan;
  readonly #draft: PlanDraft;
  readonly #slots: SlotsAgain;

  constructor(old: Plan, draft: PlanDraft) {
    this.#old = old;
    this.#draft = draft;
    this.#slots = new SlotsAgain(old, draft);
  }

  /** Its index in the draft; -1: it cannot be copied, and why is among the reasons. */
  label(index: number): number {
    const was = this.#old.labels[index]!;
    const known = sameLabel(this.#draft, was);
    if (known >= 0) return known;
    const parents = was.routes.map(({ of }) => (of === null ? null : this.label(of)));
    const waitsFor = was.waitsFor.map((stream) => this.#stream(was, stream));
    const anchor = this.#stream(was, was.anchor.stream);
    if ([...parents, ...waitsFor, anchor].includes(-1)) return -1;
    // A label waits for its own stream and its refund's.
    const to = (stream: number) => this.#slots.stream(stream);
    const of = (from: number) => (slot: number) => this.#slot(was, { from, to: to(from), slot });
    const masked = (from: number, mask: number | null) => (mask === null ? null : of(from)(mask));
    const [ofAnchor, ofEvent] = [of(was.anchor.stream), of(was.event.stream)];
    const { unless } = was;
    const copy: Draft<LabelPlan> = {
      ...(structuredClone(was) as Draft<LabelPlan>),
      anchor: {
        stream: anchor,
        mask: masked(was.anchor.stream, was.anchor.mask),
        id: ofAnchor(was.anchor.id),
      },
      event: {
        stream: to(was.event.stream),
        mask: masked(was.event.stream, was.event.mask),
      },
      routes: was.routes.map((route, r) => ({
        ...route,
        of: parents[r]!,
        eventKey: ofEvent(route.eventKey),
        targetKey:
          route.of === null
            ? ofAnchor(route.targetKey)
            : this.#parentSlot(route.of, parents[r]!, route.targetKey),
      })),
      rings: this.#draft.labels.length,
      unless: unless && {
        ...unless,
        stream: to(unless.stream),
        mask: masked(unless.stream, unless.mask),
        refundKey: of(unless.stream)(unless.refundKey),
        eventKey: ofEvent(unless.eventKey),
      },
      labelStream: -1,
      waitsFor: waitsFor.sort((x, y) => x - y),
    };
    return this.#draft.labels.push(copy) - 1;
  }

  #stream({ name }: LabelPlan, from: number): number {
    const found = this.#slots.stream(from);
    if (found < 0) {
      const stream = this.#old.streams[from]!.name;
      this.reasons.add(
        `anchors wait for label ${name}, and the program reads ${stream} no more: keep a feature or a label of it until they are out`,
      );
    }
    return found;
  }

  #slot({ name }: LabelPlan, of: SlotAgain): number {
    const found = this.#slots.copy(of);
    if (found !== null) return found;
    const slot = this.#old.streams[of.from]!.slots[of.slot]!.name;
    this.reasons.add(
      `anchors wait for label ${name}, and what it needs of ${slot} is declared otherwise now, or no longer filled in`,
    );
    return 0;
  }

  /** A slot of the label stream of an old parent, in that of the label which goes on with its state. */
  #parentSlot(parent: number, of: number, slot: number): number {
    const was = this.#old.labels[parent]!;
    const now = this.#draft.labels[of]!;
    if (now.labelStream < 0) {
      const stream = structuredClone(this.#old.streams[was.labelStream]!) as Draft<
        Plan['streams'][number]
      >;
      now.labelStream =
        this.#draft.streams.push({ ...stream, name: `${stream.name} (closed)`, slots: [] }) - 1;
    }
    return this.#slot(was, { from: was.labelStream, to: now.labelStream, slot });
  }
}
