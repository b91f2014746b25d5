import { describe, expect, it } from 'vitest';
import type { ScanField } from '../../compiler/plan/plan.ts';
import type { TimeFormat, Type } from '../../dsl/types.ts';
import { list, scalar } from '../../dsl/types.ts';
import type { Value } from '../../operators/column/column.ts';
import { valueAt } from '../../operators/column/column.ts';
import { reasonText } from '../../operators/decode/decode-reasons.ts';
import type { DecodedBatch } from '../../operators/decode/decoder.ts';
import { LINE_BYTES_MAX, rawText } from '../../operators/decode/decoder.ts';
import { NdjsonDecoder } from '../../operators/decode/ndjson.ts';
import { SLACK_BYTES } from '../../operators/decode/ndjson-scanner.ts';
import { hashNumber, hashText, lanes } from '../../operators/hash.ts';
import { rng } from '../random.ts';
import { mutated, randomLine } from './random-json.ts';

function field(name: string, type: Type, timeFormat: TimeFormat | null = null): ScanField {
  const hash = type.kind === 'scalar' && name !== 'plain';
  return { name, type, timeFormat, value: true, hash };
}

const encoder = new TextEncoder();

function load(decoder: NdjsonDecoder, text: string | Uint8Array): void {
  const bytes = typeof text === 'string' ? encoder.encode(text) : text;
  const chunk = new Uint8Array(bytes.length + 1 + SLACK_BYTES);
  chunk.set(bytes);
  chunk[bytes.length] = 10;
  decoder.load(chunk, 0, bytes.length + 1);
}

/** Every row as plain data; a malformed row as its reasons. */
function rowsOf(
  batch: DecodedBatch,
  fields: readonly ScanField[],
): (Record<string, Value> | string)[] {
  const rows: (Record<string, Value> | string)[] = [];
  for (let row = 0; row < batch.n; row++) {
    const reasons: string[] = [];
    for (let i = 0; i < batch.bad.count; i++) {
      if (batch.bad.row[i] !== row) continue;
      const at = batch.bad.field[i]!;
      reasons.push(reasonText(batch.bad.reason[i]!, at < 0 ? null : fields[at]!.name));
    }
    const values = fields.map((f, i) => [f.name, valueAt(batch.columns[i]!.value!, row)]);
    rows.push(reasons.length > 0 ? reasons.join('; ') : Object.fromEntries(values));
  }
  return rows;
}

function decode(
  fields: readonly ScanField[],
  text: string | Uint8Array,
  rowsMax = 4096,
): (Record<string, Value> | string)[] {
  const decoder = new NdjsonDecoder(fields);
  load(decoder, text);
  const rows: (Record<string, Value> | string)[] = [];
  for (
    let batch = decoder.decode(rowsMax, 0);
    batch;
    batch = decoder.decode(rowsMax, rows.length)
  ) {
    expect(batch.firstOffset).toBe(rows.length);
    rows.push(...rowsOf(batch, fields));
    batch.release();
  }
  return rows;
}

const one = (type: Type, source: string, format: TimeFormat | null = null) => {
  const rows = decode([field('x', type, format)], `{"x":${source}}\n{"x":${source}}`);
  expect(rows[1]).toEqual(rows[0]);
  const row = rows[0]!;
  return typeof row === 'string' ? row : row.x;
};

describe('values by type', () => {
  it('strings', () => {
    expect(one(scalar('string'), '"a"')).toBe('a');
    expect(one(scalar('string'), '""')).toBe('');
    expect(one(scalar('string'), '"é😀"')).toBe('é😀');
    expect(one(scalar('string'), String.raw`"\u00e9\ud83d\ude00\n\/\\\""`)).toBe('é😀\n/\\"');
    expect(one(scalar('string'), String.raw`"a\ud800b"`)).toBe('a\ufffdb');
    expect(one(scalar('string'), '-12')).toBe('-12');
    expect(one(scalar('string'), '12345678901234567890')).toBe('12345678901234567890');
    expect(one(scalar('string'), '1.5')).toBe('field x: wrong type');
    expect(one(scalar('string'), 'true')).toBe('field x: wrong type');
    expect(one(scalar('string'), 'null')).toBe('field x: null');
    expect(one(scalar('string', { nullable: true }), 'null')).toBe(null);
  });
  it('numbers', () => {
    expect(one(scalar('int'), '9007199254740991')).toBe(9007199254740991);
    expect(one(scalar('int'), '9007199254740992')).toBe('field x: out of range');
    expect(one(scalar('int'), '1e3')).toBe(1000);
    expect(one(scalar('int'), '1.5')).toBe('field x: not a whole number');
    expect(one(scalar('money'), '-5')).toBe(-5);
    expect(one(scalar('float'), '1e400')).toBe('field x: out of range');
    expect(one(scalar('float'), '-0')).toBe(-0);
    expect(one(scalar('float'), '"1"')).toBe('field x: wrong type');
    expect(one(scalar('float'), '01')).toBe('not valid JSON');
    expect(one(scalar('bool'), 'true')).toBe(true);
    expect(one(scalar('bool'), '1')).toBe('field x: wrong type');
    expect(one(scalar('bool', { nullable: true }), 'null')).toBe(null);
  });
  it('times', () => {
    const time = scalar('timestamp');
    expect(one(time, '1730000000123', 'ms')).toBe(1730000000123);
    expect(one(time, '253402300800000', 'ms')).toBe(reasonText(11, 'x'));
    expect(one(time, '-1', 'ms')).toBe(reasonText(11, 'x'));
    expect(one(time, '1.5', 'ms')).toBe('field x: not a whole number');
    expect(one(time, '1730000000.001', 's')).toBe(1730000000001);
    expect(one(time, '1730000000.0019', 's')).toBe(1730000000001);
    expect(one(time, '1730000000123999', 'us')).toBe(1730000000123);
    expect(one(time, '"2024-02-29T12:00:00Z"', 'iso')).toBe(Date.UTC(2024, 1, 29, 12));
    expect(one(time, '"2024-02-29 12:00:00.1239+01:30"', 'iso')).toBe(
      Date.UTC(2024, 1, 29, 10, 30, 0, 123),
    );
    expect(one(time, '"2023-02-29T12:00:00Z"', 'iso')).toBe(reasonText(10, 'x'));
    expect(one(time, '"2024-01-01T12:00:00"', 'iso')).toBe(reasonText(10, 'x'));
    expect(one(time, '"1969-12-31T23:59:59Z"', 'iso')).toBe(reasonText(11, 'x'));
    expect(one(time, '12', 'iso')).toBe('field x: wrong type');
  });
  it('lists', () => {
    expect(one(list('string'), '["a", 12 ,"\\u00e9"]')).toEqual(['a', '12', 'é']);
    expect(one(list('string'), '[]')).toEqual([]);
    expect(one(list('int'), '[1,-2]')).toEqual([1, -2]);
    expect(one(list('int'), '[1,null]')).toBe(reasonText(12, 'x'));
    expect(one(list('int', true), 'null')).toBe(null);
    expect(one(list('bool'), '[true,false]')).toEqual([1, 0]);
    expect(one(list('int'), '3')).toBe('field x: wrong type');
    const x = field('x', list('int'));
    const lines =
      '{"x":[1,2]}\n{"x":[3,"no"]}\n{"x":[4,5]}\n{"x":[]}\n{"x":[6],"x":[7,8]}\n{"x":[9]}';
    const bad = reasonText(12, 'x');
    expect(decode([x], lines).map((row) => (typeof row === 'string' ? row : row.x))).toEqual([
      [1, 2],
      bad,
      [4, 5],
      [],
      [7, 8],
      [9],
    ]);
  });
});

describe('lines', () => {
  const fields = [field('a', scalar('string')), field('b', scalar('int', { nullable: true }))];
  it('reports what is no record and skips what is blank', () => {
    const text =
      '{"a":"1","b":2}\r\n\n  \t\r\n[1]\n7\n{"a":"1"\n{"a":"2"}\n{"b":1}\n{}x\n{"a":"3","b":"x"}';
    expect(decode(fields, text)).toEqual([
      { a: '1', b: 2 },
      'not a JSON object',
      'not a JSON object',
      'not valid JSON',
      { a: '2', b: null },
      'field a: missing',
      'not valid JSON',
      'field b: wrong type',
    ]);
  });
  it('takes the last of a key that comes twice, escaped keys too', () => {
    const text = String.raw`{"a":"1","b":2,"\u0061":"z","b":null}`;
    expect(decode(fields, `${text}\n${text}`)).toEqual([
      { a: 'z', b: null },
      { a: 'z', b: null },
    ]);
    expect(decode(fields, '{"a":1.5,"a":"fine"}\n{"a":"fine","a":1.5}')).toEqual([
      { a: 'fine', b: null },
      'field a: wrong type',
    ]);
  });
  it('refuses invalid UTF-8 in a text it reads, and only there', () => {
    const line = (key: string, byte: number) => [
      ...encoder.encode(`{"${key}":"`),
      byte,
      34,
      125,
      10,
    ];
    const rest = [...encoder.encode('{"a":"ok"}')];
    const bytes = Uint8Array.from([...line('a', 0xff), ...line('a', 0xc3), ...rest]);
    expect(decode(fields, bytes)).toEqual([
      'field a: not valid UTF-8',
      'field a: not valid UTF-8',
      { a: 'ok', b: null },
    ]);
    const other = Uint8Array.from([123, ...line('z', 0xff).slice(1, -2), 44, ...rest.slice(1)]);
    expect(decode(fields, other)).toEqual([{ a: 'ok', b: null }]);
  });
  it('refuses a line over the limit and goes on after it', () => {
    const fits = `{"a":"${'x'.repeat(LINE_BYTES_MAX - 8)}"}`;
    expect(fits.length).toBe(LINE_BYTES_MAX);
    const rows = decode(fields, `${fits}\n${fits} \n{"a":"y"}`);
    expect(rows.map((row) => typeof row)).toEqual(['object', 'string', 'object']);
    expect(rows[1]).toBe('longer than 1 MiB');
  });
  it('survives nesting as deep as a line is long', () => {
    const deep = `${'['.repeat(400_000)}${']'.repeat(400_000)}`;
    expect(decode(fields, `{"a":"1","z":${deep}}`)).toEqual([{ a: '1', b: null }]);
  });
  it('keeps the source text and hashes values', () => {
    const decoder = new NdjsonDecoder(fields);
    load(decoder, '{"a":"q","b":5}\n\n{"a":"\\u0071","b":null}\n oops');
    const batch = decoder.decode(10, 7)!;
    expect(rawText(batch, 2)).toBe(' oops');
    expect(rawText(batch, 1)).toBe('{"a":"\\u0071","b":null}');
    hashText('q');
    for (const row of [0, 1]) {
      expect([batch.columns[0]!.hash!.lo[row], batch.columns[0]!.hash!.hi[row]]).toEqual([
        ...lanes,
      ]);
    }
    hashNumber(5);
    expect([batch.columns[1]!.hash!.lo[0], batch.columns[1]!.hash!.hi[0]]).toEqual([...lanes]);
    expect([batch.columns[1]!.hash!.lo[1], batch.columns[1]!.hash!.hi[1]]).toEqual([0, 0]);
  });
});

const fuzzFields = [
  field('f', scalar('float', { nullable: true })),
  field('flag', scalar('bool', { nullable: true })),
  field('ids', list('string', true)),
  field('n', scalar('int', { nullable: true })),
  field('plain', scalar('string', { nullable: true })),
  field('s', scalar('string', { nullable: true })),
];

/** What JSON.parse says the row is; numbers as strings in texts make it too odd to restate, so texts with numbers are skipped. */
function expected(line: string): Record<string, Value> | 'invalid' | 'bad' {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return 'invalid';
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return 'bad';
  const record = parsed as Record<string, unknown>;
  const row: Record<string, Value> = {};
  const wellFormed = (text: string) => new TextDecoder().decode(encoder.encode(text));
  for (const { name, type } of fuzzFields) {
    const value = record[name];
    if (value === null || value === undefined) row[name] = null;
    else if (type.kind === 'list') {
      if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) return 'bad';
      row[name] = value.map((item: string) => wellFormed(item));
    } else if (type.kind !== 'scalar') return 'bad';
    else if (type.name === 'string' && typeof value === 'string') row[name] = wellFormed(value);
    else if (type.name === 'bool' && typeof value === 'boolean') row[name] = value;
    else if (type.name === 'float' && typeof value === 'number' && Number.isFinite(value))
      row[name] = value;
    else if (type.name === 'int' && Number.isSafeInteger(value)) row[name] = value as number;
    else return 'bad';
  }
  return row;
}

describe('differential fuzz against JSON.parse', () => {
  for (const seed of [1, 2, 3, 4]) {
    it(`seed ${seed}`, () => {
      const random = rng(seed);
      const lines: string[] = [];
      for (let i = 0; i < 4000; i++) {
        const last = lines[lines.length - 1];
        let line = last !== undefined && random.chance(0.3) ? last : randomLine(random);
        if (random.chance(0.35)) line = mutated(line, random);
        if (line.trim() !== '' && !line.includes('\n')) lines.push(line);
      }
      const rows = decode(fuzzFields, lines.join('\n'), 1 + random.below(500));
      expect(rows.length).toBe(lines.length);
      lines.forEach((line, i) => {
        const want = expected(line);
        const got = rows[i]!;
        const where = `seed ${seed} line ${JSON.stringify(line)} got ${JSON.stringify(got)}`;
        if (want === 'invalid') expect(got, where).toBe('not valid JSON');
        else if (want === 'bad') {
          // A whole number in a text is its source text, so what looks bad here may be fine.
          if (typeof got !== 'string') expect(/\d/.test(line), where).toBe(true);
          else expect(got, where).not.toBe('not valid JSON');
        } else expect(got, where).toEqual(want);
      });
    });
  }
});

describe('a known layout', () => {
  it('changes nothing: every line decodes as it does alone', () => {
    const random = rng(31);
    const scan = [
      field('f', { ...scalar('float'), nullable: true }),
      field('i', scalar('int')),
      field('ids', list('string')),
      field('plain', scalar('string', { nullable: true })),
      field('s', scalar('string')),
      field('t', scalar('timestamp'), 'ms'),
    ].map((f) =>
      f.type.kind === 'scalar' && f.type.name !== 'string' ? { ...f, hash: false } : f,
    );
    const numbers = [
      '0',
      '00',
      '7',
      '-3',
      '1.50',
      '0.125',
      '.5',
      '1.',
      '1e3',
      '123456789012345',
      '0.1234567890123456',
    ];
    const odd = [
      '1234567890123456',
      '253402300799999',
      '253402300800000',
      '9007199254740993',
      'null',
      '-0',
      '"7"',
      '01',
    ];
    const texts = ['"a"', '"é"', '"\\n"', '""', '12', 'null', '"\\ud800"', '"a b"', '"\\x"'];
    const value = () => random.pick([numbers, numbers, odd, texts][random.below(4)]!);
    const lines: string[] = [];
    for (let i = 0; i < 6000; i++) {
      const often = (usual: string) => (random.chance(0.9) ? usual : value());
      const line = `{"s":${often(random.pick(texts))},"skip":${often('"x\\"y"')},"i":${often('12')},"t":${often('1730000000000')},"f":${often(random.pick(numbers))},"plain":${often('"p"')},"ids":["a","b"]}`;
      lines.push(random.chance(0.1) ? mutated(line, random) : line);
    }
    const together = decode(scan, lines.join('\n'));
    expect(together.length).toBe(lines.length);
    lines.forEach((line, i) => {
      expect(together[i], `seed 31 line ${line}`).toEqual(decode(scan, line)[0]);
    });
    expect(together.filter((row) => typeof row !== 'string').length).toBeGreaterThan(1000);
  });
});

describe('numbers', () => {
  it('equal JSON.parse bit for bit', () => {
    const random = rng(77);
    const sources: string[] = [];
    for (let i = 0; i < 20_000; i++) {
      const value = (random.next() - 0.5) * 10 ** (random.below(40) - 20);
      const text = random.chance(0.5) ? String(value) : value.toFixed(random.below(18));
      sources.push(random.chance(0.2) ? value.toExponential(random.below(20)) : text);
    }
    const rows = decode([field('x', scalar('float'))], sources.map((s) => `{"x":${s}}`).join('\n'));
    rows.forEach((row, i) => {
      const got = typeof row === 'string' ? Number.NaN : row.x;
      expect(Object.is(got, JSON.parse(sources[i]!)), `${sources[i]} gave ${String(got)}`).toBe(
        true,
      );
    });
  });
});
