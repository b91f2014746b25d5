/** `millrace train --from DIR`: the built-in trainer over the examples of a finished run, one model file a set. */
import { join } from 'node:path';
import type { Plan } from '../compiler/plan.ts';
import type { Console } from './console-output.ts';
import { Fault } from './fault.ts';
import { disk } from './files.ts';
import type { Manifest } from './manifest.ts';
import { readExamples } from './read-examples.ts';
import { PLAN, PRIVATE } from './run-folder.ts';
import { safeName, sinkName } from './sink.ts';
import { FtrlTrainer, type LabelReport } from './trainer/ftrl-trainer.ts';
import { trainerConfig } from './trainer/trainer-config.ts';

export async function trainCommand(folder: string, out: Console): Promise<number> {
  const manifest = await readJson<Manifest>(join(folder, 'manifest.json'), folder);
  const plan = await readJson<Plan>(join(folder, PRIVATE, PLAN), folder);
  for (const set of plan.examples) {
    if (set.labels.length === 0) {
      out.print(`${set.name}: no label, nothing to train`);
      continue;
    }
    const trainer = new FtrlTrainer(trainerConfig(set));
    const file = sinkName(set.name, manifest.format);
    for await (const rows of readExamples(join(folder, file), set)) trainer.consume(rows);
    const model = join(folder, `${safeName(set.name)}.model`);
    const { rows, labels } = trainer.metrics();
    trainer.snapshot(model, { [file]: rows });
    out.print(`${set.name}: ${rows} rows, model in ${model}`);
    for (const [name, report] of Object.entries(labels)) out.print(reportLine(name, report));
  }
  return 0;
}

/** What every row was scored before it was trained on; of audited anchors, when there are any. */
function reportLine(label: string, { emissions, audit }: LabelReport): string {
  const [values, source] = audit.rows > 0 ? [audit, 'audited'] : [emissions, 'emitted'];
  return (
    `  ${label}: normalised entropy ${shown(values.normalisedEntropy)}, AUC ${shown(values.auc)}, ` +
    `calibration ${shown(values.calibration)} over ${values.rows} ${source} labels`
  );
}

function shown(value: number | null): string {
  return value === null ? 'unknown' : value.toFixed(4);
}

async function readJson<T>(path: string, folder: string): Promise<T> {
  const bytes = await disk.read(path);
  if (bytes === null) {
    throw new Fault(
      'no_run',
      `${folder} holds no finished run (${path} is missing): give the --to folder of millrace run`,
      {
        context: { path },
      },
    );
  }
  const value: T = JSON.parse(Buffer.from(bytes).toString());
  return value;
}
