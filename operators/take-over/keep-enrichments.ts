/**
 * Enrichments of a new plan over the state of an old one. Their rows hold what the old plan read of them; where more is read
 * now, the same enrichment once more, beside the old one, gathers it from `since` on.
 */
import type { EnrichPlan, Plan } from '../../compiler/plan/plan.ts';
import type { Physical } from '../../dsl/types.ts';
import type { Draft, PlanDraft } from './draft.ts';
import { Meaning } from './meaning.ts';
import { nullSlot } from './quiet-slots.ts';

/** Rewrites the enrichments of `draft`. */
export function keepEnrichments(old: Plan, draft: PlanDraft, since: number): void {
  const [before, after] = [new Meaning(old), new Meaning(draft as Plan)];
  const field = (meaning: Meaning, of: EnrichPlan, from: number) => meaning.stream(of.source, from);
  const physicalOf = ({ source, fields }: EnrichPlan, i: number) =>
    old.streams[source]!.slots[fields[i]!.from]!.physical;
  const made: Draft<EnrichPlan>[] = [];
  for (const now of draft.enrichments) {
    const known = old.enrichments.filter(({ state }) => state === now.state);
    const rest = new Map(now.fields.map((each) => [field(after, now, each.from), each]));
    for (const was of known) {
      const slots = was.fields.map(({ from }) => field(before, was, from));
      if (!slots.some((slot) => rest.has(slot))) continue;
      // A field that is not read any more keeps its place in the rows: it fills a slot that nobody looks at.
      const fields = slots.map(
        (slot, i) => rest.get(slot) ?? unread(draft, now, physicalOf(was, i)),
      );
      for (const slot of slots) rest.delete(slot);
      made.push({ ...now, ...(was.since === undefined ? {} : { since: was.since }), fields });
    }
    if (rest.size === 0 && known.length > 0) continue;
    made.push({ ...now, since, fields: [...rest.values()] });
  }
  const renumber = new Map(
    made.flatMap(({ stream, fields }, index) =>
      fields.map(({ to }) => [`${stream} ${to}`, index] as const),
    ),
  );
  draft.enrichments = made;
  for (const [s, { slots }] of draft.streams.entries()) {
    for (const [i, { op }] of slots.entries()) {
      if (op.kind === 'enriched') op.enrichment = renumber.get(`${s} ${i}`)!;
    }
  }
}

/** A slot of the source that is null in every row, as wide as what the old rows hold, and one of the event's stream for it. */
function unread(draft: PlanDraft, now: EnrichPlan, physical: Physical) {
  const from = nullSlot(draft.streams[now.source]!.slots, physical);
  const { slots } = draft.streams[now.stream]!;
  const op = { kind: 'enriched' as const, enrichment: 0, slot: from };
  return { from, to: slots.push({ name: 'nothing', physical, op }) - 1 };
}
