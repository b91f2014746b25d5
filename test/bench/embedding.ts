/**
 * npm run bench:embedding: look-up, gather and update of embedding rows on the host, at the scale that memory allows. Rows
 * of 16 floats with a linear weight; a batch is 106,496 ids, a share of them new.
 *
 *   --rows N   (default: what three quarters of the free memory hold, at most 50,000,000)   --dim N (default 16)
 */
import os from 'node:os';
import { parseArgs } from 'node:util';
import { LINEAR, SQUARES } from '../../runtime/trainer/embedding-records.ts';
import { EmbeddingTable } from '../../runtime/trainer/embedding-table.ts';
import { rng } from '../random.ts';

const { values } = parseArgs({
  allowPositionals: true,
  options: { rows: { type: 'string' }, dim: { type: 'string', default: '16' } },
});
const dim = Number(values.dim);
/** A record of 8 words, a linear weight's two and the embedding; and 12 bytes a slot of an index half full. */
const BYTES_A_ROW = (8 + 2 + dim) * 4 + 12 / 0.45;
const fitting = Math.floor((os.freemem() * 0.75) / BYTES_A_ROW);
const rowsMax = values.rows === undefined ? Math.min(50_000_000, fitting) : Number(values.rows);
const BATCH = 106_496;
const table = new EmbeddingTable({ dim, heads: 1, admit: 1, rowsMax, expireS: null });
const random = rng(5);
const drawn = new Int32Array(BATCH);
const places = new Int32Array(BATCH);
const x = new Float32Array(BATCH * dim);

for (let from = 0; from < rowsMax; from += BATCH) {
  for (let i = 0; i < BATCH; i++) drawn[i] = from + i;
  lookUp(0);
  table.published.publish();
  table.markWritten();
}
const memory = process.memoryUsage();
line('rows', table.counts().rows);
line('resident memory, MiB', Math.round(memory.rss / 2 ** 20));
line('bytes a row', memory.rss / rowsMax);
for (const [name, share] of [
  ['all known', 0],
  ['one in twenty new, in a full table', 0.05],
] as const) {
  const found = measure(share);
  line(`${name}: look-up, ns an id`, found.lookUp);
  line(`${name}: gather, ns an id`, found.gather);
  line(`${name}: update, ns a row touched`, found.update);
}
const { evicted, refused } = table.counts();
line('rows given to another id', evicted);
line('look-ups without a row', refused);

/** Nanoseconds of CPU time, the least of twenty batches. */
function measure(newShare: number) {
  const least = { lookUp: Infinity, gather: Infinity, update: Infinity };
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < BATCH; i++) {
      const isNew = random.next() < newShare;
      drawn[i] = isNew ? rowsMax + random.below(2 ** 30) : Math.floor(rowsMax * random.next() ** 3);
    }
    const start = cpuMs();
    lookUp(round + 1);
    const looked = cpuMs();
    gather();
    const gathered = cpuMs();
    update();
    const updated = cpuMs();
    least.lookUp = Math.min(least.lookUp, ((looked - start) * 1e6) / BATCH);
    least.gather = Math.min(least.gather, ((gathered - looked) * 1e6) / BATCH);
    least.update = Math.min(least.update, ((updated - gathered) * 1e6) / table.batchCount);
    table.published.publish();
    table.markWritten();
  }
  return least;
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function lookUp(nowS: number): void {
  table.beginBatch();
  for (let i = 0; i < BATCH; i++) {
    const n = drawn[i]!;
    places[i] = table.sight(mix(n, 0x85ebca6b), mix(n, 0xc2b2ae35), nowS);
  }
}

function gather(): void {
  const { records, batchRows } = table;
  for (let i = 0; i < BATCH; i++) {
    const row = batchRows[places[i]!]!;
    const floats = records.floats[row >> records.shift]!;
    const base = (row & records.mask) * records.words + LINEAR + 2;
    for (let d = 0; d < dim; d++) x[i * dim + d] = floats[base + d]!;
  }
}

function update(): void {
  const { records, batchRows, batchCount } = table;
  for (let place = 0; place < batchCount; place++) {
    const row = batchRows[place]!;
    const floats = records.floats[row >> records.shift]!;
    const base = (row & records.mask) * records.words;
    floats[base + SQUARES] = floats[base + SQUARES]! + 0.01;
    const rate = 0.05 / Math.sqrt(floats[base + SQUARES]!);
    for (let d = 0; d < dim; d++) {
      floats[base + LINEAR + 2 + d] = floats[base + LINEAR + 2 + d]! - rate * x[place * dim + d]!;
    }
  }
}

function mix(n: number, by: number): number {
  let h = Math.imul(n + 1, by);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
  return h ^ (h >>> 15);
}

function line(name: string, value: number): void {
  const text = value >= 1000 ? Math.round(value).toLocaleString('en-US') : value.toFixed(0);
  process.stdout.write(`${name.padEnd(56)} ${text.padStart(14)}\n`);
}
