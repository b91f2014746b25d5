/** The inputs of a finished or stopped run, opened again: found where the run found them, and checked to be the same. */
import type { Plan } from '../../compiler/plan/plan.ts';
import { ErasedRows } from '../../operators/scan/erasure.ts';
import { Fault } from '../fault.ts';
import { disk } from '../files.ts';
import { erasureOf } from '../log/decisions.ts';
import { shownPath } from '../own-command.ts';
import { differencesOf, identifyFile, type RunIdentity } from '../run/run-identity.ts';
import { absoluteFroms, absoluteSchemas, type RunOrigin } from '../run/run-origin.ts';
import { keptErasures } from '../run/settle-erasures.ts';
import type { SourceInput } from '../run/task-source.ts';
import { parseInputs } from '../source/inputs.ts';
import { UsageError } from '../usage-error.ts';
import { replayPlan } from './replay.ts';
import { Sources } from './sources.ts';

export type ReplayInputs = {
  /** The plan as it is replayed. */
  readonly replayed: Plan;
  readonly inputs: readonly SourceInput[];
  readonly sources: Sources;
  /** Whom the run passed over. */
  readonly erased: ErasedRows;
};

/** `from`, `schema`: instead of what the folder says; empty: as it says. */
export async function openInputs(
  folder: string,
  run: { readonly plan: Plan; readonly identity: RunIdentity; readonly origin: RunOrigin | null },
  given: { readonly from: readonly string[]; readonly schema: readonly string[] },
): Promise<ReplayInputs> {
  const { plan, identity, origin } = run;
  const replayed = replayPlan(plan);
  const isGiven = given.from.length > 0;
  if (!isGiven && origin === null) {
    throw new UsageError(
      `${folder} does not say where its inputs are: repeat the --from options of its run`,
    );
  }
  const froms = isGiven ? given.from : absoluteFroms(origin!);
  const schemas =
    given.schema.length > 0 || origin === null ? given.schema : absoluteSchemas(origin);
  const inputs = await parseInputs(replayed, froms, schemas).catch((error) => {
    if (!(error instanceof Fault) || isGiven) throw error;
    const message = `${error.message}. The run of ${folder} read its inputs there: if they have moved, say where with --from STREAM=FILE[,FILE]…`;
    throw new Fault(error.kind, message, { cause: error, context: error.context });
  });
  if (inputs.some(({ path }) => path === '-')) {
    throw new UsageError(
      'the run read standard input, which is gone: give the same bytes as a file, --from STREAM=FILE, and repeat the other --from options',
    );
  }
  await checkInputs(folder, { plan, identity }, inputs);
  const named = inputs.map(({ path }) => shownPath(path));
  const erasures = await keptErasures({ folder, files: disk });
  const erased = new ErasedRows(replayed, erasures.map(erasureOf));
  return { replayed, inputs, sources: new Sources(replayed, inputs, named), erased };
}

/** Other bytes would explain another run. What had no identity (standard input, a log) is taken as it is. */
async function checkInputs(
  folder: string,
  { plan, identity }: { readonly plan: Plan; readonly identity: RunIdentity },
  inputs: readonly SourceInput[],
): Promise<void> {
  const unknown = new Set(
    identity.sources.filter(({ size }) => size === null).map(({ partition }) => partition),
  );
  const sources = await Promise.all(
    inputs.map(async ({ scan, partition, path, schema }) => {
      const name = `${plan.scans[scan].topic}/${partition}`;
      const found = await identifyFile(name, path);
      return {
        ...found,
        ...(unknown.has(name) ? { size: null, digest: null } : {}),
        ...(schema === undefined ? {} : { schema }),
      };
    }),
  );
  const differences = differencesOf(identity, { ...identity, sources });
  if (differences.length === 0) return;
  throw new Fault(
    'inputs_changed',
    [
      `the inputs are not those that ${folder} was made from:`,
      ...differences.map((line) => `  - ${line}`),
      'Give the files of the run, in the same order, with --from.',
    ].join('\n'),
    { context: { path: folder } },
  );
}
