/** Random protobuf messages of one wide schema, and what the protobufjs library makes of them. */
import protobuf from 'protobufjs';
import type { ScanField } from '../../compiler/plan/plan.ts';
import { list, scalar, type Type } from '../../dsl/types.ts';
import { type Value, valueAt } from '../../operators/column/column.ts';
import { reasonText } from '../../operators/decode/decode-reasons.ts';
import { RowDecoder } from '../../operators/decode/decode-rows.ts';
import type { DecodedBatch } from '../../operators/decode/decoder.ts';
import type { Rng } from '../random.ts';

type Syntax = 'proto2' | 'proto3';

/** Declared type and label of each field by name; names are what the scan may read. */
const FIELDS: Readonly<Record<string, string>> = {
  text: 'string',
  raw: 'bytes',
  i32: 'int32',
  u32: 'uint32',
  s32: 'sint32',
  i64: 'int64',
  u64: 'uint64',
  s64: 'sint64',
  f32: 'fixed32',
  sf32: 'sfixed32',
  f64: 'fixed64',
  sf64: 'sfixed64',
  single: 'float',
  double: 'double',
  flag: 'bool',
  color: 'Color',
  at: 'Timestamp',
  texts: 'repeated string',
  ints: 'repeated sint32',
  longs: 'repeated int64',
  colors: 'repeated Color',
  doubles: 'repeated double',
  times: 'repeated Timestamp',
};
const NAMES = Object.keys(FIELDS);
/** Members of a oneof. */
export const ONEOF = ['word', 'count', 'moment'];
const ONEOF_LINE = 'oneof one { string word = 3; int32 count = 300; Timestamp moment = 301; }';
const NESTED = `message Timestamp { int64 seconds = 1; int32 nanos = 2; }
enum Color { NONE = 0; RED = 1; BLUE = 7; }`;

/** A schema with the fields named (and a oneof); fields keep their numbers, some of which take two bytes as a tag. */
export function wideSchema(
  syntax: Syntax,
  names: readonly string[] = [...NAMES, ...ONEOF],
): string {
  const label = syntax === 'proto2' ? 'optional ' : '';
  const lines = NAMES.filter((name) => names.includes(name)).map((name) => {
    const type = FIELDS[name]!;
    return `${type.startsWith('repeated') ? '' : label}${type} ${name} = ${numberOf(name)};`;
  });
  const nested = syntax === 'proto2' ? NESTED.replace(/(int\d\d) /g, 'optional $1 ') : NESTED;
  return `syntax = "${syntax}"; package google.protobuf; ${nested}
message Wide { ${lines.join('\n')}
${ONEOF.some((name) => names.includes(name)) ? ONEOF_LINE : ''} }`;
}

const WIDE = 'google.protobuf.Wide';

function numberOf(name: string): number {
  const at = NAMES.indexOf(name);
  return at < 8 ? at + 4 : at * 40;
}

/** Some of the fields, each read as one of the types that authors may declare. */
export function randomFields(random: Rng): ScanField[] {
  const names = [...NAMES, ...ONEOF, 'unheard'].filter(() => random.chance(0.6));
  const scalars = ['string', 'int', 'float', 'bool', 'timestamp'] as const;
  return names.map((name) => {
    const nullable = random.chance(0.5);
    const of = random.chance(0.7) ? fitting(name) : random.pick(scalars);
    // Unknown numbers of a closed enum are as good as absent: whether one is of the wrong shape cannot be told.
    const swapped = random.chance(0.1) && !name.startsWith('color');
    const isList = (FIELDS[name] ?? '').startsWith('repeated') !== swapped;
    const type: Type = isList ? list(of, nullable) : scalar(of, { nullable });
    const timeFormat = of === 'timestamp' ? random.pick(['ms', 's', 'us', 'iso'] as const) : null;
    return { name, type, timeFormat, value: true, hash: random.chance(0.5) };
  });
}

function fitting(name: string): 'string' | 'int' | 'float' | 'bool' | 'timestamp' {
  if (name === 'at' || name === 'times' || name === 'moment') return 'timestamp';
  if (name === 'flag') return 'bool';
  if (/single|double/.test(name)) return 'float';
  return /text|raw|color|word/.test(name) ? 'string' : 'int';
}

/** A message as some writer may have written it: fields in any order and again, packed or not, others between. */
export function randomMessage(random: Rng, valuesMax = 30): Uint8Array {
  const writer = protobuf.Writer.create();
  for (let left = random.below(valuesMax); left > 0; left--) {
    const what = random.next();
    if (what < 0.15) unknownField(writer, random, 0);
    else if (what < 0.3) oneofField(writer, random);
    else knownField(writer, random, random.pick(NAMES));
  }
  return writer.finish();
}

function knownField(writer: protobuf.Writer, random: Rng, name: string): void {
  const type = FIELDS[name]!.replace('repeated ', '');
  const put = (to: protobuf.Writer) => value(to, random, type);
  const packable = type !== 'string' && type !== 'Timestamp';
  if (FIELDS[name]!.startsWith('repeated') && packable && random.chance(0.5)) {
    writer.uint32(numberOf(name) * 8 + 2).fork();
    for (let left = random.below(4); left > 0; left--) put(writer);
    writer.ldelim();
  } else {
    writer.uint32(numberOf(name) * 8 + wireOf(type));
    put(writer);
  }
}

function oneofField(writer: protobuf.Writer, random: Rng): void {
  const [number, type] = random.pick([
    [3, 'string'],
    [300, 'int32'],
    [301, 'Timestamp'],
  ] as const);
  writer.uint32(number * 8 + wireOf(type));
  value(writer, random, type);
}

function wireOf(type: string): number {
  if (/^(string|bytes|Timestamp)$/.test(type)) return 2;
  if (/^(fixed64|sfixed64|double)$/.test(type)) return 1;
  return /^(fixed32|sfixed32|float)$/.test(type) ? 5 : 0;
}

const TEXTS = ['', 'a', 'u123456', 'é😀', '2024-02-29T12:00:00Z', 'x'.repeat(200)];
const LONGS = ['0', '1', '-1', '1730000000123', '9007199254740993', '-9223372036854775808'];

function value(writer: protobuf.Writer, random: Rng, type: string): void {
  const whole = () => random.pick([0, 1, 127, 128, -1, 2 ** 31 - 1, random.below(1e9)]);
  switch (type) {
    case 'string':
    case 'bytes':
      writer.string(random.pick(TEXTS));
      return;
    case 'Color':
      writer.int32(random.pick([0, 1, 7, 7, 9, -3]));
      return;
    case 'bool':
      writer.bool(random.chance(0.5));
      return;
    case 'float':
    case 'double':
      writer[type](random.pick([0, -0, 1.5, -2.25, Number.NaN, Number.POSITIVE_INFINITY, 1e300]));
      return;
    case 'Timestamp':
      writer.fork();
      if (random.chance(0.8)) writer.uint32(8).int64(random.below(2e9) - 1e6);
      if (random.chance(0.5)) writer.uint32(16).int32(random.below(1e9));
      writer.ldelim();
      return;
    case 'int32':
    case 'sint32':
    case 'sfixed32':
      writer[type](whole());
      return;
    case 'uint32':
    case 'fixed32':
      writer[type](whole() >>> 0);
      return;
    case 'int64':
    case 'uint64':
    case 'sint64':
    case 'fixed64':
    case 'sfixed64':
      writer[type](random.pick(LONGS));
      return;
    default:
      throw new Error(`no values of ${type}`);
  }
}

function unknownField(writer: protobuf.Writer, random: Rng, depth: number): void {
  const number = random.pick([1, 2, 15, 16, 2047, 2048, 100_000]);
  const wire = random.pick(depth < 3 ? [0, 1, 2, 3, 5] : [0, 1, 2, 5]);
  writer.uint32(number * 8 + wire);
  if (wire === 0) writer.uint64(random.pick(LONGS.slice(0, 2)));
  else if (wire === 1) writer.double(random.next());
  else if (wire === 2) writer.string(random.pick(TEXTS));
  else if (wire === 5) writer.float(random.next());
  else {
    for (let left = random.below(3); left > 0; left--) unknownField(writer, random, depth + 1);
    writer.uint32(number * 8 + 4);
  }
}

/** Some bytes changed, lost or cut off. */
export function damaged(message: Uint8Array, random: Rng): Uint8Array {
  const bytes = [...message];
  for (let left = 1 + random.below(3); left > 0 && bytes.length > 0; left--) {
    const at = random.below(bytes.length);
    const act = random.below(4);
    if (act === 0) bytes.length = at;
    else if (act === 1) bytes.splice(at, 1);
    else if (act === 2) bytes.splice(at, 0, random.below(256));
    else bytes[at] = (bytes[at]! ^ (1 << random.below(8))) & 255;
  }
  return Uint8Array.from(bytes);
}

/** The rows by the library, which knows only the fields that are read. */
export function libraryRows(
  syntax: Syntax,
  fields: readonly ScanField[],
  messages: readonly Uint8Array[],
): Row[] {
  const known = fields.map(({ name }) => name);
  const { root } = protobuf.parse(wideSchema(syntax, known), { keepCase: true });
  root.resolveAll();
  const type = root.lookupType(WIDE);
  const rows = new RowDecoder(fields);
  rows.begin(messages.length);
  for (const bytes of messages) {
    try {
      const message = type.decode(bytes);
      const values = fields.map(({ name }) => libraryValue(message, type.fields[name]));
      rows.row(values, () => '');
    } catch {
      rows.badRow(15, '');
    }
  }
  return rowsOf(rows.finish(0), fields);
}

function libraryValue(message: protobuf.Message, field: protobuf.Field | undefined): unknown {
  if (field === undefined) return undefined;
  const presence =
    field.hasPresence || (field.resolvedType instanceof protobuf.Type && !field.repeated);
  if (!Object.hasOwn(message, field.name) && presence) return undefined;
  const value: unknown = Reflect.get(message, field.name);
  const absentBytes = field.type === 'bytes' && Array.isArray(value) && value.length === 0;
  if (absentBytes) return '';
  if (!field.repeated) return plain(value, field);
  return Array.isArray(value) ? value.map((item) => plain(item, field)) : [];
}

function plain(value: unknown, field: protobuf.Field): unknown {
  if (field.resolvedType instanceof protobuf.Enum) {
    return field.resolvedType.valuesById[Number(value)] ?? String(value);
  }
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  if ('low' in value && 'high' in value) return BigInt(String(value));
  const seconds = Number(String(Reflect.get(value, 'seconds') ?? 0));
  return new Date(seconds * 1000 + Math.floor(Number(Reflect.get(value, 'nanos') ?? 0) / 1e6));
}

/** What is wrong with a row, and its cells, hashes too. */
type Row = { readonly bad: string; readonly cells: Readonly<Record<string, Value>> };

export function rowsOf(batch: DecodedBatch, fields: readonly ScanField[]): Row[] {
  const reasons = Array.from({ length: batch.n }, () => [] as string[]);
  for (let i = 0; i < batch.bad.count; i++) {
    const at = batch.bad.field[i]!;
    const text = reasonText(batch.bad.reason[i]!, at < 0 ? null : fields[at]!.name);
    reasons[batch.bad.row[i]!]!.push(text);
  }
  return reasons.map((texts, row) => {
    const cells = fields.flatMap(({ name }, f) => {
      const { value, hash } = batch.columns[f]!;
      const both: [string, Value][] = [[name, value === undefined ? null : valueAt(value, row)]];
      if (hash !== undefined) both.push([`${name}#`, valueAt(hash, row)]);
      return both;
    });
    return { bad: texts.join('; '), cells: Object.fromEntries(cells) };
  });
}
