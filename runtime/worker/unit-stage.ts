/**
 * Which plan a life of the unit runs: the newest one whose state is there. Where the program changed, that may be one before: its
 * life then applies what is left up to the change, all of which is out, saves, and the next life takes that state over. So the state
 * that a change needs is made whenever it is missing, from whatever there is; from the beginning if need be.
 */
import type { Plan } from '../../compiler/plan/plan.ts';
import { Fault } from '../fault.ts';
import { appTopics } from './app-topics.ts';
import type { Partition } from './cluster.ts';
import { LogReach } from './log-reach.ts';
import type { Chain } from './snapshot-folder.ts';
import type { EndDecision, UnitDecision } from './unit-decisions.ts';
import type { Began } from './unit-handover.ts';
import type { PlanStage } from './unit-plans.ts';
import type { UnitProgress } from './unit-progress.ts';
import type { UnitRequest } from './unit-recovery.ts';
import { checkGrowth, nameOf, partitionsOf } from './unit-shard.ts';
import { type LeftFiles, leftSnapshots, loadState, type UnitState } from './unit-state.ts';
import type { ValueFormat } from './value-decoder.ts';

export type OwnPartition = { readonly of: Partition; readonly scan: number };

export type LifeStage = {
  /** Under the stage's plan. */
  readonly request: UnitRequest;
  /** How far the plan goes: there another one takes over. Infinite for the newest. */
  readonly stopAt: number;
  readonly counts: ReadonlyMap<string, number>;
  readonly own: readonly OwnPartition[];
  readonly reach: LogReach;
  readonly chains: readonly Chain[];
  readonly state: UnitState;
};

export type StagesOf = {
  readonly stages: readonly PlanStage[];
  readonly progress: UnitProgress | null;
  readonly decisions: readonly UnitDecision[];
  readonly files: LeftFiles;
  readonly began: Began | null;
};

export async function stageOfLife(asked: UnitRequest, of: StagesOf): Promise<LifeStage> {
  for (let i = of.stages.length - 1; ; i--) {
    const stage = await stageAt(asked, of, i);
    if (stage !== null) return stage;
  }
}

/** Null: no state of the plan is there. */
async function stageAt(asked: UnitRequest, of: StagesOf, i: number): Promise<LifeStage | null> {
  const { stages, progress, decisions, files, began } = of;
  const { cluster, moved } = asked;
  const { plan } = stages[i]!;
  const stopAt = stages[i + 1]?.from ?? Number.POSITIVE_INFINITY;
  const request = underPlan(asked, plan);
  const counts = await partitionsOf(
    cluster,
    plan.scans.map(({ topic }) => topic),
  );
  const isLast = i === stages.length - 1;
  const own = ownPartitions(request, counts).filter(
    // One that came after the change had nothing to say before it.
    (each) => isLast || progress?.starts[nameOf(each.of)] !== undefined,
  );
  checkGrowth(request, own, progress);
  const reach = await LogReach.ask({
    ...{ cluster, progress, exchange: exchangeOf(request) },
    sources: own.map((each) => ({ of: each.of, end: endOf(decisions, each.of) })),
  });
  moved();
  const left = await leftSnapshots(request, files, stages.length > 1);
  moved();
  const from = { progress, reach, left, began, stopAt, isFirst: i === 0 };
  const state = await loadState(request, from);
  return state && { request, stopAt, counts, own, reach, chains: left.chains, state };
}

/** Null: there is one unit. */
export function exchangeOf({ units, unit, topics }: UnitRequest): Partition | null {
  return units === 1 ? null : { topic: topics.exchange, partition: unit };
}

/** Where the partition is decided to end; null: nowhere. */
export function endOf(decisions: readonly UnitDecision[], of: Partition): number | null {
  const found = decisions.find(
    (each): each is EndDecision =>
      each.kind === 'end' && each.topic === of.topic && each.partition === of.partition,
  );
  return found?.offset ?? null;
}

/** The request of a life that runs this plan. */
function underPlan(request: UnitRequest, plan: Plan): UnitRequest {
  if (plan === request.plan) return request;
  const formats = plan.scans.map(({ topic }) => formatOf(request, topic));
  return { ...request, plan, formats, topics: appTopics(request.app, plan) };
}

/** A topic that the program has left is written as the others are, unless each has a schema of its own. */
function formatOf({ app, plan, formats }: UnitRequest, topic: string): ValueFormat {
  const scan = plan.scans.findIndex((each) => each.topic === topic);
  if (scan >= 0) return formats[scan]!;
  const other = formats.find(({ kind }) => kind !== 'protobuf');
  if (other !== undefined) return other;
  throw new Fault(
    'format_unknown',
    `the state of the application ${app} from before its program changed must be made again, and how the values of ${topic} are written is not known: start the worker with the folder that holds the unit's snapshots (--snapshots) or state (--state-dir).`,
    { context: { app, topic } },
  );
}

/** The source partitions of the unit, as many as the topics have now. */
function ownPartitions(
  { app, plan, unit, units }: UnitRequest,
  counts: ReadonlyMap<string, number>,
): OwnPartition[] {
  const own = plan.scans.flatMap(({ topic }, scan) =>
    Array.from({ length: counts.get(topic)! }, (_, partition) => ({
      of: { topic, partition },
      scan,
    })).filter(({ of }) => of.partition % units === unit),
  );
  if (own.length === 0 && units === 1)
    throw new Fault('no_sources', `unit ${unit} of ${app} has nothing to read`);
  return own;
}
