import { expect, it } from 'vitest';
import { Slab, SlabSet } from '../../operators/state/slab.ts';
import { rng } from '../random.ts';
import { restore, save } from './keyspace-world.ts';

it('never hands a live block out twice, and hands out zeroed ones', () => {
  const random = rng(11);
  const slab = new Slab('s');
  const live = new Map<number, number>();
  for (let i = 0; i < 1500; i++) {
    if (live.size > 0 && random.chance(0.45)) {
      const at = random.pick([...live.keys()]);
      slab.free(at, live.get(at)!);
      live.delete(at);
      continue;
    }
    const sizeClass = random.below(6);
    const at = slab.alloc(sizeClass);
    expect(slab.f64.subarray(at, at + 2 ** sizeClass).every((word) => word === 0)).toBe(true);
    const overlaps = [...live].filter(
      ([other, otherClass]) => at + 2 ** sizeClass > other && other + 2 ** otherClass > at,
    );
    expect(overlaps).toEqual([]);
    slab.f64.fill(i + 1, at, at + 2 ** sizeClass);
    live.set(at, sizeClass);
  }
});

it('is itself again from its dirty pages', () => {
  const random = rng(12);
  let slabs = new SlabSet();
  const saved = new Map<string, Map<number, Uint8Array>>();
  const model = new Map<number, number>();
  for (let i = 0; i < 300; i++) {
    const slab = slabs.open('s');
    const at = slab.alloc(4 + random.below(9));
    slab.f64[at] = i;
    model.set(at, i);
    if (random.chance(0.1)) {
      save(slabs, saved);
      slabs = restore(saved);
    }
  }
  for (const [at, value] of model) expect(slabs.open('s').f64[at]).toBe(value);
});
