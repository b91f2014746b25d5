/** `millrace erase DIR --key FIELD=VALUE`: a person's events are taken out of everything that a run derived from them. */
import { resolve } from 'node:path';
import { chdir } from 'node:process';
import type { Plan } from '../../compiler/plan/plan.ts';
import { type ErasedKey, erasableFields, erasedKey } from '../../operators/scan/erasure.ts';
import { BUFFER_BYTES, CHECKPOINT_EVERY_MS, COMMIT_EVERY_MS } from '../config.ts';
import type { Console } from '../console-output.ts';
import { Fault } from '../fault.ts';
import { disk } from '../files.ts';
import { receiptOf, receiptPath } from '../run/erasure-receipt.ts';
import { readFolderNow } from '../run/folder-now.ts';
import { refuseChanged } from '../run/run-folder.ts';
import type { RunOrigin } from '../run/run-origin.ts';
import type { SourceInput } from '../run/task-source.ts';
import { isWorkerState } from '../run/worker-state.ts';
import { parseFormat } from '../sink/format-text.ts';
import { parseInputs } from '../source/inputs.ts';
import { stateBytesDefault } from '../store/state-memory.ts';
import { UsageError } from '../usage-error.ts';
import { type RunFlags, runPlan } from './run-command.ts';

/** Gives the exit code; throws UsageError, Fault. The keys' values are hashed here and kept nowhere. */
export async function eraseCommand(
  dir: string,
  keyOptions: readonly string[],
  { quiet }: { readonly quiet: boolean },
  out: Console,
): Promise<number> {
  const folder = resolve(dir);
  if (await isWorkerState(folder)) throw notOnKafka(dir);
  const { plan, identity, origin } = await readFolderNow(dir, disk);
  refuseChanged(dir, plan, 'erase');
  const keys = keyOptions.map((option) => parseKey(option, plan));
  if (origin === null) {
    throw new Fault(
      'origin_unknown',
      `${dir} does not say where its inputs are, so it cannot be made again: run over it with --fresh first.`,
      { context: { path: dir } },
    );
  }
  if (origin.from.some((from) => /[=,]-(,|$)/.test(from))) {
    throw new UsageError(
      `${dir} was made from standard input, which cannot be read again: keep the events in a file, and run over that.`,
    );
  }
  const inputs = await inputsAgain(plan, origin);
  const { shards, complete, until, format } = identity;
  const flags: RunFlags = {
    ...{ from: origin.from, schema: origin.schema, to: folder, ...parseFormat(format) },
    ...{ shards, complete, until, fresh: false, state: 'rocksdb', quiet },
    ...{ commitEveryMs: COMMIT_EVERY_MS, checkpointEveryMs: CHECKPOINT_EVERY_MS },
    ...{ memoryBytes: BUFFER_BYTES, stateBytes: stateBytesDefault() },
  };
  const { code } = await runPlan({ plan, inputs }, flags, out, { erase: keys });
  if (code !== 0) {
    out.error('What was derived is deleted. The command that made the folder makes it anew.');
    return code;
  }
  const receipt = await receiptOf({ folder, files: disk }, { keys });
  const events = Object.entries(receipt?.removed.events ?? {}).map(
    ([name, n]) => `${n} of ${name}`,
  );
  const path = receipt === null ? 'lost' : receiptPath(folder, receipt.erasure);
  out.print(`erased ${events.join(', ') || 'nothing: no event has these keys'}; receipt: ${path}`);
  return 0;
}

/** What cannot be done on Kafka, and what does it there. */
export function notOnKafka(what: string): UsageError {
  return new UsageError(
    [
      `erase makes the output folder of a run over files again. ${what} is of an application on Kafka: records of topics cannot be taken out`,
      'singly, and its state, exchange and snapshots hold what came of them. There, instead:',
      '  1. let the source topics forget the person: tombstones for the keys of compacted topics, else their retention;',
      '  2. start the program under another --app, which reads what is left from the beginning;',
      '  3. when it has caught up, delete the topics, the --state-dir and the --snapshots of the old one, and train models anew.',
    ].join('\n'),
  );
}

function parseKey(option: string, plan: Plan): ErasedKey {
  const at = option.indexOf('=');
  const field = option.slice(0, at);
  const value = option.slice(at + 1);
  if (at <= 0 || value === '') throw new UsageError(`--key ${option}: write FIELD=VALUE`);
  const known = erasableFields(plan);
  if (known.includes(field)) return erasedKey(field, value);
  throw new UsageError(
    `--key ${field}=…: no event can be found by \`${field}\`. Events are found by ${known.map((name) => `\`${name}\``).join(', ') || 'no field of this program'}: fields that are keys of something, or tagged \`pii\`.`,
  );
}

/** The inputs of the run, named as its command named them. */
async function inputsAgain(plan: Plan, { cwd, from, schema }: RunOrigin): Promise<SourceInput[]> {
  try {
    chdir(cwd);
    return await parseInputs(plan, from, schema);
  } catch (cause) {
    throw new Fault(
      'inputs_gone',
      `nothing is erased: the run is made again from its inputs, and ${cause instanceof Error ? cause.message : cause} (in ${cwd}). Bring them back; or delete the folder, and run over inputs that the person is not in.`,
      { cause, context: { path: cwd } },
    );
  }
}
