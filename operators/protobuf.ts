/** Protobuf messages by their schema: the values of a topic's records, or a file's length-delimited ones. */
import protobuf from 'protobufjs';
import 'protobufjs/ext/descriptor.js';
import type { ScanField } from '../compiler/plan.ts';
import { REASON } from './decode-reasons.ts';
import { RowDecoder } from './decode-rows.ts';
import type { DecodedBatch } from './decoder.ts';
import { LINE_BYTES_MAX } from './decoder.ts';

/** A schema as `.proto` text, or as an encoded FileDescriptorSet (`protoc --descriptor_set_out --include_imports`). */
export type ProtobufSchema = {
  readonly source: string | Uint8Array;
  /** Full name of the message type. */
  readonly message: string;
};

/**
 * Decodes one message after another into batches. A scan field is the message's field of the same name, as the schema
 * spells it; one without presence (proto3 scalars) is never absent. Enums are their names, `bytes` are UTF-8, Timestamp
 * messages are times. Throws a plain Error if the schema has no such message type.
 */
export class ProtobufDecoder {
  readonly #type: protobuf.Type;
  readonly #fields: readonly (protobuf.Field | null)[];
  readonly #rows: RowDecoder;

  constructor(schema: ProtobufSchema, fields: readonly ScanField[]) {
    this.#type = messageType(schema);
    this.#fields = fields.map((field) => this.#type.fields[field.name]?.resolve() ?? null);
    this.#rows = new RowDecoder(fields);
  }

  begin(rowsMax: number): void {
    this.#rows.begin(rowsMax);
  }

  get rows(): number {
    return this.#rows.rows;
  }

  /** A message's bytes; null for one that was too long to read. */
  add(bytes: Uint8Array | null): void {
    if (bytes === null || bytes.length > LINE_BYTES_MAX) {
      this.#rows.badRow(REASON.tooLong, '');
      return;
    }
    let message: protobuf.Message;
    try {
      message = this.#type.decode(bytes);
    } catch {
      this.#rows.badRow(REASON.protobuf, Buffer.from(bytes).toString('base64'));
      return;
    }
    const values = this.#fields.map((field) =>
      field === null ? undefined : fieldValue(message, field),
    );
    this.#rows.row(values, () => JSON.stringify(this.#type.toObject(message, READABLE)));
  }

  finish(firstOffset: number): DecodedBatch {
    return this.#rows.finish(firstOffset);
  }
}

const READABLE = { longs: String, enums: String, bytes: String };

function messageType({ source, message }: ProtobufSchema): protobuf.Type {
  return rootOf(source).lookupType(message);
}

function rootOf(source: ProtobufSchema['source']): protobuf.Root {
  const root =
    typeof source === 'string'
      ? protobuf.parse(source, { keepCase: true }).root
      : protobuf.Root.fromDescriptor(source, { keepCase: true });
  root.resolveAll();
  return root;
}

/** Full names of a schema's messages, those of Google's own packages aside. Throws a plain Error if it is no schema. */
export function messageNames(source: ProtobufSchema['source']): string[] {
  const names: string[] = [];
  const visit = (at: protobuf.NamespaceBase) => {
    for (const child of at.nestedArray) {
      if (child instanceof protobuf.Type && !child.fullName.startsWith('.google.protobuf.')) {
        names.push(child.fullName.slice(1));
      }
      if (child instanceof protobuf.Namespace) visit(child);
    }
  };
  visit(rootOf(source));
  return names.sort();
}

function fieldValue(message: protobuf.Message, field: protobuf.Field): unknown {
  const present = Object.hasOwn(message, field.name);
  if (!present && field.hasPresence) return undefined;
  const value: unknown = Reflect.get(message, field.name);
  if (field.repeated) return Array.isArray(value) ? value.map((item) => plain(item, field)) : [];
  return plain(value, field);
}

function plain(value: unknown, field: protobuf.Field): unknown {
  if (field.resolvedType instanceof protobuf.Enum) {
    return field.resolvedType.valuesById[Number(value)] ?? String(value);
  }
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  if ('low' in value && 'high' in value) return BigInt(String(value));
  if (field.resolvedType?.fullName !== '.google.protobuf.Timestamp') return value;
  const seconds = Number(String(Reflect.get(value, 'seconds') ?? 0));
  return new Date(seconds * 1000 + Math.floor(Number(Reflect.get(value, 'nanos') ?? 0) / 1e6));
}
