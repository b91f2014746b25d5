/**
 * An application whose program changes, and changes again, while its workers drain, die, are stopped past their session or lose
 * their disks: what it gives is what a change in one process at the same times gives, over the same events.
 */
import { describe, expect, it } from 'vitest';
import type { Plan } from '../../compiler/plan/plan.ts';
import { MemoryStore } from '../../runtime/store/memory-store.ts';
import { appTopics } from '../../runtime/worker/app-topics.ts';
import { changedInOne } from './expected-change.ts';
import { type Machine, SMALL_BUCKETS, UnitWorld, type Worker } from './simulator/unit-world.ts';
import {
  changedAgain,
  changedProgram,
  partOf,
  smallBuys,
  smallEvents,
  smallPlan,
} from './small-app.ts';

const SEEDS = 6;
const OTHER = /the application app runs another program/;

const PLANS = [false, true].map((together) => [
  smallPlan(together),
  smallPlan(together, changedProgram),
  smallPlan(together, changedAgain),
]);
const [OLD, NEW, NEWER] = PLANS[0] as [Plan, Plan, Plan];

describe('an application whose program changes', () => {
  it('gives what a change in one process gives, whatever befalls its workers', async () => {
    const sum = { changes: 0, early: 0, caughtUp: 0, restored: 0, floors: 0 };
    for (let seed = 0; seed < SEEDS; seed++) {
      const { stages, closed, ledUp, restored, floors } = await expectOne(seed);
      sum.restored += restored;
      sum.floors += floors;
      sum.changes += stages.length - 1;
      // Of anchors that froze the columns of an earlier program, after it had been changed.
      sum.early += closed;
      sum.caughtUp += ledUp;
    }
    expect(sum.changes).toBeGreaterThan(SEEDS);
    expect(sum.early).toBeGreaterThan(SEEDS);
    expect(sum.caughtUp).toBeGreaterThan(SEEDS / 2);
    expect(sum.floors).toBeGreaterThan(0);
    expect(sum.restored).toBeGreaterThan(SEEDS / 2);
  });

  it('refuses who has another program, and a program that cannot take over', async () => {
    const world = new UnitWorld(1);
    world.makeTopics(OLD, 1);
    const events = smallEvents(1, 200, 1);
    world.produce(OLD, partOf(events, 0, 2));
    const machine: Machine = { store: new MemoryStore() };
    const first = world.start(OLD, { machine });
    // The new one stands by until the old one leaves.
    await world.passes(2_000);
    const second = world.start(NEW, { machine, upgrade: true });
    await world.passes(2_000);
    expect(second.said).not.toContain('upgraded');
    first.stop.requested = true;
    expect(await world.ended(first)).toBe(true);
    await world.passes(4_000);
    expect(second.said).toContain('upgraded');
    world.produce(OLD, partOf(events, 1, 2));
    await world.passes(4_000);
    second.stop.requested = true;
    expect(await world.ended(second)).toBe(true);
    const refused = (plan: Plan, upgrade?: boolean) =>
      world.ended(
        world.start(plan, {
          machine: { store: new MemoryStore() },
          ...(upgrade === true ? { upgrade } : {}),
        }),
      );
    await expect(refused(OLD)).rejects.toThrow(OTHER);
    const late = smallPlan(false, (program) => program.replace('late 5s', 'late 6s'));
    await expect(refused(late, true)).rejects.toThrow(
      /imp: its late was 5000 ms, is 6000 ms[\s\S]*--app/,
    );
    const more = smallPlan(false, (program) =>
      changedAgain(program).replace('from "buys"', 'from "clks"').replaceAll('buy_id', 'click_id'),
    );
    await expect(refused(more, true)).rejects.toThrow(
      'stream buy is new on clks, which is read already',
    );
    expect(world.stages()).toHaveLength(2);
  });
});

async function expectOne(seed: number) {
  const world = new UnitWorld(seed);
  const { random } = world;
  const partitions = 1 + (seed % 2);
  const events = [...smallEvents(seed, 260, partitions), smallBuys(seed, 260)];
  world.makeTopics(OLD, partitions);
  world.makeTopics(NEWER, 1);
  const idleMs = seed % 2 === 1 ? 100 : 60_000;
  const machine: Machine = { store: new MemoryStore() };
  const said: string[] = [];
  const zombies: Worker[] = [];
  /** A worker of the plan for a while; then it leaves, dies, or sleeps. */
  const live = async (plan: Plan, ms: number, isEnough = () => true) => {
    const worker = world.start(plan, { machine, idleMs, upgrade: true });
    await world.until(isEnough);
    await world.passes(ms);
    const how = random.below(3);
    if (how === 0) {
      worker.stop.requested = true;
      await world.ended(worker);
    } else if (how === 1) worker.process.kill();
    else {
      worker.process.stop();
      zombies.push(worker);
    }
    said.push(...worker.said);
    // Whoever was killed or sleeps has its disk to itself.
    if (how === 2 || random.chance(0.3)) machine.store = new MemoryStore();
  };
  const plans = PLANS[(seed >> 1) % 2]!.slice(0, seed % 3 === 0 ? 2 : 3);
  for (const [i, plan] of plans.entries()) {
    world.produce(NEWER, partOf(events, i, plans.length));
    // The next change needs that something was committed since the last one.
    await live(plan, 600 * random.next(), () => {
      const stages = world.stages();
      return stages.length > i && (i === plans.length - 1 || world.k() > stages.at(-1)!.from);
    });
    await live(plan, 1_500 * random.next());
    for (const zombie of zombies) zombie.process.resume();
    await world.passes(1_000);
    // Who has the unit again may keep it for ever: an old worker must go before a new one is let in.
    for (const zombie of zombies) zombie.process.kill();
  }
  const last = world.start(plans.at(-1)!, { machine, upgrade: true, isLast: true });
  expect(await world.ended(last), `seed ${seed}`).toBe(true);
  said.push(...last.said);
  for (const { end } of zombies) if (end.error !== null) expect(String(end.error)).toMatch(OTHER);
  const stages = world.stages();
  const wanted = changedInOne(stages, events, {
    ...{ bounds: SMALL_BUCKETS, floors: world.floors() },
  });
  const { plan } = stages.at(-1)!;
  for (const [set, topic] of appTopics('app', plan).examples.entries()) {
    const { name } = plan.examples[set]!;
    expect(world.rows(topic), `seed ${seed}, ${name}`).toEqual(wanted.get(name));
  }
  const closed = world.rows('app.shown').filter(({ emitted }) => emitted >= stages[1]!.from);
  const timesSaid = (event: string) => said.filter((each) => each === event).length;
  return {
    ...{ stages, closed: closed.length, floors: world.floors().length },
    ...{ ledUp: timesSaid('led_up'), restored: timesSaid('restored') },
  };
}
