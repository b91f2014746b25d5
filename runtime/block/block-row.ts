/**
 * A row of an example block that is read when it is asked: a trainer hashes the texts of thousands of rows where they lie,
 * and needs strings of none of them.
 */
import { type Column, textAt, type Value, valueAt } from '../../operators/column/column.ts';
import {
  LABEL_ABSENT,
  LABEL_KINDS,
  labelValue,
  ROW_AUDIT,
  ROW_SHOWN,
} from '../../operators/emission/emission-batch.ts';
import type { ExampleBlock } from './block-decode.ts';
import { wasOf } from './emission-row.ts';
import type { EmittedLabel, ExampleRow } from './example-row.ts';

export class BlockRow implements ExampleRow {
  readonly block: ExampleBlock;
  /** Its place in the block. */
  readonly at: number;
  #id: string | null = null;
  #labels: Readonly<Record<string, EmittedLabel>> | null = null;
  #features: readonly Value[] | null = null;

  constructor(block: ExampleBlock, at: number) {
    this.block = block;
    this.at = at;
  }

  get set(): string {
    return this.block.set;
  }

  get id(): string {
    if (this.#id === null) this.#id = textAt(this.block.id, this.at) ?? '';
    return this.#id;
  }

  get time(): number {
    return this.block.time[this.at];
  }

  get emitted(): number {
    return this.block.emitted[this.at];
  }

  get kind(): 'shown' | 'audit' | undefined {
    const kind = this.block.kind[this.at];
    return kind === ROW_AUDIT ? 'audit' : kind === ROW_SHOWN ? 'shown' : undefined;
  }

  get labels(): Readonly<Record<string, EmittedLabel>> {
    this.#labels ??= labelsOf(this.block, this.at);
    return this.#labels;
  }

  get features(): readonly Value[] {
    this.#features ??= this.block.columns.map(({ column }) => valueAt(column, this.at));
    return this.#features;
  }

  get sampleRate(): number {
    return this.block.sampleRate[this.at];
  }

  column(index: number): Column {
    return this.block.columns[index].column;
  }
}

/** One feature of a row, without making the others. */
export function featureOf(row: ExampleRow, index: number): Value {
  return row instanceof BlockRow ? valueAt(row.column(index), row.at) : row.features[index];
}

/** Row `at` of a block as plain data. */
export function blockRow(block: ExampleBlock, at: number): ExampleRow {
  const row = new BlockRow(block, at);
  const { set, id, time, emitted, kind, labels, features, sampleRate } = row;
  const own = kind === undefined ? {} : { kind };
  return { set, id, time, emitted, ...own, labels, features, sampleRate };
}

function labelsOf(block: ExampleBlock, at: number): Record<string, EmittedLabel> {
  const labels: Record<string, EmittedLabel> = {};
  const isAudit = block.kind[at] === ROW_AUDIT;
  for (const label of block.labels) {
    const kind = label.kind[at];
    if (kind === LABEL_ABSENT) continue;
    labels[label.name] = {
      value: labelValue(label, at),
      kind: LABEL_KINDS[kind] ?? 'absent',
      ...wasOf(label, at),
      deadline: label.deadline[at],
      elapsed: label.elapsed[at],
      ...(isAudit && label.audit !== null
        ? { atWait: flag(label.audit.atWait[at]), ever: flag(label.audit.ever[at]) }
        : {}),
    };
  }
  return labels;
}

function flag(value: number): number | null {
  return value === 2 ? null : value;
}
