/**
 * `millrace/examples`: example blocks read from files, folders or the records of a topic, as columns or as rows.
 *
 *   for await (const block of readBlocksOf('out')) … // typed arrays: feature(block, 'ad_ctr'), label(block, 'clicked')
 *   for await (const example of readExamplesOf('out')) … // plain objects
 */
import { type Column, type Value, valueAt } from '../operators/column/column.ts';
import {
  LABEL_ABSENT,
  LABEL_KINDS,
  labelValue,
  ROW_EXAMPLE,
  ROW_KINDS,
} from '../operators/emission/emission-batch.ts';
import { decodeBlock, type ExampleBlock } from './block/block-decode.ts';
import { blockFiles } from './block/block-files.ts';
import { readBlocks } from './block/block-reader.ts';
import { wasOf } from './block/emission-row.ts';
import type { LabelKind } from './block/example-row.ts';
import { Fault } from './fault.ts';
import { labelSteps } from './trainer/label-weights.ts';

export type { Column, Value } from '../operators/column/column.ts';
export { textAt, valueAt } from '../operators/column/column.ts';
export {
  type BlockFeature,
  type BlockHeader,
  type BlockLabel,
  decodeBlock,
  decodeBlockHeader,
  type ExampleBlock,
} from './block/block-decode.ts';

/** A block file, a folder of them, or blocks one by one, such as the values of a topic's records. */
export type BlockSource = string | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** The blocks of a source, in order. A Fault `block_damaged` at one whose checksum does not agree, before any of its rows. */
export async function* readBlocksOf(source: BlockSource): AsyncGenerator<ExampleBlock> {
  if (typeof source === 'string') {
    for (const file of await blockFiles(source)) yield* readBlocks(file);
  } else {
    for await (const bytes of source) yield decodeBlock(bytes);
  }
}

/** A row of a block as plain data. */
export type Example = {
  readonly set: string;
  /** Rows of the set before this one since the run began: with `set`, what it is known by. */
  readonly position: number;
  /** The anchor's id, and its time, ms since the epoch. */
  readonly id: string;
  readonly time: number;
  /** When it was emitted, ms. */
  readonly emitted: number;
  /** `shown` and `audit` rows are for measuring: their labels are masked, and `shown` ones have none. */
  readonly kind: 'example' | 'shown' | 'audit';
  /** What a loss multiplies it by: one over the share of such rows that were kept. */
  readonly weight: number;
  readonly features: Readonly<Record<string, Value>>;
  /** Every label of the set. */
  readonly labels: Readonly<Record<string, ExampleLabel>>;
};

export type ExampleLabel = {
  /** 0 or 1, or between them where credit is divided; null where it is not due in this row, or unknown. */
  readonly value: number | null;
  /** 1 where there is a value to learn from, else 0: in `shown` and `audit` rows, where it is not due, or unknown. */
  readonly mask: 0 | 1;
  /** How the value came to be. */
  readonly kind: LabelKind;
  /** Only of a `cancelled` label that is a fraction: the value that is taken back. */
  readonly was?: number;
  /** Emission less anchor time, ms; null where it is not due. */
  readonly age: number | null;
  /** When it is final, ms; null where it is not due. */
  readonly deadline: number | null;
};

/** The rows of a source, in order. */
export async function* readExamplesOf(source: BlockSource): AsyncGenerator<Example> {
  for await (const block of readBlocksOf(source)) {
    for (let row = 0; row < block.rows; row++) yield exampleAt(block, row);
  }
}

/** Row `row` of a block. */
function exampleAt(block: ExampleBlock, row: number): Example {
  const features: Record<string, Value> = {};
  for (const { name, column } of block.columns) features[name] = valueAt(column, row);
  const labels: Record<string, ExampleLabel> = {};
  for (const label of block.labels) {
    const { name, kind, elapsed, deadline } = label;
    const isDue = kind[row] !== LABEL_ABSENT;
    const known = isDue ? labelValue(label, row) : null;
    labels[name] = {
      ...{ value: known, mask: known === null || block.kind[row] !== ROW_EXAMPLE ? 0 : 1 },
      kind: LABEL_KINDS[kind[row]!]!,
      ...wasOf(label, row),
      age: isDue ? elapsed[row]! : null,
      deadline: isDue ? deadline[row]! : null,
    };
  }
  return {
    ...{ set: block.set, position: block.firstRow + row },
    id: valueAt(block.id, row) as string,
    ...{ time: block.time[row]!, emitted: block.emitted[row]! },
    kind: ROW_KINDS[block.kind[row]!]!,
    weight: 1 / block.sampleRate[row]!,
    ...{ features, labels },
  };
}

/** A feature's column, by row. A Fault `no_such_feature` that lists those there are. */
export function feature(block: ExampleBlock, name: string): Column {
  const found = block.columns.find((column) => column.name === name);
  if (found !== undefined) return found.column;
  const names = block.columns.map((column) => column.name).join(', ');
  throw new Fault('no_such_feature', `${block.set} has no feature ${name}; it has ${names}`);
}

/** A numeric feature by row, NaN where null. A Fault `no_such_feature`, or `not_numbers` where it is of texts, bools or lists. */
export function numbers(block: ExampleBlock, name: string): Float64Array {
  const column = feature(block, name);
  if (column.kind === 'f64') return column.data;
  throw new Fault(
    'not_numbers',
    `feature ${name} of ${block.set} is no column of numbers: feature() gives it as it is`,
  );
}

/** A label's values (0 where masked), masks (as in `ExampleLabel`) and ages (ms), by row. A Fault `no_such_label`. */
export function label(
  block: ExampleBlock,
  name: string,
): { readonly value: Float32Array; readonly mask: Float32Array; readonly age: Float64Array } {
  const found = labelOf(block, name);
  const mask = Float32Array.from(found.kind, (kind, row) =>
    block.kind[row] === ROW_EXAMPLE && kind !== LABEL_ABSENT && found.value[row]! < 2 ? 1 : 0,
  );
  const value = Float32Array.from(mask, (known, row) => known * (labelValue(found, row) ?? 0));
  return { value, mask, age: found.elapsed };
}

/**
 * What a log loss multiplies the positive and the negative term of each row by, 1 / sample rate included, so that its sums over all rows
 * are those of the final labels: a late positive takes the negative of its wait back, a cancelled one its positive.
 * `isAgain`: of a label that waits `then everything`, whose rows come a second time at the deadline.
 */
export function lossWeights(
  block: ExampleBlock,
  name: string,
  isAgain = false,
): { readonly positive: Float64Array; readonly negative: Float64Array } {
  const found = labelOf(block, name);
  const positive = new Float64Array(block.rows);
  const negative = new Float64Array(block.rows);
  for (let row = 0; row < block.rows; row++) {
    if (block.kind[row] !== ROW_EXAMPLE || found.kind[row] === LABEL_ABSENT) continue;
    const label = {
      ...{ value: labelValue(found, row), kind: LABEL_KINDS[found.kind[row]!]! },
      ...{ deadline: found.deadline[row]!, elapsed: found.elapsed[row]!, ...wasOf(found, row) },
    };
    for (const { value, weight } of labelSteps(
      label,
      isAgain ? 'take_back_again' : 'take_back',
      AS_IS,
    )) {
      (value === 1 ? positive : negative)[row]! += weight / block.sampleRate[row]!;
    }
  }
  return { positive, negative };
}

const AS_IS = { positive: 1, negative: 1 };

function labelOf(block: ExampleBlock, name: string): ExampleBlock['labels'][number] {
  const found = block.labels.find((each) => each.name === name);
  if (found !== undefined) return found;
  const names = block.labels.map((each) => each.name).join(', ');
  throw new Fault('no_such_label', `${block.set} has no label ${name}; it has ${names}`);
}

/** What a loss multiplies each row by. */
export function weights(block: ExampleBlock): Float32Array {
  return Float32Array.from(block.sampleRate, (rate) => 1 / rate);
}
