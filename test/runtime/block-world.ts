/** Example sets and batches for the tests of blocks. */
import type { ExamplePlan } from '../../compiler/plan/plan.ts';
import { scalar } from '../../dsl/types.ts';
import type { Column } from '../../operators/column/column.ts';
import { TextBuilder } from '../../operators/column/text-builder.ts';
import type { EmissionBatch } from '../../operators/emission/emission-batch.ts';
import { decodeBlock, type ExampleBlock } from '../../runtime/block/block-decode.ts';
import {
  type BlockColumn,
  type BlockLayout,
  blockLayout,
} from '../../runtime/block/block-layout.ts';
import { BLOCK_OPTIONS, type BlockOptions, BlockWriter } from '../../runtime/block/block-writer.ts';

/** What a test says of a column; the rest is as for a column of no group. */
export type TestColumn = Partial<BlockColumn> & {
  readonly name: string;
  readonly column: Column;
};

/** A batch of n rows with these columns, no labels; ids are r0, r1 …, one row a millisecond. */
export function batchOf(n: number, columns: readonly Column[]): EmissionBatch {
  const ids = new TextBuilder(n);
  for (let i = 0; i < n; i++) ids.addString(`r${i}`);
  const id = ids.finish();
  return {
    n,
    id,
    emitted: Float64Array.from({ length: n }, (_, i) => 1_700_000_000_000 + i),
    time: Float64Array.from({ length: n }, (_, i) => 1_700_000_000_000 + i),
    kind: new Uint8Array(n),
    labels: [],
    sampleRate: new Float64Array(n).fill(1),
    features: columns,
  };
}

const TYPES = {
  f64: 'float?',
  bool: 'bool?',
  text: 'string?',
  hash: 'string',
  list_f64: 'int[]?',
  list_text: 'string[]?',
} as const;

/** One block of all rows, and what is read from it. */
export function throughBlock(
  columns: readonly TestColumn[],
  n: number,
  options: BlockOptions = BLOCK_OPTIONS,
): { readonly bytes: Uint8Array; readonly block: ExampleBlock } {
  const writer = new BlockWriter(layoutOf(columns), 'digest', options);
  const batch = batchOf(
    n,
    columns.map(({ column }) => column),
  );
  const bytes = writer.encode(batch, allRows(n), 0).slice();
  return { bytes, block: decodeBlock(bytes) };
}

export function layoutOf(columns: readonly TestColumn[]): BlockLayout {
  return {
    set: 'a set',
    labels: [],
    columns: columns.map(({ column, ...said }, i) => ({
      ...{ physical: column.kind, type: TYPES[column.kind], field: 1000 + i, isFloat: true },
      ...{ group: -1, ratio: null, isCertain: false, nullable: true },
      ...said,
    })),
  };
}

export function numbers(values: readonly (number | null)[]): Column {
  return { kind: 'f64', data: Float64Array.from(values, (value) => value ?? Number.NaN) };
}

export function texts(values: readonly (string | null)[]): Column {
  const builder = new TextBuilder(values.length);
  for (const value of values) {
    if (value === null) builder.addNull();
    else builder.addString(value);
  }
  return builder.finish();
}

export function allRows(n: number): Int32Array {
  return Int32Array.from({ length: n }, (_, i) => i);
}

/** A set with columns of these names and types and no labels. */
export function setOf(...features: readonly (readonly [string, 'int' | 'float' | 'string'])[]) {
  const set: ExamplePlan = {
    ...{ name: 's', topic: null, anchor: 0, id: 0, idHash: 0, labels: [], checks: [] },
    ...{ sampleNegatives: 1, audit: 0 },
    features: features.map(([name, type], slot) => ({
      ...{ name, slot, type: scalar(type, { nullable: true }) },
      input: type === 'string' ? 'categorical' : 'dense',
    })),
  };
  return { set, layout: blockLayout(set) };
}
