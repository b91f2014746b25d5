/** The inputs are read twice for an answer: until the anchor is found, and to their ends for what concerns it. */
import type { ExamplePlan, Plan } from '../../compiler/plan/plan.ts';
import type { AppliedBatch } from '../../operators/pipeline.ts';
import { UsageError } from '../usage-error.ts';
import { type AnchorRow, AnchorSearch } from './anchor-row.ts';
import type { EmittedRows } from './emitted-rows.ts';
import { type Reached, replay } from './replay.ts';
import type { ReplayInputs } from './replay-inputs.ts';
import { type SetAsideRow, SetAsideRows } from './set-aside-rows.ts';

/** A run that is asked about. */
export type Asked = ReplayInputs & {
  readonly plan: Plan;
  /** Every wait elapsed where the inputs end. */
  readonly complete: boolean;
  /** Only events before it were read; absent: all were. */
  readonly until?: number | undefined;
};

/** The anchor among the inputs, and which of the sets it is of. */
export async function findAnchor(
  at: Asked,
  candidates: readonly EmittedRows[],
  { id, near }: { readonly id: string; readonly near: string | null },
): Promise<{ anchor: AnchorRow; of: EmittedRows }> {
  const searches = candidates.map(({ set, rows }) => {
    return new AnchorSearch(at, { set, id, time: rows?.[0]?.time ?? null });
  });
  await search(at, searches);
  const found = searches.flatMap(({ anchor }, i) =>
    anchor === null ? [] : [{ anchor, of: candidates[i] }],
  );
  if (found.length === 1) return found[0];
  if (found.length > 1)
    throw ambiguous(
      id,
      found.map(({ of }) => of.set),
    );
  const reasons = [...new Set(searches.flatMap(({ aside }) => aside))];
  const hint = near === null ? '' : `; did you mean ${near}?`;
  throw new UsageError(
    reasons.length === 0
      ? `there is no example ${id}, neither in the output nor among the inputs${hint}`
      : `there is no example ${id}: ${reasons.join('; ')}`,
  );
}

/** Shows the searches the inputs until each has its anchor, or all have been read. */
export async function search(at: Asked, searches: readonly AnchorSearch[]): Promise<void> {
  await replay(
    { ...at, plan: at.replayed },
    {
      decided: (batch) => {
        for (const each of searches) each.decided(batch);
      },
      applied: (batch) => {
        for (const each of searches) each.applied(batch);
      },
      isDone: () => searches.every((each) => each.isDone()),
    },
  );
}

/** What is shown everything that is applied, and what was set aside of one stream. */
export type Gathering = {
  /** The stream; absent: nothing that was set aside is of interest. */
  readonly stream?: number;
  readonly applied: (batch: AppliedBatch) => void;
  readonly setAside?: (row: SetAsideRow) => void;
};

/** Shows the questions everything that the inputs hold. */
export async function gather(at: Asked, questions: readonly Gathering[]): Promise<Reached> {
  const setAside = new SetAsideRows(at.replayed);
  return replay(
    { ...at, plan: at.replayed },
    {
      decided: (batch) => {
        const asked = questions.filter(({ stream }) => stream === batch.stream);
        if (asked.length === 0) return;
        for (const row of setAside.of(batch)) for (const each of asked) each.setAside?.(row);
      },
      applied: (batch) => {
        for (const question of questions) question.applied(batch);
      },
    },
  );
}

/** What is said where that is so. */
export const TWINS = 'several anchors have this id and time: which rows are whose cannot be told';

/** Whether an anchor of the same id and time makes its rows one too many. */
export async function hasTwin(
  at: Asked,
  set: ExamplePlan,
  { id, time }: AnchorRow,
): Promise<boolean> {
  const again = new AnchorSearch(at, { set, id, time });
  await gather(at, [{ applied: (batch) => again.applied(batch) }]);
  return again.hasTwin;
}

export function ambiguous(id: string, sets: readonly ExamplePlan[]): UsageError {
  const names = sets.map(({ name }) => name).join(', ');
  return new UsageError(
    `several example sets have an example ${id}: name one of ${names} with --set`,
  );
}
