/** Example blocks: every value comes back, in few bytes; damage is refused; other programs read them by the schema. */
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { valueAt } from '../../operators/column/column.ts';
import { decodeBlock, decodeBlockHeader } from '../../runtime/block/block-decode.ts';
import { blockLayout } from '../../runtime/block/block-layout.ts';
import { protoText } from '../../runtime/block/block-proto.ts';
import { blockRow } from '../../runtime/block/block-row.ts';
import { BLOCK_OPTIONS, BlockWriter } from '../../runtime/block/block-writer.ts';
import { emissionRows } from '../../runtime/block/emission-row.ts';
import { decodeInts, IntPacker } from '../../runtime/block/packed-ints.ts';
import { WireWriter } from '../../runtime/block/wire.ts';
import { rng } from '../random.ts';
import { allRows, batchOf, numbers, setOf, texts, throughBlock } from './block-world.ts';
import { EVERYTHING, randomBatch, randomNumber } from './random-batch.ts';

const LAYOUT = blockLayout(EVERYTHING);
const DEFLATE = { ...BLOCK_OPTIONS, compression: 'deflate' as const };

describe('a block', () => {
  it('gives back every row, packed or not', () => {
    for (let seed = 0; seed < 40; seed++) {
      const random = rng(seed);
      const batch = randomBatch(random, 1 + random.below(600));
      const rows = Int32Array.from(allRows(batch.n).filter(() => random.chance(0.8)));
      if (rows.length === 0) continue;
      for (const options of [BLOCK_OPTIONS, DEFLATE]) {
        const block = decodeBlock(new BlockWriter(LAYOUT, 'd', options).encode(batch, rows, 7));
        const all = emissionRows(batch, EVERYTHING);
        const read = Array.from(rows, (_, i) => blockRow(block, i));
        expect(read, `seed ${seed}`).toEqual(Array.from(rows, (row) => all[row]));
      }
    }
  });

  it('says what it holds without its rows being read', () => {
    const batch = randomBatch(rng(1), 50);
    const bytes = new BlockWriter(LAYOUT, 'digest').encode(batch, allRows(50), 1234);
    expect(decodeBlockHeader(bytes)).toEqual({
      ...{ set: EVERYTHING.name, planDigest: 'digest', rows: 50, firstRow: 1234 },
      ...{ firstEmitted: batch.emitted[0], lastEmitted: batch.emitted[49] },
      watermark: batch.emitted[49],
    });
  });

  it('is refused when any bit of it is wrong', () => {
    const batch = randomBatch(rng(2), 40);
    for (const options of [BLOCK_OPTIONS, DEFLATE]) {
      const bytes = new BlockWriter(LAYOUT, 'd', options).encode(batch, allRows(40), 0).slice();
      for (let at = 0; at < bytes.length; at++) {
        const wrong = bytes.slice();
        wrong[at] = wrong[at]! ^ (1 << (at & 7));
        expect(() => decodeBlock(wrong), `byte ${at}`).toThrow(/an example block is damaged: /);
      }
    }
  });

  it('is refused when it is cut anywhere', () => {
    const batch = randomBatch(rng(3), 20);
    const bytes = new BlockWriter(LAYOUT, 'd').encode(batch, allRows(20), 0).slice();
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeBlock(bytes.subarray(0, length))).toThrow(/damaged/);
    }
  });
});

describe('numbers', () => {
  it.each([
    ['the same in every row', new Array(100).fill(7), 12],
    ['counts to 3', Array.from({ length: 100 }, (_, i) => i % 4), 25 + 11],
    ['counts to 255', Array.from({ length: 100 }, (_, i) => (i * 37) % 256), 100 + 11],
    ['two counts beyond the others', [...new Array(98).fill(1), 70_000, 3_000_000], 45],
    ['times that rise', Array.from({ length: 100 }, (_, i) => 1.7e12 + i * i), 100 + 25],
    ['seconds of years', Array.from({ length: 100 }, (_, i) => 1000 * i ** 4), 338 + 20],
    ['days that rise', Array.from({ length: 100 }, (_, i) => 864e5 * (18_000 + i)), 13 + 20],
    [
      'hours before and after',
      Array.from({ length: 100 }, (_, i) => 36e5 * (((i * 37) % 100) - 50)),
      88 + 20,
    ],
    ['sums of binary fractions', Array.from({ length: 100 }, (_, i) => (i * 7) / 256), 125 + 20],
    ['prices', Array.from({ length: 100 }, (_, i) => (i * 13) / 100), 138 + 20],
    ['one of three shares', Array.from({ length: 100 }, (_, i) => [1 / 3, 1 / 7, 0][i % 3]), 62],
    ['ratios', Array.from({ length: 100 }, (_, i) => 1 / (i + 3)), 810],
    ['floats', Array.from({ length: 100 }, (_, i) => Math.fround(1e20 / (i + 3))), 410],
    ['a zero with a sign', [0, -0, 1, 2], 50],
    ['integers far apart', [-(2 ** 31), 2 ** 31 - 1, 0, 5], 40],
    ['integers too far apart', [0, 2 ** 53 - 1, 3, 5], 45],
    ['beyond every number', [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1], 40],
  ])('%s', (_, values, atMost) => {
    const empty = throughBlock([], values.length).bytes.length;
    const { bytes, block } = throughBlock([{ name: 'x', column: numbers(values) }], values.length);
    const { column } = block.columns[0]!;
    expect(column.kind === 'f64' ? Array.from(column.data) : []).toEqual(values);
    // Less the column's entry in the list of columns, about.
    expect(bytes.length - empty - 20).toBeLessThanOrEqual(atMost);
  });

  it('come back exactly, whatever they are', () => {
    for (let seed = 0; seed < 400; seed++) {
      const random = rng(seed);
      const base = random.pick([0, 0, 1.7e12, -(2 ** 40), randomNumber(random)]);
      const span = random.pick([1, 3, 200, 300, 70_000, 2 ** 31, 2 ** 33, 0.5]);
      const divisor = random.pick([1, 1, 1, 256, 100, 3]);
      const unit = random.pick([1, 1, 1000, 60_000, 86_400_000]);
      const gaps = random.pick([0, 0, 0.3, 0.9, 1]);
      const values = Array.from({ length: 1 + random.below(200) }, () => {
        if (random.chance(gaps)) return random.pick([0, null]);
        const far = random.chance(0.02) ? 1000 : 1;
        return ((base + Math.floor(random.next() * span * far)) * unit) / divisor;
      });
      if (random.below(4) === 0) values.sort((a, b) => (a ?? 0) - (b ?? 0));
      if (random.below(5) === 0) values[0] = random.pick([-0, null, randomNumber(random)]);
      const { block } = throughBlock([{ name: 'x', column: numbers(values) }], values.length);
      const back = values.map((_, i) => valueAt(block.columns[0]!.column, i));
      expect(back, `seed ${seed}`).toEqual(values);
    }
  });

  it('are written alike, whatever was written before', () => {
    const n = 300;
    const of = (value: (i: number) => number) =>
      batchOf(n, [numbers(Array.from({ length: n }, (_, i) => value(i)))]);
    const batches = [
      of((i) => (i * 7) / 1024),
      of((i) => i % 5),
      of((i) => i * 2 ** 22),
      of((i) => -i / 4),
      of((i) => (i === 7 ? -0 : i / 2)),
      of(() => 0),
      of((i) => i / 10),
    ];
    const { layout } = setOf(['x', 'float']);
    const writer = new BlockWriter(layout, 'd');
    for (const first of batches) {
      for (const batch of batches) {
        writer.encode(first, allRows(n), 0);
        const fresh = new BlockWriter(layout, 'd').encode(batch, allRows(n), 0);
        expect(Buffer.from(writer.encode(batch, allRows(n), 0))).toEqual(Buffer.from(fresh));
      }
    }
  });

  it('keep what is asked for, and say so', () => {
    const random = rng(5);
    const values = Array.from({ length: 300 }, () => (random.chance(0.1) ? null : random.next()));
    const exact = throughBlock([{ name: 'x', column: numbers(values) }], 300).bytes.length;
    const rounded = { bf16: 1 / 256, step: 0.0005 };
    for (const floats of [{ kind: 'bf16' }, { kind: 'step', divisor: 1000 }] as const) {
      const columns = [
        { name: 'x', column: numbers(values) },
        { name: 'exact', column: numbers(values), isFloat: false },
      ];
      const { bytes, block } = throughBlock(columns, 300, { ...BLOCK_OPTIONS, floats });
      const [x, other] = block.columns;
      for (const [i, value] of values.entries()) {
        const back = valueAt(x!.column, i);
        if (value === null) expect(back).toBe(null);
        else {
          const scale = floats.kind === 'bf16' ? value : 1;
          expect(Math.abs(Number(back) - value)).toBeLessThanOrEqual(rounded[floats.kind] * scale);
        }
        expect(valueAt(other!.column, i)).toBe(value);
      }
      expect(x!.error).toMatch(/^at most /);
      expect(other!.error).toBe(null);
      expect(bytes.length).toBeLessThan(exact * 1.4);
    }
  });
});

describe('whole numbers', () => {
  it('come back at every width, with exceptions and as steps', () => {
    const packer = new IntPacker();
    for (let seed = 0; seed < 500; seed++) {
      const random = rng(seed);
      const n = random.below(300);
      const width = random.below(33);
      const values = Int32Array.from({ length: n }, () => {
        const bits = random.chance(0.05) ? 32 : width;
        return Math.floor(random.next() * 2 ** bits) | 0;
      });
      const base = random.pick([0, 5, -5, 1.7e12, -(2 ** 51)]);
      const step = random.pick([null, null, 0, 3, -2]);
      const out = new WireWriter();
      packer.write(out, base, step, values, n);
      let sum = base;
      const expected = Array.from(values, (value) => {
        if (step === null) return base + (value >>> 0);
        sum += step + (value >>> 0);
        return sum;
      });
      expect(Array.from(decodeInts(out.written(), n)), `seed ${seed}`).toEqual(expected);
    }
  });
});

describe('features of one look-up', () => {
  const request = (i: number) => Math.floor(i / 20);
  const columns = (group: number) => [
    ...Array.from({ length: 12 }, (_, k) => ({
      ...{ name: `user ${k}`, group },
      column: numbers(
        Array.from({ length: 400 }, (_, i) => ((request(i) + 1) * 7919 * (k + 1)) % 1009),
      ),
    })),
    {
      ...{ name: 'segment', group },
      column: texts(
        Array.from({ length: 400 }, (_, i) => (request(i) % 3 ? `s${request(i)}` : null)),
      ),
    },
  ];

  it('are kept once where rows share them', () => {
    const apart = throughBlock(columns(-1), 400);
    const together = throughBlock(columns(0), 400);
    for (let i = 0; i < 400; i++) {
      expect(together.block.columns.map(({ column }) => valueAt(column, i))).toEqual(
        apart.block.columns.map(({ column }) => valueAt(column, i)),
      );
    }
    expect(together.bytes.length * 4).toBeLessThan(apart.bytes.length);
  });

  it('that are absent together take one pattern', () => {
    const random = rng(7);
    const isNew = Array.from({ length: 500 }, () => random.chance(0.5));
    const some = Array.from({ length: 10 }, (_, k) => ({
      name: `x${k}`,
      column: numbers(isNew.map((absent) => (absent ? null : random.below(256)))),
    }));
    const { bytes, block } = throughBlock(some, 500);
    some.forEach(({ column }, k) => {
      for (let i = 0; i < 500; i++) {
        expect(valueAt(block.columns[k]!.column, i)).toBe(valueAt(column, i));
      }
    });
    const empty = throughBlock([], 500).bytes.length;
    const present = isNew.filter((absent) => !absent).length;
    // A byte where there is one, a bit a row, and what columns and their names take.
    expect(bytes.length - empty).toBeLessThan(10 * (present + 25) + 500 / 8 + 40);
  });

  it('with too many patterns are said one by one', () => {
    const random = rng(8);
    const some = Array.from({ length: 40 }, (_, k) => ({
      name: `x${k}`,
      column: numbers(
        Array.from({ length: 300 }, () => random.pick([null, 0, 0, 0, random.below(9)])),
      ),
    }));
    const { block } = throughBlock(some, 300);
    some.forEach(({ column }, k) => {
      for (let i = 0; i < 300; i++) {
        expect(valueAt(block.columns[k]!.column, i)).toBe(valueAt(column, i));
      }
    });
  });

  it('that follow from others are not kept, as long as they do', () => {
    const imps = Array.from({ length: 200 }, (_, i) => (i * 31) % 97);
    const clicks = imps.map((n) => n % 5);
    const ratio = { numerator: 0, denominator: 1, addNumerator: 0.1, addDenominator: 10 };
    const ctr = clicks.map((n, i) => (n + 0.1) / (imps[i]! + 10));
    const with_ = (values: readonly (number | null)[]) =>
      throughBlock(
        [
          { name: 'clicks', column: numbers(clicks) },
          { name: 'imps', column: numbers(imps) },
          { name: 'ctr', column: numbers(values), ratio: { ...ratio, fill: Number.NaN } },
        ],
        200,
      );
    const follows = with_(ctr);
    expect(ctr.map((_, i) => valueAt(follows.block.columns[2]!.column, i))).toEqual(ctr);
    const almost = ctr.map((value, i) => (i === 17 ? null : value));
    const broken = with_(almost);
    expect(ctr.map((_, i) => valueAt(broken.block.columns[2]!.column, i))).toEqual(almost);
    expect(follows.bytes.length + 500).toBeLessThan(broken.bytes.length);
  });
});

describe('lists', () => {
  it('of ids that ascend are kept as runs', () => {
    const lists = Array.from({ length: 100 }, (_, i) => [
      ...Array.from({ length: 50 }, (_, k) => 100_000 + i + k),
      ...Array.from({ length: 50 }, (_, k) => 200_000 + i * 3 + k),
    ]);
    const column = {
      kind: 'list_f64' as const,
      offsets: Int32Array.from({ length: 101 }, (_, i) => i * 100),
      values: Float64Array.from(lists.flat()),
      isNull: null,
    };
    const { bytes, block } = throughBlock([{ name: 'ids', column }], 100);
    expect(lists.map((_, i) => valueAt(block.columns[0]!.column, i))).toEqual(lists);
    expect(bytes.length).toBeLessThan(100 * 2 * 5 + 500);
  });

  it('keep their order, their nulls and what is in them', () => {
    for (let seed = 0; seed < 200; seed++) {
      const random = rng(seed);
      const ascend = random.chance(0.6);
      const lists = Array.from({ length: random.below(60) }, () => {
        if (random.chance(0.1)) return null;
        const ids = Array.from({ length: random.below(12) }, () =>
          random.below(random.pick([9, 1e6])),
        );
        return ascend ? [...new Set(ids)].sort((a, b) => a - b) : ids;
      });
      const column = {
        kind: 'list_f64' as const,
        offsets: Int32Array.from([
          0,
          ...lists.map(
            (
              (sum) => (list) =>
                (sum += list?.length ?? 0)
            )(0),
          ),
        ]),
        values: Float64Array.from(lists.flatMap((list) => list ?? [])),
        isNull: Uint8Array.from(lists, (list) => (list === null ? 1 : 0)),
      };
      if (lists.length === 0) continue;
      const group = random.pick([-1, 0]);
      const { block } = throughBlock([{ name: 'ids', column, group }], lists.length);
      expect(
        lists.map((_, i) => valueAt(block.columns[0]!.column, i)),
        `seed ${seed}`,
      ).toEqual(lists);
    }
  });
});

describe('texts', () => {
  it.each([
    [
      'ids that count up',
      Array.from({ length: 400 }, (_, i) => `i${String(i).padStart(9, '0')}`),
      1100,
    ],
    ['a few names', Array.from({ length: 400 }, (_, i) => ['feed', 'story', null][i % 3]!), 160],
    ['of all lengths', Array.from({ length: 40 }, (_, i) => 'é'.repeat(i * i)), 42_000],
    ['none at all', new Array<null>(20).fill(null), 20],
  ])('%s', (_, values, atMost) => {
    const empty = throughBlock([], values.length).bytes.length;
    const { bytes, block } = throughBlock([{ name: 'x', column: texts(values) }], values.length);
    expect(values.map((_, i) => valueAt(block.columns[0]!.column, i))).toEqual(values);
    expect(bytes.length - empty - 20).toBeLessThanOrEqual(atMost);
  });
});

describe('the generated schema', () => {
  type Decoded = Record<string, { readonly ints?: unknown } | undefined>;

  /** What a reader with this schema finds in the body. */
  const readBy = (proto: string, bytes: Uint8Array): Decoded => {
    const { root } = protobuf.parse(proto, { keepCase: true });
    const frame = root.lookupType('ExampleBlock');
    const { body } = frame.toObject(frame.decode(bytes)) as { body: Uint8Array };
    const columns = root.lookupType('ExampleColumns');
    return columns.toObject(columns.decode(body)) as Decoded;
  };
  const blockOf = (plan: ReturnType<typeof setOf>, columns: Parameters<typeof batchOf>[1]) =>
    new BlockWriter(plan.layout, 'd').encode(batchOf(3, columns), allRows(3), 0).slice();

  it('reads a block in another library', () => {
    const batch = randomBatch(rng(4), 30);
    const bytes = new BlockWriter(LAYOUT, 'digest').encode(batch, allRows(30), 0);
    const { root } = protobuf.parse(protoText(LAYOUT), { keepCase: true });
    const frame = root.lookupType('ExampleBlock');
    const block = frame.toObject(frame.decode(bytes)) as { header: Uint8Array };
    const header = root.lookupType('BlockHeader');
    expect(header.toObject(header.decode(block.header))).toMatchObject({
      ...{ set: EVERYTHING.name, plan_digest: 'digest', rows: 30 },
    });
    const body = readBy(protoText(LAYOUT), bytes);
    expect(Object.keys(body)).toEqual(
      expect.arrayContaining(['count_5m', 'feature_id', 'label_clicked']),
    );
  });

  it('of an older plan reads blocks of a newer one, and the other way round', () => {
    const before = setOf(['a', 'int'], ['b', 'int'], ['c', 'int']);
    const after = setOf(['new', 'float'], ['c', 'int'], ['a', 'int'], ['b', 'string']);
    const one = numbers([1, 2, 3]);
    const old = blockOf(before, [one, one, one]);
    const young = blockOf(after, [one, one, one, texts(['x', 'y', 'z'])]);
    const byOld = readBy(protoText(before.layout), young);
    // `b` is a text now, and so another field: not read as numbers, not there.
    expect(byOld).toMatchObject({ a: { ints: {} }, c: { ints: {} } });
    expect(byOld.b).toBe(undefined);
    const byYoung = readBy(protoText(after.layout), old);
    expect(byYoung).toMatchObject({ a: { ints: {} }, c: { ints: {} } });
    expect(byYoung.new).toBe(undefined);
    expect(byYoung.b).toBe(undefined);
    // Readers without a schema go by the list in the header.
    expect(decodeBlock(young).columns.map(({ name }) => name)).toEqual(['new', 'c', 'a', 'b']);
  });

  it('gives a column that may now be null the number that it had', () => {
    const type = EVERYTHING.features[0]!.type;
    const nullable = type.kind === 'scalar' ? { ...type, nullable: true, unit: null } : type;
    const features = [{ ...EVERYTHING.features[0]!, type: nullable }];
    expect(blockLayout({ ...EVERYTHING, features }).columns[0]!.field).toBe(
      LAYOUT.columns[0]!.field,
    );
  });
});
