/** Avro records by their writer's schema: the values of a topic's records, or the records of a container file. */
import { createReadStream } from 'node:fs';
import avro from 'avsc';
import type { ScanField } from '../../compiler/plan/plan.ts';
import { REASON } from '../../operators/decode/decode-reasons.ts';
import { RowDecoder } from '../../operators/decode/decode-rows.ts';
import { type DecodedBatch, LINE_BYTES_MAX } from '../../operators/decode/decoder.ts';

/** A record type that bytes can be decoded by. */
export type AvroType = avro.types.RecordType;

/** Throws a plain Error that says what is wrong with the schema, or that it is not one of records. */
export function avroType(schema: string): AvroType {
  return recordType(avro.Type.forSchema(JSON.parse(schema), options()));
}

/**
 * Decodes one record after another into batches. A scan field is the record's field of the same name; one that the schema
 * lacks is absent. Longs beyond 2^53 keep all their digits, timestamp-millis and -micros are times, enums their names,
 * `bytes` UTF-8.
 */
export class AvroDecoder {
  readonly #fields: readonly ScanField[];
  readonly #rows: RowDecoder;

  constructor(fields: readonly ScanField[]) {
    this.#fields = fields;
    this.#rows = new RowDecoder(fields);
  }

  begin(rowsMax: number): void {
    this.#rows.begin(rowsMax);
  }

  get rows(): number {
    return this.#rows.rows;
  }

  /** A record's bytes by the type they were written with; a null type: nothing can be read. */
  add(bytes: Uint8Array, type: AvroType | null): void {
    if (bytes.length > LINE_BYTES_MAX) {
      this.#rows.badRow(REASON.tooLong, '');
      return;
    }
    let record: unknown = null;
    try {
      record = type?.fromBuffer(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
    } catch {
      record = null;
    }
    if (record === null || record === undefined) {
      this.#rows.badRow(REASON.avro, Buffer.from(bytes).toString('base64'));
    } else this.record(record);
  }

  /** A record that is decoded already. */
  record(record: unknown): void {
    const from = Object(record);
    this.#rows.row(
      this.#fields.map(({ name }) => from[name]),
      () => JSON.stringify(record, readable),
    );
  }

  finish(firstOffset: number): DecodedBatch {
    return this.#rows.finish(firstOffset);
  }
}

/** The records of an Avro object container file, in order; the iteration throws where the file is damaged. */
export async function* avroRecords(path: string): AsyncGenerator<unknown> {
  const parseHook = (schema: avro.Schema) => recordType(avro.Type.forSchema(schema, options()));
  const decoder = new avro.streams.BlockDecoder({ parseHook });
  const file = createReadStream(path);
  file.on('error', (error) => decoder.destroy(error));
  yield* file.pipe(decoder);
}

function recordType(type: avro.Type): AvroType {
  if (type instanceof avro.types.RecordType) return type;
  throw new Error(`its schema is of a ${type.typeName}, not of a record`);
}

/** New for each schema: names may be defined once in a registry. */
function options(): Partial<avro.ForSchemaOptions> {
  const times = { 'timestamp-millis': Millis, 'timestamp-micros': Micros };
  return { registry: { long: LONG }, logicalTypes: times, wrapUnions: false };
}

/** The library's own refuses what a double cannot hold; ids can be as long as that. */
const LONG = avro.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => {
    const value = bytes.readBigInt64LE();
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  },
  toBuffer: (value: number | bigint) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(value));
    return bytes;
  },
  fromJSON: Number,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === 'bigint' || Number.isInteger(value),
  compare: (a: number | bigint, b: number | bigint) => (a < b ? -1 : a > b ? 1 : 0),
});

class Millis extends avro.types.LogicalType {
  override _fromValue(value: number): Date {
    return new Date(Number(value));
  }
  override _toValue(date: Date): number {
    return date.getTime();
  }
}

class Micros extends avro.types.LogicalType {
  override _fromValue(value: number): Date {
    return new Date(Math.floor(Number(value) / 1000));
  }
  override _toValue(date: Date): number {
    return date.getTime() * 1000;
  }
}

function readable(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
