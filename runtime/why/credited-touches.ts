/**
 * Whom an event is credited to, by definition: the first route on which it finds a touch within the window has it, and there the
 * label's rule says which of the touches get it, and how much each. Attribution in the engine keeps rings and goes through rows once; here
 * every touch is looked at for every event.
 */
import type { LabelPlan } from '../../compiler/plan/plan.ts';
import type { Credit } from '../../dsl/credit.ts';
import { creditShares } from '../../operators/label/credit-shares.ts';
import type { LabelEvent, Touch } from './label-events.ts';

/** A touch that could have had the event. `share` in millionths; 0: the rule gives it nothing. */
export type Candidate = { readonly touch: Touch; readonly share: number };

/** The route that has the event, and all its candidates, oldest first; null: no touch is in a window. */
export type Crediting = {
  readonly route: number;
  readonly candidates: readonly Candidate[];
} | null;

export function creditEvent(
  { routes, credit }: LabelPlan,
  event: LabelEvent,
  touches: readonly (readonly Touch[])[],
): Crediting {
  for (const [route, { withinMs }] of routes.entries()) {
    const key = event.keys[route];
    const inWindow = touches[route]
      .filter((touch) => touch.key === key && isCandidate(touch, event, withinMs))
      .toSorted((a, b) => a.time - b.time);
    if (inWindow.length > 0) return { route, candidates: shared(inWindow, credit) };
  }
  return null;
}

/** Of a touch of the event's key: both ends of the window are in; a touch that was applied after the event comes too late for it. */
export function isCandidate({ time, step }: Touch, event: LabelEvent, withinMs: number): boolean {
  return time <= event.time && event.time <= time + withinMs && step <= event.step;
}

function shared(touches: readonly Touch[], credit: Credit): Candidate[] {
  const credited = touches.filter((touch, i) => {
    if (credit.kind === 'first') return i === 0;
    if (credit.kind === 'last') return i === touches.length - 1;
    // An anchor is one touch, by its newest.
    return touches.findLastIndex((other) => sameAnchor(other, touch)) === i;
  });
  const shares = creditShares(
    credit,
    credited.map(({ time }) => time),
  );
  return touches.map((touch) => ({ touch, share: shares[credited.indexOf(touch)] ?? 0 }));
}

function sameAnchor({ anchor: a }: Touch, { anchor: b }: Touch): boolean {
  return a.partition === b.partition && a.offset === b.offset;
}
