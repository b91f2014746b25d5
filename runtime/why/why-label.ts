/**
 * A label of one example: what was credited to it and why, what its policy makes of that over time, and whether the output
 * says the same.
 */
import type { ExamplePlan } from '../../compiler/plan/plan.ts';
import type { EmittedLabel, ExampleRow } from '../block/example-row.ts';
import type { AnchorRow } from './anchor-row.ts';
import type { EmittedRows } from './emitted-rows.ts';
import { type ExplainedLabel, explainLabel, type LabelFindings } from './explain-label.ts';
import { type Asked, hasTwin, TWINS } from './find-anchor.ts';
import { LabelCourse } from './label-course.ts';
import { policyText } from './label-texts.ts';
import { type PolicyCourse, type PolicyEmission, policyEmissions } from './policy-emissions.ts';

/** Where an emission went. */
export type EmissionFate =
  | 'emitted'
  | 'quarantined'
  | 'sampled out'
  | 'not out yet'
  | 'unread'
  | 'missing';

export type CourseEntry = PolicyEmission & {
  /** In words. */
  readonly because: string;
  readonly fate: EmissionFate;
};

/** What `--json` prints of a label. */
export type WhyLabel = {
  readonly set: string;
  readonly id: string;
  readonly time: number;
  readonly place: AnchorRow['place'];
  readonly column: string;
  readonly policy: string;
  /** After the last emission; null: unknown, or none yet. */
  readonly value: number | null;
  readonly deadline: number;
  readonly course: readonly CourseEntry[];
  /** What is due after the inputs ended, ms, and the streams that are waited for. */
  readonly pending: readonly { readonly due: number; readonly silent: readonly string[] }[];
  readonly explained: ExplainedLabel;
  /** Rows of the output that should not be there. */
  readonly unexpected: readonly { readonly emitted: number; readonly label: EmittedLabel }[];
  /** Of an audited anchor, when its final labels are known. */
  readonly audit: { readonly emitted: number; readonly label: EmittedLabel } | null;
  readonly agrees: boolean | null;
  readonly note: string | null;
};

export async function whyLabel(
  at: Asked,
  of: { readonly emitted: EmittedRows; readonly anchor: AnchorRow; readonly isOutUntil: number },
  column: ExamplePlan['labels'][number],
): Promise<WhyLabel> {
  const { emitted, anchor } = of;
  const { set } = emitted;
  const rows = emitted.rows?.filter((row) => row.time === anchor.time) ?? null;
  const { name, label, policy } = column;
  const findings = await explainLabel(at, label, anchor);
  const course = new LabelCourse(at.plan, label, anchor.time, findings.credits);
  const expected = policyEmissions(policy, course, anchor.time, findings.reached);
  const { entries, unexpected } = matched(expected, { ...of, emitted: { ...emitted, rows } }, name);
  const said = expected.emissions.map(
    (each, i): CourseEntry => ({
      ...each,
      because: becauseOf(at, each, findings, label),
      fate: entries[i],
    }),
  );
  const isWrong =
    unexpected.length > 0 || entries.includes('missing') || findings.contradicted.length > 0;
  const note = await noteOf(at, { set, anchor, rows, isWrong }, findings.explained);
  const { id, time, place } = anchor;
  return {
    ...{ set: set.name, id, time, place, column: name, policy: policyText(policy) },
    value: expected.emissions.at(-1)?.value ?? null,
    deadline: expected.deadline,
    course: said,
    pending: expected.pending.map(({ due, silent }) => ({
      due,
      silent: silent.map((stream) => at.plan.streams[stream].name),
    })),
    explained: findings.explained,
    unexpected,
    audit: labelRows(rows ?? [], name, 'audit')[0] ?? null,
    agrees: note === null ? !isWrong : null,
    note,
  };
}

/** Why it cannot be told whether the output says the same; null: it can. */
async function noteOf(
  at: Asked,
  of: {
    readonly set: ExamplePlan;
    readonly anchor: AnchorRow;
    readonly rows: readonly ExampleRow[] | null;
    readonly isWrong: boolean;
  },
  { isCut }: ExplainedLabel,
): Promise<string | null> {
  if (of.rows === null) return 'Parquet is not read back: nothing to compare the label with';
  if (isCut) return 'there are too many events to look at all of them';
  return of.isWrong && (await hasTwin(at, of.set, of.anchor)) ? TWINS : null;
}

type LabelRow = { readonly emitted: number; readonly label: EmittedLabel };

/** Rows that say something of a label: examples, or of a kind of their own. */
function labelRows(
  rows: readonly ExampleRow[],
  name: string,
  kind?: ExampleRow['kind'],
): LabelRow[] {
  return rows
    .filter((row) => row.kind === kind && (row.labels[name]?.kind ?? 'absent') !== 'absent')
    .map((row) => ({ emitted: row.emitted, label: row.labels[name] }));
}

/** What became of each expected emission, and what is left of the output's. */
function matched(
  { emissions }: PolicyCourse,
  of: { readonly emitted: EmittedRows; readonly isOutUntil: number },
  name: string,
): { readonly entries: readonly EmissionFate[]; readonly unexpected: readonly LabelRow[] } {
  const { set, rows, aside } = of.emitted;
  const left = labelRows(rows ?? [], name);
  const firstPositive = Math.min(
    ...(rows ?? []).flatMap(({ labels, emitted, kind }) =>
      kind === undefined && Object.values(labels).some(({ value }) => (value ?? 0) > 0)
        ? [emitted]
        : [],
    ),
  );
  const entries = emissions.map((each): EmissionFate => {
    const found = left.findIndex(
      ({ emitted, label }) => emitted === each.at && isSaid(each, label),
    );
    if (found >= 0) {
      left.splice(found, 1);
      return 'emitted';
    }
    if (rows === null) return 'unread';
    if (aside.some(({ emitted }) => emitted === each.at)) return 'quarantined';
    if (each.at >= of.isOutUntil) return 'not out yet';
    // A row that is negative in all labels, and so may be sampled, comes before the first positive one or with it.
    const isNegative = (each.value ?? 0) === 0 && each.at <= firstPositive;
    return set.sampleNegatives < 1 && isNegative ? 'sampled out' : 'missing';
  });
  return { entries, unexpected: left };
}

function isSaid({ value, kind, was }: PolicyEmission, label: EmittedLabel): boolean {
  const isSame = label.value === value && label.kind === kind;
  return isSame && (label.was === undefined || label.was === was);
}

/** Why a label says at that time what it says. */
function becauseOf(
  { plan }: Asked,
  { at, cause, value }: PolicyEmission,
  { credits, refunds, reached }: LabelFindings,
  label: number,
): string {
  const mine = credits.get(label) ?? [];
  const named = (all: readonly { readonly id: string | null; readonly offset: number }[]) =>
    all.map(({ id, offset }) => id ?? `the event at offset ${offset}`).join(', ');
  switch (cause) {
    case 'at once':
      return 'before anything can have happened';
    case 'held': {
      const silent = plan.labels[label].waitsFor.filter((stream) => reached.streams[stream] <= at);
      return `${silent.map((stream) => plan.streams[stream].name).join(', ')} silent: given up after the hold`;
    }
    case 'event':
      return `${named(mine.filter(({ step }) => step === at).map(({ event }) => event))} credited`;
    case 'refund':
      return `${named(refunds.filter(({ takesBack }) => takesBack === at))} took it back`;
    default: {
      const came = mine.filter(({ step }) => step <= at);
      const when = cause === 'wait' ? 'at the end of the wait' : 'at the deadline';
      if (value !== 0) return `${when}: ${named(came.map(({ event }) => event))} credited`;
      return came.length === 0
        ? `${when}: nothing credited`
        : `${when}: what was credited had been taken back`;
    }
  }
}
