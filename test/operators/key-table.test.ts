import { expect, it } from 'vitest';
import { hashNumber, lanes } from '../../operators/hash.ts';
import { KeyTable } from '../../operators/state/key-table.ts';
import { Slab, SlabSet } from '../../operators/state/slab.ts';
import { TextPool, TextPoolFull } from '../../operators/state/text-pool.ts';
import { rng } from '../random.ts';
import { restore, save } from './keyspace-world.ts';

it('finds what was put in, through growth, colliding lanes and restores', () => {
  const random = rng(3);
  let slabs = new SlabSet();
  const open = () => new KeyTable(slabs.open('table'), slabs.open('records'));
  let table = open();
  const saved = new Map<string, Map<number, Uint8Array>>();
  const model = new Map<string, number>();
  for (let i = 0; i < 20_000; i++) {
    // Few distinct lanes: many keys share one of the two.
    const lo = random.below(200) * 977;
    const hi = random.below(200) - 100;
    if (lo === 0 && hi === 0) continue;
    const known = model.get(`${lo},${hi}`) ?? 0;
    if (table.find(lo, hi) !== known) throw new Error(`step ${i}: (${lo}, ${hi})`);
    if (known === 0) {
      const records = slabs.open('records');
      const record = records.bump(3);
      records.i32[record * 2] = lo;
      records.i32[record * 2 + 1] = hi;
      table.insert(hi, record);
      model.set(`${lo},${hi}`, record);
    }
    if (i % 2500 !== 0) continue;
    save(slabs, saved);
    slabs = restore(saved);
    table = open();
  }
  expect(table.size).toBe(model.size);
});

it('names equal texts equally, gives them back, and says when it is full', () => {
  const encode = (text: string) => new TextEncoder().encode(text);
  let slabs = new SlabSet();
  let pool = new TextPool(slabs, 'p', 40_000);
  const names = new Map<string, number>();
  const texts = Array.from({ length: 500 }, (_, i) => 'é'.repeat(i % 7) + (i % 250));
  for (const text of texts) {
    const bytes = encode(text);
    const name = pool.intern(bytes, 0, bytes.length);
    expect(names.get(text) ?? name).toBe(name);
    names.set(text, name);
  }
  expect(new Set(names.values()).size).toBe(names.size);
  const saved = new Map<string, Map<number, Uint8Array>>();
  save(slabs, saved);
  slabs = restore(saved);
  pool = new TextPool(slabs, 'p', 40_000);
  for (const [text, name] of names) {
    expect(new TextDecoder().decode(pool.bytes.subarray(pool.start(name), pool.end(name)))).toBe(
      text,
    );
  }
  expect(() => pool.intern(new Uint8Array(50_000), 0, 50_000)).toThrow(TextPoolFull);
});

it.each([0, 1, 2, 3])('finds what is left after removals, seed %i', (seed) => {
  const random = rng(seed);
  const records = new Slab('records');
  const table = new KeyTable(new Slab('table'), records);
  const expected = new Map<number, number>();
  const first = records.bump(3001);
  for (let i = 0; i < 20_000; i++) {
    const key = 1 + random.below(3000);
    hashNumber(key);
    const [lo, hi] = [lanes[0]! & 0xffff_003f, lanes[1]!];
    const record = first + key;
    expect(table.find(lo, hi), `seed ${seed}, step ${i}`).toBe(expected.get(key) ?? 0);
    if (expected.has(key)) {
      table.remove(lo, hi);
      expected.delete(key);
    } else {
      records.i32[record * 2] = lo;
      records.i32[record * 2 + 1] = hi;
      table.insert(hi, record);
      expected.set(key, record);
    }
  }
  expect(table.size).toBe(expected.size);
});
