/** A finished block file as Parquet: what `--format parquet` gives. Rows are committed as blocks, converted at the end. */
import { rename } from 'node:fs/promises';
import { type ColumnSource, fileWriter, ParquetWriter, type SchemaElement } from 'hyparquet-writer';
import type { ExamplePlan } from '../compiler/plan.ts';
import type { Type } from '../dsl/types.ts';
import type { Value } from '../operators/column.ts';
import { blockRow, readBlocks } from './block-reader.ts';
import { PARQUET_GROUP_ROWS } from './config.ts';
import type { ExampleRow } from './example-row.ts';
import { fileFault } from './files.ts';

type ParquetColumn = {
  readonly name: string;
  readonly schema: readonly SchemaElement[];
  readonly value: (row: ExampleRow) => unknown;
};

/** Writes `to` from the blocks of `from`: aside, then renamed. */
export async function blocksToParquet(from: string, to: string, plan: ExamplePlan): Promise<void> {
  const columns = parquetColumns(plan);
  const schema: SchemaElement[] = [{ name: 'root', num_children: columns.length }];
  for (const column of columns) schema.push(...column.schema);
  const aside = `${to}.tmp`;
  try {
    const writer = new ParquetWriter({ writer: fileWriter(aside), schema, createdBy: 'millrace' });
    let rows: ExampleRow[] = [];
    for await (const block of readBlocks(from)) {
      for (let i = 0; i < block.rows; i++) {
        rows.push(blockRow(block, i));
        if (rows.length === PARQUET_GROUP_ROWS) {
          await writeGroup(writer, columns, rows);
          rows = [];
        }
      }
    }
    if (rows.length > 0) await writeGroup(writer, columns, rows);
    await writer.finish();
    await rename(aside, to);
  } catch (error) {
    throw fileFault('write', to, error);
  }
}

async function writeGroup(
  writer: ParquetWriter,
  columns: readonly ParquetColumn[],
  rows: readonly ExampleRow[],
): Promise<void> {
  const columnData: ColumnSource[] = columns.map(({ name, value }) => ({
    name,
    data: rows.map(value),
  }));
  await writer.write({ columnData, rowGroupSize: PARQUET_GROUP_ROWS });
}

function parquetColumns(plan: ExamplePlan): ParquetColumn[] {
  const text = { type: 'BYTE_ARRAY', converted_type: 'UTF8' } as const;
  const columns: ParquetColumn[] = [
    plain('id', text, (row) => row.id),
    plain('time', { type: 'INT64' }, (row) => BigInt(row.time)),
    plain('emitted', { type: 'INT64' }, (row) => BigInt(row.emitted)),
    plain('kind', text, (row) => row.kind ?? 'example'),
  ];
  for (const { name } of plan.labels) {
    const label = (row: ExampleRow) => row.labels[name];
    const path = (part: string) => `label.${name}.${part}`;
    columns.push(
      plain(path('value'), { type: 'INT32' }, (row) => label(row)?.value ?? null),
      plain(path('kind'), text, (row) => label(row)?.kind ?? null),
      plain(path('deadline'), { type: 'DOUBLE' }, (row) => finite(label(row)?.deadline)),
      plain(path('elapsed'), { type: 'DOUBLE' }, (row) => finite(label(row)?.elapsed)),
      plain(path('at_wait'), { type: 'INT32' }, (row) => label(row)?.atWait ?? null),
      plain(path('ever'), { type: 'INT32' }, (row) => label(row)?.ever ?? null),
    );
  }
  const taken = new Set(columns.map((column) => column.name));
  plan.features.forEach(({ name, type }, i) => {
    // A feature may be called `id` or `time`; a Parquet file has one name space.
    const free = taken.has(name) ? `feature.${name}` : name;
    columns.push(featureColumn(free, type, (row) => row.features[i] ?? null));
  });
  columns.push(plain('sample_rate', { type: 'DOUBLE' }, (row) => row.sampleRate));
  return columns;
}

type Leaf = Pick<SchemaElement, 'type' | 'converted_type'>;

function plain(name: string, leaf: Leaf, value: ParquetColumn['value']): ParquetColumn {
  return { name, schema: [{ name, repetition_type: 'OPTIONAL', ...leaf }], value };
}

function featureColumn(name: string, type: Type, read: (row: ExampleRow) => Value): ParquetColumn {
  if (type.kind === 'error') throw new Error('the error type has no column');
  const scalar = type.kind === 'list' ? type.of : type.name;
  const convert = CONVERT[LEAF_KIND[scalar]];
  const leaf = LEAVES[LEAF_KIND[scalar]];
  if (type.kind === 'scalar') return plain(name, leaf, (row) => convert(read(row)));
  return {
    name,
    schema: [
      { name, repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'LIST' },
      { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
      { name: 'element', repetition_type: 'REQUIRED', ...leaf },
    ],
    value: (row) => {
      const list = read(row);
      return Array.isArray(list) ? list.map(convert) : null;
    },
  };
}

type LeafKind = 'text' | 'bool' | 'whole' | 'double';

const LEAF_KIND = {
  string: 'text',
  bool: 'bool',
  int: 'whole',
  money: 'whole',
  timestamp: 'whole',
  duration: 'whole',
  float: 'double',
} as const;

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

function finite(value: number | undefined): number | null {
  return value === undefined || !Number.isFinite(value) ? null : value;
}
