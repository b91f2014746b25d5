import type { Plan } from '../../compiler/plan/plan.ts';
import { quarantineName } from './quarantine.ts';
import { type OutputFormat, type Sink, type SinkParts, safeName, sinkName } from './sink.ts';
import { BlockSink } from './sink-block.ts';
import { NdjsonSink } from './sink-ndjson.ts';

/** What lies in a run's folder under names of the plan: what it may write, in any format, and models of its examples. */
export function folderNames(plan: Plan): string[] {
  const models = plan.examples.flatMap(({ name }) => [
    `${safeName(name)}.model`,
    `${safeName(name)}.deep`,
  ]);
  return [...outputNames(plan), ...models];
}

/** Every file a run of the plan may write into its folder, in any format. */
export function outputNames(plan: Plan): string[] {
  const names = ['manifest.json', 'late.ndjson', 'malformed.ndjson'];
  for (const { name } of plan.examples) {
    const safe = safeName(name);
    names.push(...['ndjson', 'block', 'parquet', 'proto'].map((end) => `${safe}.${end}`));
    names.push(quarantineName(name));
  }
  return names;
}

export async function openSink(
  folder: string,
  format: OutputFormat,
  more: SinkParts,
): Promise<Sink> {
  const name = sinkName(more.plan.name, format);
  switch (format) {
    case 'ndjson':
      return NdjsonSink.open(folder, name, more);
    case 'block':
      return BlockSink.open(folder, name, more);
    case 'parquet': {
      // Its library is loaded by those that write Parquet.
      const { ParquetSink } = await import('./sink-parquet.ts');
      return ParquetSink.open(folder, name, more);
    }
  }
}
