/** `--from STREAM=FILE[,FILE]…`: which file is which partition of which topic. */
import type { Plan } from '../compiler/plan.ts';
import { didYouMean } from '../dsl/suggest.ts';
import { checkInputFiles } from './input-files.ts';
import { openInput } from './open-input.ts';
import { openLogSource } from './source-log.ts';
import type { SourceInput } from './task-source.ts';
import { UsageError } from './usage-error.ts';

/** A file that is a folder of an embedded log. */
const LOG = 'log:';

/**
 * The inputs of a run. STREAM is a stream or table of the program, or a topic; FILEs are its partitions, in order; none
 * (`STREAM=`) says that the stream has no events. Every topic must be named: a UsageError lists those that are not. A Fault
 * when a file is missing or cannot be read.
 */
export async function parseInputs(plan: Plan, froms: readonly string[]): Promise<SourceInput[]> {
  const filesByScan = new Map<number, string[]>();
  for (const from of froms) {
    const at = from.indexOf('=');
    if (at <= 0)
      throw new UsageError(`--from ${from}: write STREAM=FILE (or STREAM= for no events)`);
    const scan = scanOf(plan, from.slice(0, at));
    const files = from
      .slice(at + 1)
      .split(',')
      .filter((file) => file !== '');
    filesByScan.set(scan, [...(filesByScan.get(scan) ?? []), ...files]);
  }
  const missing = plan.scans.flatMap((scan, i) =>
    filesByScan.has(i) ? [] : [namesOf(plan, scan.streams)],
  );
  if (missing.length > 0) {
    const lines = missing.map(
      (names) =>
        `  --from ${names[0]}=FILE${names.length > 1 ? `   (${names.join(', ')} share a topic)` : ''}`,
    );
    throw new UsageError(
      ['every stream of the program needs an input (STREAM= for none). Missing:', ...lines].join(
        '\n',
      ),
    );
  }
  const inputs: SourceInput[] = [];
  for (const [scan, files] of [...filesByScan].sort(([a], [b]) => a - b)) {
    const { fields } = plan.scans[scan]!;
    let partition = 0;
    for (const path of files) {
      if (path.startsWith(LOG)) {
        const { topic } = plan.scans[scan]!;
        const logs = await openLogSource(path.slice(LOG.length), topic, fields);
        for (const open of logs) inputs.push({ scan, partition: partition++, path, open });
        continue;
      }
      inputs.push({
        scan,
        partition: partition++,
        path,
        open: (at) => openInput(path, fields, at),
      });
    }
  }
  checkInputFiles(inputs, (scan) => namesOf(plan, plan.scans[scan]!.streams)[0]!);
  return inputs;
}

function scanOf(plan: Plan, name: string): number {
  const stream = plan.streams.find((s) => s.name === name && s.scan >= 0);
  if (stream !== undefined) return stream.scan;
  const byTopic = plan.scans.findIndex((scan) => scan.topic === name);
  if (byTopic >= 0) return byTopic;
  const streams = plan.streams.filter((s) => s.scan >= 0).map((s) => s.name);
  const near = didYouMean(name, [...streams, ...plan.scans.map((scan) => scan.topic)]);
  throw new UsageError(
    near === null
      ? `--from ${name}: the program has no such stream; it reads ${streams.join(', ')}`
      : `--from ${name}: the program has no such stream; did you mean ${near}?`,
  );
}

function namesOf(plan: Plan, streams: readonly number[]): string[] {
  return streams.map((index) => plan.streams[index]!.name);
}
