import type { ExamplePlan, Plan } from '../compiler/plan.ts';
import type { Files } from './files.ts';
import type { OutputPosition } from './progress.ts';
import { quarantineName } from './quarantine.ts';
import { type OutputFormat, type Sink, safeName, sinkName } from './sink.ts';
import { BlockSink } from './sink-block.ts';
import { NdjsonSink } from './sink-ndjson.ts';
import { ParquetSink } from './sink-parquet.ts';

/** Every file a run of the plan may write into its folder, in any format. */
export function outputNames(plan: Plan): string[] {
  const names = ['manifest.json', 'late.ndjson', 'malformed.ndjson'];
  for (const { name } of plan.examples) {
    const safe = safeName(name);
    names.push(...['ndjson', 'block', 'parquet', 'proto', 'model'].map((end) => `${safe}.${end}`));
    names.push(quarantineName(name));
  }
  return names;
}

export async function openSink(
  folder: string,
  format: OutputFormat,
  more: { files: Files; plan: ExamplePlan; planDigest: string; at: OutputPosition | null },
): Promise<Sink> {
  const name = sinkName(more.plan.name, format);
  switch (format) {
    case 'ndjson':
      return NdjsonSink.open(folder, name, more);
    case 'block':
      return BlockSink.open(folder, name, more);
    case 'parquet':
      return ParquetSink.open(folder, name, more);
  }
}
