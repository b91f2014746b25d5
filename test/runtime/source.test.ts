import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import protobuf from 'protobufjs';
import { afterAll, describe, expect, it } from 'vitest';
import type { ScanField } from '../../compiler/plan/plan.ts';
import type { TimeFormat, Type } from '../../dsl/types.ts';
import { list, scalar } from '../../dsl/types.ts';
import type { Value } from '../../operators/column/column.ts';
import { valueAt } from '../../operators/column/column.ts';
import { reasonText } from '../../operators/decode/decode-reasons.ts';
import { rawText } from '../../operators/decode/decoder.ts';
import { Fault } from '../../runtime/fault.ts';
import type { ReadPosition } from '../../runtime/run/record-reader.ts';
import type { ReaderOptions } from '../../runtime/source/open-reader.ts';
import { openReader } from '../../runtime/source/open-reader.ts';
import { rng } from '../random.ts';

const folder = mkdtempSync(join(tmpdir(), 'source-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, bytes: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

function field(name: string, type: Type, timeFormat: TimeFormat | null = null): ScanField {
  return { name, type, timeFormat, value: true, hash: true };
}

const fields = [
  field('id', scalar('string')),
  field('n', scalar('int', { nullable: true })),
  field('ts', scalar('timestamp'), 'ms'),
];

type Read = { rows: (Value[] | string)[]; fault: Fault | null; positions: ReadPosition[] };

async function readAll(
  path: string,
  scan: readonly ScanField[],
  options: ReaderOptions = {},
  rowsMax = 4096,
): Promise<Read> {
  const rows: (Value[] | string)[] = [];
  const positions: ReadPosition[] = [];
  let fault: Fault | null = null;
  const reader = await openReader(path, scan, options);
  try {
    for (let batch = await reader.read(rowsMax); batch; batch = await reader.read(rowsMax)) {
      expect(batch.firstOffset).toBe((options.at?.rows ?? 0) + rows.length);
      for (let row = 0; row < batch.n; row++) {
        const bad: string[] = [];
        for (let i = 0; i < batch.bad.count; i++) {
          const f = batch.bad.field[i]!;
          const name = f < 0 ? null : scan[f]!.name;
          if (batch.bad.row[i] === row) bad.push(reasonText(batch.bad.reason[i]!, name));
        }
        const values = scan.map((_, f) => valueAt(batch.columns[f]!.value!, row));
        rows.push(bad.length > 0 ? `${bad.join('; ')} <- ${rawText(batch, row)}` : values);
      }
      positions.push(reader.position());
      batch.release();
    }
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    fault = error;
  }
  await reader.close();
  return { rows, fault, positions };
}

function ndjson(count: number): string {
  const line = (i: number) => JSON.stringify({ id: `é${i}`, n: i % 3 ? i : null, ts: 1000 + i });
  return Array.from({ length: count }, (_, i) => `${line(i)}\n`).join('');
}

const expected = (count: number) =>
  Array.from({ length: count }, (_, i) => [`é${i}`, i % 3 ? i : null, 1000 + i]);

/** A zstd frame of raw blocks: the format allows data that is not compressed. */
function zstdStored(data: Uint8Array): Uint8Array {
  const out = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58];
  const size = 100_000;
  for (let at = 0; at < data.length; at += size) {
    const block = data.subarray(at, at + size);
    const header = (block.length << 3) | (at + size >= data.length ? 1 : 0);
    out.push(header & 255, (header >> 8) & 255, header >> 16, ...block);
  }
  return Uint8Array.from(out);
}

describe('NDJSON files', () => {
  const text = ndjson(40_000);
  const bytes = new TextEncoder().encode(text);
  it('are read plain, gzipped and with zstd', async () => {
    for (const path of [
      file('a.ndjson', text),
      file('a.ndjson.gz', gzipSync(text)),
      file(
        'two.ndjson.gz',
        Buffer.concat([gzipSync(text.slice(0, 999)), gzipSync(text.slice(999))]),
      ),
      file('a.ndjson.zst', zstdStored(bytes)),
    ]) {
      const { rows, fault } = await readAll(path, fields);
      expect(fault).toBe(null);
      expect(rows).toEqual(expected(40_000));
    }
  });
  it('go on from every position', async () => {
    const random = rng(5);
    for (const name of ['a.ndjson', 'a.ndjson.gz', 'a.ndjson.zst']) {
      const path = join(folder, name);
      const { positions } = await readAll(path, fields, {}, 777);
      expect(positions.at(-1)).toEqual({ rows: 40_000, bytes: bytes.length });
      for (let i = 0; i < 3; i++) {
        const at = random.pick(positions);
        const { rows } = await readAll(path, fields, { at }, 1000);
        expect(rows).toEqual(expected(40_000).slice(at.rows));
      }
    }
  });
  it('need no newline at the end and may have a byte order mark, CRLF and blank lines', async () => {
    const path = file(
      'b.ndjson',
      `\ufeff${ndjson(2).replaceAll('\n', '\r\n')}\n\n{"id":"z","ts":5}`,
    );
    const { rows, positions } = await readAll(path, fields, {}, 2);
    expect(rows).toEqual([...expected(2), ['z', null, 5]]);
    const again = await readAll(path, fields, { at: positions[0]! });
    expect(again.rows).toEqual([['z', null, 5]]);
    expect((await readAll(file('c.ndjson', ''), fields)).rows).toEqual([]);
    expect((await readAll(file('d.ndjson', '\n\n'), fields)).rows).toEqual([]);
  });
  it('may hold lines that are too long: malformed, skipped, counted once', async () => {
    for (const size of [1_100_000, 5_000_000]) {
      const long = `{"id":"${'x'.repeat(size)}","ts":1}\n`;
      const path = file('e.ndjson', ndjson(3) + long + ndjson(3) + long + ndjson(1) + long.trim());
      const { rows, positions } = await readAll(path, fields, {}, 4);
      expect(rows.length).toBe(10);
      const kinds = rows.map((row) => (typeof row === 'string' ? row.slice(0, 17) : 'ok'));
      const bad = 'longer than 1 MiB';
      expect(kinds).toEqual(['ok', 'ok', 'ok', bad, 'ok', 'ok', 'ok', bad, 'ok', bad]);
      for (const at of positions) {
        expect((await readAll(path, fields, { at })).rows).toEqual(rows.slice(at.rows));
      }
    }
  });
  it('give all that is whole before a truncated gzip or zstd is a fault', async () => {
    const whole = gzipSync(text);
    for (const [name, cut] of [
      ['t.ndjson.gz', whole.subarray(0, whole.length >> 1)],
      ['t.ndjson.zst', zstdStored(bytes).subarray(0, bytes.length >> 1)],
    ] as const) {
      const { rows, fault } = await readAll(file(name, cut), fields);
      expect(fault?.kind).toBe('truncated');
      expect(fault?.message).toContain(name);
      expect(rows.length, name).toBeGreaterThan(10_000);
      expect(rows).toEqual(expected(40_000).slice(0, rows.length));
    }
    const damaged = Uint8Array.from(whole);
    damaged.fill(0xa5, whole.length - 4000, whole.length - 100);
    const { fault } = await readAll(file('u.ndjson.gz', damaged), fields);
    expect(fault?.kind).toBe('truncated');
  });
  it('that are not there are a fault', async () => {
    await expect(openReader(join(folder, 'none.ndjson'), fields)).rejects.toThrow(
      /none\.ndjson does not exist/,
    );
  });
});

describe('CSV files', () => {
  const scan = [
    ...fields,
    field('flag', scalar('bool', { nullable: true })),
    field('tags', list('string', true)),
    field('x', scalar('float', { nullable: true })),
    field('note', scalar('string', { nullable: true })),
  ];
  it('are read by type, with nulls, quotes and what is malformed', async () => {
    const text = [
      'ts,id,n,flag,tags,x,unread',
      '1,a,5,true,"[""p"",""q""]",1.5,zzz',
      '2,"b, ""c""",,,,,',
      '3,,x,1,,,',
      'soon,d,1,,,,',
      '5,e,1,,,,,,',
      '6,f',
      '7,"multi',
      'line",7,FALSE,,-.5e1,',
    ].join('\n');
    for (const path of [file('a.csv', text), file('a.csv.gz', gzipSync(text))]) {
      const { rows, positions } = await readAll(path, scan, {}, 3);
      expect(rows).toEqual([
        ['a', 5, 1, true, ['p', 'q'], 1.5, null],
        ['b, "c"', null, 2, null, null, null, null],
        'field n: wrong type <- 3,,x,1,,,\n',
        'field ts: wrong type <- soon,d,1,,,,\n',
        'more cells than the header <- 5,e,1,,,,,,\n',
        ['f', null, 6, null, null, null, null],
        ['multi\nline', 7, 7, false, null, -5, null],
      ]);
      const at = positions[0]!;
      expect((await readAll(path, scan, { at })).rows).toEqual(rows.slice(3));
    }
  });
  it('with a broken quote lose that record only as far as it reaches', async () => {
    const { rows } = await readAll(file('q.csv', 'id,ts\na,1\nb"c,2\nd,3\n'), fields);
    expect(rows[0]).toEqual(['a', null, 1]);
    expect(rows.some((row) => typeof row === 'string' && row.includes('not valid CSV'))).toBe(true);
    expect(rows.at(-1)).toEqual(['d', null, 3]);
  });

  it('that end within a quoted cell are refused, and lose nothing in silence', async () => {
    const { rows, fault } = await readAll(file('open.csv', 'id,ts\na,1\nb,"2\nc,3\n'), fields);
    expect(rows).toEqual([['a', null, 1]]);
    expect(fault?.message).toMatch(
      /open\.csv: in the record that begins b,"2 a quote \("\) is opened and never closed/,
    );
  });

  it('may end their lines in any way', async () => {
    const { rows } = await readAll(file('ends.csv', 'id,ts\r\na,1\nb,2\r\n'), fields);
    expect(rows).toEqual([
      ['a', null, 1],
      ['b', null, 2],
    ]);
  });
});

describe('Parquet files', () => {
  it('are read by column, row group and position', async () => {
    const n = 5000;
    const at = (i: number) => new Date(1_700_000_000_000 + i);
    const rowsOf = <T>(make: (i: number) => T) => Array.from({ length: n }, (_, i) => make(i));
    const buffer = parquetWriteBuffer({
      columnData: [
        { name: 'id', data: rowsOf((i) => `é${i}`), type: 'STRING' },
        {
          name: 'n',
          data: rowsOf((i) => (i % 7 ? BigInt(i) : null)),
          type: 'INT64',
          nullable: true,
        },
        { name: 'ts', data: rowsOf(at), type: 'TIMESTAMP' },
        { name: 'unread', data: rowsOf((i) => i), type: 'DOUBLE' },
      ],
      rowGroupSize: 1700,
    });
    const path = file('a.parquet', new Uint8Array(buffer));
    const want = rowsOf((i) => [`é${i}`, i % 7 ? i : null, at(i).getTime()]);
    const { rows, positions } = await readAll(path, fields, {}, 600);
    expect(rows).toEqual(want);
    const from = positions[4]!;
    expect((await readAll(path, fields, { at: from })).rows).toEqual(want.slice(from.rows));
    const broken = file('b.parquet', new Uint8Array(buffer).subarray(0, 5000));
    await expect(openReader(broken, fields)).rejects.toThrow(/cannot be read as Parquet/);
  });
});

describe('protobuf files', () => {
  const source = `syntax = "proto3"; package t; enum Kind { NONE = 0; BUY = 1; }
    message Event { string id = 1; optional int64 n = 2; int64 ts = 3; Kind kind = 4; repeated string tags = 5; }`;
  const scan = [...fields, field('kind', scalar('string')), field('tags', list('string'))];
  it('are read by the schema, as text or as a descriptor set', async () => {
    const { root } = protobuf.parse(source, { keepCase: true });
    const type = root.lookupType('t.Event');
    const records = [
      { id: 'a', n: 7, ts: 1_700_000_000_123, kind: 1, tags: ['x', 'é'] },
      { id: 'b', ts: 5 },
      {},
    ];
    const parts = records.map((record) => type.encodeDelimited(record).finish());
    const junk = Uint8Array.from([3, 0xff, 0xff, 0xff]);
    const bytes = Buffer.concat([parts[0]!, junk, parts[1]!, parts[2]!]);
    const want = [
      ['a', 7, 1_700_000_000_123, 'BUY', ['x', 'é']],
      'not a valid protobuf message <- ////',
      ['b', null, 5, 'NONE', []],
      ['', null, 0, 'NONE', []],
    ];
    const schema = { source, message: 't.Event' };
    const path = file('a.pb', bytes);
    const { rows, positions } = await readAll(path, scan, { schema }, 2);
    expect(rows).toEqual(want);
    const again = await readAll(path, scan, { schema, at: positions[0]! });
    expect(again.rows).toEqual(want.slice(2));
    const cut = await readAll(file('b.pb', bytes.subarray(0, bytes.length - 3)), scan, { schema });
    expect(cut.fault?.kind ?? 'none').toBe('truncated');
    expect(cut.rows).toEqual(want.slice(0, cut.rows.length));
  });
});
