/** The end of a run over files: what is left to write once everything is committed. */
import { join } from 'node:path';
import type { Plan } from '../../compiler/plan/plan.ts';
import { showDuration } from '../../compiler/show-duration.ts';
import { disk } from '../files.ts';
import type { Landing } from '../sink/landing.ts';
import { setCounts } from '../sink/set-counts.ts';
import type { Engine } from './engine.ts';
import { finishReceipts } from './erasure-receipt.ts';
import { type InputFacts, inputWarnings } from './input-warnings.ts';
import { type Manifest, makeManifest } from './manifest.ts';
import type { RunRequest } from './run.ts';
import type { Task } from './task.ts';
import type { TaskSource } from './task-source.ts';

/** After the last commit: the files users see, the manifest, then the word that it is done. */
export async function finish(request: RunRequest, task: Task): Promise<Manifest> {
  const { plan, format, complete, folder } = request;
  const { engine, landings, decisions, side, sources } = task.parts;
  for (const { sink } of landings) await sink.finish();
  await side.finish(sources.flatMap((source) => source.sides));
  const manifest = makeManifest(plan, engine, {
    complete,
    format,
    erasures: decisions.erasures.length,
    inputs: sources.map((source) => ({
      topic: source.scan.topic,
      partition: source.input.partition,
      file: source.input.path,
      records: source.rows,
    })),
    sets: await setCounts(landings, decisions),
    warnings: await warningsOf(plan, task),
    newest: newestOf(sources, engine),
  });
  const files = request.files ?? disk;
  const text = `${JSON.stringify(manifest, null, 2)}\n`;
  await files.replace(join(folder, 'manifest.json'), Buffer.from(text));
  const outputs = await task.outputs();
  await finishReceipts({ folder, plan, files }, decisions, { manifest, outputs });
  await task.commit(true);
  return manifest;
}

/** The greatest event time of all inputs; -Infinity where none has three events. */
function newestOf(sources: readonly TaskSource[], engine: Engine): number {
  const times = sources.flatMap(({ scan, input }) =>
    scan.streams.map(
      (stream) => engine.newest(stream, input.partition) ?? Number.NEGATIVE_INFINITY,
    ),
  );
  return Math.max(Number.NEGATIVE_INFINITY, ...times);
}

/** By stream, of what its inputs turned out to be. */
async function warningsOf(plan: Plan, task: Task): Promise<string[]> {
  const { engine, side, sources } = task.parts;
  const warnings: string[] = [];
  for (const [index, stream] of plan.streams.entries()) {
    const inputs: InputFacts[] = [];
    for (const source of sources) {
      const at = source.scan.streams.indexOf(index);
      if (at < 0) continue;
      inputs.push({
        file: source.input.path,
        records: source.rows,
        newest: engine.newest(index, source.input.partition),
        malformed: await side.first('malformed', source.sides[at]!),
      });
    }
    const fields = plan.scans[stream.scan]?.fields ?? [];
    if (inputs.length > 0) {
      warnings.push(...inputWarnings(stream, fields, engine.counts(index), inputs));
    }
  }
  return [...warnings, ...landingWarnings(task.parts.landings)];
}

/** Alarms that keep nothing back. */
function landingWarnings(landings: readonly Landing[]): string[] {
  return landings.flatMap(({ plan, stale }) => {
    if (stale === null) return [];
    const { maxMs, times, from, to } = stale;
    const longest = `${new Date(from).toISOString()} to ${new Date(to).toISOString()}`;
    return [
      `${plan.name}: check freshness <= ${showDuration(maxMs)}: without an example for longer ${times === 1 ? 'once' : `${times} times`}, at most ${showDuration(to - from)}, from ${longest}`,
    ];
  });
}
