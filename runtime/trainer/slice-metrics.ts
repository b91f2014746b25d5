/**
 * Loss and calibration of model and baseline by slice: by the values of columns that were asked for, and by how old a label was
 * when it was emitted. Bounded: values beyond the first are counted together.
 */
import type { Value } from '../../operators/column/column.ts';
import { featureOf } from '../block/block-row.ts';
import type { ExampleRow } from '../block/example-row.ts';
import { keptScore, LossSums } from './label-metrics.ts';

/** Slices of one column of one label; further values fall into `OTHERS`. */
const VALUES_MAX = 64;
const OTHERS = '(others)';
const AGE = 'label age';
const AGES_MS: readonly (readonly [string, number])[] = [
  ['to 1m', 60_000],
  ['to 1h', 3_600_000],
  ['to 1d', 86_400_000],
  ['to 7d', 604_800_000],
];

export type SliceReport = {
  readonly label: string;
  readonly column: string;
  readonly value: string;
  readonly rows: number;
  readonly observed: number;
  readonly ne: number | null;
  readonly calibration: number | null;
  readonly baselineNe: number | null;
};

/** As plain data: label, column, value, sums of model and baseline. */
export type SliceState = readonly (readonly [
  string,
  string,
  string,
  readonly number[],
  readonly number[],
])[];

type Slice = { readonly model: LossSums; readonly baseline: LossSums };

export class SliceMetrics {
  readonly #columns: readonly { readonly name: string; readonly index: number }[];
  /** By label, column, value. */
  readonly #slices = new Map<string, Map<string, Map<string, Slice>>>();

  constructor(
    columns: readonly { readonly name: string; readonly index: number }[],
    state?: SliceState,
  ) {
    this.#columns = columns;
    for (const [label, column, value, model, baseline] of state ?? []) {
      this.#values(label, column).set(value, {
        model: LossSums.from(model),
        baseline: LossSums.from(baseline),
      });
    }
  }

  add(
    row: ExampleRow,
    label: string,
    scored: { score: number; baseline: number; value: number; weight: number },
  ): void {
    for (const { name, index } of this.#columns) {
      this.#add(label, name, shownValue(featureOf(row, index)), scored);
    }
    const elapsed = row.labels[label]!.elapsed;
    const age = AGES_MS.find(([, most]) => elapsed <= most)?.[0] ?? 'beyond 7d';
    this.#add(label, AGE, age, scored);
  }

  /** By label and column, the slices with most rows first. */
  report(): SliceReport[] {
    return this.toJSON()
      .map(([label, column, value]): SliceReport => {
        const { model, baseline } = this.#values(label, column).get(value)!;
        return {
          ...{ label, column, value, rows: model.rows, observed: model.observed },
          ne: model.normalisedEntropy(),
          calibration: model.calibration(),
          baselineNe: baseline.normalisedEntropy(),
        };
      })
      .sort((a, b) => order(a.label, b.label) || order(a.column, b.column) || b.rows - a.rows);
  }

  toJSON(): SliceState {
    return [...this.#slices].flatMap(([label, columns]) =>
      [...columns].flatMap(([column, values]) =>
        [...values].map(
          ([value, { model, baseline }]) =>
            [...([label, column, value] as const), model.toArray(), baseline.toArray()] as const,
        ),
      ),
    );
  }

  #add(
    label: string,
    column: string,
    value: string,
    scored: { score: number; baseline: number; value: number; weight: number },
  ): void {
    const values = this.#values(label, column);
    const name = values.has(value) || values.size < VALUES_MAX ? value : OTHERS;
    let slice = values.get(name);
    if (slice === undefined) {
      slice = { model: new LossSums(), baseline: new LossSums() };
      values.set(name, slice);
    }
    slice.model.add(keptScore(scored.score), scored.value, scored.weight);
    slice.baseline.add(keptScore(scored.baseline), scored.value, scored.weight);
  }

  #values(label: string, column: string): Map<string, Slice> {
    let columns = this.#slices.get(label);
    if (columns === undefined) this.#slices.set(label, (columns = new Map()));
    let values = columns.get(column);
    if (values === undefined) columns.set(column, (values = new Map()));
    return values;
  }
}

/** Numbers by their power of two, lists by their length, the rest as it is. */
function shownValue(value: Value): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return `${value.length} items`;
  if (typeof value !== 'number' || Number.isInteger(value)) return String(value);
  return value === 0 ? '0' : `${value < 0 ? '-' : ''}2^${Math.floor(Math.log2(Math.abs(value)))}`;
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
