/**
 * How a step changes embedding rows: row-wise Adagrad for embeddings (one accumulator a row, of the mean squared gradient),
 * FTRL-Proximal for the linear weights (McMahan et al. 2013).
 */
import { LINEAR, SQUARES } from './embedding-records.ts';
import type { EmbeddingTable } from './embedding-table.ts';
import type { FtrlRates } from './ftrl-model.ts';

const LINEAR_RATES: FtrlRates = { alpha: 0.1, beta: 1, l1: 0.5, l2: 1 };

/** The weight that FTRL's z and n come to. */
export function linearWeight(floats: Float32Array, at: number): number {
  const z = floats[at]!;
  const { alpha, beta, l1, l2 } = LINEAR_RATES;
  if (z <= l1 && z >= -l1) return 0;
  const shrunk = z > 0 ? z - l1 : z + l1;
  return -shrunk / ((beta + Math.sqrt(floats[at + 1]!)) / alpha + l2);
}

/** `slopes`: dim floats for each of the table's batch rows. */
export function applyEmbeddings(table: EmbeddingTable, slopes: Float32Array, rate: number): void {
  const { records, batchRows, batchCount } = table;
  const { dim, heads } = table.config;
  if (dim === 0) return;
  for (let place = 0; place < batchCount; place++) {
    const row = batchRows[place]!;
    const floats = records.floats[row >> records.shift]!;
    const record = (row & records.mask) * records.words;
    const from = place * dim;
    let squares = 0;
    for (let i = from; i < from + dim; i++) squares += slopes[i]! * slopes[i]!;
    if (squares === 0) continue;
    const sum = floats[record + SQUARES]! + squares / dim;
    floats[record + SQUARES] = sum;
    const weights = record + LINEAR + 2 * heads;
    addScaled(floats, weights, slopes, from, dim, -rate / Math.sqrt(sum));
  }
}

/** `slopes`: heads floats for each of the table's batch rows. */
export function applyLinear(table: EmbeddingTable, slopes: Float32Array): void {
  const { records, batchRows, batchCount } = table;
  const { heads } = table.config;
  for (let place = 0; place < batchCount; place++) {
    const row = batchRows[place]!;
    const floats = records.floats[row >> records.shift]!;
    const base = (row & records.mask) * records.words + LINEAR;
    for (let head = 0; head < heads; head++) {
      const slope = slopes[place * heads + head]!;
      if (slope === 0) continue;
      const at = base + 2 * head;
      const before = floats[at + 1]!;
      const after = before + slope * slope;
      const sigma = (Math.sqrt(after) - Math.sqrt(before)) / LINEAR_RATES.alpha;
      floats[at] = floats[at]! + slope - sigma * linearWeight(floats, at);
      floats[at + 1] = after;
    }
  }
}

/** to[toAt + i] += from[fromAt + i] * scale. */
export function addScaled(
  to: Float32Array,
  toAt: number,
  from: Float32Array,
  fromAt: number,
  count: number,
  scale: number,
): void {
  for (let i = 0; i < count; i++) to[toAt + i] = to[toAt + i]! + from[fromAt + i]! * scale;
}
