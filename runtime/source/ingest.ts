/** `millrace ingest PATH… --from STREAM=FILE --to DIR`: files decoded once into a log of event blocks. */
import type { ScanField } from '../../compiler/plan/plan.ts';
import { hasErrors } from '../../dsl/diagnostic.ts';
import { READ_ROWS } from '../config.ts';
import { type Console, showDiagnostics } from '../console-output.ts';
import { Fault } from '../fault.ts';
import { EmbeddedLog } from '../log/embedded-log.ts';
import { compileProgram, readProgram } from '../program-files.ts';
import { FolderLock } from '../run/folder-lock.ts';
import type { SourceInput } from '../run/task-source.ts';
import { encodeEvents } from './event-block.ts';
import { readIngestRecord, writeIngestRecord } from './ingest-record.ts';
import { parseInputs } from './inputs.ts';

export async function ingestCommand(
  paths: readonly string[],
  flags: {
    readonly from: readonly string[];
    readonly schema?: readonly string[];
    readonly to: string;
  },
  out: Console,
): Promise<number> {
  const program = readProgram(paths);
  const { plan, diagnostics } = compileProgram(program);
  showDiagnostics(diagnostics, program.texts, out);
  if (plan === null || hasErrors(diagnostics)) return 1;
  const inputs = await parseInputs(plan, flags.from, flags.schema, keepAll);
  const lock = await FolderLock.take(flags.to);
  const log = new EmbeddedLog(flags.to, { sync: 'close' });
  try {
    const before = await readIngestRecord(flags.to);
    const records = { ...before?.records };
    await writeIngestRecord(flags.to, { version: 1, whole: false, records });
    for (const input of inputs) {
      const { partition, path } = input;
      const { topic, fields } = plan.scans[input.scan]!;
      const rows = await ingestFile(log, { topic, input }, fields.map(keepAll));
      records[`${topic}/${partition}`] = (await log.open(topic, partition)).end;
      out.print(`${path}: ${rows} records to ${topic}/${partition}`);
    }
    await log.close();
    await writeIngestRecord(flags.to, { version: 1, whole: true, records });
    return 0;
  } finally {
    await log.close();
    await lock.release();
  }
}

async function ingestFile(
  log: EmbeddedLog,
  of: { readonly topic: string; readonly input: SourceInput },
  fields: readonly ScanField[],
): Promise<number> {
  const { topic, input } = of;
  const { partition } = input;
  const to = await log.open(topic, partition);
  if (to.end > 0) {
    throw new Fault(
      'log_not_empty',
      `the log has records of ${topic}/${partition} already: give an empty folder with --to`,
      {
        context: { topic, partition },
      },
    );
  }
  const reader = await input.open(null);
  try {
    for (;;) {
      const batch = await reader.read(READ_ROWS);
      if (batch === null) return reader.position().rows;
      await to.append([encodeEvents(batch, fields)]);
      batch.release();
    }
  } finally {
    await reader.close();
  }
}

/** Values and text hashes are kept whether this program needs them or not: another may read the log. */
function keepAll(field: ScanField): ScanField {
  const isText = field.type.kind === 'scalar' && field.type.name === 'string';
  return { ...field, value: true, hash: field.hash || isText };
}
