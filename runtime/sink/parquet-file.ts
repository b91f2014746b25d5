/** Parquet of example blocks: what `--format parquet` gives at the end of a run, and what `export` writes. */
import { mkdir, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type ColumnSource, fileWriter, ParquetWriter, type SchemaElement } from 'hyparquet-writer';
import type { ExamplePlan } from '../../compiler/plan/plan.ts';
import { showType } from '../../dsl/types.ts';
import { type Value, valueAt } from '../../operators/column/column.ts';
import {
  LABEL_ABSENT,
  LABEL_KINDS,
  labelValue,
  ROW_AUDIT,
  ROW_KINDS,
  takenBack,
} from '../../operators/emission/emission-batch.ts';
import type { BlockLabel, ExampleBlock } from '../block/block-decode.ts';
import { readBlocks } from '../block/block-reader.ts';
import { type Exporter, type ExportSchema, isList, scalarKind } from '../block/export-schema.ts';
import { PARQUET_GROUP_ROWS } from '../config.ts';
import { fileFault } from '../files.ts';

type ParquetColumn = {
  readonly name: string;
  readonly schema: readonly SchemaElement[];
  /** The value of a row, by what of the block it lies in. */
  readonly read: (block: ExampleBlock) => (row: number) => unknown;
};

/** Writes `to` from the blocks of `from`: aside, then renamed. */
export async function blocksToParquet(from: string, to: string, plan: ExamplePlan): Promise<void> {
  const aside = `${to}.tmp`;
  try {
    const file = await ParquetExport.open(aside, {
      set: plan.name,
      columns: plan.features.map(({ name, type }) => ({ name, type: showType(type) })),
      labels: plan.labels.map(({ name, isFraction }) => ({
        name,
        isFraction: isFraction === true,
      })),
    });
    for await (const block of readBlocks(from)) await file.write(block);
    await file.finish();
    await rename(aside, to);
  } catch (error) {
    throw fileFault('write', to, error);
  }
}

/** A column of plain values. */
export type TableColumn = {
  readonly name: string;
  /** BYTE_ARRAY: text. */
  readonly type: 'INT32' | 'INT64' | 'FLOAT' | 'BYTE_ARRAY';
  readonly isList?: boolean;
  readonly data: readonly unknown[];
};

/** Writes `to` from columns of `rows` values each: aside, then renamed. */
export async function writeTable(
  to: string,
  columns: readonly TableColumn[],
  rows: number,
): Promise<void> {
  const aside = `${to}.tmp`;
  const schema: SchemaElement[] = [{ name: 'root', num_children: columns.length }];
  for (const { name, type, isList = false } of columns) {
    const leaf: Leaf = type === 'BYTE_ARRAY' ? { type, converted_type: 'UTF8' } : { type };
    if (isList) schema.push(...listSchema(name, leaf));
    else schema.push({ name, repetition_type: 'OPTIONAL', ...leaf });
  }
  try {
    const writer = new ParquetWriter({ writer: fileWriter(aside), schema, createdBy: 'millrace' });
    for (let from = 0; from < rows; from += PARQUET_GROUP_ROWS) {
      const columnData = columns.map(({ name, data }) => ({
        ...{ name, data: data.slice(from, from + PARQUET_GROUP_ROWS) },
      }));
      await writer.write({ columnData, rowGroupSize: PARQUET_GROUP_ROWS });
    }
    await writer.finish();
    await rename(aside, to);
  } catch (error) {
    throw fileFault('write', to, error);
  }
}

function listSchema(name: string, leaf: Leaf): SchemaElement[] {
  return [
    { name, repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'LIST' },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    { name: 'element', repetition_type: 'REQUIRED', ...leaf },
  ];
}

/** Rows gather until a row group is full. */
export class ParquetExport implements Exporter {
  readonly #writer: ParquetWriter;
  readonly #columns: readonly ParquetColumn[];
  #gathered: unknown[][];
  #rows = 0;

  private constructor(writer: ParquetWriter, columns: readonly ParquetColumn[]) {
    this.#writer = writer;
    this.#columns = columns;
    this.#gathered = columns.map(() => []);
  }

  static async open(path: string, of: ExportSchema): Promise<ParquetExport> {
    const columns = parquetColumns(of);
    const schema: SchemaElement[] = [{ name: 'root', num_children: columns.length }];
    for (const column of columns) schema.push(...column.schema);
    await mkdir(dirname(path), { recursive: true });
    const writer = new ParquetWriter({ writer: fileWriter(path), schema, createdBy: 'millrace' });
    return new ParquetExport(writer, columns);
  }

  async write(block: ExampleBlock): Promise<void> {
    for (const [i, column] of this.#columns.entries()) {
      const read = column.read(block);
      const values = this.#gathered[i]!;
      for (let row = 0; row < block.rows; row++) values.push(read(row));
    }
    this.#rows += block.rows;
    if (this.#rows >= PARQUET_GROUP_ROWS) await this.#group();
  }

  async finish(): Promise<void> {
    if (this.#rows > 0) await this.#group();
    await this.#writer.finish();
  }

  async abandon(): Promise<void> {}

  async #group(): Promise<void> {
    const columnData: ColumnSource[] = this.#columns.map(({ name }, i) => ({
      name,
      data: this.#gathered[i]!,
    }));
    await this.#writer.write({ columnData, rowGroupSize: this.#rows });
    this.#gathered = this.#columns.map(() => []);
    this.#rows = 0;
  }
}

function parquetColumns({ columns: features, labels }: ExportSchema): ParquetColumn[] {
  const text = { type: 'BYTE_ARRAY', converted_type: 'UTF8' } as const;
  const columns: ParquetColumn[] = [
    plain(
      'id',
      text,
      ({ id }) =>
        (row) =>
          valueAt(id, row),
    ),
    plain(
      'time',
      { type: 'INT64' },
      ({ time }) =>
        (row) =>
          BigInt(time[row]!),
    ),
    plain(
      'emitted',
      { type: 'INT64' },
      ({ emitted }) =>
        (row) =>
          BigInt(emitted[row]!),
    ),
    plain(
      'kind',
      text,
      ({ kind }) =>
        (row) =>
          ROW_KINDS[kind[row]!],
    ),
  ];
  for (const { name, isFraction } of labels) {
    const path = (part: string) => `label.${name}.${part}`;
    const leaf = (part: string, type: Leaf, read: LabelReader) =>
      columns.push(plain(path(part), type, labelColumn(name, read)));
    leaf('value', { type: isFraction ? 'DOUBLE' : 'INT32' }, labelValue);
    leaf('kind', text, (label, row) => LABEL_KINDS[label.kind[row]!]!);
    leaf('deadline', { type: 'DOUBLE' }, (label, row) => finite(label.deadline[row]!));
    leaf('elapsed', { type: 'DOUBLE' }, (label, row) => finite(label.elapsed[row]!));
    if (isFraction) leaf('was', { type: 'DOUBLE' }, takenBack);
    leaf('at_wait', { type: 'INT32' }, ({ audit }, row, isAudit) =>
      isAudit && audit !== null ? flag(audit.atWait[row]!) : null,
    );
    leaf('ever', { type: 'INT32' }, ({ audit }, row, isAudit) =>
      isAudit && audit !== null ? flag(audit.ever[row]!) : null,
    );
  }
  const taken = new Set(columns.map((column) => column.name));
  for (const { name, type } of features) {
    // A feature may be called `id` or `time`; a Parquet file has one name space.
    columns.push(featureColumn(taken.has(name) ? `feature.${name}` : name, name, type));
  }
  columns.push(
    plain(
      'sample_rate',
      { type: 'DOUBLE' },
      ({ sampleRate }) =>
        (row) =>
          sampleRate[row]!,
    ),
  );
  return columns;
}

type Leaf = Pick<SchemaElement, 'type' | 'converted_type'>;
type LabelReader = (label: BlockLabel, row: number, isAudit: boolean) => string | number | null;

function plain(name: string, leaf: Leaf, read: ParquetColumn['read']): ParquetColumn {
  return { name, schema: [{ name, repetition_type: 'OPTIONAL', ...leaf }], read };
}

function labelColumn(name: string, read: LabelReader): ParquetColumn['read'] {
  return (block) => {
    const label = block.labels.find((each) => each.name === name);
    if (label === undefined) return () => null;
    return (row) =>
      label.kind[row] === LABEL_ABSENT ? null : read(label, row, block.kind[row] === ROW_AUDIT);
  };
}

/** `path`: its name in the file. */
function featureColumn(path: string, name: string, type: string): ParquetColumn {
  const kind = scalarKind(type);
  const convert = CONVERT[kind];
  const leaf = LEAVES[kind];
  const values = (block: ExampleBlock): ((row: number) => Value) => {
    const column = block.columns.find((each) => each.name === name)?.column;
    return column === undefined ? () => null : (row) => valueAt(column, row);
  };
  if (!isList(type)) {
    return plain(path, leaf, (block) => {
      const read = values(block);
      return (row) => convert(read(row));
    });
  }
  return {
    name: path,
    schema: listSchema(path, leaf),
    read: (block) => {
      const read = values(block);
      return (row) => {
        const list = read(row);
        return Array.isArray(list) ? list.map(convert) : null;
      };
    },
  };
}

type LeafKind = ReturnType<typeof scalarKind>;

const LEAVES: Readonly<Record<LeafKind, Leaf>> = {
  text: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  bool: { type: 'BOOLEAN' },
  whole: { type: 'INT64' },
  double: { type: 'DOUBLE' },
};

const CONVERT: Readonly<Record<LeafKind, (value: Value) => unknown>> = {
  text: (value) => value,
  bool: (value) => value,
  whole: (value) => (typeof value === 'number' ? BigInt(Math.trunc(value)) : null),
  double: (value) => value,
};

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

/** 0 and 1 are themselves; 2 is none. */
function flag(value: number): number | null {
  return value === 2 ? null : value;
}
