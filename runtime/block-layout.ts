/**
 * Where things lie in an ExampleBlock. Field numbers of columns and labels are hashes of (name, type), so adding a feature
 * moves nothing; readers address columns by name, through the list in the header or the generated `.proto`.
 */
import type { ExamplePlan } from '../compiler/plan.ts';
import { type Physical, physical, showType } from '../dsl/types.ts';
import { assert } from '../operators/assert.ts';
import { hashText, lanes } from '../operators/hash.ts';

/** Fields of ExampleBlock itself. */
export const BLOCK = { header: 1, time: 2, emitted: 3, kind: 4, id: 5, sampleRate: 6 } as const;
/** Fields of BlockHeader. */
export const HEADER = {
  set: 1,
  planDigest: 2,
  rows: 3,
  firstEmitted: 4,
  lastEmitted: 5,
  watermark: 6,
  columns: 7,
} as const;
/** Fields of ColumnInfo. */
export const INFO = { name: 1, type: 2, field: 3, isLabel: 4 } as const;
/** Fields of TextColumn. `index` 0 is null, i + 1 the i-th of the dictionary; without one, `length` - 1 bytes of `data` each. */
export const TEXT = { dictionary: 1, index: 2, length: 3, data: 4 } as const;
/**
 * Fields of NumberColumn, of which all but `base` stand alone: every value the same; a byte, two or four bytes a row to be
 * added to `base`; or the values themselves, as floats where that loses nothing.
 */
export const NUMBER = {
  base: 1,
  constant: 2,
  u8: 3,
  u16: 4,
  u32: 5,
  floats: 6,
  doubles: 7,
} as const;
/** Fields of NumberLists and TextLists; length 0 is null, n + 1 a list of n. */
export const LIST = { length: 1, numbers: 2, texts: 3 } as const;
/** Fields of LabelColumn. */
export const LABEL = { value: 1, kind: 2, deadline: 3, elapsed: 4, atWait: 5, ever: 6 } as const;

export type BlockColumn = {
  readonly name: string;
  readonly physical: Physical;
  /** The type as authors write it. */
  readonly type: string;
  readonly field: number;
};

export type BlockLayout = {
  readonly set: string;
  readonly columns: readonly BlockColumn[];
  readonly labels: readonly { readonly name: string; readonly field: number }[];
};

/** The layout of an example set. Two names that hash to one field number are an assertion: rename one. */
export function blockLayout(plan: ExamplePlan): BlockLayout {
  const taken = new Map<number, string>();
  const number = (text: string) => {
    const field = fieldNumber(text);
    assert(
      !taken.has(field),
      `columns ${taken.get(field)} and ${text} share field number ${field}`,
    );
    taken.set(field, text);
    return field;
  };
  const columns = plan.features.map((feature) => {
    const type = showType(feature.type);
    return {
      name: feature.name,
      physical: physical(feature.type),
      type,
      field: number(`${feature.name}:${type}`),
    };
  });
  const labels = plan.labels.map(({ name }) => ({ name, field: number(`${name}:label`) }));
  return { set: plan.name, columns, labels };
}

/** In [32, 2^29), outside 19000 .. 19999, which protobuf keeps to itself. */
function fieldNumber(text: string): number {
  hashText(text);
  const number = 32 + ((lanes[0]! >>> 0) % (2 ** 29 - 32));
  return number >= 19_000 && number <= 19_999 ? number + 1_000 : number;
}

/** The `.proto` text by which any consumer reads the set's blocks. */
export function protoText(layout: BlockLayout): string {
  const names = new Set(['header', 'time', 'emitted', 'kind', 'id', 'sample_rate']);
  const line = (type: string, name: string, field: number) => {
    let safe =
      name
        .toLowerCase()
        .replace(/[^a-z0-9]+/g, '_')
        .replace(/^_+|_+$/g, '') || 'c';
    if (/^\d/.test(safe)) safe = `c_${safe}`;
    while (names.has(safe)) safe = `${safe}_`;
    names.add(safe);
    return `  ${type} ${safe} = ${field};  // ${name}`;
  };
  return [
    '// Generated from the plan. A file of blocks is a sequence of (varint length, ExampleBlock).',
    'syntax = "proto3";',
    '',
    'message ExampleBlock {',
    '  BlockHeader header = 1;',
    '  NumberColumn time = 2;',
    '  NumberColumn emitted = 3;',
    '  bytes kind = 4;  // per row: 0 example, 1 shown, 2 audit',
    '  TextColumn id = 5;',
    '  NumberColumn sample_rate = 6;',
    ...layout.columns.map((c) => line(PROTO_TYPES[c.physical], c.name, c.field)),
    ...layout.labels.map((label) => line('LabelColumn', `label ${label.name}`, label.field)),
    '}',
    PROTO_MESSAGES,
  ].join('\n');
}

const PROTO_TYPES: Readonly<Record<Physical, string>> = {
  f64: 'NumberColumn',
  bool: 'bytes',
  text: 'TextColumn',
  hash: 'bytes',
  list_f64: 'NumberLists',
  list_text: 'TextLists',
};

const PROTO_MESSAGES = `
message BlockHeader {
  string set = 1;
  string plan_digest = 2;
  uint32 rows = 3;
  double first_emitted = 4;
  double last_emitted = 5;
  double watermark = 6;
  repeated ColumnInfo columns = 7;
}
message ColumnInfo { string name = 1; string type = 2; uint32 field = 3; bool is_label = 4; }
// One number a row, NaN is null. Every row is the constant, or row i is base (0 where absent) plus the i-th of u8 (a byte a
// row), of u16 (two bytes a row, little-endian) or of u32, or the i-th of floats or doubles: whichever of them is there.
message NumberColumn {
  double base = 1;
  optional double constant = 2;
  bytes u8 = 3;
  bytes u16 = 4;
  repeated fixed32 u32 = 5 [packed = true];
  repeated float floats = 6 [packed = true];
  repeated double doubles = 7 [packed = true];
}
// bool columns: a byte a row, 2 is null.
// index 0 is null, i + 1 the dictionary's i-th; without a dictionary: length 0 is null, n + 1 the next n bytes of data.
message TextColumn {
  repeated bytes dictionary = 1;
  repeated uint32 index = 2 [packed = true];
  repeated uint32 length = 3 [packed = true];
  bytes data = 4;
}
// length 0 is null, n + 1 a list of n.
message NumberLists { repeated uint32 length = 1 [packed = true]; NumberColumn numbers = 2; }
message TextLists { repeated uint32 length = 1 [packed = true]; TextColumn texts = 3; }
// A byte a row each: value 0, 1, 2 null; kind 0 absent, 1 observed, 2 late_positive, 3 matured,
// 4 confirmed_negative, 5 cancelled, 6 unknown, 7 audit. deadline and elapsed: NaN where absent. at_wait and ever (2 outside audit rows) only
// where the set has an audit.
message LabelColumn {
  bytes value = 1;
  bytes kind = 2;
  NumberColumn deadline = 3;
  NumberColumn elapsed = 4;
  bytes at_wait = 5;
  bytes ever = 6;
}
`;
