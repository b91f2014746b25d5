import { describe, expect, it } from 'vitest';
import { decodeBlock } from '../../runtime/block/block-decode.ts';
import { blockLayout } from '../../runtime/block/block-layout.ts';
import { BlockRow, blockRow } from '../../runtime/block/block-row.ts';
import { BlockWriter } from '../../runtime/block/block-writer.ts';
import type { ExampleRow } from '../../runtime/block/example-row.ts';
import { deepConfig } from '../../runtime/trainer/deep-config.ts';
import { DenseMoments } from '../../runtime/trainer/dense-moments.ts';
import { DriftMetrics } from '../../runtime/trainer/drift-metrics.ts';
import { BatchEncoder } from '../../runtime/trainer/encoded-batch.ts';
import { rng } from '../random.ts';
import { allRows } from '../runtime/block-world.ts';
import { EVERYTHING, randomBatch } from '../runtime/random-batch.ts';
import { MODEL } from './deep-world.ts';

/** Every column of EVERYTHING, categories whole and lists by their ids. */
const config = deepConfig(
  {
    ...MODEL,
    tables: EVERYTHING.features
      .filter(({ input }) => input !== 'dense')
      .map(({ name, input }) => ({
        dim: 4,
        columns: [{ name, pool: { kind: input === 'ids' ? 'mean' : 'one' } }],
      })),
    heads: {
      kind: 'single',
      labels: EVERYTHING.labels.slice(0, 1).map(({ name }) => name),
      experts: 0,
    },
  },
  EVERYTHING,
);

function encoded(rows: readonly ExampleRow[]) {
  const moments = new DenseMoments(config.dense.length);
  const { ids, bins, dense, seconds } = new BatchEncoder(config).encode(rows, moments, true);
  const drift = new DriftMetrics(EVERYTHING.features, []);
  for (const row of rows) drift.row(row);
  return { ids, bins, dense, seconds, moments, drift: drift.toJSON() };
}

describe('rows of a block', () => {
  it('are encoded and binned where they lie as their values are', () => {
    for (let seed = 0; seed < 20; seed++) {
      const batch = randomBatch(rng(seed), 200);
      const bytes = new BlockWriter(blockLayout(EVERYTHING), 'd').encode(batch, allRows(200), 0);
      const block = decodeBlock(bytes);
      const lazy = Array.from({ length: 200 }, (_, at) => new BlockRow(block, at));
      const plain = Array.from({ length: 200 }, (_, at) => blockRow(block, at));
      expect(encoded(lazy), `seed ${seed}`).toEqual(encoded(plain));
    }
  });
});
