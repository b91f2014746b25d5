/** Protobuf messages by their schema: the values of a topic's records, or a file's length-delimited ones. */
import protobuf from 'protobufjs';
import 'protobufjs/ext/descriptor.js';
import type { ScanField } from '../../compiler/plan/plan.ts';
import { DecodeCells } from './decode-cells.ts';
import { REASON } from './decode-reasons.ts';
import type { DecodedBatch } from './decoder.ts';
import { LINE_BYTES_MAX } from './decoder.ts';
import { FORM, MessageReader, type MessageSlot } from './protobuf-message.ts';

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
  readonly #cells: DecodeCells;
  readonly #reader: MessageReader;

  constructor(schema: ProtobufSchema, fields: readonly ScanField[]) {
    this.#type = messageType(schema);
    this.#cells = new DecodeCells(fields);
    const names = fields.map((field) => field.name);
    this.#reader = new MessageReader(slotsOf(this.#type, names), this.#cells);
  }

  begin(rowsMax: number): void {
    this.#cells.begin(rowsMax);
  }

  get rows(): number {
    return this.#cells.rows;
  }

  /** The message in bytes [start, end); one that was too long to read has no bytes. */
  add(bytes: Uint8Array | null, start = 0, end = bytes?.length ?? 0): void {
    const cells = this.#cells;
    if (bytes === null || end - start > LINE_BYTES_MAX) {
      cells.bad(-1, REASON.tooLong);
      cells.endRow('');
      return;
    }
    const isMessage = this.#reader.read(bytes, start, end);
    if (!isMessage) cells.bad(-1, REASON.protobuf);
    cells.endRow(cells.good ? null : this.#source(bytes.subarray(start, end), isMessage));
  }

  finish(firstOffset: number): DecodedBatch {
    return this.#cells.finish(firstOffset);
  }

  /** JSON where the bytes are what the schema says, else base64 of them. */
  #source(bytes: Uint8Array, isMessage: boolean): string {
    if (isMessage && !this.#reader.wrongWire) {
      try {
        return JSON.stringify(this.#type.toObject(this.#type.decode(bytes), READABLE));
      } catch {
        // What the scan does not read may be broken.
      }
    }
    return Buffer.from(bytes).toString('base64');
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

/** The fields named, and those that share a oneof with one of them. */
function slotsOf(type: protobuf.Type, names: readonly string[]): MessageSlot[] {
  return type.fieldsArray
    .map((field) => field.resolve())
    .map((field) => ({ field, siblings: siblingsOf(field, names) }))
    .filter(({ field, siblings }) => names.includes(field.name) || siblings.length > 0)
    .map(({ field, siblings }) => {
      const values = field.resolvedType instanceof protobuf.Enum ? field.resolvedType : null;
      return {
        number: field.id,
        field: names.indexOf(field.name),
        form: formOf(field),
        repeated: field.repeated,
        presence: Boolean(field.hasPresence) || isMessage(field),
        required: field.required,
        names: new Map(
          Object.entries(values?.valuesById ?? {}).map(([id, name]) => [Number(id), name]),
        ),
        closed: values !== null && isClosed(values),
        first: values === null ? 0 : Number(field.typeDefault),
        siblings,
      };
    });
}

function siblingsOf(field: protobuf.Field, names: readonly string[]): number[] {
  const members = field.partOf?.fieldsArray ?? [];
  return members
    .filter((member) => member !== field && names.includes(member.name))
    .map((member) => names.indexOf(member.name));
}

function formOf(field: protobuf.Field): number {
  if (field.map) return FORM.other;
  if (field.resolvedType instanceof protobuf.Enum) return FORM.enum;
  if (field.type === 'string' || field.type === 'bytes') return FORM.text;
  const isTime = field.resolvedType?.fullName === '.google.protobuf.Timestamp';
  if (isTime && !field.delimited) return FORM.timestamp;
  const form = Object.entries(FORM).find(([name]) => name === field.type);
  return form?.[1] ?? FORM.other;
}

/** One message is there or not in every syntax. */
function isMessage(field: protobuf.Field): boolean {
  return field.resolvedType instanceof protobuf.Type && !field.repeated && !field.map;
}

/** The library resolves this feature of a file's syntax and does not type it. */
function isClosed(values: protobuf.Enum): boolean {
  const features: unknown = Reflect.get(values, '_features');
  return (
    typeof features === 'object' &&
    features !== null &&
    Reflect.get(features, 'enum_type') === 'CLOSED'
  );
}
