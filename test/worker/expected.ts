/** What an application must have written: the engine over the same partitioned events and decisions, in one go. */
import type { Plan } from '../../compiler/plan.ts';
import { SlabSet } from '../../operators/slab.ts';
import { emissionRows } from '../../runtime/emission-row.ts';
import type { ExampleRow } from '../../runtime/example-row.ts';
import { PipelineEngine } from '../../runtime/pipeline-engine.ts';
import type { FloorDecision } from '../../runtime/worker/unit-decisions.ts';
import { decode, type Partition } from '../run-in-memory.ts';

export type Expected = {
  /** By example set. */
  readonly rows: readonly ExampleRow[][];
  readonly late: number;
  readonly malformed: number;
};

/** Reads every partition to its end, whoever is furthest behind first; `complete`: every wait elapses. */
export function expectedOf(
  plan: Plan,
  input: readonly Partition[],
  more: { readonly complete: boolean; readonly floors?: readonly FloorDecision[] },
): Expected {
  const engine = new PipelineEngine(plan, {
    ...{ slabs: [new SlabSet()], scanSlabs: new SlabSet(), codegen: true, spill: null },
    bufferBytesMax: Number.POSITIVE_INFINITY,
  });
  const sources = sourcesOf(plan, input);
  for (const { stream, partition } of sources) engine.addPartition(stream, partition, null);
  if (more.complete) engine.complete();
  const rows: ExampleRow[][] = plan.examples.map(() => []);
  let late = 0;
  let malformed = 0;
  let applied = Number.NEGATIVE_INFINITY;
  for (;;) {
    const open = sources.filter(({ ended }) => !ended);
    const behind = open.sort(
      (a, b) => engine.watermark(a.stream, a.partition) - engine.watermark(b.stream, b.partition),
    )[0];
    if (behind !== undefined) {
      const own = (more.floors ?? []).filter(
        ({ topic, partition }) =>
          topic === plan.scans[plan.streams[behind.stream]!.scan]!.topic &&
          partition === behind.partition,
      );
      for (const { row, time } of own) {
        if (row === behind.at) engine.floor(behind.stream, behind.partition, time);
      }
      const next = Math.min(...own.map(({ row }) => row).filter((row) => row > behind.at));
      const batch = decode(plan, behind, Math.min(50, next - behind.at));
      if (batch === null) {
        behind.ended = true;
        engine.end(behind.stream, behind.partition);
      } else {
        behind.at += batch.n;
        const aside = engine.accept(behind.stream, behind.partition, batch);
        late += aside.late.length;
        malformed += aside.malformed.length;
      }
    }
    const frontier = engine.frontier();
    if (frontier > applied) {
      applied = frontier;
      for (const emitted of engine.advance(frontier)) {
        emitted.forEach((batch, set) => {
          if (batch !== null) rows[set]!.push(...emissionRows(batch, plan.examples[set]!));
        });
      }
    }
    if (behind === undefined) return { rows, late, malformed };
  }
}

type Source = {
  readonly stream: number;
  readonly partition: number;
  readonly lines: readonly string[];
  at: number;
  ended: boolean;
};

function sourcesOf(plan: Plan, input: readonly Partition[]): Source[] {
  return input.flatMap(({ stream, partition, rows }) => {
    const index = plan.streams.findIndex(({ name, scan }) => name === stream && scan >= 0);
    if (index < 0) return [];
    const lines = rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row)));
    return [{ stream: index, partition, lines, at: 0, ended: false }];
  });
}
