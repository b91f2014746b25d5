/** What a plan takes over and what it starts anew, for people: when it happens, and before it does. */

import type { Plan } from '../../compiler/plan/plan.ts';
import { showDuration } from '../../compiler/show-duration.ts';
import { coverageOf } from '../../operators/take-over/coverage.ts';
import { nameOf } from '../../operators/take-over/keep-sets.ts';
import { takeOver } from '../../operators/take-over/take-over.ts';

/** How the time of the change is named, and one so many milliseconds after it. */
type Clock = { readonly change: string; readonly after: (ms: number) => string };

/** A line each, of a change that has happened. `before`: the plan whose state it was. */
export function takeOverText(before: Plan, now: Plan): string[] {
  const { k } = now.takenOver!;
  const text = (time: number) => new Date(time).toISOString();
  const [from, to] = [before, now].map(({ digest }) => digest.slice(0, 12));
  return [
    `The program changes at ${text(k)} (plan ${from} to ${to}): ${keptText(before, now)}.`,
    ...changesText(before, now, { change: text(k), after: (ms) => `from ${text(k + ms)} on` }),
  ];
}

/** What `run --upgrade` would do with a folder of `before`, by its heading and a line each. Both plans are as compiled. */
export function takeOverPreview(before: Plan, now: Plan): string {
  if (before.digest === now.digest) return '';
  const made = takeOver(before, now, 0);
  const [heading, lines] =
    made.plan === null
      ? ['taking over (run --upgrade) is refused', made.reasons]
      : [
          'taking over (run --upgrade)',
          [
            keptText(before, made.plan),
            ...changesText(before, made.plan, {
              change: 'the change',
              after: (ms) => `${showDuration(ms)} after it`,
            }),
          ],
        ];
  return `\n${[heading, ...lines.map((line) => `  ${line}`)].join('\n')}\n`;
}

function keptText(before: Plan, now: Omit<Plan, 'digest'>): string {
  const places = new Set(before.keyspaces.map(({ place }, index) => place ?? index));
  const kept = now.keyspaces.filter(({ place }) => places.has(place!)).length;
  const tables = places.size === 1 ? 'key table' : 'key tables';
  return `${kept} of ${places.size} ${tables} kept, ${now.keyspaces.length - kept} new`;
}

function changesText(before: Plan, now: Omit<Plan, 'digest'>, { change, after }: Clock): string[] {
  const { k } = now.takenOver!;
  const lines: string[] = [];
  const taking = (plan: Omit<Plan, 'digest'>) => plan.examples.filter(({ closed }) => !closed);
  const was = taking(before);
  const is = taking(now);
  for (const set of is) {
    const same = was.find((each) => nameOf(each) === nameOf(set));
    if (same?.name === set.name) lines.push(`${set.name} goes on`);
    else if (same === undefined) lines.push(`${set.name} begins: anchors from ${change} on`);
    else
      lines.push(
        `${same.name} closes: anchors from ${change} on go to ${set.name}, earlier ones keep what they froze`,
      );
  }
  for (const set of was) {
    if (is.some((each) => nameOf(each) === nameOf(set))) continue;
    lines.push(`${set.name} closes: anchors before ${change} keep what they froze`);
  }
  for (const { set, column, since, full } of coverageOf(now)) {
    if (since !== k) continue;
    const until = full === null ? '' : `; full ${after(full - k)}`;
    const counts = column.startsWith('label ') ? 'credits anchors' : 'counts';
    lines.push(`${set}: ${column} ${counts} from ${change} on${until}`);
  }
  return lines;
}
