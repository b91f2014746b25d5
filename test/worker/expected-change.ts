/** What an application whose program changes must have written: engine and checks over the same events and changes, in one go. */
import type { ExamplePlan } from '../../compiler/plan/plan.ts';
import { BUCKET_BOUNDS, type BucketBounds } from '../../operators/checks/buckets.ts';
import { Gate, type Settled } from '../../operators/checks/gate.ts';
import { SlabSet } from '../../operators/state/slab.ts';
import { statesOf } from '../../operators/take-over/state-names.ts';
import { emissionRows } from '../../runtime/block/emission-row.ts';
import type { ExampleRow } from '../../runtime/block/example-row.ts';
import { PipelineEngine } from '../../runtime/run/pipeline-engine.ts';
import { KeptLines } from '../../runtime/sink/kept-lines.ts';
import type { FloorDecision } from '../../runtime/worker/unit-decisions.ts';
import type { PlanStage } from '../../runtime/worker/unit-plans.ts';
import { decode, type Partition } from '../run-in-memory.ts';

type ChangeMore = {
  readonly bounds?: BucketBounds;
  /** In the order of their rows. */
  readonly floors?: readonly FloorDecision[];
};

/** By set: every plan reads all events, and applies those steps that are its own to the state of the one before. */
export function changedInOne(
  stages: readonly PlanStage[],
  events: readonly Partition[],
  { bounds = BUCKET_BOUNDS, floors = [] }: ChangeMore = {},
): Map<string, ExampleRow[]> {
  const rows = new Map<string, ExampleRow[]>();
  /** A set that closes is judged on. */
  const gates = new Map<string, Gate>();
  let slabs = new SlabSet();
  for (const [i, { plan, from }] of stages.entries()) {
    const until = stages[i + 1]?.from ?? Number.POSITIVE_INFINITY;
    const takes = statesOf(plan);
    const own = new SlabSet();
    for (const slab of slabs.all()) {
      if (!takes(slab.name)) continue;
      for (const { page, bytes } of slab.dirtyPages()) own.open(slab.name).load(page, bytes);
      own.open(slab.name).mark(0, own.open(slab.name).used);
    }
    slabs = own;
    const engine = new PipelineEngine(plan, {
      ...{ slabs: [own], scanSlabs: new SlabSet(), codegen: false, spill: null },
      bufferBytesMax: Number.POSITIVE_INFINITY,
    });
    engine.skipBelow(from);
    engine.complete();
    for (const { stream: name, partition, rows: all } of events) {
      const stream = plan.streams.findIndex((each) => each.name === name);
      if (stream < 0) continue;
      engine.addPartition(stream, partition, null);
      const lines = all.map((row) => (typeof row === 'string' ? row : JSON.stringify(row)));
      const { topic } = plan.scans[plan.streams[stream]!.scan]!;
      const own = floors.filter((each) => each.topic === topic && each.partition === partition);
      let at = 0;
      const readTo = (row: number) => {
        const batch = decode(plan, { stream, lines, at }, row - at);
        if (batch !== null) engine.accept(stream, partition, batch);
        at = row;
      };
      for (const { row, time } of own) {
        readTo(row);
        engine.floor(stream, partition, time);
      }
      readTo(lines.length);
      engine.end(stream, partition);
    }
    const sets = plan.examples.map(({ name }) => name);
    for (const [set, name] of sets.entries()) {
      if (!gates.has(name)) gates.set(name, gateOf(plan.examples[set]!, bounds));
      rows.set(name, rows.get(name) ?? []);
    }
    const settle = (set: number, settled: Iterable<Settled>) => {
      for (const { batch, skip } of settled) {
        const landed = emissionRows(batch, plan.examples[set]!).filter((_, row) => !skip?.[row]);
        rows.get(sets[set]!)!.push(...landed);
      }
    };
    for (const emitted of engine.advance(until)) {
      for (const [set, batch] of emitted.entries()) {
        if (batch !== null) settle(set, gates.get(sets[set]!)!.accept(batch));
      }
    }
    for (const [set, name] of sets.entries()) settle(set, gates.get(name)!.reach(until));
  }
  return rows;
}

function gateOf(set: ExamplePlan, bounds: BucketBounds): Gate {
  const lines = new KeptLines(set);
  return new Gate(set, new SlabSet().open('checks'), {
    rowBytes: (batch, row) => lines.rowBytes(batch, row),
    decided: () => null,
    bounds,
  });
}
