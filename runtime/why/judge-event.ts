/** What becomes of an event of a label as one anchor sees it: how much of it is credited to the anchor, or why nothing is. */
import type { LabelPlan } from '../../compiler/plan/plan.ts';
import { type Crediting, creditEvent, isCandidate } from './credited-touches.ts';
import type { LabelEvent, LabelEvents } from './label-events.ts';

/** Why an event of the anchor's key is not credited to it. */
export type LabelReason =
  | 'before'
  | 'outside'
  | 'applied first'
  | 'another touch'
  | 'another route'
  | 'no share'
  | 'filtered'
  | 'null key'
  | 'late'
  | 'duplicate'
  | 'malformed';

export type Judged = {
  readonly event: LabelEvent;
  /** Null: nobody has it, as far as touches with the anchor's keys go. */
  readonly crediting: Crediting;
  /** Millionths that the anchor has of it. */
  readonly ours: number;
};

/** By the rule; where a way that comes first may have had it by a key of other anchors, the run says whether it did. */
export function judgeEvent(plan: LabelPlan, of: LabelEvents, event: LabelEvent): Judged {
  const crediting = event.isFiltered ? null : creditEvent(plan, event, of.touches);
  if (crediting === null) return { event, crediting, ours: 0 };
  const mine = crediting.candidates.filter(({ touch }) => touch.isOurs);
  const ours = mine.reduce((sum, { share }) => sum + share, 0);
  const isOpen = event.keys.slice(0, crediting.route).includes(-1);
  const isElsewhere = event.credited.length > 0 && sharedByRun(event) === 0;
  return isOpen && isElsewhere ? { event, crediting: null, ours: 0 } : { event, crediting, ours };
}

/** Millionths that the anchor has of it by the run's attribution. */
export function sharedByRun({ credited }: LabelEvent): number {
  return credited.reduce((sum, { isOurs, share }) => sum + (isOurs ? share : 0), 0);
}

/** The first thing that keeps the event from the anchor. */
export function reasonOf(
  plan: LabelPlan,
  of: LabelEvents,
  { event, crediting }: Judged,
): LabelReason {
  if (event.keys.every((key) => key < 0)) return 'null key';
  if (event.isFiltered) return 'filtered';
  const ours = of.touches.map((touches, r) =>
    touches.filter(({ isOurs, key }) => isOurs && key === event.keys[r]),
  );
  const isInWindow = plan.routes.map(({ withinMs }, r) =>
    ours[r].some((touch) => isCandidate(touch, event, withinMs)),
  );
  if (crediting !== null && isInWindow[crediting.route]) {
    const isOne = plan.credit.kind === 'first' || plan.credit.kind === 'last';
    return isOne ? 'another touch' : 'no share';
  }
  if (isInWindow.includes(true)) return 'another route';
  const all = ours.flat();
  if (all.every(({ time }) => time > event.time)) return 'before';
  const cameLate = plan.routes.some(({ withinMs }, r) =>
    ours[r].some((touch) => isCandidate({ ...touch, step: touch.time }, event, withinMs)),
  );
  return cameLate ? 'applied first' : 'outside';
}
