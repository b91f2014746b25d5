/** What `millrace why` prints of a label. */

import { indented, nearLines, placeCells, placeText, table } from './event-lines.ts';
import type { CreditedEvent, ExplainedLabel } from './explain-label.ts';
import { awayText, timeText } from './time-text.ts';
import type { CourseEntry, EmissionFate, WhyLabel } from './why-label.ts';

const FATES: Readonly<Record<EmissionFate, string>> = {
  emitted: '(as emitted)',
  quarantined: '(quarantined)',
  'sampled out': '(sampling leaves it out)',
  'not out yet': '(not out yet)',
  unread: '',
  missing: '(NOT EMITTED)',
};

/** `shown`: candidates of an event, at most. */
export function renderLabel(why: WhyLabel, shown: number): string {
  const { set, id, time: t, place, column, policy, course, explained, note } = why;
  const last = course.at(-1);
  const value = last === undefined ? 'not known yet' : `${last.value ?? 'unknown'} ${last.kind}`;
  return [
    `${id} of ${set}: anchor at ${timeText(t)}, ${placeText(place)}`,
    '',
    `${column}: ${value}`,
    ...indented([
      `${policy}, deadline ${timeText(why.deadline)}`,
      ...indented(table(course.map((each) => courseCells(each, t)))),
      ...why.pending.map((each) => pendingText(each)),
      ...why.unexpected.map(
        ({ emitted, label }) =>
          `emitted at ${timeText(emitted)} all the same: ${label.value} ${label.kind}`,
      ),
      ...auditLines(why),
      ...explainedLines(explained, t, shown),
    ]),
    ...(note === null ? [] : ['', `note: ${note}`]),
  ].join('\n');
}

function courseCells({ at, value, kind, because, fate }: CourseEntry, t: number): string[] {
  return [timeText(at), awayText(at, t), `${value ?? 'null'} ${kind}`, because, FATES[fate]];
}

function pendingText({ due, silent }: WhyLabel['pending'][number]): string {
  return `pending: the inputs end before it is due at ${timeText(due)} (${silent.join(', ')})`;
}

function auditLines({ audit }: WhyLabel): string[] {
  if (audit === null) return [];
  const { value, atWait, ever } = audit.label;
  return [
    `audit at ${timeText(audit.emitted)}: ${value ?? 'unknown'} in the end, ${atWait ?? 'unknown'} at the wait, ${ever ?? 'unknown'} ever`,
  ];
}

function explainedLines(of: ExplainedLabel, t: number, shown: number): string[] {
  const { rule, routes, credited, near, parents } = of;
  return [
    rule,
    ...routes.map((route) => `within ${route.text}: ${keysText(route)}`),
    credited.length === 0 ? 'nothing is credited to it' : `${credited.length} credited to it`,
    ...indented(credited.flatMap((event) => creditedLines(event, t, shown))),
    ...near.flatMap((miss) => nearLines(miss, t, 'credited')),
    ...parents.flatMap((parent) => [
      `${parent.name}, which it is chained to`,
      ...indented(explainedLines(parent, t, shown)),
    ]),
  ];
}

function keysText({ keys, parent }: ExplainedLabel['routes'][number]): string {
  if (keys.length > 0) {
    const texts = keys.map((parts) =>
      parts.map(({ name, value }) => `${name} ${JSON.stringify(value)}`).join(', '),
    );
    return texts.join(' or ');
  }
  return parent === null ? 'a part of its key is null' : `${parent} credits nothing to it`;
}

/** The event; then what it was credited by, unless that is simply the anchor; then its refunds. */
function creditedLines(event: CreditedEvent, t: number, shown: number): string[] {
  const { share, applied, candidates, refunds } = event;
  const [head] = table([[...placeCells(event, t), `${share}`]]);
  const late =
    applied === undefined ? '' : `, its record came late: applied at ${timeText(applied)}`;
  return [
    `${head}${late}`,
    ...indented([
      ...candidateLines(candidates, t, shown),
      ...refunds.flatMap((each) => {
        const what =
          each.takesBack === null
            ? 'not taken back, out of the window of `unless`'
            : `taken back at ${timeText(each.takesBack)}`;
        return [`${what}:`, ...indented(table([placeCells(each, t)]))];
      }),
    ]),
  ];
}

function candidateLines(
  candidates: CreditedEvent['candidates'],
  t: number,
  shown: number,
): string[] {
  if (candidates.length === 1 && candidates[0].isAnchor) return [];
  const some = candidates.slice(-shown);
  const omitted = candidates.length - some.length;
  const cells = some.map((each) => [
    ...placeCells(each, t),
    `${each.share}`,
    each.isOurs ? (each.isAnchor ? 'this anchor' : "this anchor's") : '',
  ]);
  return [
    candidates.length === 1 ? 'by' : `of ${candidates.length} that could have it:`,
    ...indented([
      ...(omitted === 0 ? [] : [`… ${omitted} older ones (--all shows them)`]),
      ...table(cells),
    ]),
  ];
}
