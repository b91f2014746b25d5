/** What a unit writes is what brokers take, however broad a set and however long a record is. */
import { describe, expect, it } from 'vitest';
import type { EmissionBatch } from '../../operators/emission/emission-batch.ts';
import { decodeBlock } from '../../runtime/block/block-decode.ts';
import { blockRow } from '../../runtime/block/block-row.ts';
import { RECORD_BYTES_MAX } from '../../runtime/config.ts';
import { recordBytes } from '../../runtime/kafka/record-batch.ts';
import type { ProducedRecord } from '../../runtime/worker/cluster.ts';
import { UnitOutputs } from '../../runtime/worker/unit-outputs.ts';
import { rng } from '../random.ts';
import { batchOf, numbers, setOf, texts } from '../runtime/block-world.ts';
import { smallPlan } from './small-app.ts';

/** What brokers take by default. */
const BROKER_BYTES = 1_048_588;

function outputsOf(set: ReturnType<typeof setOf>['set']) {
  const sent: ProducedRecord[] = [];
  const outputs = new UnitOutputs({
    ...{ plan: { ...smallPlan(), examples: [set] }, partitions: new Map(), unit: 0, rows: [0] },
    topics: { examples: ['a.s'], dead: 'a.dead', progress: 'a.progress' } as never,
    transactions: {
      ...{ begin: async () => undefined, commit: async () => undefined },
      send: async (_: unknown, records: readonly ProducedRecord[]) => sent.push(...records),
    } as never,
    moved: () => undefined,
  });
  return { outputs, sent };
}

async function blocksOf(set: ReturnType<typeof setOf>['set'], batches: readonly EmissionBatch[]) {
  const { outputs, sent } = outputsOf(set);
  for (const batch of batches) await outputs.examples(0, batch, null);
  await outputs.commit({} as never);
  return sent.slice(0, -1).map(({ value }) => value!);
}

describe('example blocks in a topic', () => {
  it('hold fewer rows where a set is broad, and every row once', async () => {
    const random = rng(5);
    const { set } = setOf(...Array.from({ length: 260 }, (_, i) => [`f${i}`, 'float'] as const));
    const n = 1_100;
    const columns = set.features.map(() => numbers(Array.from({ length: n }, () => random.next())));
    const blocks = await blocksOf(set, [batchOf(n, columns)]);
    expect(blocks.length).toBeGreaterThan(3);
    const decoded = blocks.map((value) => decodeBlock(value.slice()));
    for (const value of blocks) expect(value.length).toBeLessThanOrEqual(RECORD_BYTES_MAX);
    const ids = decoded.flatMap((block) =>
      Array.from({ length: block.rows }, (_, row) => blockRow(block, row).id),
    );
    expect(ids).toEqual(Array.from({ length: n }, (_, i) => `r${i}`));
    let before = 0;
    for (const { rows, firstRow } of decoded) {
      expect(firstRow).toBe(before);
      before += rows;
    }
  });

  it('are long again after one row that fills a block', async () => {
    const { set } = setOf(['text', 'string']);
    const values = Array.from({ length: 3_000 }, (_, i) => (i === 20 ? 'x'.repeat(700_000) : 'y'));
    const blocks = await blocksOf(set, [batchOf(values.length, [texts(values)])]);
    const rows = blocks.map((value) => decodeBlock(value.slice()).rows);
    expect(rows.reduce((sum, count) => sum + count, 0)).toBe(values.length);
    expect(Math.max(...rows.slice(-4))).toBe(512);
    expect(blocks.filter(({ length }) => length > RECORD_BYTES_MAX)).toHaveLength(1);
  });
});

describe('a dead letter', () => {
  const place = { 'millrace.topic': 'imps', 'millrace.offset': '40' };
  const letter = async (value: Uint8Array, key: Uint8Array, headers: Record<string, string>) => {
    const { outputs, sent } = outputsOf(setOf(['a', 'int']).set);
    await outputs.dead({ kind: 'malformed', reason: 'bad', value, key, place, headers });
    await outputs.commit({} as never);
    return sent[0]!;
  };

  it('of a record as large as a broker takes is one that it takes too, and says what is gone', async () => {
    const headers = Object.fromEntries(
      Array.from({ length: 60 }, (_, i) => [`trace-${i}`, 'é'.repeat(500)]),
    );
    const record = await letter(Buffer.alloc(1_000_000, 'a'), Buffer.alloc(40_000), headers);
    expect(recordBytes(record)).toBeLessThan(BROKER_BYTES);
    expect(record.value).toHaveLength(RECORD_BYTES_MAX);
    expect(record.headers).toMatchObject({
      ...place,
      ...{ 'millrace.kind': 'malformed', 'millrace.reason': 'bad' },
      ...{ 'millrace.cut_value': '1000000 bytes', 'millrace.cut_key': '40000 bytes' },
      'millrace.left_headers': '44',
    });
  });

  it('of any other is whole, and its place is ours whatever headers it had', async () => {
    const record = await letter(Buffer.from('{"a"'), Buffer.from('k'), {
      a: 'b',
      'millrace.offset': '7',
    });
    expect(Buffer.from(record.value!).toString()).toBe('{"a"');
    expect(record.headers).toEqual({
      a: 'b',
      ...place,
      ...{ 'millrace.kind': 'malformed', 'millrace.reason': 'bad' },
    });
  });
});
