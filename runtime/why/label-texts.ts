/** Labels, their rules and policies in words, as an author would write them. */
import { creditText } from '../../compiler/check/credit.ts';
import { durationText } from '../../compiler/duration-text.ts';
import type { LabelPlan, Plan, PolicyPlan } from '../../compiler/plan/plan.ts';
import type { LabelReason } from './judge-event.ts';

/** `pix where kind == "b" on user within 7d of clicked credit last unless …`. */
export function ruleText(plan: Plan, label: LabelPlan): string {
  const { event, routes, credit, unless } = label;
  const [{ eventKey }] = routes;
  const ways = routes.map((_, r) => `${r === 0 ? 'within' : 'else'} ${routeText(plan, label, r)}`);
  return [
    `${eventText(plan, event)} on ${keyText(plan, event.stream, eventKey)}`,
    ...ways,
    `credit ${creditText(credit)}`,
    ...(unless === null
      ? []
      : [
          `unless ${eventText(plan, unless)} on ${keyText(plan, unless.stream, unless.refundKey)}`,
          `within ${durationText(unless.withinMs)}`,
        ]),
  ].join(' ');
}

/** `7d of clicked`, `30m of impression`. */
export function routeText(plan: Plan, { routes, anchor }: LabelPlan, r: number): string {
  const { withinMs, of } = routes[r];
  return `${durationText(withinMs)} of ${of === null ? plan.streams[anchor.stream].name : plan.labels[of].name}`;
}

export function policyText(policy: PolicyPlan): string {
  switch (policy.kind) {
    case 'wait':
      return `wait ${durationText(policy.waitMs)}`;
    case 'wait_horizon':
      return 'wait horizon';
    case 'now_then_late':
      return 'now then late positives';
    case 'wait_then_late':
      return `wait ${durationText(policy.waitMs)} then late positives`;
    case 'wait_then_everything':
      return `wait ${durationText(policy.waitMs)} then everything`;
  }
}

/** Why events are not credited, in the order in which it is told. */
export function reasonTexts(plan: Plan, label: LabelPlan): Readonly<Record<LabelReason, string>> {
  const { routes, credit, event } = label;
  const filter =
    event.mask === null ? 'the filter' : plan.streams[event.stream].slots[event.mask].name;
  const touches = [...new Set(routes.map(({ of }) => touchText(plan, of)))].join(' or ');
  const newest = credit.kind === 'first' ? 'oldest' : 'newest';
  return {
    'another touch': `credit ${credit.kind}: the ${newest} that could have it is another's`,
    'another route': 'a way that comes first had it',
    'no share': 'its share is rounded to nothing',
    before: `before ${touches}`,
    outside: `too late: not within ${routes.map((_, r) => routeText(plan, label, r)).join(' or ')}`,
    'applied first': `applied before ${touches}, which came late`,
    filtered: `filtered out: ${filter} does not hold`,
    'null key': 'a part of its key is null',
    late: 'late for labels too: dropped, see late.ndjson',
    duplicate: 'a duplicate: an earlier record has the same id',
    malformed: 'malformed: dropped, see malformed.ndjson',
  };
}

/** What an event of the label is credited to. */
function touchText(plan: Plan, of: number | null): string {
  return of === null ? 'the anchor' : `anything that ${plan.labels[of].name} credits to the anchor`;
}

function eventText(
  plan: Plan,
  { stream, mask }: { readonly stream: number; readonly mask: number | null },
): string {
  const { name, slots } = plan.streams[stream];
  return mask === null ? name : `${name} where ${slots[mask].name}`;
}

function keyText(plan: Plan, stream: number, slot: number): string {
  const { slots } = plan.streams[stream];
  const { op, name } = slots[slot];
  return op.kind === 'combine' ? op.slots.map((part) => slots[part].name).join(', ') : name;
}
