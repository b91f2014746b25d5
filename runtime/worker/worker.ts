/**
 * One worker process of an application: a member of its group that lives the life of each unit it is given. Whatever fails
 * ends that life, and the next begins with the recovery path; only what will never work ends the worker.
 */
import { type Cluster, ClusterFault, type Membership } from '../cluster.ts';
import { Fault } from '../fault.ts';
import type { UnitLife } from './unit-life.ts';
import { type Recovered, recoverUnit, type UnitRequest } from './unit-recovery.ts';

export type WorkerRequest = {
  readonly cluster: Cluster;
  readonly unit: UnitRequest;
  /** Set to drain, leave and return. */
  readonly stop: { requested: boolean };
  /** What is under way, for metrics and health. */
  readonly watch: WorkerWatch;
};

export type WorkerWatch = {
  onLife(life: UnitLife | null): void;
  onFault(fault: ClusterFault): void;
  onTurn(): void;
};

/** After a failed life: at first at once, then ever longer, ms. */
const PAUSE_FIRST_MS = 50;
const PAUSE_MAX_MS = 5_000;
/** A worker without a unit looks again this often, ms. */
const STANDBY_MS = 100;
/** A life that lasted this long was not a failed start, ms. */
const STEADY_MS = 30_000;

/** Runs until asked to stop, or until everything up to the decided ends is out. Throws a Fault that no retry cures. */
export async function runWorker(request: WorkerRequest): Promise<'stopped' | 'done'> {
  const { cluster, unit, stop } = request;
  const { app, topics, say } = unit;
  const membership = cluster.join({
    group: topics.group,
    topic: topics.progress,
    units: 1,
    onAssigned: (units) => say('assigned', { app, units: units.join(',') }),
  });
  let pause = PAUSE_FIRST_MS;
  try {
    while (!stop.requested) {
      if (!membership.units().includes(unit.unit)) {
        request.watch.onTurn();
        await cluster.sleep(STANDBY_MS);
        continue;
      }
      const bornAt = cluster.now();
      try {
        const ended = await live(request, membership);
        if (ended === 'done') return 'done';
        pause = PAUSE_FIRST_MS;
      } catch (error) {
        if (!(error instanceof ClusterFault) || error.effect === 'fatal') throw error;
        request.watch.onFault(error);
        say('life_ended', { unit: unit.unit, effect: error.effect, reason: error.message });
        if (cluster.now() - bornAt > STEADY_MS) pause = PAUSE_FIRST_MS;
        await cluster.sleep(pause);
        pause = Math.min(pause * 2, PAUSE_MAX_MS);
      }
    }
    return 'stopped';
  } finally {
    await membership.leave();
  }
}

/** One life, from recovery on. */
async function live(
  request: WorkerRequest,
  membership: Membership,
): Promise<'done' | 'lost' | 'stopped'> {
  const { unit, stop, watch } = request;
  // A zombie that wakes up must not fence its successor: the group is asked first.
  await membership.confirm();
  if (!membership.units().includes(unit.unit)) return 'lost';
  const recovered = await recoverUnit(unit);
  if (recovered === 'already_done') return 'done';
  const { life } = recovered;
  watch.onLife(life);
  try {
    return await turnAfterTurn({ recovered, membership, request });
  } finally {
    watch.onLife(null);
    await recovered.close();
    if (stop.requested) unit.say('drained', { unit: unit.unit });
  }
}

async function turnAfterTurn(of: {
  readonly recovered: Recovered;
  readonly membership: Membership;
  readonly request: WorkerRequest;
}): Promise<'done' | 'lost' | 'stopped'> {
  const { recovered, membership, request } = of;
  const { life } = recovered;
  const { unit, stop, watch, cluster } = request;
  let countedAt = cluster.now();
  for (;;) {
    if (stop.requested) {
      await life.drain();
      return 'stopped';
    }
    if (!membership.units().includes(unit.unit)) {
      // Whoever has it now fenced us, or will: nothing more of ours counts.
      unit.say('unit_lost', { unit: unit.unit });
      return 'lost';
    }
    if ((await life.turn()) === 'done') return 'done';
    watch.onTurn();
    if (cluster.now() - countedAt > PARTITIONS_EVERY_MS) {
      countedAt = cluster.now();
      if (await haveGrown(request, life)) {
        unit.say('partitions_added', { unit: unit.unit });
        await life.drain();
        return 'lost';
      }
    }
    // The group's heartbeats and the metrics get their turn.
    await cluster.sleep(0);
  }
}

/** Whether a source topic has more partitions than are read. */
async function haveGrown({ cluster, unit }: WorkerRequest, life: UnitLife): Promise<boolean> {
  const topics = unit.plan.scans.map(({ topic }) => topic);
  for (const [topic, count] of await cluster.partitions(topics)) {
    if (count === null) {
      throw new Fault('no_topic', `the topic ${topic} is gone`, { context: { topic } });
    }
    if (life.parts.sources.filter(({ of }) => of.topic === topic).length < count) return true;
  }
  return false;
}

/** How often topics are asked for their partitions. */
const PARTITIONS_EVERY_MS = 30_000;
