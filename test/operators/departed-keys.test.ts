import { describe, expect, it } from 'vitest';
import { hashNumber, lanes } from '../../operators/hash.ts';
import { DepartedKeys } from '../../operators/state/departed-keys.ts';
import { Slab } from '../../operators/state/slab.ts';
import { rng } from '../random.ts';

describe('a filter of departed keys', () => {
  it.each([0, 1, 2])('knows all that left and few others, seed %i', (seed) => {
    const random = rng(seed);
    let slab = new Slab('departed');
    let departed = new DepartedKeys(slab);
    const left = new Set<number>();
    for (let i = 0; i < 40_000; i++) {
      const key = random.below(1e9) * 2;
      departed.left(...hashed(key));
      left.add(key);
      if (random.chance(0.0005)) {
        slab = copyOf(slab);
        departed = new DepartedKeys(slab);
      }
    }
    for (const key of left) expect(departed.has(...hashed(key)), `seed ${seed}: ${key}`).toBe(true);
    let others = 0;
    for (let i = 0; i < 40_000; i++) if (departed.has(...hashed(i * 2 + 1))) others++;
    expect(others / 40_000).toBeLessThan(0.02);
    expect(slab.inUse * 64).toBeLessThan(40_000 * 26 + 64 * 64);
    expect(departed.cold).toBe(40_000);
  });
});

function hashed(key: number): [number, number] {
  hashNumber(key);
  return [lanes[0]!, lanes[1]!];
}

function copyOf(slab: Slab): Slab {
  const copy = new Slab(slab.name);
  for (const { page, bytes } of slab.dirtyPages()) copy.load(page, bytes);
  copy.dirty.fill(1);
  return copy;
}
