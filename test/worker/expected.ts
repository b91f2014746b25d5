/** What an application must have written: engine and checks over the same partitioned events and decisions, in one go. */
import type { Plan } from '../../compiler/plan/plan.ts';
import type { BucketBounds } from '../../operators/checks/buckets.ts';
import { Gate, type Settled } from '../../operators/checks/gate.ts';
import { SlabSet } from '../../operators/state/slab.ts';
import { emissionRows } from '../../runtime/block/emission-row.ts';
import type { ExampleRow } from '../../runtime/block/example-row.ts';
import { PipelineEngine } from '../../runtime/run/pipeline-engine.ts';
import { KeptLines } from '../../runtime/sink/kept-lines.ts';
import type { FloorDecision } from '../../runtime/worker/unit-decisions.ts';
import { decode, type Partition } from '../run-in-memory.ts';

export type Expected = {
  /** By example set. */
  readonly rows: readonly ExampleRow[][];
  readonly late: number;
  readonly malformed: number;
  /** Rows that broke a check, alone or together. */
  readonly quarantined: number;
  /** Buckets that landed, and that did not. */
  readonly landed: number;
  readonly failed: number;
};

/** Reads every partition to its end, whoever is furthest behind first; `complete`: every wait elapses. */
export function expectedOf(
  plan: Plan,
  input: readonly Partition[],
  more: {
    readonly complete: boolean;
    readonly floors?: readonly FloorDecision[];
    readonly bounds?: BucketBounds;
  },
): Expected {
  const engine = new PipelineEngine(plan, {
    ...{ slabs: [new SlabSet()], scanSlabs: new SlabSet(), codegen: true, spill: null },
    bufferBytesMax: Number.POSITIVE_INFINITY,
  });
  const sources = sourcesOf(plan, input);
  for (const { stream, partition } of sources) engine.addPartition(stream, partition, null);
  if (more.complete) engine.complete();
  const rows: ExampleRow[][] = plan.examples.map(() => []);
  const gates = gatesOf(plan, more.bounds);
  const counts = { late: 0, malformed: 0, quarantined: 0, landed: 0, failed: 0 };
  const settle = (set: number, { batch, skip, aside, verdict }: Settled) => {
    counts.quarantined += aside.length;
    if (verdict !== null) counts[verdict.failed.length > 0 ? 'failed' : 'landed']++;
    const all = emissionRows(batch, plan.examples[set]!);
    rows[set]!.push(...all.filter((_, row) => skip === null || skip[row] === 0));
  };
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
        counts.late += aside.late.length;
        counts.malformed += aside.malformed.length;
      }
    }
    const frontier = engine.frontier();
    if (frontier > applied) {
      applied = frontier;
      for (const emitted of engine.advance(frontier)) {
        emitted.forEach((batch, set) => {
          if (batch !== null) for (const each of gates[set]!.accept(batch)) settle(set, each);
        });
      }
      gates.forEach((gate, set) => {
        for (const each of gate.reach(frontier)) settle(set, each);
      });
    }
    if (behind === undefined) return { rows, ...counts };
  }
}

function gatesOf(plan: Plan, bounds: BucketBounds | undefined): Gate[] {
  return plan.examples.map((set) => {
    const lines = new KeptLines(set);
    return new Gate(set, new SlabSet().open('checks'), {
      rowBytes: (batch, row) => lines.rowBytes(batch, row),
      decided: () => null,
      ...(bounds === undefined ? {} : { bounds }),
    });
  });
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
