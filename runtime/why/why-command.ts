/**
 * `millrace why DIR EXAMPLE_ID [COLUMN]`: the example's rows; with a feature or label, where its value comes from.
 *
 *   1. the rows of the example are read from the output
 *   2. the inputs are replayed until the anchor is found
 *   3. and once more to their ends, to gather what the column's look-ups are about
 */
import type { ExamplePlan, Plan } from '../../compiler/plan.ts';
import { didYouMean } from '../../dsl/suggest.ts';
import type { Value } from '../../operators/column.ts';
import type { Console } from '../console-output.ts';
import { Fault } from '../fault.ts';
import { disk } from '../files.ts';
import { parseFormat } from '../format-text.ts';
import { readRunFolder, refuseChanged } from '../run-folder.ts';
import { IDENTITY_VERSION } from '../run-identity.ts';
import { UsageError } from '../usage-error.ts';
import type { AnchorRow } from './anchor-row.ts';
import { type EmittedRows, readEmitted } from './emitted-rows.ts';
import { ColumnQuestion, type Explained } from './explain-column.ts';
import { type Asked, ambiguous, findAnchor, gather } from './find-anchor.ts';
import { maskPersonal } from './mask-personal.ts';
import { renderFeature, renderRows } from './render-why.ts';
import { openInputs } from './replay-inputs.ts';
import { isSameValue } from './row-values.ts';

export type WhyFlags = {
  readonly set: string | null;
  readonly json: boolean;
  /** Show every event. */
  readonly all: boolean;
  readonly from: readonly string[];
  readonly schema: readonly string[];
};

/** What `--json` prints of a feature. */
export type WhyFeature = {
  readonly set: string;
  readonly id: string;
  readonly time: number;
  readonly place: AnchorRow['place'];
  readonly column: string;
  readonly explained: Explained;
  /** The value in the output; absent: the example has no row in it. */
  readonly emitted?: Value;
  /** Whether both are the same; null: that cannot be told, `note` says why. */
  readonly agrees: boolean | null;
  readonly note: string | null;
};

/** Events shown of a look-up, and of a label's candidates. */
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
  const run = await readRunFolder(folder, disk);
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
  const at: Asked = { plan: run.plan, complete: run.identity.complete, ...inputs };
  const candidates = found.length === 1 ? found : emitted.sets;
  const { anchor, of } = await findAnchor(at, candidates, { id, near: emitted.near });
  if (column === null) {
    out.print(flags.json ? json({ ...of, anchor }) : renderRows(id, of, folder, anchor.place));
    return 0;
  }
  const feature = of.set.features.find(({ name }) => name === column);
  if (feature === undefined)
    throw new UsageError(
      `${column} is a label, and so far only features are explained; without it the command shows what was emitted of the label`,
    );
  const question = new ColumnQuestion(
    at,
    { set: of.set, slot: feature.slot, anchor },
    flags.all ? Number.POSITIVE_INFINITY : SHOWN,
  );
  await gather(at, question.questions);
  const isRounded = block.floats.kind !== 'exact' && feature.type.kind !== 'list';
  const why = featureWhy({ of, anchor, column, isRounded }, question.explain(feature.slot));
  const shown = { ...why, explained: maskPersonal(why.explained, run.plan) };
  out.print(flags.json ? json(shown) : renderFeature(shown));
  if (why.agrees !== false) return 0;
  out.error(disagreement(why));
  return DISAGREES;
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

function featureWhy(
  asked: {
    readonly of: EmittedRows;
    readonly anchor: AnchorRow;
    readonly column: string;
    readonly isRounded: boolean;
  },
  explained: Explained,
): WhyFeature {
  const { of, anchor, column, isRounded } = asked;
  const { id, time, place } = anchor;
  const index = of.set.features.findIndex(({ name }) => name === column);
  const emitted = of.rows?.[0]?.features[index];
  const note = noteOf(of, explained, isRounded);
  const agrees = note === null ? isSameValue(explained.value ?? null, emitted ?? null) : null;
  return {
    ...{ set: of.set.name, id, time, place, column, explained },
    ...(emitted === undefined ? {} : { emitted }),
    ...{ agrees, note },
  };
}

/** Why it cannot be told whether the value is the emitted one; null: it can. */
function noteOf({ rows, aside }: EmittedRows, explained: Explained, isRounded: boolean) {
  if (rows === null) return 'Parquet is not read back: nothing to compare the value with';
  if (rows.length === 0) {
    const lots = aside.map(({ lot, reason }) => `lot ${lot}: ${reason}`).join('; ');
    return aside.length > 0
      ? `its rows are quarantined (${lots})`
      : 'no row of it is in the output: it is not due yet, or sampling leaves it out';
  }
  if (has(explained, 'cut')) return 'too many events to work the value out again';
  if (has(explained, 'approximate')) {
    return 'a sketch answered the run: the value worked out here is exact, the emitted one near it';
  }
  return isRounded ? 'the output keeps float features rounded' : null;
}

function has(explained: Explained, how: 'cut' | 'approximate'): boolean {
  if (explained.kind === 'look-up') return explained.how === how;
  return explained.kind === 'expression' && explained.operands.some((each) => has(each, how));
}

function disagreement({ column, emitted, explained, id }: WhyFeature): string {
  return [
    `millrace: ${column} of ${id} DISAGREES: ${JSON.stringify(emitted)} was emitted, and the events listed make ${JSON.stringify(explained.value)}.`,
    'The inputs are those of the run, so this is a mistake of millrace itself, not of yours; please report it.',
  ].join('\n');
}

function json(value: unknown): string {
  return JSON.stringify(value, (_, each) => (each === undefined ? null : each), 2);
}
