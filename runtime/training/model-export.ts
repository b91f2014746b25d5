/** `millrace model export DIR --to OUT`: a snapshot as files that others read. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Console } from '../console-output.ts';
import { Fault } from '../fault.ts';
import { disk, fileFault } from '../files.ts';
import { type TableColumn, writeTable } from '../sink/parquet-file.ts';
import { grouped } from '../text-table.ts';
import { type DeepConfig, deepConfig } from '../trainer/deep-config.ts';
import { DeepNet } from '../trainer/deep-net.ts';
import { type DeepState, restoreDeep } from '../trainer/deep-state.ts';
import { FLAGS, FREE, HITS, ID_HI, ID_LO, LAST, LINEAR } from '../trainer/embedding-records.ts';
import { EmbeddingTable, UNKNOWN_ROW } from '../trainer/embedding-table.ts';
import { linearWeight } from '../trainer/embedding-update.ts';
import { recordGraph } from '../trainer/graph-recorder.ts';
import { readSnapshot } from '../trainer/snapshot-file.ts';
import { UsageError } from '../usage-error.ts';
import { chainOf, type ModelManifest } from './model-folder.ts';
import { openModel, version } from './model-versions.ts';

type Exported = {
  readonly config: DeepConfig;
  readonly columns: readonly string[];
  readonly tables: readonly EmbeddingTable[];
  readonly net: DeepNet;
  readonly state: DeepState;
};

/** `of`: a snapshot by name or rows; null: the published one, or the newest where none is. */
export async function exportModel(
  dir: string,
  { to, of }: { readonly to: string; readonly of: string | null },
  out: Console,
): Promise<number> {
  const { folder, manifest } = await openModel(dir);
  const name = of ?? manifest.published ?? manifest.snapshots.at(-1)?.file;
  if (name === undefined) throw new UsageError(`${folder} has no snapshot yet`);
  if (of === null && manifest.published === null) {
    out.error(`millrace: none has passed its gates yet: this is the newest, ${name}`);
  }
  const { file } = version(manifest, name);
  const model = restore(folder, manifest, file);
  try {
    mkdirSync(join(to, 'tfjs'), { recursive: true });
  } catch (error) {
    throw fileFault('make', to, error);
  }
  for (const [index, table] of model.tables.entries()) {
    const path = join(to, `rows-${tableName(model, index)}.parquet`);
    const columns = embeddingColumns(model, table);
    await writeTable(path, columns, columns[0]!.data.length);
    out.print(`${path}: ${grouped(columns[0]!.data.length)} rows`);
  }
  const dense = join(to, 'dense.parquet');
  const columns = denseColumns(model);
  await writeTable(dense, columns, columns[0]!.data.length);
  out.print(`${dense}: ${grouped(columns[0]!.data.length)} weights`);
  await writeGraph(join(to, 'tfjs'), model);
  out.print(`${join(to, 'tfjs', 'model.json')}: the net of ${file}, a TensorFlow.js graph model`);
  return 0;
}

function restore(folder: string, manifest: ModelManifest, file: string): Exported {
  const { columns: features, model, weightings } = manifest;
  if (features === undefined) {
    const message = `${folder} was written by a version that did not keep its columns: train it with this one first`;
    throw new Fault('snapshot_format', message, { context: { path: folder } });
  }
  const asked = Object.fromEntries(model.heads.labels.map((label, i) => [label, weightings[i]!]));
  const config = deepConfig(model, { features, labels: [], audit: 0 }, asked as never);
  const net = new DeepNet(config);
  const tables = config.tables.map((table) => new EmbeddingTable(table));
  const chain = chainOf(manifest, file).map((entry) => readSnapshot(join(folder, entry.file)));
  const shape = { parameters: net.parameters.length, path: folder };
  const state = restoreDeep(chain, tables, shape);
  return { config, columns: features.map(({ name }) => name), tables, net, state };
}

/** By the columns that share it; the last one is of dense columns' bins and the bias. */
function tableName({ config, columns }: Exported, index: number): string {
  if (index === config.binTable) return 'bins';
  const own = config.fields.filter(({ table }) => table === index);
  return own.map(({ column }) => columns[column]!.replaceAll(/[^\w.-]/g, '_')).join('+');
}

function embeddingColumns(
  { config }: Exported,
  { records, config: { dim, heads } }: EmbeddingTable,
): TableColumn[] {
  const rows = Array.from({ length: records.length }, (_, row) => row).filter(
    (row) => (records.int(row, FLAGS) & FREE) === 0,
  );
  const place = (row: number) => (row & records.mask) * records.words;
  const floats = (row: number) => records.floats[row >> records.shift]!;
  const idOf = (row: number) =>
    (BigInt(records.int(row, ID_HI)) << 32n) | BigInt(records.int(row, ID_LO) >>> 0);
  const weights = (row: number) => {
    const from = place(row) + LINEAR + 2 * heads;
    return Array.from(floats(row).subarray(from, from + dim));
  };
  return [
    {
      name: 'id',
      type: 'INT64',
      data: rows.map((row) => (row === UNKNOWN_ROW ? null : idOf(row))),
    },
    { name: 'seen', type: 'INT32', data: rows.map((row) => records.int(row, HITS)) },
    {
      name: 'last_seen',
      type: 'INT64',
      data: rows.map((row) => BigInt(records.int(row, LAST)) * 1000n),
    },
    ...config.labels.map(
      (label, head): TableColumn => ({
        name: `linear.${label}`,
        type: 'FLOAT',
        data: rows.map((row) => linearWeight(floats(row), place(row) + LINEAR + 2 * head)),
      }),
    ),
    ...(dim === 0
      ? []
      : [{ name: 'embedding', type: 'FLOAT' as const, isList: true, data: rows.map(weights) }]),
  ];
}

function denseColumns({ net, state }: Exported): TableColumn[] {
  const name: string[] = [];
  const row: number[] = [];
  const column: number[] = [];
  const value: number[] = [];
  for (const [i, { name: own, shape }] of net.parameters.entries()) {
    for (const [at, weight] of state.dense.weights[i]!.entries()) {
      name.push(own);
      row.push(Math.floor(at / shape[1]));
      column.push(at % shape[1]);
      value.push(weight);
    }
  }
  return [
    { name: 'name', type: 'BYTE_ARRAY', data: name },
    { name: 'row', type: 'INT32', data: row },
    { name: 'column', type: 'INT32', data: column },
    { name: 'value', type: 'FLOAT', data: value },
  ];
}

/** What is fed to the net lies in userDefinedMetadata: which floats of `x` are which column's. */
async function writeGraph(folder: string, of: Exported): Promise<void> {
  const { config, columns, state } = of;
  const { topology, signature, weights } = recordGraph(config, state.dense.weights);
  const fields = config.fields.map(({ column, table, pool, offset }) => {
    const { dim } = config.tables[table]!;
    return { column: columns[column], rows: tableName(of, table), pool, offset, dim };
  });
  const dense = config.dense.map((column, i) => {
    const [count, mean, squares] = state.moments.subarray(3 * i, 3 * i + 3);
    return { column: columns[column], offset: config.embedded + 2 * i, count, mean, squares };
  });
  const model = {
    ...{ format: 'graph-model', generatedBy: 'millrace', convertedBy: null },
    modelTopology: topology,
    signature,
    userDefinedMetadata: { labels: config.labels, fields, dense, width: config.width },
    weightsManifest: [
      {
        paths: ['weights.bin'],
        weights: weights.map(({ name, shape, dtype }) => ({ name, shape, dtype })),
      },
    ],
  };
  const bytes = weights.map(({ values: { buffer, byteOffset, byteLength } }) =>
    Buffer.from(buffer, byteOffset, byteLength),
  );
  await disk.replace(join(folder, 'weights.bin'), Buffer.concat(bytes));
  await disk.replace(join(folder, 'model.json'), Buffer.from(JSON.stringify(model)));
}
