/**
 * A cluster in one process and one thread: scan tasks, shard tasks and the exchange logs between them, stepping in an
 * order that a seed decides. Tasks crash and lose their memory, are started again from their last checkpoint, and go on as
 * zombies beside their successors; parcels are cut anyhow and appended whenever. What is committed must not care.
 */
import type { ExchangePlan } from '../../compiler/plan/exchange-plan.ts';
import { placeExchange } from '../../compiler/plan/place-exchange.ts';
import type { Plan } from '../../compiler/plan/plan.ts';
import type { ShardState } from '../../operators/stages/shard-stage.ts';
import type { Rng } from '../random.ts';
import type { Partition } from '../run-in-memory.ts';
import { ScanTask } from './scan-task.ts';
import { ShardTask } from './shard-task.ts';

export type ClusterOptions = {
  readonly shards: number;
  readonly complete: boolean;
  readonly random: Rng;
  /** Chance of a task's crash at one of its steps. */
  readonly crash: number;
  /** Chance that a crashed task's old self goes on for a while. */
  readonly zombie: number;
  readonly codegen: boolean;
  /** Chance that a shard that starts again has lost its state. */
  readonly amnesia: number;
  /** Rows that wait may take so much memory in a shard, bytes; beyond it they spill. */
  readonly bufferBytesMax: number;
  /** A bug: what becomes of a shard's saved state when it is read again. */
  readonly sabotage?: (state: ShardState) => ShardState;
};

export type ClusterResult = {
  /** By example set and shard: committed lines in the order of their commits. */
  readonly lines: Readonly<Record<string, readonly (readonly string[])[]>>;
  /** By example set: anchors pending, over all shards. */
  readonly pending: readonly unknown[];
  readonly crashes: number;
};

/** What the tasks share. */
export type World = {
  readonly plan: Plan;
  readonly exchange: ExchangePlan;
  readonly options: ClusterOptions;
  /** The exchange: by shard, records at their offsets. */
  readonly logs: readonly Uint8Array[][];
  /** By stream: partitions. */
  readonly partitions: readonly number[];
};

/** Rounds after which a cluster that has not come to its end is stuck. */
const STEPS_MAX = 200_000;
const ZOMBIE_STEPS = 12;
/** Rounds after which nobody crashes any more: a task that crashes faster than it reads its log never ends. */
const CRASHES_UNTIL = 1500;

type Task = ScanTask | ShardTask;

/** A task through its incarnations: a successor goes on from what the one before saved. */
type Seat = { task: Task; readonly next: () => Task };

export function runCluster(
  plan: Plan,
  input: readonly Partition[],
  options: ClusterOptions,
): ClusterResult {
  const world = worldOf(plan, input, options);
  const scans = scanSeats(world, input);
  const shards = world.logs.map((_, shard) => shardSeat(world, shard));
  const seats: readonly Seat[] = [...scans, ...shards];
  const { random, crash, zombie } = options;
  let zombies: { readonly task: Task; left: number }[] = [];
  let crashes = 0;
  for (let steps = 0; seats.some(({ task }) => !task.isDone()); steps++) {
    if (steps > STEPS_MAX)
      throw new Error(`stuck:\n${seats.map(({ task }) => task.show()).join('\n')}`);
    const seat = random.pick(seats);
    seat.task.step();
    if (steps < CRASHES_UNTIL && random.chance(crash)) {
      crashes++;
      const old = seat.task;
      old.isFenced = true;
      seat.task = seat.next();
      if (random.chance(zombie)) zombies.push({ task: old, left: ZOMBIE_STEPS });
    }
    for (const each of zombies) {
      if (random.chance(0.5)) continue;
      each.task.step();
      each.left--;
    }
    zombies = zombies.filter(({ left }) => left > 0);
  }
  return {
    ...resultOf(
      plan,
      shards.map(({ task }) => task as ShardTask),
    ),
    crashes,
  };
}

function worldOf(plan: Plan, input: readonly Partition[], options: ClusterOptions): World {
  return {
    plan,
    exchange: JSON.parse(JSON.stringify(placeExchange(plan))),
    options,
    logs: Array.from({ length: options.shards }, () => []),
    partitions: plan.streams.map(({ name, scan }) => {
      const own = input.filter(({ stream }) => stream === name);
      return scan < 0 ? 0 : Math.max(1, ...own.map(({ partition }) => partition + 1));
    }),
  };
}

/** A partition that the input does not name is there and empty. */
function scanSeats(world: World, input: readonly Partition[]): Seat[] {
  return world.plan.streams.flatMap(({ name }, stream) => {
    return Array.from({ length: world.partitions[stream] }, (_, partition): Seat => {
      const own = input.find((each) => each.stream === name && each.partition === partition);
      const lines = (own?.rows ?? []).map((row) =>
        typeof row === 'string' ? row : JSON.stringify(row),
      );
      const place = { stream, partition, lines };
      const seat: Seat = {
        task: new ScanTask(world, place, null),
        next: () => new ScanTask(world, place, seat.task as ScanTask),
      };
      return seat;
    });
  });
}

function shardSeat(world: World, shard: number): Seat {
  const seat: Seat = {
    task: new ShardTask(world, shard, null),
    next: () => new ShardTask(world, shard, seat.task as ShardTask),
  };
  return seat;
}

function resultOf(plan: Plan, shards: readonly ShardTask[]): Omit<ClusterResult, 'crashes'> {
  const lines = plan.examples.map(({ name }, e): [string, string[][]] => [
    name,
    shards.map(({ saved }) => saved.lines[e]),
  ]);
  const pending = plan.examples.map(({ labels }, e) => {
    const all = shards.flatMap(({ stage }) => stage.pending()).filter((p) => p.example === e);
    return {
      labels: labels.map(({ name }, l) => ({
        name,
        anchors: all.reduce((sum, each) => sum + each.pending.labels[l].anchors, 0),
      })),
      audit: all.reduce((sum, each) => sum + each.pending.audit, 0),
    };
  });
  return { lines: Object.fromEntries(lines), pending };
}
