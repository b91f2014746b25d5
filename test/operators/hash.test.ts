import { describe, expect, it } from 'vitest';
import { combine, hash01, hashNumber, hashText, lanes, shardOf } from '../../operators/hash.ts';

const KEYS = 100_000;

/** Chi-square of counts over 256 cells, as standard deviations from its mean. */
function deviation(cells: Float64Array, n: number): number {
  const expected = n / cells.length;
  const chi = cells.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  return (chi - (cells.length - 1)) / Math.sqrt(2 * (cells.length - 1));
}

const families: Record<string, (i: number) => void> = {
  'whole numbers': (i) => hashNumber(i),
  fractions: (i) => hashNumber(i / 7),
  'short ids': (i) => hashText(`u${i}`),
  'pairs of numbers': (i) => {
    hashNumber(i % 400);
    const [lo, hi] = [lanes[0]!, lanes[1]!];
    hashNumber(Math.floor(i / 400));
    combine(lo, hi, lanes[0]!, lanes[1]!);
  },
};

describe.each(Object.entries(families))('hash of %s', (_, hash) => {
  it('meets no two keys alike, and no null', () => {
    const seen = new Set<bigint>();
    for (let i = 0; i < KEYS; i++) {
      hash(i);
      const key = (BigInt(lanes[1]! >>> 0) << 32n) | BigInt(lanes[0]! >>> 0);
      expect(key).not.toBe(0n);
      seen.add(key);
    }
    expect(seen.size).toBe(KEYS);
  });

  it.each([
    ['low bits of lo', (lo: number) => lo & 255],
    ['high bits of hi', (_lo: number, hi: number) => hi >>> 24],
    ['lo against hi', (lo: number, hi: number) => (lo ^ hi) & 255],
    ['shards', (_lo: number, hi: number) => shardOf(hi, 256)],
    ['samples', (lo: number, hi: number) => Math.floor(hash01(1, 2, lo, hi) * 256)],
  ])('spreads evenly: %s', (_name, cellOf) => {
    const cells = new Float64Array(256);
    for (let i = 0; i < KEYS; i++) {
      hash(i);
      const cell = cellOf(lanes[0]!, lanes[1]!);
      cells[cell] = cells[cell]! + 1;
    }
    expect(Math.abs(deviation(cells, KEYS))).toBeLessThan(6);
  });
});
