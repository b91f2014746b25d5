import { describe, expect, it } from 'vitest';
import { AdmissionSketch } from '../../runtime/trainer/admission-sketch.ts';
import { EmbeddingIndex } from '../../runtime/trainer/embedding-index.ts';
import { HITS, ID_HI, ID_LO, LAST, LINEAR } from '../../runtime/trainer/embedding-records.ts';
import {
  EmbeddingTable,
  type TableConfig,
  UNKNOWN_ROW,
} from '../../runtime/trainer/embedding-table.ts';
import { captureTable, fillTable } from '../../runtime/trainer/table-snapshot.ts';
import { type Rng, rng } from '../random.ts';

const CONFIG: TableConfig = { dim: 4, heads: 2, admit: 1, rowsMax: 4096, expireS: null };
const SEEDS = [1, 2, 3, 4];

/** Ids with few distinct lanes, so that they collide in slots and segments. */
function idOf(n: number): [number, number] {
  return [Math.imul(n, 7) % 64, ((n % 5) << 24) | (n >> 3)];
}

function floatsOf(table: EmbeddingTable, row: number): number[] {
  const { records } = table;
  const base = (row & records.mask) * records.words;
  const floats = records.floats[row >> records.shift]!;
  return [...floats.subarray(base + LINEAR - 1, base + records.words)];
}

/** Trains on some ids: every row of the batch changes. */
function trainOn(table: EmbeddingTable, ids: readonly number[], nowS: number): number[] {
  table.beginBatch();
  const rows = ids.map((n) => table.batchRows[table.sight(...idOf(n), nowS)]!);
  for (const row of table.batchRows.subarray(0, table.batchCount)) {
    const { records } = table;
    const floats = records.floats[row >> records.shift]!;
    floats[(row & records.mask) * records.words + LINEAR + 4]! += 0.5;
  }
  table.sweep(nowS);
  return rows;
}

function some(random: Rng, of: number, count = 1 + random.below(20)): number[] {
  return Array.from({ length: count }, () => 1 + random.below(of));
}

describe('the index', () => {
  it.each(SEEDS)('finds what was inserted and not removed (seed %i)', (seed) => {
    const random = rng(seed);
    const index = new EmbeddingIndex();
    const model = new Map<number, number>();
    for (let step = 0; step < 20_000; step++) {
      const n = 1 + random.below(3_000);
      const [lo, hi] = idOf(n);
      if (model.has(n) && random.chance(0.5)) {
        index.remove(lo, hi);
        model.delete(n);
      } else if (!model.has(n)) {
        index.insert(lo, hi, step);
        model.set(n, step);
      }
      const other = 1 + random.below(3_000);
      expect(index.find(...idOf(other)), `step ${step}`).toBe(model.get(other) ?? -1);
    }
    expect(index.count).toBe(model.size);
  });
});

describe('ids of a batch looked up together', () => {
  it.each(SEEDS)('get the rows and leave the table that one by one would (seed %i)', (seed) => {
    const random = rng(seed);
    const config = { ...CONFIG, admit: 2, rowsMax: 24 };
    const [together, single] = [new EmbeddingTable(config), new EmbeddingTable(config)];
    for (let nowS = 1; nowS <= 200; nowS++) {
      const ids = some(random, 60);
      const [lo, hi] = [0, 1].map((lane) => Int32Array.from(ids, (n) => idOf(n)[lane]));
      const known = new Int32Array(ids.length);
      together.beginBatch();
      single.beginBatch();
      together.findAll(lo, hi, ids.length, known);
      for (let i = 0; i < ids.length; i++) {
        const place = single.sight(lo[i], hi[i], nowS);
        expect(together.sight(lo[i], hi[i], nowS, known[i])).toBe(place);
      }
    }
    const words = ({ records }: EmbeddingTable) =>
      records.ints[0].subarray(0, records.length * records.words);
    expect(words(together)).toEqual(words(single));
    expect(single.counts().evicted).toBeGreaterThan(100);
  });
});

describe('admission', () => {
  it('counts each id at least as often as it came, and most of them exactly', () => {
    const sketch = new AdmissionSketch(14);
    const random = rng(9);
    const seen = new Map<number, number>();
    let exact = 0;
    for (let i = 0; i < 10_000; i++) {
      const n = random.below(4_000);
      const count = (seen.get(n) ?? 0) + 1;
      seen.set(n, count);
      const estimate = sketch.add(Math.imul(n, 0x9e3779b9), Math.imul(n, 0x85ebca6b));
      expect(estimate).toBeGreaterThanOrEqual(count);
      if (estimate === count) exact++;
    }
    expect(exact).toBeGreaterThan(9_900);
  });

  it('an id shares the unknown row until it was seen often enough', () => {
    const table = new EmbeddingTable({ ...CONFIG, admit: 3 });
    expect(trainOn(table, [5, 5], 0)).toEqual([UNKNOWN_ROW, UNKNOWN_ROW]);
    const [row] = trainOn(table, [5], 0);
    expect(row).not.toBe(UNKNOWN_ROW);
    expect(table.find(...idOf(5))).toBe(row);
    expect(table.find(...idOf(6))).toBe(UNKNOWN_ROW);
  });
});

describe('rows', () => {
  it('start by their id alone, whatever came before', () => {
    const [one, other] = [new EmbeddingTable(CONFIG), new EmbeddingTable(CONFIG)];
    one.beginBatch();
    other.beginBatch();
    for (const n of [3, 1, 2]) one.sight(...idOf(n), 0);
    for (const n of [2, 7, 3]) other.sight(...idOf(n), 0);
    const start = floatsOf(one, one.find(...idOf(3)));
    expect(floatsOf(other, other.find(...idOf(3)))).toEqual(start);
    expect(new Set(start.slice(-4)).size).toBe(4);
  });

  it('expire once their id was not seen for longer than allowed, never before', () => {
    const table = new EmbeddingTable({ ...CONFIG, expireS: 100 });
    trainOn(table, [1], 0);
    trainOn(table, [2], 90);
    for (let i = 0; i < 10; i++) trainOn(table, [3], 100);
    expect(table.find(...idOf(1))).not.toBe(UNKNOWN_ROW);
    for (let i = 0; i < 10; i++) trainOn(table, [3], 101);
    expect(table.find(...idOf(1))).toBe(UNKNOWN_ROW);
    expect(table.find(...idOf(2))).not.toBe(UNKNOWN_ROW);
    expect(table.counts()).toMatchObject({ rows: 3, expired: 1 });
  });

  it.each(SEEDS)('a full table makes room, and no row serves two ids at once (seed %i)', (seed) => {
    const random = rng(seed);
    const table = new EmbeddingTable({
      ...CONFIG,
      rowsMax: 64,
      expireS: random.chance(0.5) ? 50 : null,
    });
    for (let step = 0; step < 600; step++) {
      const ids = some(random, 400);
      const rows = trainOn(table, ids, step);
      const owner = new Map<number, number>();
      for (const [i, row] of rows.entries()) {
        if (row === UNKNOWN_ROW) continue;
        expect(owner.get(row) ?? ids[i], `seed ${seed}, step ${step}`).toBe(ids[i]);
        owner.set(row, ids[i]!);
        const [lo, hi] = idOf(ids[i]!);
        expect([table.records.int(row, ID_LO), table.records.int(row, ID_HI)]).toEqual([lo, hi]);
        expect(table.records.int(row, LAST)).toBe(step);
      }
      expect(table.records.length).toBeLessThanOrEqual(65);
    }
    const { evicted, expired } = table.counts();
    expect(evicted + expired).toBeGreaterThan(100);
  });

  it('a batch with more new ids than a table holds shares the unknown row, and counts it', () => {
    const table = new EmbeddingTable({ ...CONFIG, rowsMax: 32 });
    const rows = trainOn(
      table,
      Array.from({ length: 100 }, (_, i) => i + 1),
      0,
    );
    expect(rows.filter((row) => row === UNKNOWN_ROW)).toHaveLength(68);
    expect(table.counts().refused).toBe(68);
    expect(table.records.int(UNKNOWN_ROW, HITS)).toBe(68);
  });
});

describe('the published rows', () => {
  it.each(SEEDS)('are those of the last publish, whatever happened since (seed %i)', (seed) => {
    const random = rng(seed);
    const table = new EmbeddingTable({ ...CONFIG, rowsMax: 256, expireS: 40 });
    let then = new Map<number, number[]>();
    for (let step = 0; step < 200; step++) {
      trainOn(table, some(random, 300), step);
      for (const [at, row] of table.published.rows.subarray(0, table.published.count).entries()) {
        const [lo, hi] = table.published.ids.subarray(at * 2, at * 2 + 2);
        const kept = table.published.weights.subarray(at * 8, at * 8 + 8);
        const before = then.get(row);
        if (before === undefined || before[0] !== lo || before[1] !== hi) continue;
        expect([...kept], `seed ${seed}, step ${step}`).toEqual(before.slice(2));
      }
      if (!random.chance(0.1)) continue;
      table.published.publish();
      then = new Map(
        Array.from({ length: table.records.length }, (_, row) => {
          const id = [table.records.int(row, ID_LO), table.records.int(row, ID_HI)];
          return [row, [...id, ...floatsOf(table, row).slice(1)]];
        }),
      );
    }
  });
});

describe('snapshots', () => {
  it.each(SEEDS)(
    'a full one and deltas make the same table, which goes on alike (seed %i)',
    (seed) => {
      const random = rng(seed);
      const config = { ...CONFIG, admit: 2, rowsMax: 128, expireS: 60 };
      const table = new EmbeddingTable(config);
      const chain = [];
      for (let step = 0; step < 120; step++) {
        trainOn(table, some(random, 300), step);
        if (step % 7 === 0) table.published.publish();
        if (step % 10 !== 9) continue;
        chain.push(captureTable(table, chain.length === 0));
        table.markWritten();
      }
      const restored = new EmbeddingTable(config);
      for (const [i, { stored, arrays }] of chain.entries()) {
        fillTable(restored, stored, arrays, i === chain.length - 1);
      }
      for (let step = 120; step < 160; step++) {
        const ids = some(random, 300);
        expect(trainOn(restored, ids, step)).toEqual(trainOn(table, ids, step));
      }
      expect(captureTable(restored, true)).toEqual(captureTable(table, true));
    },
  );
});
