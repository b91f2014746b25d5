/**
 * Reads the fields that a scan uses out of a protobuf message, from its bytes straight into cells; the others are
 * passed over by their wire types, whatever is in them. Of a field that comes again the last value counts, as does the last
 * member of a oneof; Timestamps are merged. A value of another wire type than the schema's makes the field bad.
 */
import type { DecodeCells } from './decode-cells.ts';
import { KIND } from './decode-field.ts';
import { REASON } from './decode-reasons.ts';
import { ProtobufWire, WIRE } from './protobuf-wire.ts';

/** How a value is written. `other` is what no column can hold: messages, groups and maps. */
export const FORM = {
  int32: 0,
  uint32: 1,
  sint32: 2,
  int64: 3,
  uint64: 4,
  sint64: 5,
  bool: 6,
  enum: 7,
  fixed32: 8,
  sfixed32: 9,
  fixed64: 10,
  sfixed64: 11,
  float: 12,
  double: 13,
  text: 14,
  timestamp: 15,
  other: 16,
} as const;

/** A field of the message that the scan reads, or (`field` -1) one that shares a oneof with such. */
export type MessageSlot = {
  readonly number: number;
  readonly field: number;
  readonly form: number;
  readonly repeated: boolean;
  /** Whether absence can be told from the default; `required` ones must be there. */
  readonly presence: boolean;
  readonly required: boolean;
  /** Names of an enum; a closed one has no other values. */
  readonly names: ReadonlyMap<number, string>;
  readonly closed: boolean;
  readonly first: number;
  /** Scan fields that share its oneof. */
  readonly siblings: readonly number[];
};

/** What became of a field so far, beside reasons. */
const ABSENT = 255;
const WRONG_WIRE = 254;
/** Fields of smaller numbers are found in an array. */
const DIRECT_NUMBERS = 256;
const NOTHING = new Uint8Array(0);

export class MessageReader {
  /** Whether the last message had a value of a wrong wire type. */
  wrongWire = false;
  readonly #cells: DecodeCells;
  readonly #wire = new ProtobufWire();
  readonly #direct: (MessageSlot | undefined)[] = new Array(DIRECT_NUMBERS).fill(undefined);
  readonly #far = new Map<number, MessageSlot>();
  /** By scan field; null where the message has no such field. */
  readonly #slots: readonly (MessageSlot | null)[];
  readonly #isList: readonly boolean[];
  readonly #reasons: Uint8Array;
  readonly #seconds: Float64Array;
  readonly #nanos: Int32Array;

  constructor(slots: readonly MessageSlot[], cells: DecodeCells) {
    this.#cells = cells;
    for (const slot of slots) {
      if (slot.number < DIRECT_NUMBERS) this.#direct[slot.number] = slot;
      else this.#far.set(slot.number, slot);
    }
    this.#slots = cells.specs.map((_, f) => slots.find(({ field }) => field === f) ?? null);
    this.#isList = cells.specs.map(({ kind }) => kind === KIND.list);
    this.#reasons = new Uint8Array(cells.specs.length);
    this.#seconds = new Float64Array(cells.specs.length);
    this.#nanos = new Int32Array(cells.specs.length);
  }

  /** The message in bytes [start, end) as the row's cells; false, and the cells undefined, if it is none. */
  read(bytes: Uint8Array, start: number, end: number): boolean {
    const wire = this.#wire;
    this.#begin();
    for (let p = start; p < end; ) {
      let tag = bytes[p]!;
      if (tag < 128) p++;
      else {
        p = wire.tag(bytes, p, end);
        if (p < 0) return false;
        tag = wire.lo;
      }
      const number = tag >>> 3;
      if (number === 0) return false;
      const slot = number < DIRECT_NUMBERS ? this.#direct[number] : this.#far.get(number);
      if (slot === undefined) p = wire.skip(bytes, p, end, tag);
      else p = this.#field(slot, bytes, p, end, tag);
      if (p < 0) return false;
    }
    this.#end();
    return true;
  }

  #begin(): void {
    this.wrongWire = false;
    for (let f = 0; f < this.#reasons.length; f++) {
      this.#reasons[f] = ABSENT;
      this.#seconds[f] = 0;
      this.#nanos[f] = 0;
      if (this.#isList[f]) this.#cells.beginList(f);
    }
  }

  #end(): void {
    for (let f = 0; f < this.#slots.length; f++) {
      const reason = this.#outcome(f);
      if (reason !== REASON.none) this.#cells.bad(f, reason);
    }
  }

  #outcome(field: number): number {
    const slot = this.#slots[field]!;
    const reason = this.#reasons[field]!;
    if (slot === null) return this.#cells.absent(field, REASON.missing);
    if (reason === WRONG_WIRE) {
      this.wrongWire = true;
      return REASON.type;
    }
    const hasList = this.#isList[field]! && slot.repeated;
    if (hasList && (reason === ABSENT || reason === REASON.none)) {
      this.#cells.endList(field);
      return REASON.none;
    }
    if (reason !== ABSENT) return reason;
    if (slot.required) return REASON.missing;
    return slot.presence ? this.#cells.absent(field, REASON.missing) : this.#default(slot);
  }

  #default({ field, form, repeated, names, first }: MessageSlot): number {
    if (repeated || this.#isList[field]) return REASON.type;
    if (form === FORM.text) return this.#cells.text(field, NOTHING, 0, 0);
    if (form === FORM.bool) return this.#cells.bool(field, false);
    if (form === FORM.enum) return this.#cells.string(field, names.get(first) ?? String(first));
    return form === FORM.other ? REASON.type : this.#cells.number(field, 0);
  }

  /** A field's value after its tag; the position after it. */
  #field(slot: MessageSlot, bytes: Uint8Array, p: number, end: number, tag: number): number {
    const { field, form, repeated } = slot;
    const isOfWire = form === FORM.other || (tag & 7) === WIRE_OF[form];
    if (isOfWire) this.#clearSiblings(slot);
    if (field < 0) return this.#wire.skip(bytes, p, end, tag);
    if (repeated !== this.#isList[field] || form === FORM.other) {
      this.#take(field, repeated && this.#isList[field] ? REASON.element : REASON.type);
    } else if (isOfWire) {
      return this.#value(slot, bytes, p, end);
    } else if (repeated && form < FORM.text && (tag & 7) === WIRE.bytes) {
      return this.#packed(slot, bytes, p, end);
    } else {
      this.#reasons[field] = WRONG_WIRE;
    }
    return this.#wire.skip(bytes, p, end, tag);
  }

  #packed(slot: MessageSlot, bytes: Uint8Array, p: number, end: number): number {
    let at = this.#wire.size(bytes, p, end);
    const to = at + this.#wire.lo;
    while (at >= 0 && at < to) at = this.#value(slot, bytes, at, to);
    return at;
  }

  #value(slot: MessageSlot, bytes: Uint8Array, p: number, end: number): number {
    const { field, form } = slot;
    const at = this.#scalar(form, bytes, p, end);
    if (at < 0) return -1;
    const to = form === FORM.text || form === FORM.timestamp ? at + this.#wire.lo : at;
    if (form === FORM.text) this.#take(field, this.#cells.text(field, bytes, at, to));
    else if (form !== FORM.timestamp) this.#number(slot);
    else if (!this.#timestamp(slot, bytes, at, to)) return -1;
    return to;
  }

  #take(field: number, reason: number): void {
    if (!stays(this.#reasons[field]!)) this.#reasons[field] = reason;
  }

  #clearSiblings({ siblings }: MessageSlot): void {
    for (const sibling of siblings) {
      if (!stays(this.#reasons[sibling]!)) this.#reasons[sibling] = ABSENT;
      this.#seconds[sibling] = 0;
      this.#nanos[sibling] = 0;
    }
  }

  /** Reads a value, of texts and messages their length. */
  #scalar(form: number, bytes: Uint8Array, p: number, end: number): number {
    const wire = this.#wire;
    const byte = bytes[p]!;
    switch (WIRE_OF[form]) {
      case WIRE.varint:
        if (p >= end || byte > 127) return wire.varint(bytes, p, end);
        wire.lo = byte;
        wire.hi = 0;
        return p + 1;
      case WIRE.fixed32:
        return wire.fixed32(bytes, p, end);
      case WIRE.fixed64:
        return wire.fixed64(bytes, p, end);
      default:
        if (p >= end || byte > 127 || byte >= end - p) return wire.size(bytes, p, end);
        wire.lo = byte;
        return p + 1;
    }
  }

  /** Takes the number, bool or enum just read. */
  #number({ field, form, names, closed }: MessageSlot): void {
    const { lo, hi } = this.#wire;
    const cells = this.#cells;
    if (form === FORM.bool) this.#take(field, cells.bool(field, (lo | hi) !== 0));
    else if (form === FORM.enum) {
      const name = names.get(lo);
      // To a closed enum other numbers are unknown fields.
      if (name === undefined && closed) return;
      this.#take(field, cells.string(field, name ?? String(lo)));
    } else {
      const value = this.#numberOf(form);
      const exact = Number.isSafeInteger(value) || !IS_LONG[form];
      this.#take(field, exact ? cells.number(field, value) : cells.big(field, this.#big(form)));
    }
  }

  /** A Timestamp: seconds are its field 1, nanoseconds field 2. False if it is no message. */
  #timestamp(slot: MessageSlot, bytes: Uint8Array, start: number, end: number): boolean {
    const { field, repeated } = slot;
    const wire = this.#wire;
    let seconds = repeated ? 0 : this.#seconds[field]!;
    let nanos = repeated ? 0 : this.#nanos[field]!;
    for (let p = start; p < end; ) {
      p = wire.tag(bytes, p, end);
      const tag = wire.lo;
      if (p >= 0) p = wire.skip(bytes, p, end, tag);
      if (p < 0) return false;
      const part = tag >>> 3;
      if (part > 2) continue;
      if ((tag & 7) !== WIRE.varint) this.#reasons[field] = WRONG_WIRE;
      else if (part === 1) seconds = wire.signed;
      else nanos = wire.lo;
    }
    this.#seconds[field] = seconds;
    this.#nanos[field] = nanos;
    this.#take(field, this.#cells.time(field, seconds * 1000 + Math.floor(nanos / 1e6)));
    return true;
  }

  #numberOf(form: number): number {
    const wire = this.#wire;
    switch (form) {
      case FORM.uint32:
      case FORM.fixed32:
        return wire.lo >>> 0;
      case FORM.sint32:
        return (wire.lo >>> 1) ^ -(wire.lo & 1);
      case FORM.int64:
      case FORM.sfixed64:
        return wire.signed;
      case FORM.uint64:
      case FORM.fixed64:
        return wire.unsigned;
      case FORM.sint64:
        wire.unzigzag();
        return wire.signed;
      case FORM.float:
        return wire.float;
      case FORM.double:
        return wire.double;
      default:
        return wire.lo;
    }
  }

  /** A 64-bit value in full, after `#numberOf`. */
  #big(form: number): bigint {
    const { lo, hi } = this.#wire;
    const bits = (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
    const unsigned = form === FORM.uint64 || form === FORM.fixed64;
    return unsigned ? bits : BigInt.asIntN(64, bits);
  }
}

/** What makes a field bad whatever value comes after it. */
function stays(reason: number): boolean {
  return reason === WRONG_WIRE || reason === REASON.element || reason === REASON.utf8;
}

/** Wire types, by form. */
const WIRE_OF: readonly number[] = [
  ...Array(8).fill(WIRE.varint),
  ...[WIRE.fixed32, WIRE.fixed32, WIRE.fixed64, WIRE.fixed64, WIRE.fixed32, WIRE.fixed64],
  ...[WIRE.bytes, WIRE.bytes, WIRE.bytes],
];
const IS_LONG: readonly boolean[] = WIRE_OF.map((_, form) =>
  [FORM.int64, FORM.uint64, FORM.sint64, FORM.fixed64, FORM.sfixed64].some((is) => is === form),
);
