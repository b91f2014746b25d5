import { describe, expect, it } from 'vitest';
import { assignUnits } from '../../runtime/kafka/assign-units.ts';
import { rng } from '../random.ts';

describe('units over members', () => {
  it.each([
    ['all to the only one', 3, { a: [] }, { a: [0, 1, 2] }],
    ['halves', 4, { a: [], b: [] }, { a: [0, 1], b: [2, 3] }],
    [
      'a new one takes from each',
      4,
      { a: [0, 1], b: [2, 3], c: [] },
      { a: [0, 1], b: [2], c: [3] },
    ],
    ['what a leaver had is shared', 4, { a: [0, 1] }, { a: [0, 1, 2, 3] }],
    ['two that claim the same', 2, { a: [0, 1], b: [0, 1] }, { a: [0], b: [1] }],
    ['more members than units: the rest stand by', 1, { a: [], b: [0] }, { a: [], b: [0] }],
    ['units that are none', 2, { a: [7, 1, 1] }, { a: [0, 1] }],
  ])('%s', (_, units, before, after) => {
    const members = Object.entries(before).map(([id, owned]) => ({ id, owned }));
    const given = Object.fromEntries(assignUnits(units, members).map((m) => [m.id, m.owned]));
    expect(given).toEqual(after);
  });

  it('gives each unit to one, evenly, and keeps what it can', () => {
    const seed = Date.now() % 1e9;
    const random = rng(seed);
    for (let trial = 0; trial < 300; trial++) {
      const units = 1 + random.below(40);
      const members = Array.from({ length: 1 + random.below(6) }, (_, i) => ({
        id: `m${i}`,
        owned: [] as number[],
      }));
      for (let unit = 0; unit < units; unit++) {
        if (random.chance(0.8)) members[random.below(members.length)]!.owned.push(unit);
      }
      const given = assignUnits(units, members);
      const where = `seed ${seed}, trial ${trial}`;
      expect(
        given.flatMap(({ owned }) => owned).sort((a, b) => a - b),
        where,
      ).toEqual(Array.from({ length: units }, (_, i) => i));
      const sizes = given.map(({ owned }) => owned.length);
      expect(Math.max(...sizes) - Math.min(...sizes), where).toBeLessThanOrEqual(1);
      const least = Math.floor(units / members.length);
      given.forEach(({ owned }, i) => {
        const before = new Set(members[i]!.owned);
        const kept = owned.filter((unit) => before.has(unit)).length;
        expect(kept, where).toBeGreaterThanOrEqual(Math.min(before.size, least));
      });
    }
  });
});
