import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Gate } from '../../operators/checks/gate.ts';
import { Slab } from '../../operators/state/slab.ts';
import { readBlocks } from '../../runtime/block/block-reader.ts';
import { blockRow } from '../../runtime/block/block-row.ts';
import { emissionRows } from '../../runtime/block/emission-row.ts';
import type { ExampleRow } from '../../runtime/block/example-row.ts';
import { disk } from '../../runtime/files.ts';
import { JsonBytes } from '../../runtime/sink/json-bytes.ts';
import { NdjsonRows } from '../../runtime/sink/ndjson-rows.ts';
import { openSink } from '../../runtime/sink/open-sink.ts';
import { Quarantine } from '../../runtime/sink/quarantine.ts';
import type { OutputFormat } from '../../runtime/sink/sink.ts';
import { rng } from '../random.ts';
import { EVERYTHING, randomBatch, randomNumber } from './random-batch.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-sink-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** The documented line, by JSON.stringify. */
function expectedLine(row: ExampleRow): string {
  const labels = Object.entries(row.labels).map(([name, { value, kind, was, atWait, ever }]) => {
    const back = was === undefined ? {} : { was };
    return [
      name,
      { value, kind, ...back, ...(row.kind === 'audit' ? { at_wait: atWait, ever } : {}) },
    ];
  });
  return JSON.stringify({
    id: row.id,
    time: row.time,
    emitted: row.emitted,
    ...(row.kind === undefined ? {} : { kind: row.kind }),
    labels: Object.fromEntries(labels),
    features: Object.fromEntries(EVERYTHING.features.map(({ name }, i) => [name, row.features[i]])),
    sample_rate: row.sampleRate,
  });
}

describe('NDJSON', () => {
  it('prints numbers as JSON.stringify does', () => {
    const random = rng(1);
    const out = new JsonBytes(64);
    for (let i = 0; i < 200_000; i++) {
      const value = randomNumber(random);
      out.clear();
      out.number(value);
      const text = Buffer.from(out.written()).toString('latin1');
      if (text !== JSON.stringify(value)) expect(text).toBe(JSON.stringify(value));
    }
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      out.clear();
      out.number(value);
      expect(Buffer.from(out.written()).toString()).toBe('null');
    }
  });

  it('escapes every character as JSON.stringify does', () => {
    const out = new JsonBytes(4);
    for (let code = 0; code < 0x3000; code++) {
      const text = `a${String.fromCodePoint(code >= 0xd800 ? code + 0x2000 : code)}b`;
      const bytes = Buffer.from(text);
      out.clear();
      out.text(bytes, 0, bytes.length);
      expect(Buffer.from(out.written()).toString()).toBe(JSON.stringify(text));
    }
  });

  it('writes rows as the documented lines', () => {
    for (let seed = 0; seed < 30; seed++) {
      const random = rng(seed);
      const batch = randomBatch(random, random.below(60));
      const out = new JsonBytes(16);
      const rows = new NdjsonRows(EVERYTHING);
      for (let row = 0; row < batch.n; row++) rows.append(out, batch, row);
      const lines = Buffer.from(out.written()).toString().split('\n').slice(0, -1);
      expect(lines, `seed ${seed}`).toEqual(emissionRows(batch, EVERYTHING).map(expectedLine));
    }
  });
});

async function writeAll(
  format: OutputFormat,
  name: string,
  batches: ReturnType<typeof randomBatch>[],
) {
  const to = join(folder, name);
  const sink = await openSink(to, format, {
    files: disk,
    plan: EVERYTHING,
    planDigest: 'digest',
    at: null,
  });
  for (const batch of batches) await sink.write(batch, null);
  await sink.commit();
  await sink.finish();
  await sink.close();
  return to;
}

async function readRows(path: string): Promise<ExampleRow[]> {
  const rows: ExampleRow[] = [];
  for await (const block of readBlocks(path)) {
    for (let i = 0; i < block.rows; i++) rows.push(blockRow(block, i));
  }
  return rows;
}

describe('blocks', () => {
  it('give back every row', async () => {
    const random = rng(2);
    const batches = [
      randomBatch(random, 700),
      randomBatch(random, 1),
      randomBatch(random, 0),
      randomBatch(random, 40),
    ];
    const to = await writeAll('block', 'blocks', batches);
    const rows = batches.flatMap((batch) => emissionRows(batch, EVERYTHING));
    expect(await readRows(join(to, 'every__thing_.block'))).toEqual(rows);
  });

  it('leave out the rows that are skipped', async () => {
    const batch = randomBatch(rng(3), 100);
    const skip = Uint8Array.from({ length: 100 }, (_, i) => (i % 3 === 0 ? 1 : 0));
    const sink = await openSink(join(folder, 'skip'), 'block', {
      files: disk,
      plan: EVERYTHING,
      planDigest: 'd',
      at: null,
    });
    await sink.write(batch, skip);
    expect((await sink.commit()).rows).toBe(66);
    await sink.close();
    const kept = emissionRows(batch, EVERYTHING).filter((_, i) => i % 3 !== 0);
    expect(await readRows(join(folder, 'skip', 'every__thing_.block'))).toEqual(kept);
  });
});

describe('Parquet', () => {
  it('holds every row', async () => {
    const random = rng(6);
    const batch = randomBatch(random, 300);
    const to = await writeAll('parquet', 'parquet', [batch]);
    const file = await asyncBufferFromFile(join(to, 'every__thing_.parquet'));
    const found = await parquetReadObjects({ file });
    const rows = emissionRows(batch, EVERYTHING);
    expect(found.length).toBe(rows.length);
    found.forEach((record, i) => {
      const row = rows[i]!;
      expect(record).toMatchObject({
        time: BigInt(row.time),
        kind: row.kind ?? 'example',
        sample_rate: row.sampleRate,
      });
      expect(record['count[5m]']).toBe(BigInt(row.features[0] as number));
      expect(record.place ?? null).toBe(row.features[3]);
      expect(record.numbers ?? null).toEqual(row.features[4]);
      expect(record['feature.id'] ?? null).toEqual(row.features[5]);
      expect(record['label.clicked.value'] ?? null).toBe(row.labels.clicked?.value ?? null);
      expect(record['label.bought.kind'] ?? null).toBe(row.labels.bought?.kind ?? null);
    });
  });

  it('is a whole file when there is no row', async () => {
    const to = await writeAll('parquet', 'empty', []);
    const file = await asyncBufferFromFile(join(to, 'every__thing_.parquet'));
    expect(await parquetReadObjects({ file })).toEqual([]);
  });
});

describe('a sink after a crash', () => {
  it.each<[OutputFormat, string]>([
    ['ndjson', 'every__thing_.ndjson'],
    ['block', 'every__thing_.block'],
    ['parquet', '.millrace/every__thing_.block'],
  ])('cuts %s back to what was committed', async (format, name) => {
    const to = join(folder, `crash-${format}`);
    const more = { files: disk, plan: EVERYTHING, planDigest: 'd' };
    const batch = randomBatch(rng(7), 20);
    const first = await openSink(to, format, { ...more, at: null });
    await first.write(batch, null);
    const at = await first.commit();
    const committed = await readFile(join(to, name));
    await first.write(randomBatch(rng(8), 900), null);
    await first.commit();
    await first.close();
    const second = await openSink(to, format, { ...more, at });
    expect(second.rows).toBe(20);
    await second.close();
    expect(Buffer.compare(await readFile(join(to, name)), committed)).toBe(0);
  });
});

describe('the quarantine', () => {
  it('takes rows out of range or too long, with the reason', async () => {
    const plan = {
      ...EVERYTHING,
      checks: [
        { kind: 'range' as const, column: 0, min: 0, max: 500_000 },
        { kind: 'size' as const, maxBytes: 400 },
      ],
    };
    const batch = randomBatch(rng(9), 200);
    const to = join(folder, 'q');
    const quarantine = await Quarantine.open(to, plan, { files: disk, committed: {} });
    const gate = new Gate(plan, new Slab('checks'), {
      rowBytes: (of, row) => quarantine.rowBytes(of, row),
      decided: () => null,
    });
    const [settled] = [...gate.accept(batch)];
    const skip = settled!.skip!;
    await quarantine.write(batch, settled!.aside);
    const committed = Object.fromEntries(await quarantine.commit());
    const lots = [...new Set(settled!.aside.map(({ lot }) => lot))];
    const kept = [];
    for (const lot of lots) kept.push(...emissionRows(await quarantine.lot(lot), plan));
    await quarantine.close();
    expect(committed[quarantine.name]!.rows).toBe(kept.length);
    const lines = (await readFile(join(folder, 'q', quarantine.name), 'utf8'))
      .trimEnd()
      .split('\n');
    expect(lines.length).toBe(skip.filter((mark) => mark === 1).length);
    const wrong = emissionRows(batch, plan).filter((row) => {
      return (
        (row.features[0] as number) > 500_000 || Buffer.byteLength(expectedLine(row)) + 1 > 400
      );
    });
    expect(wrong.length).toBeGreaterThan(10);
    expect(lines.map((line) => JSON.stringify(JSON.parse(line).row))).toEqual(
      wrong.map(expectedLine),
    );
    expect(kept.map(expectedLine)).toEqual(wrong.map(expectedLine));
    for (const line of lines)
      expect(JSON.parse(line).reason).toMatch(/^(range\(count\[5m\]\)|size): /);
  });
});
