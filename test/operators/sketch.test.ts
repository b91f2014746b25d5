import { describe, expect, it } from 'vitest';
import { hashNumber, lanes } from '../../operators/hash.ts';
import {
  BUCKET_ACCURACY,
  BUCKET_MAX,
  bucketOf,
  bucketValue,
} from '../../operators/sketch/sketch-buckets.ts';
import { COUNT_MAP_WORDS, CountMap } from '../../operators/sketch/sketch-count-map.ts';
import { sketchError } from '../../operators/sketch/sketch-error.ts';
import { HLL_STANDARD_ERROR, HyperLogLog } from '../../operators/sketch/sketch-hyperloglog.ts';
import { selectWeighted } from '../../operators/sketch/sketch-select.ts';
import { Slab } from '../../operators/state/slab.ts';
import { type Rng, rng } from '../random.ts';

const SEEDS = Array.from({ length: 12 }, (_, seed) => seed);

describe('a map of counts', () => {
  it.each(SEEDS)('is a map, seed %i', (seed) => {
    const random = rng(seed);
    const { map, at } = newMap();
    const expected = new Map<number, number>();
    const range = random.pick([10, 300, 3000]);
    for (let i = 0; i < 6000; i++) {
      const word = random.below(range) - range / 2 + 0.5;
      const held = expected.get(word) ?? 0;
      // Grows for the first half, shrinks after.
      const by = random.chance(i < 3000 ? 0.7 : 0.2) ? 1 + random.below(3) : -held;
      if (by === 0) continue;
      map.add(at, word, by, Number.POSITIVE_INFINITY);
      if (held + by === 0) expected.delete(word);
      else expected.set(word, held + by);
    }
    expect(entries(map, at)).toEqual(sorted(expected));
    expect(map.size(at)).toBe(expected.size);
  });

  it.each(SEEDS)('keeps the promise of Space-Saving beyond its limit, seed %i', (seed) => {
    const random = rng(seed);
    const { map, at } = newMap();
    const limit = 24;
    const truth = new Map<number, number>();
    let total = 0;
    for (let i = 0; i < 5000; i++) {
      const word = skewed(random, seed % 3);
      const by = 1 + random.below(2);
      truth.set(word, (truth.get(word) ?? 0) + by);
      total += by;
      if (!map.add(at, word, by, limit)) map.replaceLeast(at, word, by);
    }
    const held = new Map(entries(map, at));
    const sum = [...held.values()].reduce((a, b) => a + b, 0);
    expect(held.size).toBe(limit);
    expect(sum).toBe(total);
    for (const [word, count] of truth) {
      const estimate = held.get(word);
      if (estimate === undefined) expect(count).toBeLessThanOrEqual(total / limit);
      else {
        expect(estimate).toBeGreaterThanOrEqual(count);
        expect(estimate).toBeLessThanOrEqual(count + total / limit);
      }
    }
  });
});

describe('HyperLogLog', () => {
  it('is within four standard errors, from nothing to two million', () => {
    const { hll, at } = newRegisters();
    expect(hll.estimate(at)).toBe(0);
    let next = 1;
    let n = 0;
    for (; n < 2_000_000; n++) {
      if (n === next) {
        const bound = Math.max(1, 4 * HLL_STANDARD_ERROR * n);
        expect(Math.abs(hll.estimate(at) - n), `${n} values`).toBeLessThanOrEqual(bound);
        next = Math.ceil(next * 1.5);
      }
      hashNumber(n * 7.25);
      hll.add(at, lanes[0]!, lanes[1]!);
    }
  });

  it('errs by its standard error, without bias, where raw and linear counting meet', () => {
    for (const n of [3000, 12_000, 20_000]) {
      const errors = Array.from({ length: 60 }, (_, run) => {
        const { hll, at } = newRegisters();
        for (let i = 0; i < n; i++) {
          hashNumber(run * 1e6 + i + 0.5);
          hll.add(at, lanes[0]!, lanes[1]!);
        }
        return hll.estimate(at) / n - 1;
      });
      const mean = errors.reduce((a, b) => a + b, 0) / errors.length;
      const deviation = Math.sqrt(errors.reduce((a, b) => a + b * b, 0) / errors.length);
      // The mean of 60 errs by an eighth of one.
      expect(Math.abs(mean), `bias at ${n}`).toBeLessThan(HLL_STANDARD_ERROR / 2);
      expect(deviation, `deviation at ${n}`).toBeLessThan(HLL_STANDARD_ERROR * 1.3);
    }
  });

  it.each(SEEDS)('merges in any order and grouping, seed %i', (seed) => {
    const random = rng(seed);
    const whole = newRegisters();
    const parts = Array.from({ length: 2 + random.below(6) }, newRegisters);
    const n = random.pick([50, 5000, 50_000]);
    for (let i = 0; i < n; i++) {
      hashNumber(random.below(n));
      whole.hll.add(whole.at, lanes[0]!, lanes[1]!);
      for (const part of parts.filter((_, j) => j === i % parts.length || random.chance(0.1))) {
        part.hll.add(part.at, lanes[0]!, lanes[1]!);
      }
    }
    while (parts.length > 1) {
      const [other] = parts.splice(random.below(parts.length), 1);
      const into = random.pick(parts);
      into.hll.merge(into.at, other!.hll, other!.at);
    }
    expect(parts[0]!.hll.estimate(parts[0]!.at)).toBe(whole.hll.estimate(whole.at));
    expect(parts[0]!.registers()).toEqual(whole.registers());
  });
});

describe('buckets', () => {
  it('order as their values do, each within 1 % of all it holds', () => {
    const random = rng(1);
    let before = Number.NEGATIVE_INFINITY;
    const values = Array.from({ length: 5000 }, () => {
      const magnitude = 10 ** (random.next() * 26 - 9);
      return random.chance(0.5) ? magnitude : -magnitude;
    });
    for (const value of [...values, 0, 1e-9, 1e17, -1e17, 1, -1].sort((a, b) => a - b)) {
      const bucket = bucketOf(value);
      expect(bucket).toBeGreaterThanOrEqual(before);
      expect(Math.abs(bucket)).toBeLessThanOrEqual(BUCKET_MAX);
      before = bucket;
      const error = Math.abs(bucketValue(bucket) - value);
      expect(error, `${value}`).toBeLessThanOrEqual(Math.abs(value) * (BUCKET_ACCURACY + 1e-9));
    }
  });

  it('cut off at their ends', () => {
    expect([1e-10, -1e-10, 0].map(bucketOf)).toEqual([0, 0, 0].map(() => expect.closeTo(0)));
    expect([1e300, -1e300].map(bucketOf)).toEqual([BUCKET_MAX, -BUCKET_MAX]);
  });
});

describe('selection', () => {
  it.each(SEEDS)('is what sorting finds, seed %i', (seed) => {
    const random = rng(seed);
    for (let run = 0; run < 50; run++) {
      const size = 1 + random.below(200);
      const range = random.pick([1, 3, 1000]);
      const values = Array.from({ length: size }, () => random.below(range));
      const weights = Array.from({ length: size }, () => 1 + random.below(4));
      const all = values.flatMap((value, i) => Array.from({ length: weights[i]! }, () => value));
      all.sort((a, b) => a - b);
      const rank = 1 + random.below(all.length);
      const got = selectWeighted(Float64Array.from(values), Float64Array.from(weights), size, rank);
      expect(got).toBe(all[rank - 1]);
    }
  });
});

describe('stated errors', () => {
  it('are data', () => {
    expect(sketchError('distinct').absolute).toBe(
      'exact up to 512 entries, then ±1.6 % (standard error)',
    );
    expect(sketchError('counts').absolute).toBe(
      "exact up to 512 entries, then each count within 0.26 % of the window's values",
    );
    expect(sketchError('quantile')).toEqual({
      relative: 0.01,
      absolute: 'exact up to 512 entries, then ±1 % of the value (from 1e-9 to 1e17)',
    });
  });
});

function newMap(): { map: CountMap; at: number } {
  const home = new Slab('home');
  const map = new CountMap(home, new Slab('blocks'), (word) => {
    hashNumber(word);
    return lanes[0]!;
  });
  return { map, at: home.bump(COUNT_MAP_WORDS) };
}

function newRegisters(): { hll: HyperLogLog; at: number; registers: () => Uint8Array } {
  const home = new Slab('home');
  const blocks = sharedBlocks;
  const at = home.bump(1);
  const registers = () => blocks.u8.slice(home.i32[at * 2]! * 8, home.i32[at * 2]! * 8 + 4096);
  return { hll: new HyperLogLog(home, blocks), at, registers };
}

const sharedBlocks = new Slab('blocks');

function entries(map: CountMap, at: number): [number, number][] {
  const held: [number, number][] = [];
  map.visit(at, { offer: (word, count) => held.push([word, count]) });
  return held.sort(([a], [b]) => a - b);
}

function sorted(map: ReadonlyMap<number, number>): [number, number][] {
  return [...map].sort(([a], [b]) => a - b);
}

/** 0: uniform; 1: few are frequent; 2: every value once, but for one in ten. */
function skewed(random: Rng, shape: number): number {
  if (shape === 0) return random.below(200);
  if (shape === 1) return Math.floor(200 * random.next() ** 6);
  return random.chance(0.1) ? 1 : 2 + random.next();
}
