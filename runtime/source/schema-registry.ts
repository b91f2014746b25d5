/**
 * A schema registry: which Avro schema a record's number stands for. Records carry it in front: a zero byte, the number
 * as four bytes, big-endian, then the record.
 *
 *   GET URL/schemas/ids/N  ->  { "schema": "…" }
 */
import type { ScanField } from '../../compiler/plan/plan.ts';
import type { DecodedBatch } from '../../operators/decode/decoder.ts';
import { Fault } from '../fault.ts';
import { AvroDecoder, type AvroType, avroType } from './avro.ts';

/** A topic with more schemas than this is no topic of one kind of event. */
const SCHEMAS_MAX = 1_000;
const REQUEST_MS_MAX = 10_000;
const PREFIX_BYTES = 5;

export type RegistryAddress = {
  readonly url: string;
  /** Of the Authorization header, such as `Basic …`; never shown. */
  readonly authorization?: string | undefined;
};

export class SchemaRegistry {
  readonly #address: RegistryAddress;
  /** Null: a number that the registry does not know. */
  readonly #types = new Map<number, AvroType | null>();

  constructor(address: RegistryAddress) {
    this.#address = address;
  }

  /** The type of a number that was loaded; null for one that nobody knows. */
  type(id: number): AvroType | null {
    return this.#types.get(id) ?? null;
  }

  /** Loads the numbers that are not known yet. A Fault, mostly retriable, when the registry does not answer. */
  async load(ids: Iterable<number>): Promise<void> {
    for (const id of ids) {
      if (this.#types.has(id)) continue;
      if (this.#types.size === SCHEMAS_MAX) {
        const message = `more than ${SCHEMAS_MAX} schemas: are these records Avro with a registry's prefix?`;
        throw new Fault('schema_registry', message, { context: { id } });
      }
      this.#types.set(id, await this.#fetch(id));
    }
  }

  async #fetch(id: number): Promise<AvroType | null> {
    const { url, authorization } = this.#address;
    const place = `${url.replace(/\/$/, '')}/schemas/ids/${id}`;
    const context = { url: place };
    let response: Response;
    try {
      const headers = authorization === undefined ? {} : { authorization };
      response = await fetch(place, { headers, signal: AbortSignal.timeout(REQUEST_MS_MAX) });
    } catch (cause) {
      const message = `the schema registry does not answer: ${place}`;
      throw new Fault('schema_registry', message, { retriable: true, context, cause });
    }
    if (response.status === 404) return null;
    if (!response.ok) {
      const retriable = response.status >= 500 || response.status === 429;
      const message = `the schema registry answers ${response.status} to ${place}`;
      throw new Fault('schema_registry', message, { retriable, context });
    }
    return this.#parse(await response.text(), place);
  }

  #parse(text: string, place: string): AvroType {
    try {
      const answer: { schema?: unknown; schemaType?: unknown; references?: unknown[] } =
        JSON.parse(text);
      if (answer.schemaType !== undefined && answer.schemaType !== 'AVRO') {
        throw new Error(`it is ${String(answer.schemaType)}, not Avro`);
      }
      if ((answer.references ?? []).length > 0) {
        throw new Error('it refers to other schemas, which is not supported');
      }
      return avroType(String(answer.schema));
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      const message = `the schema at ${place} cannot be used: ${why}`;
      throw new Fault('schema_registry', message, { context: { url: place }, cause });
    }
  }
}

/** Decodes a topic's Avro values into batches. */
export class AvroValues {
  readonly #registry: SchemaRegistry;
  readonly #decoder: AvroDecoder;

  constructor(registry: SchemaRegistry, fields: readonly ScanField[]) {
    this.#registry = registry;
    this.#decoder = new AvroDecoder(fields);
  }

  /** Loads the schemas of the values that are about to be added. */
  async prepare(values: readonly (Uint8Array | null)[]): Promise<void> {
    const ids = new Set<number>();
    for (const value of values) {
      const id = schemaId(value);
      if (id !== null) ids.add(id);
    }
    await this.#registry.load(ids);
  }

  begin(rowsMax: number): void {
    this.#decoder.begin(rowsMax);
  }

  get rows(): number {
    return this.#decoder.rows;
  }

  /** A record's value; what has no prefix, or no schema, is a malformed record. */
  add(value: Uint8Array | null): void {
    const id = schemaId(value);
    const type = id === null ? null : this.#registry.type(id);
    const bytes = value ?? new Uint8Array(0);
    this.#decoder.add(type === null ? bytes : bytes.subarray(PREFIX_BYTES), type);
  }

  finish(firstOffset: number): DecodedBatch {
    return this.#decoder.finish(firstOffset);
  }
}

function schemaId(value: Uint8Array | null): number | null {
  if (value === null || value.length < PREFIX_BYTES || value[0] !== 0) return null;
  return ((value[1]! << 24) | (value[2]! << 16) | (value[3]! << 8) | value[4]!) >>> 0;
}
