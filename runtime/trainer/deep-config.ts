/** A model as the trainer runs it: which columns become which fields, and where each lies in the net's input. */
import type { ModelPlan } from '../../compiler/check/model-plan.ts';
import type { ExamplePlan } from '../../compiler/plan/plan.ts';
import { assert } from '../../operators/assert.ts';
import type { TableConfig } from './embedding-table.ts';
import type { Weighting } from './label-weights.ts';
import { trainerConfig } from './trainer-config.ts';

/** One column's embedded part of the net's input. */
export type Field = {
  readonly column: number;
  readonly table: number;
  readonly pool: 'one' | 'mean' | 'sum' | 'attention';
  /** Its first float in the input; its table's `dim` floats. */
  readonly offset: number;
  /** attention: the field whose row the list's rows are compared with; else -1. */
  readonly target: number;
};

export type DeepConfig = {
  readonly model: ModelPlan;
  readonly fields: readonly Field[];
  readonly tables: readonly TableConfig[];
  /** Dense columns; each has two floats (value, presence) behind the embedded part. */
  readonly dense: readonly number[];
  /** The table of linear weights of dense columns' bins and of the bias: it embeds nothing. */
  readonly binTable: number;
  /** Floats of the embedded part, and of the whole input. */
  readonly embedded: number;
  readonly width: number;
  readonly columns: number;
  /** In the order of the heads. */
  readonly labels: readonly string[];
  readonly weightings: readonly Weighting[];
};

/** Every head starts at a probability of 5 %, nearer to what ads come to than one half. */
export const START_LOGIT = -3;

/** Ids read of one list: the newest or largest come first, the rest are ignored. */
export const LIST_IDS_MAX = 64;
const LIST_IDS_ATTENDED_MAX = 32;

/** Ids read of a field's list. */
export function listIdsMax(field: Field): number {
  return field.pool === 'attention' ? LIST_IDS_ATTENDED_MAX : LIST_IDS_MAX;
}

/** What a model must know of its example set. */
export type ModelledSet = Pick<ExamplePlan, 'labels' | 'audit'> & {
  readonly features: readonly Pick<ExamplePlan['features'][number], 'name' | 'input'>[];
};

/** `asked`: weightings by label; the others are those of their policies. */
export function deepConfig(
  model: ModelPlan,
  set: ModelledSet,
  asked: Readonly<Record<string, Weighting>> = {},
): DeepConfig {
  const heads = model.heads.labels.length;
  const expireS = model.expireMs === null ? null : Math.ceil(model.expireMs / 1000);
  const table = (dim: number): TableConfig => ({
    ...{ dim, heads, expireS },
    admit: model.admit,
    rowsMax: model.rowsMax,
  });
  const place = (name: string) => {
    const column = set.features.findIndex((feature) => feature.name === name);
    assert(column >= 0, `the example set has column ${name}`);
    return column;
  };
  const fields: Field[] = [];
  let offset = 0;
  for (const [index, { dim, columns }] of model.tables.entries()) {
    for (const { name, pool } of columns) {
      const { kind } = pool;
      fields.push({ column: place(name), table: index, pool: kind, offset, target: -1 });
      offset += dim;
    }
  }
  const targets = new Map(
    model.tables.flatMap(({ columns }) => columns.map((c) => [c.name, c.pool])),
  );
  const dense = set.features.flatMap(({ input }, column) => (input === 'dense' ? [column] : []));
  const weighting = trainerConfig(set, { weighting: asked }).weighting ?? {};
  return {
    model,
    fields: fields.map((field) => {
      const pool = targets.get(set.features[field.column]!.name)!;
      if (pool.kind !== 'attention') return field;
      const target = place(pool.target);
      return { ...field, target: fields.findIndex(({ column }) => column === target) };
    }),
    tables: [...model.tables.map(({ dim }) => table(dim)), { ...table(0), admit: 1 }],
    dense,
    binTable: model.tables.length,
    embedded: offset,
    width: offset + 2 * dense.length,
    columns: set.features.length,
    labels: model.heads.labels,
    weightings: model.heads.labels.map((label) => weighting[label] ?? 'none'),
  };
}
