/** Every format that `millrace export` writes, read back by another library and compared with the rows themselves. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import protobuf from 'protobufjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExamplePlan } from '../../compiler/plan/plan.ts';
import { emissionRows } from '../../runtime/block/emission-row.ts';
import type { ExampleRow } from '../../runtime/block/example-row.ts';
import { main } from '../../runtime/command/cli.ts';
import { disk } from '../../runtime/files.ts';
import { openSink } from '../../runtime/sink/open-sink.ts';
import type { OutputFormat } from '../../runtime/sink/sink.ts';
import { crc32c } from '../../runtime/store/crc32c.ts';
import { rng } from '../random.ts';
import { EVERYTHING, randomBatch } from './random-batch.ts';

const SAFE = 'every__thing_';
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-export-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function command(...args: string[]) {
  const lines = { out: [] as string[], error: [] as string[] };
  const out = {
    print: (text: string) => void lines.out.push(text),
    error: (text: string) => void lines.error.push(text),
    progress: { write: () => true },
  };
  const code = await main(args, out, '0');
  return { code, out: lines.out.join('\n'), error: lines.error.join('\n') };
}

/** A folder with a run of 700 random rows in it. */
async function written(name: string, format: OutputFormat, plan: ExamplePlan = EVERYTHING) {
  const to = join(folder, name);
  const batches = [randomBatch(rng(1), 600), randomBatch(rng(2), 100)];
  const sink = await openSink(to, format, { files: disk, plan, planDigest: name, at: null });
  for (const batch of batches) await sink.write(batch, null);
  await sink.commit();
  await sink.finish();
  await sink.close();
  return { to, rows: batches.flatMap((batch) => emissionRows(batch, plan)) };
}

async function exported(format: string): Promise<{ path: string; rows: readonly ExampleRow[] }> {
  const { to, rows } = await written(`blocks-${format}`, 'block');
  const target = join(folder, `export-${format}`);
  const { code, out, error } = await command('export', to, '--format', format, '--to', target);
  expect({ code, error }).toEqual({ code: 0, error: '' });
  expect(out).toContain('700 examples written to ');
  return { path: join(target, `${SAFE}.${format}`), rows };
}

describe('export', () => {
  it('writes NDJSON as a run does', async () => {
    const { path } = await exported('ndjson');
    const { to } = await written('lines', 'ndjson');
    expect(await readFile(path, 'utf8')).toBe(await readFile(join(to, `${SAFE}.ndjson`), 'utf8'));
  });

  it('writes Parquet', async () => {
    const { path, rows } = await exported('parquet');
    const found = await parquetReadObjects({ file: await asyncBufferFromFile(path) });
    expect(found.length).toBe(700);
    found.forEach((record, i) => {
      const row = rows[i]!;
      expect(record).toMatchObject({ id: row.id, time: BigInt(row.time) });
      expect(record['rate "x"\n'] ?? null).toBe(row.features[1]);
      expect(record.flag ?? null).toBe(row.features[2]);
      expect(record['feature.id'] ?? null).toEqual(row.features[5]);
      expect(record['label.bought.deadline'] ?? null).toBe(row.labels.bought?.deadline ?? null);
      expect(record['label.bought.value'] ?? null).toBe(row.labels.bought?.value ?? null);
      expect(record['label.bought.ever'] ?? null).toBe(row.labels.bought?.ever ?? null);
    });
  });

  it('writes CSV', async () => {
    const { path, rows } = await exported('csv');
    const records: Record<string, string>[] = parse(await readFile(path), { columns: true });
    expect(records.length).toBe(700);
    records.forEach((record, i) => {
      const { id, time, kind, sampleRate, labels, features } = rows[i]!;
      const text = (value: unknown) =>
        value === null || value === undefined
          ? ''
          : typeof value === 'object'
            ? JSON.stringify(value)
            : String(value);
      expect(record).toEqual(
        expect.objectContaining({
          ...{ id, time: String(time), kind: kind ?? 'example', sample_rate: String(sampleRate) },
          ...{ 'count[5m]': text(features[0]), 'rate "x"\n': text(features[1]) },
          ...{ flag: text(features[2]), place: text(features[3]), numbers: text(features[4]) },
          'feature.id': text(features[5]),
          'label.clicked.value': text(labels.clicked?.value),
          'label.clicked.elapsed': text(labels.clicked?.elapsed),
          'label.bought.was': text(labels.bought?.was),
          'label.bought.at_wait': text(labels.bought?.atWait),
        }),
      );
    });
  });

  it('writes TFRecord', async () => {
    const { path, rows } = await exported('tfrecord');
    const records = tfRecords(await readFile(path));
    expect(records.length).toBe(700);
    records.forEach((record, i) => {
      const row = rows[i]!;
      const label = row.labels.bought;
      expect(record.id).toEqual([row.id]);
      expect(record.time).toEqual([row.time]);
      expect(record.kind).toEqual([row.kind ?? 'example']);
      expect(record['count[5m]']).toEqual([row.features[0]]);
      const rate = row.features[1] as number | null;
      expect(record['rate "x"\n']).toEqual(rate === null ? undefined : [Math.fround(rate)]);
      const flag = row.features[2];
      expect(record.flag).toEqual(flag === null ? undefined : [Number(flag)]);
      expect(record['feature.id']).toEqual(row.features[5] ?? undefined);
      expect(record['label.bought.value']).toEqual(
        label === undefined || label.value === null ? undefined : [Math.fround(label.value)],
      );
      expect(record['label.bought.elapsed']).toEqual(label && [label.elapsed]);
    });
  });

  it('puts blocks of a changed program side by side', async () => {
    const more = { ...EVERYTHING.features[0]!, name: 'new' };
    const later = { ...EVERYTHING, features: [more, ...EVERYTHING.features.slice(1)] };
    const first = await written('part-1', 'block');
    const second = await written('part-2', 'block', later);
    const both = join(folder, 'parts');
    await mkdir(both);
    for (const [i, { to }] of [first, second].entries()) {
      await writeFile(join(both, `${i}.block`), await readFile(join(to, `${SAFE}.block`)));
    }
    const to = join(folder, 'parts-csv');
    expect((await command('export', both, '--format', 'csv', '--to', to)).code).toBe(0);
    const records: Record<string, string>[] = parse(await readFile(join(to, `${SAFE}.csv`)), {
      columns: true,
    });
    expect(records.map((row) => [row['count[5m]'] !== '', row.new !== ''])).toEqual([
      ...new Array(700).fill([true, false]),
      ...new Array(700).fill([false, true]),
    ]);
  });

  it('says what is wrong', async () => {
    const { to } = await written('wrong', 'block');
    const empty = join(folder, 'empty');
    await mkdir(empty);
    const target = join(folder, 'wrong-out');
    const run = (from: string, ...more: string[]) =>
      command('export', from, '--format', 'csv', '--to', target, ...more);
    expect((await run(empty)).error).toMatch(/holds no \.block files: .* --format block/);
    expect((await run(join(folder, 'nowhere'))).error).toMatch(/nowhere does not exist/);
    expect((await run(to, '--set', 'other')).error).toMatch(/no rows of example set other/);
    expect((await run(to)).code).toBe(0);
    expect(await run(to)).toMatchObject({ code: 3, error: expect.stringMatching(/--fresh/) });
    expect((await run(to, '--fresh')).code).toBe(0);
    const path = join(to, `${SAFE}.block`);
    const bytes = await readFile(path);
    bytes[bytes.length - 9]! ^= 1;
    await writeFile(path, bytes);
    const { code, error } = await run(to, '--fresh');
    expect(code).toBe(3);
    expect(error).toMatch(/every__thing_\.block, block at byte \d+: .* checksum/);
  });
});

/** TFRecord by its specification, tf.train.Example by its schema. */
function tfRecords(file: Buffer): Record<string, unknown>[] {
  const { root } = protobuf.parse(`syntax = "proto3";
    message Example { Features features = 1; }
    message Features { map<string, Feature> feature = 1; }
    message Feature { oneof kind { BytesList bytes_list = 1; FloatList float_list = 2; Int64List int64_list = 3; } }
    message BytesList { repeated bytes value = 1; }
    message FloatList { repeated float value = 1; }
    message Int64List { repeated int64 value = 1; }`);
  const type = root.lookupType('Example');
  const records: Record<string, unknown>[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at));
    const data = file.subarray(at + 12, at + 12 + length);
    expect(file.readUInt32LE(at + 8)).toBe(masked(file.subarray(at, at + 8)));
    expect(file.readUInt32LE(at + 12 + length)).toBe(masked(data));
    at += 16 + length;
    const { features } = type.toObject(type.decode(data), { longs: Number }) as {
      features: { feature: Record<string, Feature> };
    };
    records.push(
      Object.fromEntries(
        Object.entries(features.feature).map(([name, feature]) => [name, valuesOf(feature)]),
      ),
    );
  }
  return records;
}

type Feature = {
  readonly bytesList?: { readonly value?: readonly Uint8Array[] };
  readonly floatList?: { readonly value?: readonly number[] };
  readonly int64List?: { readonly value?: readonly number[] };
};

function valuesOf({ bytesList, floatList, int64List }: Feature): readonly (string | number)[] {
  if (bytesList !== undefined) return (bytesList.value ?? []).map((b) => Buffer.from(b).toString());
  return (floatList ?? int64List)?.value ?? [];
}

function masked(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

it('CRC-32C of the standard test vector', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
});
