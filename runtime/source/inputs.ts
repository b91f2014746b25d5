/** `--from STREAM=FILE[,FILE]…`: which file is which partition of which topic. */
import type { Plan, ScanField } from '../../compiler/plan/plan.ts';
import { didYouMean } from '../../dsl/suggest.ts';
import type { SourceInput } from '../run/task-source.ts';
import { UsageError } from '../usage-error.ts';
import { checkInputFiles } from './input-files.ts';
import { isProtobuf, openReader } from './open-reader.ts';
import { openLogSource } from './source-log.ts';

/** A file that is a folder of an embedded log. */
const LOG = 'log:';

/**
 * The inputs of a run. STREAM is a stream or table of the program, or a topic; FILEs are its partitions, in order; none
 * (`STREAM=`) says that the stream has no events. Every topic must be named: a UsageError lists those that are not. A Fault
 * when a file is missing or cannot be read. `decoded`: what is read of each field, if it is not what the plan says.
 */
export async function parseInputs(
  plan: Plan,
  froms: readonly string[],
  schemaOptions: readonly string[] = [],
  decoded: (field: ScanField) => ScanField = (field) => field,
): Promise<SourceInput[]> {
  const schemas = await schemasOf(plan, schemaOptions);
  const filesByScan = new Map<number, string[]>();
  for (const from of froms) {
    const at = from.indexOf('=');
    if (at <= 0)
      throw new UsageError(`--from ${from}: write STREAM=FILE (or STREAM= for no events)`);
    const scan = scanOf(plan, '--from', from.slice(0, at));
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
    const fields = plan.scans[scan]!.fields.map(decoded);
    const schema = schemas.get(scan) ?? null;
    let partition = 0;
    for (const path of files) {
      if (path.startsWith(LOG)) {
        const { topic } = plan.scans[scan]!;
        const logs = await openLogSource(path.slice(LOG.length), topic, fields);
        for (const open of logs) inputs.push({ scan, partition: partition++, path, open });
        continue;
      }
      if (schema === null && isProtobuf(path)) {
        const stream = namesOf(plan, plan.scans[scan]!.streams)[0]!;
        throw new UsageError(
          `${path} holds protobuf messages: add --schema ${stream}=FILE.proto:package.Message`,
        );
      }
      inputs.push({
        scan,
        partition: partition++,
        path,
        schema: isProtobuf(path) ? schema?.digest : undefined,
        open: (at) => openReader(path, fields, { at, schema }),
      });
    }
  }
  checkInputFiles(inputs, (scan) => namesOf(plan, plan.scans[scan]!.streams)[0]!);
  return inputs;
}

function scanOf(plan: Plan, option: string, name: string): number {
  const stream = plan.streams.find((s) => s.name === name && s.scan >= 0);
  if (stream !== undefined) return stream.scan;
  const byTopic = plan.scans.findIndex((scan) => scan.topic === name);
  if (byTopic >= 0) return byTopic;
  const streams = plan.streams.filter((s) => s.scan >= 0).map((s) => s.name);
  const near = didYouMean(name, [...streams, ...plan.scans.map((scan) => scan.topic)]);
  throw new UsageError(
    near === null
      ? `${option} ${name}: the program has no such stream; it reads ${streams.join(', ')}`
      : `${option} ${name}: the program has no such stream; did you mean ${near}?`,
  );
}

function namesOf(plan: Plan, streams: readonly number[]): string[] {
  return streams.map((index) => plan.streams[index]!.name);
}

/** By index of scan. The library behind it is loaded where there is a schema. */
async function schemasOf(plan: Plan, options: readonly string[]) {
  if (options.length === 0) return new Map<number, never>();
  const { parseSchemas } = await import('./protobuf-schemas.ts');
  return parseSchemas(options, (stream) => scanOf(plan, '--schema', stream));
}
