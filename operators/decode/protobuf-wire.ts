/** Protobuf's wire format, read in place. A position is -1 where the bytes end too early or are no such value. */
export const WIRE = {
  varint: 0,
  fixed64: 1,
  bytes: 2,
  group: 3,
  groupEnd: 4,
  fixed32: 5,
} as const;

/** Groups within groups that are passed over; a message that nests deeper is malformed. */
const GROUP_DEPTH_MAX = 100;

export class ProtobufWire {
  /** The value read last: its low and high 32 bits. */
  lo = 0;
  hi = 0;
  readonly #words = new Int32Array(2);
  readonly #double = new Float64Array(this.#words.buffer);
  readonly #float = new Float32Array(this.#words.buffer);

  /** More than 64 bits are no value. */
  varint(bytes: Uint8Array, p: number, end: number): number {
    let lo = 0;
    let at = p;
    for (let shift = 0; shift < 28; shift += 7) {
      if (at >= end) return -1;
      const byte = bytes[at++]!;
      lo |= (byte & 127) << shift;
      if (byte < 128) return this.#is(lo, 0, at);
    }
    if (at >= end) return -1;
    const middle = bytes[at++]!;
    lo |= middle << 28;
    let hi = (middle & 127) >> 4;
    if (middle < 128) return this.#is(lo, hi, at);
    for (let shift = 3; shift <= 31; shift += 7) {
      if (at >= end) return -1;
      const byte = bytes[at++]!;
      if (shift === 31 && byte > 1) return -1;
      hi |= (byte & 127) << shift;
      if (byte < 128) return this.#is(lo, hi, at);
    }
    return -1;
  }

  /** A field's number and wire type, in `lo`. */
  tag(bytes: Uint8Array, p: number, end: number): number {
    const at = this.varint(bytes, p, end);
    return at < 0 || this.hi !== 0 || this.lo >>> 3 === 0 ? -1 : at;
  }

  /** The length of what follows, in `lo`: all of it is there. */
  size(bytes: Uint8Array, p: number, end: number): number {
    const at = this.varint(bytes, p, end);
    return at < 0 || this.hi !== 0 || this.lo < 0 || this.lo > end - at ? -1 : at;
  }

  fixed32(bytes: Uint8Array, p: number, end: number): number {
    return p + 4 > end ? -1 : this.#is(wordAt(bytes, p), 0, p + 4);
  }

  fixed64(bytes: Uint8Array, p: number, end: number): number {
    return p + 8 > end ? -1 : this.#is(wordAt(bytes, p), wordAt(bytes, p + 4), p + 8);
  }

  /** The value's bits as numbers of their types; 64-bit ones are rounded to doubles. */
  get float(): number {
    this.#words[0] = this.lo;
    return this.#float[0]!;
  }

  get double(): number {
    this.#words[0] = this.lo;
    this.#words[1] = this.hi;
    return this.#double[0]!;
  }

  get signed(): number {
    return this.hi * 4294967296 + (this.lo >>> 0);
  }

  get unsigned(): number {
    return (this.hi >>> 0) * 4294967296 + (this.lo >>> 0);
  }

  /** Takes zigzag back: 0, -1, 1, -2, … */
  unzigzag(): void {
    const sign = -(this.lo & 1);
    this.lo = ((this.lo >>> 1) | (this.hi << 31)) ^ sign;
    this.hi = (this.hi >>> 1) ^ sign;
  }

  /** Past the value of a tag. */
  skip(bytes: Uint8Array, p: number, end: number, tag: number, depth = 0): number {
    switch (tag & 7) {
      case WIRE.varint:
        return this.varint(bytes, p, end);
      case WIRE.fixed64:
        return p + 8 > end ? -1 : p + 8;
      case WIRE.fixed32:
        return p + 4 > end ? -1 : p + 4;
      case WIRE.bytes: {
        const at = this.size(bytes, p, end);
        return at < 0 ? -1 : at + this.lo;
      }
      case WIRE.group:
        return depth === GROUP_DEPTH_MAX ? -1 : this.#skipGroup(bytes, p, end, tag, depth);
      default:
        return -1;
    }
  }

  #skipGroup(bytes: Uint8Array, p: number, end: number, tag: number, depth: number): number {
    for (let at = p; ; ) {
      at = this.tag(bytes, at, end);
      if (at < 0) return -1;
      const inner = this.lo;
      if ((inner & 7) === WIRE.groupEnd) return inner >>> 3 === tag >>> 3 ? at : -1;
      at = this.skip(bytes, at, end, inner, depth + 1);
      if (at < 0) return -1;
    }
  }

  #is(lo: number, hi: number, at: number): number {
    this.lo = lo;
    this.hi = hi;
    return at;
  }
}

function wordAt(bytes: Uint8Array, p: number): number {
  return bytes[p]! | (bytes[p + 1]! << 8) | (bytes[p + 2]! << 16) | (bytes[p + 3]! << 24);
}
