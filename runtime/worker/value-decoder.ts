/** Values of fetched records as batches of a scan: JSON, protobuf or Avro. One row a record, whatever is in it. */
import type { ScanField } from '../../compiler/plan/plan.ts';
import {
  BATCH_ROWS_MAX,
  type DecodedBatch,
  LINE_BYTES_MAX,
} from '../../operators/decode/decoder.ts';
import { NdjsonDecoder } from '../../operators/decode/ndjson.ts';
import { SLACK_BYTES } from '../../operators/decode/ndjson-scanner.ts';
import { ProtobufDecoder, type ProtobufSchema } from '../../operators/decode/protobuf.ts';
import { AvroValues, type SchemaRegistry } from '../source/schema-registry.ts';
import type { Records } from './cluster.ts';

export type ValueDecoder = {
  /** Takes records to decode; all earlier ones are decoded. */
  load(records: Records): Promise<void>;
  /** The next at most `rowsMax` rows; `firstOffset` is the ordinal of the first. */
  decode(rowsMax: number, firstOffset: number): DecodedBatch;
};

/** How the values of a topic are written. */
export type ValueFormat =
  | { readonly kind: 'json' }
  | { readonly kind: 'protobuf'; readonly schema: ProtobufSchema }
  | { readonly kind: 'avro'; readonly registry: SchemaRegistry };

export function valueDecoder(format: ValueFormat, fields: readonly ScanField[]): ValueDecoder {
  switch (format.kind) {
    case 'json':
      return new JsonValues(fields);
    case 'protobuf':
      return new ProtobufValues(new ProtobufDecoder(format.schema, fields));
    case 'avro': {
      const values = new AvroValues(format.registry, fields);
      return new AvroBatches(values);
    }
  }
}

const NEWLINE = 10;
const RETURN = 13;
const SPACE = 32;
const TAB = 9;
/** What a null or blank value is read as: no JSON object, and so malformed. */
const NO_VALUE = Buffer.from('null');

/** Values as lines of one chunk: a copy, since a line needs its end. */
class JsonValues implements ValueDecoder {
  readonly #decoder: NdjsonDecoder;

  constructor(fields: readonly ScanField[]) {
    this.#decoder = new NdjsonDecoder(fields);
  }

  async load(records: Records): Promise<void> {
    const { n, bytes, valueStart, valueEnd } = records;
    let size = SLACK_BYTES;
    for (let i = 0; i < n; i++)
      size += Math.max(valueEnd[i]! - valueStart[i]!, NO_VALUE.length) + 1;
    const chunk = new Uint8Array(size);
    let at = 0;
    for (let i = 0; i < n; i++) {
      const from = valueStart[i]!;
      // A line that is cut one byte beyond the bound is seen to be too long.
      const to = Math.min(valueEnd[i]!, from + LINE_BYTES_MAX + 1);
      let isBlank = true;
      const start = at;
      for (let b = from; b < to && from >= 0; b++) {
        const byte = bytes[b]!;
        // A newline ends a line, a carriage return stands for one anywhere: between tokens it is white space, within a text no JSON.
        const kept = byte === NEWLINE ? RETURN : byte;
        if (kept !== SPACE && kept !== RETURN && kept !== TAB) isBlank = false;
        chunk[at++] = kept;
      }
      if (isBlank) {
        at = start;
        chunk.set(NO_VALUE, at);
        at += NO_VALUE.length;
      }
      chunk[at++] = NEWLINE;
    }
    this.#decoder.load(chunk.subarray(0, at + SLACK_BYTES), 0, at);
  }

  decode(rowsMax: number, firstOffset: number): DecodedBatch {
    return this.#decoder.decode(rowsMax, firstOffset)!;
  }
}

/** Messages read where they lie in what was fetched. */
class ProtobufValues implements ValueDecoder {
  readonly #decoder: ProtobufDecoder;
  #records: Records | null = null;
  #at = 0;

  constructor(decoder: ProtobufDecoder) {
    this.#decoder = decoder;
  }

  async load(records: Records): Promise<void> {
    this.#records = records;
    this.#at = 0;
  }

  decode(rowsMax: number, firstOffset: number): DecodedBatch {
    const { n, bytes, valueStart, valueEnd } = this.#records!;
    const end = this.#at + Math.min(rowsMax, BATCH_ROWS_MAX, n - this.#at);
    this.#decoder.begin(end - this.#at);
    for (; this.#at < end; this.#at++) {
      const start = valueStart[this.#at]!;
      // A null is no message.
      if (start < 0) this.#decoder.add(NO_MESSAGE);
      else this.#decoder.add(bytes, start, valueEnd[this.#at]!);
    }
    return this.#decoder.finish(firstOffset);
  }
}

/** Avro values; their schemas are fetched before. */
class AvroBatches implements ValueDecoder {
  readonly #decoder: AvroValues;
  #values: readonly (Uint8Array | null)[] = [];
  #at = 0;

  constructor(decoder: AvroValues) {
    this.#decoder = decoder;
  }

  async load(records: Records): Promise<void> {
    const { n, bytes, valueStart, valueEnd } = records;
    this.#values = Array.from({ length: n }, (_, i) =>
      valueStart[i]! < 0 ? null : bytes.subarray(valueStart[i], valueEnd[i]),
    );
    this.#at = 0;
    await this.#decoder.prepare(this.#values);
  }

  decode(rowsMax: number, firstOffset: number): DecodedBatch {
    const rows = Math.min(rowsMax, BATCH_ROWS_MAX, this.#values.length - this.#at);
    this.#decoder.begin(rows);
    for (let row = 0; row < rows; row++) {
      // A null is no message.
      this.#decoder.add(this.#values[this.#at++] ?? NO_MESSAGE);
    }
    return this.#decoder.finish(firstOffset);
  }
}

/** Field number 0 is none: malformed in every schema. */
const NO_MESSAGE = new Uint8Array([0]);
