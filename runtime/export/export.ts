/** `millrace export FROM --format F --to DIR`: blocks as files that other tools read. */
import { rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { blockFiles } from '../block/block-files.ts';
import { readBlocks } from '../block/block-reader.ts';
import { type Exporter, type ExportSchema, widened } from '../block/export-schema.ts';
import type { Console } from '../console-output.ts';
import { Fault } from '../fault.ts';
import { fileFault } from '../files.ts';
import { ParquetExport } from '../sink/parquet-file.ts';
import { safeName } from '../sink/sink.ts';
import { grouped } from '../text-table.ts';
import { UsageError } from '../usage-error.ts';
import { CsvExport } from './export-csv.ts';
import { NdjsonExport } from './export-ndjson.ts';
import { TfRecordExport } from './export-tfrecord.ts';

export type ExportFormat = 'ndjson' | 'parquet' | 'tfrecord' | 'csv';

export type ExportOptions = {
  readonly format: ExportFormat;
  readonly to: string;
  /** Null: every set there is. */
  readonly set: string | null;
  /** Replace what is there. */
  readonly fresh: boolean;
};

/** Exports a file of blocks, or all in a folder: a file for each set. Gives the exit code; throws UsageError, Fault. */
export async function exportCommand(
  from: string,
  options: ExportOptions,
  out: Console,
): Promise<number> {
  const files = await blockFiles(from);
  const sets = await surveyed(files, options.set);
  if (sets.size === 0) {
    throw new UsageError(
      options.set === null
        ? `${from} holds blocks without rows: there is nothing to export`
        : `${from} holds no rows of example set ${options.set}`,
    );
  }
  for (const { schema, files: own } of sets.values()) {
    const to = join(options.to, `${safeName(schema.set)}.${options.format}`);
    await refuseExisting(to, options.fresh);
    const rows = await exportSet(own, schema, { to, format: options.format });
    out.print(`${grouped(rows)} examples written to ${to}`);
  }
  return 0;
}

type SetFiles = { schema: ExportSchema; readonly files: string[] };

/** A first look at every block: which sets there are, and what columns each has. */
async function surveyed(
  files: readonly string[],
  only: string | null,
): Promise<Map<string, SetFiles>> {
  const sets = new Map<string, SetFiles>();
  for (const file of files) {
    let digest = '';
    for await (const block of readBlocks(file)) {
      if (only !== null && block.set !== only) break;
      if (block.planDigest === digest) continue;
      digest = block.planDigest;
      const found = sets.get(block.set);
      const schema = widened(found?.schema ?? null, block);
      if (found === undefined) sets.set(block.set, { schema, files: [file] });
      else {
        found.schema = schema;
        if (!found.files.includes(file)) found.files.push(file);
      }
    }
  }
  return sets;
}

async function refuseExisting(path: string, fresh: boolean): Promise<void> {
  if (fresh) return;
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  if (isThere) {
    throw new Fault(
      'output_exists',
      `${path} exists. Give another folder with --to, or replace it with --fresh.`,
      { context: { path } },
    );
  }
}

/** Written aside, then renamed: a file that is there is whole. */
async function exportSet(
  files: readonly string[],
  schema: ExportSchema,
  { to, format }: { readonly to: string; readonly format: ExportFormat },
): Promise<number> {
  const aside = `${to}.tmp`;
  const exporter = await openExporter(aside, schema, format);
  let rows = 0;
  try {
    for (const file of files) {
      for await (const block of readBlocks(file)) {
        await exporter.write(block);
        rows += block.rows;
      }
    }
    await exporter.finish();
    await rename(aside, to);
    return rows;
  } catch (error) {
    await exporter.abandon().catch(() => undefined);
    await rm(aside, { force: true });
    throw fileFault('write', to, error);
  }
}

function openExporter(path: string, schema: ExportSchema, format: ExportFormat): Promise<Exporter> {
  switch (format) {
    case 'ndjson':
      return NdjsonExport.open(path);
    case 'csv':
      return CsvExport.open(path, schema);
    case 'tfrecord':
      return TfRecordExport.open(path);
    case 'parquet':
      return ParquetExport.open(path, schema);
  }
}
