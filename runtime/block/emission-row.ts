import type { ExamplePlan } from '../../compiler/plan/plan.ts';
import { textAt, type Value, valueAt } from '../../operators/column/column.ts';
import {
  type EmissionBatch,
  LABEL_ABSENT,
  LABEL_KINDS,
  type LabelColumns,
  labelValue,
  ROW_AUDIT,
  ROW_SHOWN,
  takenBack,
} from '../../operators/emission/emission-batch.ts';
import type { EmittedLabel, ExampleRow } from './example-row.ts';

/** The rows of a batch of example set `set` as plain data, in their order: what a trainer reads. */
export function emissionRows(batch: EmissionBatch, set: ExamplePlan): ExampleRow[] {
  return Array.from({ length: batch.n }, (_, row) => emissionRow(batch, row, set));
}

function emissionRow(batch: EmissionBatch, row: number, set: ExamplePlan): ExampleRow {
  const kind = batch.kind[row];
  const audited = kind === ROW_AUDIT ? 'audit' : kind === ROW_SHOWN ? 'shown' : null;
  return {
    set: set.name,
    id: textAt(batch.id, row) ?? '',
    time: batch.time[row]!,
    emitted: batch.emitted[row]!,
    ...(audited === null ? {} : { kind: audited }),
    labels: labelsOf(batch, row, set),
    features: set.features.map((_, i): Value => valueAt(batch.features.at(i)!, row)),
    sampleRate: batch.sampleRate[row]!,
  };
}

function labelsOf(
  batch: EmissionBatch,
  row: number,
  set: ExamplePlan,
): Readonly<Record<string, EmittedLabel>> {
  const labels: Record<string, EmittedLabel> = {};
  for (const [index, { name }] of set.labels.entries()) {
    const column = batch.labels[index]!;
    const { kind, deadline, elapsed, audit } = column;
    if (kind[row] === LABEL_ABSENT) continue;
    const isAudit = batch.kind[row] === ROW_AUDIT && audit !== null;
    labels[name] = {
      value: labelValue(column, row),
      kind: LABEL_KINDS[kind[row]!]!,
      ...wasOf(column, row),
      deadline: deadline[row]!,
      elapsed: elapsed[row]!,
      ...(isAudit ? { atWait: flag(audit.atWait[row]!), ever: flag(audit.ever[row]!) } : {}),
    };
  }
  return labels;
}

/** What a cancelled row takes back, where a label is a fraction. */
export function wasOf(column: LabelColumns, row: number): { readonly was?: number } {
  const was = takenBack(column, row);
  return was === null ? {} : { was };
}

/** 0 and 1 are themselves; 2 is none. */
function flag(value: number): number | null {
  return value === 2 ? null : value;
}
