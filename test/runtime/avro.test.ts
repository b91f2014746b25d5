import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import avro from 'avsc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ScanField } from '../../compiler/plan/plan.ts';
import { list, scalar, type Type } from '../../dsl/types.ts';
import { type Value, valueAt } from '../../operators/column/column.ts';
import { reasonText } from '../../operators/decode/decode-reasons.ts';
import { type DecodedBatch, rawText } from '../../operators/decode/decoder.ts';
import { openReader } from '../../runtime/source/open-reader.ts';
import { AvroValues, SchemaRegistry } from '../../runtime/source/schema-registry.ts';

const folder = mkdtempSync(join(tmpdir(), 'avro-'));
afterAll(() => rmSync(folder, { recursive: true }));

const SCHEMA: avro.Schema = {
  type: 'record',
  name: 'Event',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'n', type: ['null', 'long'] },
    { name: 'ts', type: { type: 'long', logicalType: 'timestamp-micros' } },
    { name: 'kind', type: { type: 'enum', name: 'Kind', symbols: ['NONE', 'BUY'] } },
    { name: 'tags', type: { type: 'array', items: 'string' } },
    { name: 'unread', type: 'double' },
  ],
};

/** Keeps the attribute in the schema that a file is written with. */
class Micros extends avro.types.LogicalType {
  override _fromValue = (value: number) => value;
  override _toValue = (value: number) => value;
}
const writer = avro.Type.forSchema(SCHEMA, { logicalTypes: { 'timestamp-micros': Micros } });
const AT = Date.UTC(2024, 1, 2, 3, 4, 5, 678);

const fields = [
  field('id', scalar('string')),
  field('n', scalar('int', { nullable: true })),
  field('ts', scalar('timestamp')),
  field('kind', scalar('string')),
  field('tags', list('string')),
];

function field(name: string, type: Type): ScanField {
  const timeFormat = name === 'ts' ? 'ms' : null;
  return { name, type, timeFormat, value: true, hash: true };
}

function event(i: number) {
  const n = i % 3 === 0 ? null : i;
  const more = { ts: (AT + i) * 1000 + 999, kind: i % 2 ? 'BUY' : 'NONE', unread: 0.5 };
  return { id: `é${i}`, n, tags: i % 2 ? ['x', `t${i}`] : [], ...more };
}

function row(i: number): Value[] {
  return [
    `é${i}`,
    i % 3 === 0 ? null : i,
    AT + i,
    i % 2 ? 'BUY' : 'NONE',
    i % 2 ? ['x', `t${i}`] : [],
  ];
}

/** Rows as their values, bad ones as what is wrong with them. */
function rowsOf(batch: DecodedBatch): (Value[] | string)[] {
  const rows: (Value[] | string)[] = Array.from({ length: batch.n }, (_, i) =>
    fields.map((_field, f) => valueAt(batch.columns[f]!.value!, i)),
  );
  for (let i = 0; i < batch.bad.count; i++) {
    const f = batch.bad.field[i]!;
    const at = batch.bad.row[i]!;
    rows[at] =
      `${reasonText(batch.bad.reason[i]!, f < 0 ? null : fields[f]!.name)} <- ${rawText(batch, at)}`;
  }
  return rows;
}

describe('Avro container files', () => {
  const path = join(folder, 'events.avro');
  beforeAll(async () => {
    const encoder = avro.createFileEncoder(path, writer, { codec: 'deflate', blockSize: 512 });
    for (let i = 0; i < 1000; i++) encoder.write(event(i));
    await new Promise((resolve) => encoder.end(resolve));
  });

  it('are read whole, and from any row on', async () => {
    for (const start of [0, 1, 700, 1000]) {
      const reader = await openReader(path, fields, { at: { rows: start, bytes: 0 } });
      const rows = [];
      for (let batch = await reader.read(64); batch; batch = await reader.read(64)) {
        expect(batch.firstOffset).toBe(start + rows.length);
        rows.push(...rowsOf(batch));
      }
      expect(reader.position()).toEqual({ rows: 1000, bytes: 0 });
      await reader.close();
      expect(rows).toEqual(Array.from({ length: 1000 - start }, (_, i) => row(start + i)));
    }
  });

  it('that are damaged give rows that are right, then a fault', async () => {
    const bytes = readFileSync(path);
    bytes.fill(0xff, bytes.length >> 1);
    const damaged = join(folder, 'damaged.avro');
    writeFileSync(damaged, bytes);
    const reader = await openReader(damaged, fields);
    const rows: (Value[] | string)[] = [];
    const all = async () => {
      for (let batch = await reader.read(64); batch; batch = await reader.read(64)) {
        rows.push(...rowsOf(batch));
      }
    };
    await expect(all()).rejects.toThrow(/damaged\.avro cannot be read as Avro/);
    expect(rows).toEqual(Array.from(rows, (_, i) => row(i)));
  });

  it('that are something else are a fault', async () => {
    const other = join(folder, 'other.avro');
    writeFileSync(other, 'no avro at all');
    const reader = await openReader(other, fields);
    await expect(reader.read(64)).rejects.toThrow(/other\.avro cannot be read as Avro/);
  });
});

describe('Avro values with a schema registry', () => {
  let server: Server;
  let requests: string[] = [];
  let url: string;
  const newer: avro.Schema = {
    type: 'record',
    name: 'Event',
    fields: [
      { name: 'id', type: 'long' },
      { name: 'ts', type: { type: 'long', logicalType: 'timestamp-millis' } },
      { name: 'kind', type: ['null', 'string'] },
      { name: 'tags', type: { type: 'array', items: 'string' } },
    ],
  };
  const answers: Record<string, [number, string]> = {
    '/schemas/ids/7': [200, JSON.stringify({ schema: JSON.stringify(SCHEMA) })],
    '/schemas/ids/8': [200, JSON.stringify({ schema: JSON.stringify(newer) })],
    '/schemas/ids/9': [200, JSON.stringify({ schema: '{}', schemaType: 'PROTOBUF' })],
    '/schemas/ids/10': [503, 'later'],
  };

  beforeAll(async () => {
    server = createServer((request, response) => {
      requests.push(`${request.url} ${request.headers.authorization}`);
      const [status, body] = answers[request.url ?? ''] ?? [404, ''];
      response.writeHead(status).end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  });
  afterAll(() => server.close());

  function value(id: number, bytes: Uint8Array): Uint8Array {
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(id, 1);
    return Buffer.concat([prefix, bytes]);
  }

  async function decode(values: (Uint8Array | null)[]) {
    const registry = new SchemaRegistry({ url, authorization: 'Basic secret' });
    const decoder = new AvroValues(registry, fields);
    await decoder.prepare(values);
    await decoder.prepare(values);
    decoder.begin(values.length);
    for (const each of values) decoder.add(each);
    expect(decoder.rows).toBe(values.length);
    return rowsOf(decoder.finish(40));
  }

  it('are decoded each by the schema it was written with, asked for once', async () => {
    requests = [];
    const long = 2n ** 60n + 1n;
    const id = Buffer.alloc(10);
    // A zigzag varint of 2^60 + 1, by hand: no writer of doubles can make it.
    let zigzag = long << 1n;
    let length = 0;
    for (; zigzag > 127n; zigzag >>= 7n) id[length++] = Number(zigzag & 127n) | 128;
    id[length++] = Number(zigzag);
    const rest = avro.Type.forSchema({ ...newer, name: 'Rest', fields: newer.fields.slice(1) });
    const second = Buffer.concat([
      id.subarray(0, length),
      rest.toBuffer({ ts: AT, kind: 'BUY', tags: ['y'] }),
    ]);
    expect(await decode([value(7, writer.toBuffer(event(1))), value(8, second)])).toEqual([
      row(1),
      [String(long), null, AT, 'BUY', ['y']],
    ]);
    expect(requests).toEqual(['/schemas/ids/7 Basic secret', '/schemas/ids/8 Basic secret']);
  });

  it('are malformed without a prefix, with an unknown number, cut short, or missing', async () => {
    const whole = value(7, writer.toBuffer(event(1)));
    const rows = await decode([
      writer.toBuffer(event(1)),
      value(404, writer.toBuffer(event(1))),
      whole.subarray(0, 9),
      null,
      whole,
    ]);
    expect(rows.slice(0, 4)).toEqual(
      Array.from({ length: 4 }, () => expect.stringMatching(/^not a valid Avro record <- /)),
    );
    expect(rows[4]).toEqual(row(1));
  });

  it('stop at a registry that is away or holds something else', async () => {
    const registry = new SchemaRegistry({ url });
    await expect(registry.load([9])).rejects.toThrow(/it is PROTOBUF, not Avro/);
    await expect(registry.load([10])).rejects.toMatchObject({ retriable: true });
    const away = new SchemaRegistry({ url: 'http://127.0.0.1:9' });
    await expect(away.load([1])).rejects.toMatchObject({
      message: expect.stringMatching(/does not answer/),
      retriable: true,
    });
  });
});
