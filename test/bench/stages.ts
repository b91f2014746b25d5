/** Where a run's time goes: the samples of a V8 CPU profile by what the folders of the source are about. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { textTable } from '../../runtime/text-table.ts';
import { measure } from './measure.ts';

type Profile = {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
};

/** By folder of `dist`; the first that a path begins with. */
const STAGES: readonly (readonly [string, string])[] = [
  ['operators/decode', 'decode'],
  ['runtime/source', 'read'],
  ['operators/scan', 'scan, order'],
  ['operators/keyspace', 'look up'],
  ['operators/state', 'look up'],
  ['operators/counter', 'update and read counters'],
  ['operators/', 'columns, expressions, emission'],
  ['runtime/block', 'encode'],
  ['runtime/sink', 'encode'],
  ['runtime/store', 'checkpoint'],
  ['runtime/log', 'commit'],
  ['runtime/', 'start and loop'],
  ['compiler/', 'compile the program'],
  ['dsl/', 'compile the program'],
];
const REST = 'engine, libraries, system';

/** A line a stage: ns an event of the main thread of `node ...args`, and its share. The process runs with a profiler. */
export function stagesText(args: readonly string[], events: number): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'millrace-profile-'));
  try {
    measure(['--cpu-prof', `--cpu-prof-dir=${folder}`, ...args]);
    const [file] = readdirSync(folder);
    const micros = stagesOf(JSON.parse(readFileSync(path.join(folder, file), 'utf8')));
    const all = [...micros.values()].reduce((sum, each) => sum + each, 0);
    const lines = [...micros]
      .sort(([, a], [, b]) => b - a)
      .map(([stage, each]) => [
        stage,
        Math.round((each * 1e3) / events).toString(),
        `${((100 * each) / all).toFixed(1)} %`,
      ]);
    return textTable([['stage', 'ns/event', 'share'], ...lines]).join('\n');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Microseconds by stage. What has no file of its own (generated code, natives) counts with whoever calls it. */
function stagesOf({ nodes, samples, timeDeltas }: Profile): Map<string, number> {
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((c) => [c, id])));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const stageOf = (id: number): string | null => {
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const { functionName, url } = byId.get(at)!.callFrame;
      if (functionName === '(idle)') return null;
      const place = url.split('/dist/')[1];
      if (place === undefined) continue;
      return STAGES.find(([folder]) => place.startsWith(folder))?.[1] ?? REST;
    }
    return REST;
  };
  const stages = new Map(nodes.map(({ id }) => [id, stageOf(id)]));
  const micros = new Map<string, number>();
  for (const [i, id] of samples.entries()) {
    const stage = stages.get(id) ?? null;
    if (stage !== null) micros.set(stage, (micros.get(stage) ?? 0) + timeDeltas[i]);
  }
  return micros;
}
