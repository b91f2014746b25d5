/**
 * Why a label credited to one anchor what it did: the events that came with one of the anchor's keys, each with the touches that
 * could have had it and what the rule gave to whom, or with the first reason for which the anchor did not get it. A label that is chained
 * to another is explained with it, since its touches are the other's events. The inputs are replayed once for each link of the chain
 * and once more for refunds.
 */
import type { LabelPlan, LabelRoutePlan, Plan } from '../../compiler/plan/plan.ts';
import { WHOLE_CREDIT } from '../../dsl/credit.ts';
import type { AnchorRow } from './anchor-row.ts';
import { type Asked, gather } from './find-anchor.ts';
import { type Judged, judgeEvent, type LabelReason, reasonOf, sharedByRun } from './judge-event.ts';
import type { CourseCredit } from './label-course.ts';
import {
  type EventRef,
  type KeyPart,
  type LabelEvent,
  LabelEvents,
  type Touch,
  type TouchKey,
} from './label-events.ts';
import { LabelRefunds, type Refund } from './label-refunds.ts';
import { reasonTexts, routeText, ruleText } from './label-texts.ts';
import { type NearMiss, NearMisses, type Place } from './near-misses.ts';
import type { Reached } from './replay.ts';
import { keyHash } from './row-values.ts';
import { timeText } from './time-text.ts';

export type Placed = { readonly time: number; readonly id: string | null; readonly place: Place };

export type CreditedEvent = Placed & {
  /** Of 1. */
  readonly share: number;
  /** When it was applied, where that is later than its own time. */
  readonly applied?: number;
  /** Those that could have had it, oldest first; `isOurs`: a touch of this anchor. */
  readonly candidates: readonly (Placed & {
    readonly share: number;
    readonly isOurs: boolean;
    /** The anchor itself, not an event of the parent. */
    readonly isAnchor: boolean;
  })[];
  readonly refunds: readonly (Placed & { readonly takesBack: number | null })[];
};

export type ExplainedLabel = {
  readonly name: string;
  readonly rule: string;
  readonly routes: readonly {
    /** `7d of clicked`. */
    readonly text: string;
    /** The label it is chained to; null: it starts from the anchor. */
    readonly parent: string | null;
    /** The keys of the anchor's touches; none: no touch, or a part of the anchor's key is null. */
    readonly keys: readonly (readonly KeyPart[])[];
  }[];
  readonly credited: readonly CreditedEvent[];
  readonly near: readonly NearMiss<LabelReason>[];
  /** Labels that it is chained to. */
  readonly parents: readonly ExplainedLabel[];
  /** There were too many events to look at. */
  readonly isCut: boolean;
};

export type LabelFindings = {
  readonly explained: ExplainedLabel;
  /** By label: what is credited to the anchor. */
  readonly credits: ReadonlyMap<number, readonly (CourseCredit & { readonly event: LabelEvent })[]>;
  readonly refunds: readonly Refund[];
  readonly reached: Reached;
  /** Events of which the run's attribution and the rule say different things. */
  readonly contradicted: readonly EventRef[];
};

export async function explainLabel(
  at: Asked,
  label: number,
  anchor: AnchorRow,
): Promise<LabelFindings> {
  const chain = chainOf(at.plan, label);
  const gathered = new Map<number, LabelEvents>();
  let reached: Reached | null = null;
  for (const each of chain) {
    const events = new LabelEvents({
      ...{ plan: at.replayed, sources: at.sources, label: each, anchor },
      keys: at.plan.labels[each].routes.map(({ of, targetKey }) =>
        of === null
          ? anchorKeys(at, anchor, targetKey)
          : (gathered.get(of)?.handedOn.get(targetKey) ?? []),
      ),
      keySlots: chain.flatMap((child) =>
        at.plan.labels[child].routes.flatMap(({ of, targetKey }) =>
          of === each ? [targetKey] : [],
        ),
      ),
    });
    reached = await gather(at, [events]);
    gathered.set(each, events);
  }
  const findings = new Findings(at, anchor, gathered);
  const credited = findings.credited(label).map(({ event }) => event);
  const refunds = new LabelRefunds({ ...at, plan: at.replayed }, label, credited);
  if (at.plan.labels[label].unless !== null && credited.length > 0) await gather(at, [refunds]);
  const { found } = refunds;
  const creditsOf = (each: number) =>
    findings.credited(each).map(({ event, ours }) => ({
      ...{ event, time: event.time, step: event.step, share: ours },
      takenBack: takenBackAt(event, found),
    }));
  return {
    explained: findings.explain(label, found),
    credits: new Map(chain.map((each) => [each, creditsOf(each)])),
    refunds: found,
    reached: reached!,
    contradicted: chain.flatMap((each) => findings.contradicted(each)),
  };
}

function takenBackAt(event: LabelEvent, refunds: readonly Refund[]): number | null {
  const times = refunds.flatMap(({ of, takesBack }) =>
    of === event && takesBack !== null ? [takesBack] : [],
  );
  return times.length === 0 ? null : Math.min(...times);
}

/** The label and all that it is chained to, parents first. */
function chainOf(plan: Plan, label: number): number[] {
  const parents = parentsOf(plan.labels[label]).flatMap((of) => chainOf(plan, of));
  return [...new Set([...parents, label])];
}

function parentsOf({ routes }: LabelPlan): number[] {
  return [...new Set(routes.flatMap(({ of }) => (of === null ? [] : [of])))];
}

/** The anchor's own key, as its only touch; none where a part of it is null. */
function anchorKeys({ sources }: Asked, anchor: AnchorRow, slot: number): TouchKey[] {
  const hash = keyHash(anchor.values[slot]);
  if (hash === null) return [];
  const slots = sources.slotsOf(anchor.stream);
  const { op } = slots[slot];
  const parts = (op.kind === 'combine' ? op.slots : [slot]).map((part) => ({
    name: slots[part].name,
    value: anchor.values[sources.readable(anchor.stream, part)],
  }));
  return [{ hash, parts, time: anchor.time }];
}

class Findings {
  readonly #at: Asked;
  readonly #anchor: AnchorRow;
  readonly #gathered: ReadonlyMap<number, LabelEvents>;
  readonly #judged: ReadonlyMap<number, readonly Judged[]>;

  constructor(at: Asked, anchor: AnchorRow, gathered: ReadonlyMap<number, LabelEvents>) {
    this.#at = at;
    this.#anchor = anchor;
    this.#gathered = gathered;
    this.#judged = new Map(
      [...gathered].map(([label, of]) => [
        label,
        of.events.map((event) => judgeEvent(at.plan.labels[label], of, event)),
      ]),
    );
  }

  /** Those credited to the anchor, in step order. */
  credited(label: number): Judged[] {
    return this.#judged.get(label)!.filter(({ ours }) => ours > 0);
  }

  contradicted(label: number): EventRef[] {
    return this.#judged
      .get(label)!
      .flatMap(({ event, ours }) => (sharedByRun(event) === ours ? [] : [event]));
  }

  explain(label: number, refunds: readonly Refund[]): ExplainedLabel {
    const plan = this.#at.plan.labels[label];
    return {
      name: plan.name,
      rule: ruleText(this.#at.plan, plan),
      routes: plan.routes.map((route, r) => ({
        text: routeText(this.#at.plan, plan, r),
        parent: route.of === null ? null : this.#at.plan.labels[route.of].name,
        keys: distinctKeys(this.#keys(route)),
      })),
      credited: this.credited(label).map((each) => this.#creditedEvent(label, each, refunds)),
      near: this.#near(label),
      parents: parentsOf(plan).map((parent) => this.explain(parent, [])),
      isCut: this.#gathered.get(label)!.isCut,
    };
  }

  #keys({ of, targetKey }: LabelRoutePlan): readonly TouchKey[] {
    if (of === null) return anchorKeys(this.#at, this.#anchor, targetKey);
    return this.#gathered.get(of)!.handedOn.get(targetKey)!;
  }

  #creditedEvent(
    label: number,
    { event, crediting, ours }: Judged,
    refunds: readonly Refund[],
  ): CreditedEvent {
    const { unless, event: of } = this.#at.plan.labels[label];
    const { route, candidates } = crediting!;
    return {
      ...this.#placed(of.stream, event),
      share: ours / WHOLE_CREDIT,
      ...(event.step > event.time ? { applied: event.step } : {}),
      candidates: candidates.map(({ touch, share }) => ({
        ...this.#touch(label, route, touch),
        ...{ share: share / WHOLE_CREDIT, isOurs: touch.isOurs, isAnchor: touch.via === null },
      })),
      refunds: refunds
        .filter((refund) => refund.of === event)
        .map((refund) => ({
          ...this.#placed(unless!.stream, refund),
          takesBack: refund.takesBack,
        })),
    };
  }

  #near(label: number): NearMiss<LabelReason>[] {
    const plan = this.#at.plan.labels[label];
    const of = this.#gathered.get(label)!;
    const near = new NearMisses<LabelReason>();
    for (const judged of this.#judged.get(label)!) {
      if (judged.ours > 0) continue;
      near.add(reasonOf(plan, of, judged), () => ({
        ...this.#placed(plan.event.stream, judged.event),
        ...noted([this.#winner(label, judged)]),
      }));
    }
    for (const row of of.aside) {
      const { time, id, stream, partition, offset } = row;
      near.add(row.reason, () => ({
        ...{ time, id, place: this.#at.sources.place(stream, partition, offset) },
        ...noted([row.note, row.isKnown ? '' : 'its key cannot be told']),
      }));
    }
    return near.told(reasonTexts(this.#at.plan, plan));
  }

  /** Who has the event instead. */
  #winner(label: number, { event, crediting }: Judged): string {
    const [one, ...more] = event.credited;
    if (one === undefined) return '';
    if (more.length > 0) return `credited to ${event.credited.length} others`;
    const winner = crediting?.candidates.find(
      ({ touch, share }) => share > 0 && isSamePlace(touch.anchor, one.anchor),
    );
    const { anchor, routes } = this.#at.plan.labels[label];
    const { time, id, place } =
      winner === undefined
        ? this.#placed(anchor.stream, one.anchor)
        : this.#touch(label, crediting?.route ?? routes.length - 1, winner.touch);
    return `credited to ${place.stream} ${id ?? `at offset ${place.offset}`} of ${timeText(time)}`;
  }

  #touch(label: number, route: number, { via, anchor }: Touch): Placed {
    const { labels } = this.#at.plan;
    const { of } = labels[label].routes[route];
    return via === null || of === null
      ? this.#placed(labels[label].anchor.stream, anchor)
      : this.#placed(labels[of].event.stream, via);
  }

  #placed(stream: number, { time, id, partition, offset }: EventRef): Placed {
    return { time, id, place: this.#at.sources.place(stream, partition, offset) };
  }
}

function isSamePlace(a: EventRef, b: EventRef): boolean {
  return a.partition === b.partition && a.offset === b.offset;
}

function noted(notes: readonly string[]): { note?: string } {
  const note = notes.filter((text) => text !== '').join('; ');
  return note === '' ? {} : { note };
}

function distinctKeys(keys: readonly TouchKey[]): KeyPart[][] {
  const known = new Map(keys.map(({ parts }) => [JSON.stringify(parts), [...parts]]));
  return [...known.values()];
}
