/** `millrace check PATH… --from STREAM=FILE…`: runs the program over sample data and proposes checks that fit it. */
import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Plan } from '../../compiler/plan/plan.ts';
import { BUFFER_BYTES } from '../config.ts';
import type { Console } from '../console-output.ts';
import { compileProgram, readProgram } from '../program-files.ts';
import { safeName } from '../sink/sink.ts';
import { parseInputs } from '../source/inputs.ts';
import { stateBytesDefault } from '../store/state-memory.ts';
import { UsageError } from '../usage-error.ts';
import { SampleSummary } from './propose-checks.ts';
import { recordsText, runPlan } from './run-command.ts';

/** Prints the proposals; the program must be free of errors. Throws UsageError, Fault. */
export async function proposeChecks(
  paths: readonly string[],
  samples: { readonly from: readonly string[]; readonly schema: readonly string[] },
  out: Console,
): Promise<number> {
  const { plan } = compileProgram(readProgram(paths));
  if (plan === null || plan.examples.length === 0)
    throw new UsageError('the program has no examples block: there is nothing to check');
  // What the program's own checks would keep aside is part of the sample.
  const unchecked: Plan = {
    ...plan,
    examples: plan.examples.map((set) => ({ ...set, checks: [] })),
  };
  const inputs = await parseInputs(unchecked, samples.from, samples.schema);
  const folder = await mkdtemp(join(tmpdir(), 'millrace-check-'));
  try {
    const flags = {
      ...{ from: samples.from, to: folder, format: 'ndjson' as const, shards: 1 },
      ...{ complete: true, fresh: false, quiet: true, state: 'memory' as const },
      ...{ commitEveryMs: 1_000, checkpointEveryMs: 86_400_000 },
      ...{ memoryBytes: BUFFER_BYTES, stateBytes: stateBytesDefault() },
    };
    const { outcome, code, manifest } = await runPlan({ plan: unchecked, inputs }, flags, out);
    if (outcome !== 'done' || manifest === null) return code;
    // Proposals that fit bad data would let it pass: its reader must see what was set aside.
    out.print(recordsText(manifest));
    for (const warning of manifest.warnings) out.error(`warning: ${warning}`);
    for (const set of unchecked.examples) {
      const summary = new SampleSummary(unchecked, set);
      const path = join(folder, `${safeName(set.name)}.ndjson`);
      for await (const line of createInterface({ input: createReadStream(path) }))
        summary.add(JSON.parse(line), Buffer.byteLength(line) + 1);
      print(set.name, summary, out);
    }
    return 0;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function print(set: string, summary: SampleSummary, out: Console): void {
  const checks = summary.proposals();
  out.print(`\nexamples ${set}: ${summary.rows} rows in the sample`);
  if (checks.length === 0) return;
  const width = Math.max(...checks.map(({ text }) => text.length));
  for (const { text, seen } of checks) out.print(`  check ${text.padEnd(width)}  // ${seen}`);
}
