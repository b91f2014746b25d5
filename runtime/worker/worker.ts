/**
 * One worker process of an application: a member of its group that lives the life of each unit it is given. Whatever fails
 * ends that life, and the next begins with the recovery path; only what will never work ends the worker.
 */

import { Fault } from '../fault.ts';
import type { AppTopics } from './app-topics.ts';
import { type Cluster, ClusterFault, type Membership } from './cluster.ts';
import type { UnitLife } from './unit-life.ts';
import { readProgress } from './unit-progress.ts';
import { type Recovered, recoverUnit, type UnitRequest } from './unit-recovery.ts';
import { checkUnits } from './unit-shard.ts';

export type WorkerRequest = {
  readonly cluster: Cluster;
  readonly app: string;
  readonly topics: AppTopics;
  readonly units: number;
  /** The topics are read to decided ends: there is an end. */
  readonly isEnding: boolean;
  /** What a unit's life is made of. */
  readonly unitOf: (unit: number) => Omit<UnitRequest, 'moved'>;
  /** Set to drain, leave and return. */
  readonly stop: { requested: boolean };
  /** What is under way, for metrics and health. */
  readonly watch: WorkerWatch;
  readonly say: UnitRequest['say'];
};

export type WorkerWatch = {
  /** The unit is ours, or no longer. */
  onSeat(unit: number, isHeld: boolean): void;
  onLife(unit: number, life: UnitLife | null): void;
  onFault(fault: ClusterFault): void;
  /** The unit got on, or tries again. */
  onMove(unit: number): void;
};

/** A seat as it is lived: the unit's lives one after another, until it is done, lost or stopped. */
type Seat = { readonly ended: Promise<'done' | 'lost' | 'stopped'> };

/** After a failed life: at first at once, then ever longer, ms. */
const PAUSE_FIRST_MS = 50;
const PAUSE_MAX_MS = 5_000;
/** How often a worker looks which units it has been given, ms. */
const STANDBY_MS = 100;
/** How often a worker that has done its own asks for the others, ms. */
const ALL_OUT_EVERY_MS = 1_000;
/** A life that lasted this long was not a failed start, ms. */
const STEADY_MS = 30_000;

/**
 * Lives the lives of all units it is given, side by side. Runs until asked to stop, or until everything up to the decided
 * ends is out of every unit. Throws a Fault that no retry cures.
 */
export async function runWorker(request: WorkerRequest): Promise<'stopped' | 'done'> {
  const { cluster, app, topics, units, stop, say } = request;
  const membership = cluster.join({
    ...{ group: topics.group, topic: topics.progress, units },
    onAssigned: (assigned) => say('assigned', { app, units: assigned.join(',') }),
  });
  const seats = new Map<number, Seat>();
  const done = new Set<number>();
  const broken = { error: null as unknown };
  let lookAt = 0;
  try {
    while (!stop.requested && broken.error === null) {
      // A worker that has done its own stays to take over from others.
      const own = membership.units();
      for (const unit of own) {
        if (seats.has(unit) || done.has(unit)) continue;
        const ended = sit(request, membership, unit);
        seats.set(unit, { ended });
        request.watch.onSeat(unit, true);
        ended.then(
          (how) => {
            seats.delete(unit);
            request.watch.onSeat(unit, false);
            if (how === 'done') done.add(unit);
          },
          (error) => {
            broken.error = error;
          },
        );
      }
      if (own.every((unit) => done.has(unit)) && cluster.now() >= lookAt) {
        if (await isAllOut(request)) return 'done';
        lookAt = cluster.now() + ALL_OUT_EVERY_MS;
      }
      await cluster.sleep(STANDBY_MS);
    }
    if (broken.error !== null) throw broken.error;
    return 'stopped';
  } finally {
    // The others drain, or see that they have lost their unit.
    stop.requested = true;
    await Promise.allSettled([...seats.values()].map(({ ended }) => ended));
    await membership.leave();
  }
}

/** Whether every unit has said that it is done. */
async function isAllOut(request: WorkerRequest): Promise<boolean> {
  const { cluster, topics, units, isEnding } = request;
  if (!isEnding) return false;
  try {
    await checkUnits(request);
    for (let unit = 0; unit < units; unit++) {
      const progress = await readProgress(cluster, { topic: topics.progress, partition: unit });
      if (progress?.done !== true) return false;
    }
    return true;
  } catch (error) {
    // It will be looked at again.
    if (error instanceof ClusterFault && error.effect !== 'fatal') return false;
    throw error;
  }
}

/** Lives one after another, while the unit is ours. */
async function sit(
  request: WorkerRequest,
  membership: Membership,
  unit: number,
): Promise<'done' | 'lost' | 'stopped'> {
  const { cluster, stop, say } = request;
  let pause = PAUSE_FIRST_MS;
  while (!stop.requested && membership.units().includes(unit)) {
    const bornAt = cluster.now();
    try {
      const how = await live(request, membership, unit);
      if (how !== 'led_up') return how;
      say('led_up', { unit });
    } catch (error) {
      if (!(error instanceof ClusterFault) || error.effect === 'fatal') throw error;
      request.watch.onFault(error);
      request.watch.onMove(unit);
      say('life_ended', { unit, effect: error.effect, reason: error.message });
      if (cluster.now() - bornAt > STEADY_MS) pause = PAUSE_FIRST_MS;
      await cluster.sleep(pause);
      pause = Math.min(pause * 2, PAUSE_MAX_MS);
    }
  }
  return stop.requested ? 'stopped' : 'lost';
}

/** One life, from recovery on. */
async function live(
  request: WorkerRequest,
  membership: Membership,
  index: number,
): Promise<'done' | 'lost' | 'stopped' | 'led_up'> {
  const { stop, watch } = request;
  const unit = { ...request.unitOf(index), moved: () => watch.onMove(index) };
  // A zombie that wakes up must not fence its successor: the group is asked first.
  if (!(await isConfirmed(membership, request, unit.moved))) return 'stopped';
  if (!membership.units().includes(unit.unit)) return 'lost';
  const recovered = await recoverUnit(unit);
  if (recovered === 'already_done') return 'done';
  const { life } = recovered;
  watch.onLife(unit.unit, life);
  try {
    return await turnAfterTurn({ recovered, membership, request, unit });
  } finally {
    watch.onLife(unit.unit, null);
    await recovered.close();
    if (stop.requested) unit.say('drained', { unit: unit.unit });
  }
}

/** Waits for the group's answer as long as its brokers are away, which is no standing still; false: asked to stop meanwhile. */
async function isConfirmed(
  membership: Membership,
  { cluster, stop }: WorkerRequest,
  moved: () => void,
): Promise<boolean> {
  let isAnswered = false;
  const answer = membership.confirm().then(() => {
    isAnswered = true;
  });
  while (!isAnswered && !stop.requested) {
    await Promise.race([answer, cluster.sleep(STANDBY_MS)]);
    moved();
  }
  return isAnswered;
}

async function turnAfterTurn(of: {
  readonly recovered: Recovered;
  readonly membership: Membership;
  readonly request: WorkerRequest;
  readonly unit: UnitRequest;
}): Promise<'done' | 'lost' | 'stopped' | 'led_up'> {
  const { recovered, membership, request, unit } = of;
  const { life } = recovered;
  const { stop, cluster } = request;
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
    const how = await life.turn();
    if (how === 'done' || how === 'led_up') return how;
    unit.moved();
    if (cluster.now() - countedAt > PARTITIONS_EVERY_MS) {
      countedAt = cluster.now();
      if (!life.isLeadingUp && (await haveGrown(unit, life))) {
        unit.say('partitions_added', { unit: unit.unit });
        await life.drain();
        return 'lost';
      }
    }
    // The group's heartbeats and the metrics get their turn.
    await cluster.sleep(0);
  }
}

/** Whether a source topic has more partitions for the unit than are read. */
async function haveGrown(
  { cluster, plan, unit, units }: UnitRequest,
  life: UnitLife,
): Promise<boolean> {
  const topics = plan.scans.map(({ topic }) => topic);
  for (const [topic, count] of await cluster.partitions(topics)) {
    if (count === null) {
      throw new Fault('no_topic', `the topic ${topic} is gone`, { context: { topic } });
    }
    const own = Math.ceil((count - unit) / units);
    if (life.parts.sources.filter(({ of }) => of.topic === topic).length < own) return true;
  }
  return false;
}

/** How often topics are asked for their partitions. */
const PARTITIONS_EVERY_MS = 30_000;
