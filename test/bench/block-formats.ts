/** The formats that bench:blocks compares: each takes decoded blocks and gives bytes, and reads its bytes again. */
import { readFileSync, rmSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';
import { Zstd } from '@hpcc-js/wasm-zstd';
import { type Compressors, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { ByteWriter, ParquetWriter, type SchemaElement } from 'hyparquet-writer';
import protobuf from 'protobufjs';
import type { Column } from '../../operators/column/column.ts';
import { valueAt } from '../../operators/column/column.ts';
import { decodeBlock, type ExampleBlock } from '../../runtime/block/block-decode.ts';
import type { BlockLayout } from '../../runtime/block/block-layout.ts';
import { blockRow } from '../../runtime/block/block-row.ts';
import { BLOCK_OPTIONS, type BlockOptions, BlockWriter } from '../../runtime/block/block-writer.ts';
import { isList, scalarKind } from '../../runtime/block/export-schema.ts';
import { BLOCK_ROWS } from '../../runtime/config.ts';
import { TfRecordExport } from '../../runtime/export/export-tfrecord.ts';
import { JsonBytes } from '../../runtime/sink/json-bytes.ts';
import { NdjsonRows } from '../../runtime/sink/ndjson-rows.ts';

export type Format = {
  readonly name: string;
  encode(blocks: readonly ExampleBlock[]): Promise<readonly Uint8Array[]>;
  /** Rows read. */
  decode(bytes: readonly Uint8Array[]): Promise<number>;
};

/** zstd's own default. */
const ZSTD_LEVEL = 3;

export async function formats(layout: BlockLayout, folder: string): Promise<readonly Format[]> {
  const zstd = await Zstd.load();
  return [
    blocks('blocks', layout, BLOCK_OPTIONS),
    blocks('blocks, deflate', layout, { ...BLOCK_OPTIONS, compression: 'deflate' }),
    parquet(zstd),
    ndjson(),
    tfrecord(folder),
    protobufRows(),
  ];
}

function blocks(name: string, layout: BlockLayout, options: BlockOptions): Format {
  return {
    name,
    async encode(given) {
      const writer = new BlockWriter(layout, 'digest', options);
      return given.map((block) => writer.encode(batchOf(block), allRows(block.rows), 0).slice());
    },
    async decode(bytes) {
      let rows = 0;
      for (const each of bytes) rows += decodeBlock(each).rows;
      return rows;
    },
  };
}

/** Typed arrays where the writer takes them, row groups of 65,536 rows. */
function parquet(zstd: Zstd): Format {
  return {
    name: 'Parquet, zstd',
    async encode(given) {
      const [first] = given;
      const schema: SchemaElement[] = [];
      const column = (name: string, type: string) => {
        const leaf = LEAVES[scalarKind(type)];
        if (!isList(type)) return schema.push({ name, repetition_type: 'OPTIONAL', ...leaf });
        schema.push({
          ...{ name, repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'LIST' },
        });
        schema.push({ name: 'list', repetition_type: 'REPEATED', num_children: 1 });
        return schema.push({ name: 'element', repetition_type: 'REQUIRED', ...leaf });
      };
      const names = ['id', 'time', 'emitted', 'sample_rate', ...first!.columns.map((c) => c.name)];
      column('id', 'string');
      column('time', 'timestamp');
      column('emitted', 'timestamp');
      column('sample_rate', 'float');
      for (const { name, type } of first!.columns) column(name, type);
      for (const { name } of first!.labels) {
        for (const part of ['value', 'kind', 'deadline', 'elapsed']) {
          names.push(`label.${name}.${part}`);
          column(`label.${name}.${part}`, 'int');
        }
      }
      schema.unshift({ name: 'root', num_children: names.length });
      const writer = new ByteWriter();
      const file = new ParquetWriter({
        ...{ writer, schema, codec: 'ZSTD' },
        compressors: {
          ZSTD: (bytes: Uint8Array) => zstd.compress(bytes, ZSTD_LEVEL).slice(),
        },
      });
      for (let at = 0; at < given.length; at += GROUP_BLOCKS) {
        const some = given.slice(at, at + GROUP_BLOCKS);
        const data = parquetData(some);
        await file.write({
          columnData: data.map((values, i) => ({ name: names[i]!, data: values })),
          rowGroupSize: GROUP_BLOCKS * BLOCK_ROWS,
        });
      }
      await file.finish();
      return [writer.getBytes()];
    },
    async decode([bytes]) {
      const buffer = bytes!.slice().buffer as ArrayBuffer;
      return (await parquetReadObjects({ file: buffer, compressors: tolerant })).length;
    },
  };
}

/** A column without values has an empty page, which is no zstd frame. */
const tolerant: Compressors = {
  ...compressors,
  ZSTD: (bytes, length) => (length === 0 ? new Uint8Array(0) : compressors.ZSTD!(bytes, length)),
};

const GROUP_BLOCKS = 16;

const LEAVES = {
  text: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  bool: { type: 'BOOLEAN' },
  whole: { type: 'INT64' },
  double: { type: 'DOUBLE' },
} as const;

function parquetData(some: readonly ExampleBlock[]): unknown[][] {
  const [first] = some;
  const whole = (values: ArrayLike<number>) =>
    Array.from(values, (v) => (Number.isNaN(v) ? null : BigInt(v)));
  const all = (of: (block: ExampleBlock) => readonly unknown[]) =>
    some.flatMap((block) => of(block));
  return [
    all(({ id, rows }) => Array.from({ length: rows }, (_, row) => valueAt(id, row))),
    all(({ time }) => whole(time)),
    all(({ emitted }) => whole(emitted)),
    all(({ sampleRate }) => Array.from(sampleRate)),
    ...first!.columns.map(({ type }, i) =>
      all((block) => parquetValues(block.columns[i]!.column, type, block.rows)),
    ),
    ...first!.labels.flatMap((_, i) => [
      all((block) => whole(block.labels[i]!.value)),
      all((block) => whole(block.labels[i]!.kind)),
      all((block) => whole(block.labels[i]!.deadline)),
      all((block) => whole(block.labels[i]!.elapsed)),
    ]),
  ];
}

function parquetValues(column: Column, type: string, rows: number): readonly unknown[] {
  const isWhole = scalarKind(type) === 'whole';
  if (column.kind === 'f64') {
    return Array.from(column.data, (v) => (Number.isNaN(v) ? null : isWhole ? BigInt(v) : v));
  }
  return Array.from({ length: rows }, (_, row) => {
    const value = valueAt(column, row);
    return Array.isArray(value) && isWhole ? value.map((v) => BigInt(v)) : value;
  });
}

function ndjson(): Format {
  return {
    name: 'NDJSON, gzip',
    async encode(given) {
      const [first] = given;
      const rows = new NdjsonRows({ labels: first!.labels, features: first!.columns });
      const out = new JsonBytes(1 << 20);
      return given.map((block) => {
        out.clear();
        const batch = batchOf(block);
        for (let row = 0; row < block.rows; row++) rows.append(out, batch, row);
        return gzipSync(out.written());
      });
    },
    async decode(bytes) {
      let rows = 0;
      for (const each of bytes) {
        const lines = gunzipSync(each).toString().trimEnd().split('\n');
        for (const line of lines) JSON.parse(line);
        rows += lines.length;
      }
      return rows;
    },
  };
}

function tfrecord(folder: string): Format {
  const path = `${folder}/examples.tfrecord`;
  const types = protobuf.parse(TF_EXAMPLE, { keepCase: true }).root.lookupType('Example');
  return {
    name: 'TFRecord, gzip',
    async encode(given) {
      const file = await TfRecordExport.open(path);
      for (const block of given) await file.write(block);
      await file.finish();
      const bytes = readFileSync(path);
      rmSync(path);
      return [gzipSync(bytes)];
    },
    async decode([bytes]) {
      const file = gunzipSync(bytes!);
      let rows = 0;
      for (let at = 0; at < file.length; rows++) {
        const length = Number(file.readBigUInt64LE(at));
        types.decode(file.subarray(at + 12, at + 12 + length));
        at += 16 + length;
      }
      return rows;
    },
  };
}

const TF_EXAMPLE = `syntax = "proto3";
message Example { Features features = 1; }
message Features { map<string, Feature> feature = 1; }
message Feature { oneof kind { BytesList bytes_list = 1; FloatList float_list = 2; Int64List int64_list = 3; } }
message BytesList { repeated bytes value = 1; }
message FloatList { repeated float value = 1; }
message Int64List { repeated int64 value = 1; }`;

/** One message a row, a field a column, length-delimited: what a hand-written producer sends. Not compressed. */
function protobufRows(): Format {
  const SCALARS = { text: 'string', bool: 'bool', whole: 'int64', double: 'double' } as const;
  let type: protobuf.Type | null = null;
  return {
    name: 'protobuf, row by row',
    async encode(given) {
      const { columns, labels } = given[0]!;
      type = new protobuf.Type('Row');
      let field = 1;
      const add = (name: string, kind: string, rule?: string) =>
        type!.add(new protobuf.Field(name, field++, kind, rule));
      add('id', 'string');
      add('time', 'int64');
      add('emitted', 'int64');
      add('sample_rate', 'double');
      columns.forEach((column, i) => {
        add(
          `f${i}`,
          SCALARS[scalarKind(column.type)],
          isList(column.type) ? 'repeated' : undefined,
        );
      });
      labels.forEach((_, i) => {
        add(`l${i}`, 'int32');
        add(`k${i}`, 'string');
      });
      return given.map((block) => {
        const writer = protobuf.Writer.create();
        for (let row = 0; row < block.rows; row++) {
          const { features, labels: due, ...own } = blockRow(block, row);
          const message: Record<string, unknown> = { ...own, sample_rate: own.sampleRate };
          features.forEach((value, i) => {
            if (value !== null) message[`f${i}`] = value;
          });
          block.labels.forEach(({ name }, i) => {
            message[`l${i}`] = due[name]?.value;
            message[`k${i}`] = due[name]?.kind;
          });
          type!.encodeDelimited(message, writer);
        }
        return writer.finish();
      });
    },
    async decode(bytes) {
      let rows = 0;
      for (const each of bytes) {
        const reader = protobuf.Reader.create(each);
        for (; reader.pos < reader.len; rows++) type!.decodeDelimited(reader);
      }
      return rows;
    },
  };
}

function batchOf(block: ExampleBlock) {
  return { ...block, n: block.rows, features: block.columns.map(({ column }) => column) };
}

function allRows(n: number): Int32Array {
  return Int32Array.from({ length: n }, (_, i) => i);
}
