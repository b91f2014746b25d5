import { type BlockLayout, BODY } from './block-layout.ts';
import { EXACT, type FloatForm, floatError } from './float-form.ts';

/** The `.proto` by which any consumer reads a set's blocks, with what each field means. */
export function protoText(layout: BlockLayout, floats: FloatForm = EXACT): string {
  const names = new Set(['time', 'emitted', 'kind', 'id', 'samplerate', 'refs', 'presence']);
  const line = (type: string, name: string, field: number, note: string) => {
    return `  ${type} ${fieldName(name, field, names)} = ${field};  // ${JSON.stringify(name)}${note}`;
  };
  const error = floatError(floats);
  const columns = layout.columns.map(({ name, type, physical, field, isFloat }) => {
    const loss = isFloat && error !== null ? `, with an error of ${error}` : '';
    return line(PROTO_TYPES[physical], name, field, `: ${type}${loss}`);
  });
  const labels = layout.labels.map(({ name, field }) =>
    line('LabelColumn', `label ${name}`, field, ''),
  );
  return [
    PROTO_FRAME,
    '// What the body of a block of this set holds. A field number is a hash of the name and the type of its column: other',
    '// columns come and go without moving it, and a column of another type is another field.',
    'message ExampleColumns {',
    `  NumberColumn time = ${BODY.time};  // of the anchor, ms since the epoch`,
    `  NumberColumn emitted = ${BODY.emitted};  // when the row was emitted, ms`,
    `  Ints kind = ${BODY.kind};  // 0 example, 1 shown, 2 audit`,
    `  TextColumn id = ${BODY.id};  // of the anchor`,
    `  NumberColumn sample_rate = ${BODY.sampleRate};  // in (0, 1]: a loss weighs the row by one over it`,
    `  repeated RowRefs refs = ${BODY.refs};`,
    `  repeated Presence presence = ${BODY.presence};`,
    ...columns,
    ...labels,
    '}',
    PROTO_COLUMNS,
  ].join('\n');
}

/**
 * A protobuf name for a column; `taken` gains it. Names that differ in case and underscores only have one name in JSON, which
 * protobuf refuses: the later of them bears its number.
 */
function fieldName(name: string, field: number, taken: Set<string>): string {
  const words = name.toLowerCase().match(/[a-z0-9]+/g) ?? ['column'];
  const safe = /^\d/.test(words[0]!) ? `c_${words.join('_')}` : words.join('_');
  const candidates = [safe, `feature_${safe}`, `${safe}_${field}`];
  const free = candidates.find((each) => !taken.has(each.replaceAll('_', '')))!;
  taken.add(free.replaceAll('_', ''));
  return free;
}

const PROTO_TYPES = {
  f64: 'NumberColumn',
  bool: 'NumberColumn',
  text: 'TextColumn',
  hash: 'bytes',
  list_f64: 'ListColumn',
  list_text: 'ListColumn',
} as const;

const PROTO_FRAME = `// Generated from the plan. A record of a topic is one ExampleBlock; a file of blocks is a sequence of
// (varint length, ExampleBlock). Any block is read without another.
syntax = "proto3";

message ExampleBlock {
  bytes header = 1;  // a BlockHeader
  fixed32 checksum = 2;  // CRC-32 (as zlib's) of the bytes of header, then of body
  Codec codec = 3;
  uint64 body_bytes = 4;  // of the body once unpacked
  bytes body = 5;  // an ExampleColumns, packed as codec says
}
enum Codec {
  CODEC_NONE = 0;
  CODEC_DEFLATE = 1;  // zlib, RFC 1950
}
message BlockHeader {
  string set = 1;
  string plan_digest = 2;
  uint32 rows = 3;
  uint64 first_row = 4;  // rows of the set before this block: its position
  double first_emitted = 5;  // ms
  double last_emitted = 6;
  double watermark = 7;  // no later block has a row emitted before it
  bytes columns = 8;  // a ColumnList, zlib: for readers that have no .proto of the set
}
message ColumnList { repeated ColumnInfo columns = 1; }
message ColumnInfo {
  string name = 1;
  string type = 2;  // as authors write it; none for a label
  uint32 field = 3;
  bool is_label = 4;
  string error = 5;  // the greatest error of its values, where the sink was told to round
}
`;

const PROTO_COLUMNS = `
// n whole numbers; what it belongs to says how many. With p = the i-th \`width\` bits of \`bits\` (value by value from the lowest
// bit of the first byte on), plus the k-th of \`high\` times 2^width where i is the k-th of \`exceptions\`:
// without step the i-th number is base + p; with it, base + the sum up to i of (step + p).
message Ints {
  sint64 base = 1;
  optional sint64 step = 2;
  uint32 width = 3;
  bytes bits = 4;
  uint32 exception_count = 5;
  Ints exceptions = 6;
  Ints high = 7;
}
// Which of \`count\` stored values a row has: columns that point here hold \`count\` values, not one for each row.
message RowRefs {
  uint32 count = 1;
  Ints index = 2;
}
// Which columns have a value: the i-th value has pattern \`index[i]\`, and a column has one where its bit is set.
message Presence {
  uint32 columns = 1;
  repeated fixed32 patterns = 2 [packed = true];
  Ints index = 3;
}
// One number for each row, or for each of a RowRefs. NaN is null. Where \`presence\` is given, only those that are there are
// kept, and the others are \`fill\` (without one: null). What is kept is ints / divisor (1 where absent), or the ints-th of
// the dictionary, or whole units, or floats, doubles or bfloat16s; or the column is a ratio of two others of its row.
message NumberColumn {
  uint32 refs = 1;  // the how-manieth RowRefs, from 1; 0: none
  uint32 presence = 2;  // the how-manieth Presence, from 1; 0: none
  uint32 bit = 3;  // of the patterns of that Presence
  optional double fill = 4;
  Ints ints = 5;
  double divisor = 6;
  repeated double dictionary = 7 [packed = true];
  repeated float floats = 8 [packed = true];
  repeated double doubles = 9 [packed = true];
  bytes bf16 = 10;  // two bytes each, little-endian: the upper half of a float
  Ratio ratio = 11;
  Spaced spaced = 12;
}
// ints * unit: times and durations that are whole seconds, minutes, hours or days.
message Spaced {
  uint64 unit = 1;
  Ints ints = 2;
}
// (numerator + add_numerator) / (denominator + add_denominator); fill (without one: null) where that is not finite.
message Ratio {
  uint32 numerator = 1;  // field number of a NumberColumn that is no ratio
  uint32 denominator = 2;
  double add_numerator = 3;
  double add_denominator = 4;
  optional double fill = 5;
}
// \`entries\` texts: each the first \`shared\` bytes of the text before it (0 where absent; nulls are passed over), then length - 1
// bytes of data; length 0 is null. With an index the column's values are: 0 null, i + 1 the i-th of the entries.
message TextColumn {
  uint32 refs = 1;
  Ints index = 2;
  uint32 entries = 3;
  Ints shared = 4;
  Ints length = 5;
  bytes data = 6;
}
// Length 0 is null, n + 1 a list of n; the items of all lists lie one after another in numbers, in texts, or in \`runs\` runs
// of neighbours (run + 1 ids each): the first of a list begins at \`first\`, another \`first\` + 1 above the end of the one before.
message ListColumn {
  uint32 refs = 1;
  Ints length = 2;
  NumberColumn numbers = 3;
  TextColumn texts = 4;
  uint32 runs = 5;
  Ints first = 6;
  Ints run = 7;
}
// value: 0, 1, 2 null. kind: 0 absent (then nothing else counts), 1 observed, 2 late_positive, 3 matured,
// 4 confirmed_negative, 5 cancelled, 6 unknown, 7 audit. deadline: ms after the row's time. elapsed: how old the label is, less
// the row's emitted - time. at_wait and ever (audit rows) only where the set has an audit. credit only where a label is a
// fraction: where value is 1 it is credit millionths, and where kind is cancelled so much is taken back.
message LabelColumn {
  Ints value = 1;
  Ints kind = 2;
  NumberColumn deadline = 3;
  NumberColumn elapsed = 4;
  Ints at_wait = 5;
  Ints ever = 6;
  Ints credit = 7;
}
`;
