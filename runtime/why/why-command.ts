/**
 * `millrace why DIR EXAMPLE_ID [COLUMN]`: the example's rows; with a feature or label, where its value comes from.
 *
 *   1. the rows of the example are read from the output
 *   2. the inputs are replayed until the anchor is found
 *   3. and once more to their ends, as often as it takes, to gather what the column is about
 */
import type { ExamplePlan, Plan } from '../../compiler/plan/plan.ts';
import { didYouMean } from '../../dsl/suggest.ts';
import type { Console } from '../console-output.ts';
import { Fault } from '../fault.ts';
import { disk } from '../files.ts';
import { readFolderNow } from '../run/folder-now.ts';
import { refuseChanged } from '../run/run-folder.ts';
import { IDENTITY_VERSION } from '../run/run-identity.ts';
import { isWorkerState } from '../run/worker-state.ts';
import { parseFormat } from '../sink/format-text.ts';
import { UsageError } from '../usage-error.ts';
import { readEmitted } from './emitted-rows.ts';
import { type Asked, ambiguous, findAnchor } from './find-anchor.ts';
import { maskPersonal, maskPersonalLabel } from './mask-personal.ts';
import { renderLabel } from './render-label.ts';
import { renderFeature, renderRows } from './render-why.ts';
import { openInputs } from './replay-inputs.ts';
import { type WhyFeature, whyFeature } from './why-feature.ts';
import { type WhyLabel, whyLabel } from './why-label.ts';

export type WhyFlags = {
  readonly set: string | null;
  readonly json: boolean;
  /** Show every event. */
  readonly all: boolean;
  readonly from: readonly string[];
  readonly schema: readonly string[];
};

/** Events shown of a look-up, and candidates of an event. */
const SHOWN = 20;

/** A value that cannot be explained is a mistake of ours (sysexits' EX_SOFTWARE), and the exit code says so. */
const DISAGREES = 70;

/** Gives the exit code; throws UsageError, Fault. */
export async function whyCommand(
  asked: { readonly folder: string; readonly id: string; readonly column: string | null },
  flags: WhyFlags,
  out: Console,
): Promise<number> {
  const { folder, id, column } = asked;
  if (await isWorkerState(folder)) throw notOnKafka(folder);
  const run = await readFolderNow(folder, disk);
  if (run.identity.version !== IDENTITY_VERSION) {
    throw new Fault('folder_version', `${folder} was made by another version of millrace`);
  }
  refuseChanged(folder, run.plan, 'why');
  const sets = setsAsked(run.plan, column, flags.set);
  const { format, block } = parseFormat(run.identity.format);
  const emitted = await readEmitted(folder, { format, sets }, id);
  const found = emitted.sets.filter(({ rows, aside }) => (rows?.length ?? 0) + aside.length > 0);
  if (found.length > 1)
    throw ambiguous(
      id,
      found.map(({ set }) => set),
    );
  if (column === null && found.length === 1) {
    out.print(flags.json ? json(found[0]) : renderRows(id, found[0], folder));
    return 0;
  }
  const inputs = await openInputs(folder, run, flags);
  const { complete, until } = run.identity;
  const at: Asked = { plan: run.plan, complete, until, ...inputs };
  const candidates = found.length === 1 ? found : emitted.sets;
  const { anchor, of } = await findAnchor(at, candidates, { id, near: emitted.near });
  if (column === null) {
    out.print(
      flags.json ? json({ ...of, place: anchor.place }) : renderRows(id, of, folder, anchor.place),
    );
    return 0;
  }
  const shown = flags.all ? Number.POSITIVE_INFINITY : SHOWN;
  const isRounded = block.floats.kind !== 'exact';
  const asking = { emitted: of, anchor, isOutUntil: emitted.k };
  const why = masked(await whyColumn(at, asking, column, { shown, isRounded }), run.plan);
  out.print(flags.json ? json(why) : isOfLabel(why) ? renderLabel(why, shown) : renderFeature(why));
  if (why.agrees !== false) return 0;
  out.error(disagreement(why));
  return DISAGREES;
}

/** What cannot be asked of an application on Kafka, and where to ask it instead. */
export function notOnKafka(what: string): UsageError {
  return new UsageError(
    [
      `why reads the inputs of a run over files again. ${what} is of an application on Kafka, which keeps no list of what it read.`,
      'A run over files of the same partitions gives the same rows: write the records of the source topics that matter to files, one a partition,',
      'then `millrace run … --from STREAM=FILES --to DIR`, and ask there.',
    ].join('\n'),
  );
}

type Why = WhyFeature | WhyLabel;

function whyColumn(
  at: Asked,
  of: Parameters<typeof whyLabel>[1],
  column: string,
  how: { readonly shown: number; readonly isRounded: boolean },
): Promise<Why> {
  const { features, labels } = of.emitted.set;
  const feature = features.find(({ name }) => name === column);
  if (feature !== undefined) return whyFeature(at, of, feature, how);
  return whyLabel(at, of, labels.find(({ name }) => name === column)!);
}

function isOfLabel(why: Why): why is WhyLabel {
  return 'policy' in why;
}

function masked(why: Why, plan: Plan): Why {
  return isOfLabel(why)
    ? maskPersonalLabel(why, plan)
    : { ...why, explained: maskPersonal(why.explained, plan) };
}

function disagreement(why: Why): string {
  const what = isOfLabel(why)
    ? 'the output says something else than the events listed make'
    : `${JSON.stringify(why.emitted)} was emitted, and the events listed make ${JSON.stringify(why.explained.value)}`;
  return [
    `millrace: ${why.column} of ${why.id} DISAGREES: ${what}.`,
    'The inputs are those of the run, so this is a mistake of millrace itself, not of yours; please report it.',
  ].join('\n');
}

function setsAsked(plan: Plan, column: string | null, wanted: string | null): ExamplePlan[] {
  const sets = plan.examples.filter(({ name }) => wanted === null || name === wanted);
  if (sets.length === 0) {
    throw new UsageError(
      unknown(
        'example set',
        wanted ?? '',
        plan.examples.map(({ name }) => name),
      ),
    );
  }
  if (column === null) return sets;
  const having = sets.filter((set) => columnsOf(set).includes(column));
  if (having.length > 0) return having;
  const all = [...new Set(sets.flatMap(columnsOf))];
  const family = all.filter((name) => name.startsWith(`${column}[`));
  if (family.length > 0) {
    throw new UsageError(`${column} is several columns: name one of ${family.join(', ')}`);
  }
  const families = new Map(all.toReversed().map((name) => [name.replace(/\[.*/, ''), name]));
  const near = families.get(didYouMean(column, families.keys()) ?? '');
  throw new UsageError(
    near === undefined
      ? unknown('column', column, all)
      : `there is no column ${column}; did you mean ${near}?`,
  );
}

function columnsOf({ features, labels }: ExamplePlan): string[] {
  return [...features, ...labels].map(({ name }) => name);
}

function unknown(what: string, name: string, known: readonly string[]): string {
  const near = didYouMean(name, known);
  return `there is no ${what} ${name}; ${near === null ? `there are ${known.join(', ')}` : `did you mean ${near}?`}`;
}

function json(value: unknown): string {
  return JSON.stringify(value, (_, each) => (each === undefined ? null : each), 2);
}
