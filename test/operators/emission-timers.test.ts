import { expect, it } from 'vitest';
import { TimerQueue } from '../../operators/emission/timer-queue.ts';
import { SlabSet } from '../../operators/state/slab.ts';
import { rng } from '../random.ts';
import { SavedPages } from './label-fixture.ts';

it('gives every timer once, at its due time, earliest first, through restores', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = rng(seed);
    const lanes = random.below(4);
    let slabs = [new SlabSet()];
    let queue = new TimerQueue(slabs[0], 'timers', lanes);
    const pages = new SavedPages();
    let waiting: { due: number; reference: number }[] = [];
    let now = 0;
    for (let step = 0; step < 1500; step++) {
      for (let n = random.below(4); n > 0; n--) {
        const lane = random.below(lanes + 1) - 1;
        // Mostly in the lane's order, now and then not.
        const due = random.chance(0.1) ? now + random.below(100) : now + 20 * (lane + 2);
        waiting.push({ due, reference: step * 10 + n });
        queue.push(lane, due, step * 10 + n);
      }
      now += random.below(3);
      while (queue.due() <= now) {
        const due = queue.due();
        expect(due, `seed ${seed}`).toBe(Math.min(...waiting.map((timer) => timer.due)));
        const reference = queue.take(due);
        const known = waiting.findIndex(
          (timer) => timer.due === due && timer.reference === reference,
        );
        expect(known, `seed ${seed}: an unknown timer`).toBeGreaterThanOrEqual(0);
        waiting = waiting.filter((_, i) => i !== known);
      }
      expect(queue.take(now)).toBe(-1);
      if (random.chance(0.02)) {
        pages.save(slabs);
        slabs = pages.restore(1);
        queue = new TimerQueue(slabs[0], 'timers', lanes);
      }
    }
    expect(waiting.every(({ due }) => due > now)).toBe(true);
    expect(queue.due()).toBe(Math.min(Number.POSITIVE_INFINITY, ...waiting.map(({ due }) => due)));
  }
});
