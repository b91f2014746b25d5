/**
 * Look-up, gather and update of embedding rows on the host, in a table of many: rows of 16 floats with a linear weight; a
 * batch is 106,496 ids, a share of them new.
 */
import os from 'node:os';
import { LINEAR, SQUARES } from '../../../runtime/trainer/embedding-records.ts';
import { EmbeddingTable } from '../../../runtime/trainer/embedding-table.ts';
import { rng } from '../../random.ts';

const BATCH = 106_496;
const DIM = 16;
const ROUNDS = 20;
/** A record of 8 words, a linear weight's two and the embedding; and 12 bytes a slot of an index half full. */
const BYTES_A_ROW = (8 + 2 + DIM) * 4 + 12 / 0.45;

/** The most rows that three quarters of the free memory hold. */
export function rowsThatFit(): number {
  return Math.floor((os.freemem() * 0.75) / BYTES_A_ROW);
}

/** Figures by name, in the order to be shown; times are the least of some batches, in ns of CPU time. */
export function measureEmbeddingRows(rowsMax: number): ReadonlyMap<string, number> {
  const before = process.memoryUsage().rss;
  const rows = new RowsUnderTest(rowsMax);
  rows.fill();
  const resident = process.memoryUsage().rss - before;
  const figures = new Map([
    ['rows', rows.table.counts().rows],
    ['resident memory, MiB', resident / 2 ** 20],
    ['bytes a row', resident / rowsMax],
  ]);
  for (const [name, share] of [
    ['all known', 0],
    ['one in twenty new, in a full table', 0.05],
  ] as const) {
    const { lookUp, gather, update } = rows.measure(share);
    figures.set(`${name}: look-up, ns an id`, lookUp);
    figures.set(`${name}: gather, ns an id`, gather);
    figures.set(`${name}: update, ns a row touched`, update);
  }
  const { evicted, refused } = rows.table.counts();
  return figures.set('rows given to another id', evicted).set('look-ups without a row', refused);
}

class RowsUnderTest {
  readonly table: EmbeddingTable;
  readonly #rowsMax: number;
  readonly #random = rng(5);
  readonly #drawn = new Int32Array(BATCH);
  readonly #places = new Int32Array(BATCH);
  readonly #x = new Float32Array(BATCH * DIM);

  constructor(rowsMax: number) {
    this.table = new EmbeddingTable({ dim: DIM, heads: 1, admit: 1, rowsMax, expireS: null });
    this.#rowsMax = rowsMax;
  }

  fill(): void {
    for (let from = 0; from < this.#rowsMax; from += BATCH) {
      for (let i = 0; i < BATCH; i++) this.#drawn[i] = from + i;
      this.#lookUp(0);
      this.table.published.publish();
      this.table.markWritten();
    }
  }

  measure(newShare: number) {
    const least = { lookUp: Infinity, gather: Infinity, update: Infinity };
    for (let round = 0; round < ROUNDS; round++) {
      this.#draw(newShare);
      const start = cpuNs();
      this.#lookUp(round + 1);
      const looked = cpuNs();
      this.#gather();
      const gathered = cpuNs();
      this.#update();
      const updated = cpuNs();
      least.lookUp = Math.min(least.lookUp, (looked - start) / BATCH);
      least.gather = Math.min(least.gather, (gathered - looked) / BATCH);
      least.update = Math.min(least.update, (updated - gathered) / this.table.batchCount);
      this.table.published.publish();
      this.table.markWritten();
    }
    return least;
  }

  #draw(newShare: number): void {
    const random = this.#random;
    for (let i = 0; i < BATCH; i++) {
      this.#drawn[i] =
        random.next() < newShare
          ? this.#rowsMax + random.below(2 ** 30)
          : Math.floor(this.#rowsMax * random.next() ** 3);
    }
  }

  #lookUp(nowS: number): void {
    this.table.beginBatch();
    for (let i = 0; i < BATCH; i++) {
      const n = this.#drawn[i]!;
      this.#places[i] = this.table.sight(mix(n, 0x85ebca6b), mix(n, 0xc2b2ae35), nowS);
    }
  }

  #gather(): void {
    const { records, batchRows } = this.table;
    for (let i = 0; i < BATCH; i++) {
      const row = batchRows[this.#places[i]!]!;
      const floats = records.floats[row >> records.shift]!;
      const base = (row & records.mask) * records.words + LINEAR + 2;
      for (let d = 0; d < DIM; d++) this.#x[i * DIM + d] = floats[base + d]!;
    }
  }

  #update(): void {
    const { records, batchRows, batchCount } = this.table;
    for (let place = 0; place < batchCount; place++) {
      const row = batchRows[place]!;
      const floats = records.floats[row >> records.shift]!;
      const base = (row & records.mask) * records.words;
      floats[base + SQUARES] = floats[base + SQUARES]! + 0.01;
      const rate = 0.05 / Math.sqrt(floats[base + SQUARES]!);
      for (let d = 0; d < DIM; d++) {
        const at = base + LINEAR + 2 + d;
        floats[at] = floats[at]! - rate * this.#x[place * DIM + d]!;
      }
    }
  }
}

function cpuNs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
}

function mix(n: number, by: number): number {
  let h = Math.imul(n + 1, by);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
  return h ^ (h >>> 15);
}
