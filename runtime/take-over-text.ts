/** What a plan has taken over and what it starts anew, for people. */
import type { Plan } from '../compiler/plan.ts';
import { coverageOf } from '../operators/take-over/coverage.ts';

/** A line each. `before`: the plan whose state it was. */
export function takeOverText(before: Plan, now: Plan): string[] {
  const { k, generation } = now.takenOver!;
  const from = new Date(k).toISOString();
  const places = new Set(before.keyspaces.map(({ place }, index) => place ?? index));
  const kept = now.keyspaces.filter(({ place }) => places.has(place!)).length;
  const lines = [
    `The program changes at ${from} (plan ${before.digest.slice(0, 12)} to ${now.digest.slice(0, 12)}): of ${places.size} keyspaces ${kept} go on, ${now.keyspaces.length - kept} begin.`,
  ];
  for (const { name, set } of now.examples) {
    if (name !== `${set}.${generation}`) continue;
    lines.push(`${set}: anchors from ${from} on go to ${name}; earlier ones keep what they froze.`);
  }
  for (const { set, column, since, full } of coverageOf(now)) {
    if (since !== k) continue;
    const until = full === null ? '' : `; full from ${new Date(full).toISOString()} on`;
    lines.push(`${set}: ${column} counts from ${new Date(since).toISOString()} on${until}.`);
  }
  return lines;
}
