/**
 * A new plan that goes on with the state of an old one at K: all steps below K were applied by the old plan, those from K
 * on are by the new one. What comes out is an ordinary plan; it says of each part of the state under which name it lies and
 * since when it has seen events, so whoever runs it needs to know nothing of the old one.
 *
 *   streams    must be declared as they were; one that is new is read from K on
 *   joins      enrichments and labels of equal state go on       keep-enrichments.ts, keep-labels.ts
 *   keyspaces  what they hold stays in place, what is new starts empty at K       keep-keyspaces.ts
 *   sets       those that say the same go on, the others switch at anchor time K  keep-sets.ts
 */
import type { Plan, StreamPlan } from '../../compiler/plan/plan.ts';
import type { PlanDraft } from './draft.ts';
import { keepEnrichments } from './keep-enrichments.ts';
import { keepKeyspaces } from './keep-keyspaces.ts';
import { keepLabels } from './keep-labels.ts';
import { keepSets, setsKept } from './keep-sets.ts';

/** `plan`: still without its digest. `reasons`: what cannot go on, a line each. */
export type TakeOver =
  | { readonly plan: Omit<Plan, 'digest'>; readonly reasons: null }
  | { readonly plan: null; readonly reasons: readonly string[] };

/** `now` is a plan as compiled, `old` the one whose state it takes over at step time `k`. */
export function takeOver(old: Plan, now: Plan, k: number): TakeOver {
  const last = old.takenOver;
  // What is new since one K would be taken for what is new since the other.
  if (last !== undefined && last.k >= k) return { plan: null, reasons: [unmoved(last.k)] };
  const draft = structuredClone(now) as PlanDraft;
  draft.takenOver = {
    program: now.digest,
    from: old.digest,
    k,
    scans: old.scans.map(({ topic, streams }) => ({
      topic,
      streams: streams.map((stream) => old.streams[stream]!.name),
    })),
    generation: (last?.generation ?? 1) + 1,
    places: 0,
  };
  const changed = streamReasons(old, now);
  if (changed.length > 0) return { plan: null, reasons: changed };
  const sets = setsKept(old, now);
  const awaited = new Set(sets.closing.flatMap(({ labels }) => labels.map(({ label }) => label)));
  keepEnrichments(old, draft, k);
  const ofLabels = keepLabels(old, draft, { since: k, awaited });
  if (ofLabels.length > 0) return { plan: null, reasons: ofLabels };
  const reasons = keepKeyspaces(old, draft, k);
  if (reasons.length > 0) return { plan: null, reasons };
  keepSets(old, draft, sets);
  // As it is read back from a file.
  const { digest: _, ...plan }: Plan = JSON.parse(JSON.stringify(draft));
  return { plan, reasons: null };
}

function unmoved(k: number): string {
  const at = new Date(k).toISOString();
  return `nothing is committed since it changed at ${at}: run the program that it has now until something is`;
}

/** Streams of both plans that are declared otherwise: their scans would have decided otherwise. */
function streamReasons(old: Plan, now: Plan): string[] {
  return now.streams.flatMap((stream) => {
    const was = old.streams.find(({ name }) => name === stream.name);
    if (was === undefined || stream.kind === 'label' || was.kind === 'label') return [];
    const [before, after] = [declaration(old, was), declaration(now, stream)];
    const names = Object.keys(after).filter((name) => before[name] !== after[name]);
    return names.map(
      (name) => `stream ${stream.name}: its ${name} was ${before[name]}, is ${after[name]}`,
    );
  });
}

function declaration(plan: Plan, stream: StreamPlan): Record<string, string> {
  const scan = plan.scans[stream.scan]!;
  const field = (index: number) => scan.fields[index];
  const ms = (value: number | null) => (value === null ? 'none' : `${value} ms`);
  return {
    kind: stream.kind,
    topic: scan.topic,
    time: field(stream.timeField)?.name ?? 'none',
    'time format': JSON.stringify(field(stream.timeField)?.timeFormat ?? null),
    id: field(stream.idField)?.name ?? 'none',
    late: ms(stream.lateMs),
    labels: ms(stream.labelsLateMs),
    ahead: ms(stream.aheadMs),
    dedup: `${ms(stream.dedupMs)}${stream.dedupSlot === undefined ? '' : ' global'}`,
    hold: ms(stream.holdMs),
  };
}
