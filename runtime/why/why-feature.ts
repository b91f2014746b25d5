/** A feature of one example: where its value comes from, and whether the output says the same. */
import type { ExampleColumn } from '../../compiler/plan/plan.ts';
import type { Value } from '../../operators/column/column.ts';
import type { AnchorRow } from './anchor-row.ts';
import type { EmittedRows } from './emitted-rows.ts';
import { ColumnQuestion, type Explained } from './explain-column.ts';
import { type Asked, gather, hasTwin, TWINS } from './find-anchor.ts';
import { isSameValue } from './row-values.ts';

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

export async function whyFeature(
  at: Asked,
  of: { readonly emitted: EmittedRows; readonly anchor: AnchorRow },
  { name, slot, type }: ExampleColumn,
  how: { readonly shown: number; readonly isRounded: boolean },
): Promise<WhyFeature> {
  const { anchor } = of;
  const { set, rows } = of.emitted;
  const question = new ColumnQuestion(at, { set, slot, anchor }, how.shown);
  if (question.questions.length > 0) await gather(at, question.questions);
  const explained = question.explain(slot);
  const { id, time, place } = anchor;
  const emitted = rows?.[0]?.features[set.features.findIndex((each) => each.name === name)];
  const unknown = noteOf(of.emitted, explained, how.isRounded && type.kind !== 'list');
  const isSame = isSameValue(explained.value ?? null, emitted ?? null);
  const isTwin = unknown === null && !isSame && (await hasTwin(at, set, anchor));
  const note = isTwin ? TWINS : unknown;
  return {
    ...{ set: set.name, id, time, place, column: name, explained },
    ...(emitted === undefined ? {} : { emitted }),
    ...{ agrees: note === null ? isSame : null, note },
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
