/**
 * Where a decoder puts values that it reads one by one: cells of a batch, row after row, texts in one buffer beside
 * them. What takes a value tells why it is not one of the field's, or REASON.none; `bad` then makes the cell null. In a
 * list field a value is the next element; they come between `beginList` and `endList`.
 */
import type { ScanField } from '../../compiler/plan/plan.ts';
import { finish, HI_PRIME, HI_SEED, hashBytes, LO_PRIME, LO_SEED, lanes } from '../hash.ts';
import type { FieldSpec } from './decode-field.ts';
import { fieldNumber, fieldSpec, KIND, numberReason, TIME_MAX_MS } from './decode-field.ts';
import { isoMs } from './decode-iso.ts';
import { REASON } from './decode-reasons.ts';
import type { BatchStore } from './decode-store.ts';
import { StorePool } from './decode-store.ts';
import type { DecodedBatch } from './decoder.ts';
import { validUtf8 } from './ndjson-scanner.ts';

const TEXT_BYTES_MIN = 1 << 16;
const encoder = new TextEncoder();

export class DecodeCells {
  readonly specs: readonly FieldSpec[];
  readonly #pool: StorePool;
  #store: BatchStore;
  #row = 0;
  #good = true;
  /** Texts of the batch, and the source of its bad rows. */
  #bytes = new Uint8Array(0);
  #used = 0;

  constructor(fields: readonly ScanField[]) {
    this.specs = fields.map(fieldSpec);
    this.#pool = new StorePool(this.specs);
    this.#store = this.#pool.take(1);
  }

  begin(rowsMax: number): void {
    this.#store = this.#pool.take(rowsMax);
    this.#row = 0;
    this.#good = true;
    this.#bytes = new Uint8Array(TEXT_BYTES_MIN);
    this.#used = 0;
  }

  /** Rows that were ended. */
  get rows(): number {
    return this.#row;
  }

  finish(firstOffset: number): DecodedBatch {
    const store = this.#store;
    return store.finish(this.#row, firstOffset, this.#bytes, () => this.#pool.give(store));
  }

  bad(field: number, reason: number): void {
    if (field >= 0) this.#store.setNull(field, this.#row);
    else for (let f = 0; f < this.specs.length; f++) this.#store.setNull(f, this.#row);
    this.#store.bad(this.#row, field, reason);
    this.#good = false;
  }

  /** Whether nothing is bad in the row so far. */
  get good(): boolean {
    return this.#good;
  }

  /** `source` is kept for the quarantine; null for a good row. */
  endRow(source: string | null): void {
    const row = this.#row++;
    this.#store.rawStart[row] = source === null ? -1 : this.#used;
    if (source !== null) {
      const bytes = encoder.encode(source);
      this.#append(bytes, 0, bytes.length);
    }
    this.#store.rawEnd[row] = this.#used;
    this.#good = true;
  }

  /** No value; `reason` is why that is bad where the field must have one. */
  absent(field: number, reason: number): number {
    this.#store.setNull(field, this.#row);
    return this.specs[field]!.nullable ? REASON.none : reason;
  }

  /** UTF-8 of a text, in an `iso` field of a time. */
  text(field: number, from: Uint8Array, start: number, end: number): number {
    const spec = this.specs[field]!;
    if (spec.kind !== KIND.text) return this.#textElsewhere(field, from, start, end);
    const first = this.#reserve(end - start);
    const bytes = this.#bytes;
    let lo = LO_SEED;
    let hi = HI_SEED;
    let all = 0;
    for (let p = start, at = first; p < end; p++, at++) {
      const byte = from[p]!;
      bytes[at] = byte;
      all |= byte;
      lo = Math.imul(lo ^ byte, LO_PRIME);
      hi = Math.imul(hi ^ byte, HI_PRIME);
    }
    if (all > 127 && !validUtf8(from, start, end)) return REASON.utf8;
    if (spec.value) this.#used = first + end - start;
    this.#store.setText(field, this.#row, first, first + end - start);
    if (spec.hash) {
      finish(lo, hi, end - start);
      this.#store.setHash(field, this.#row, lanes[0]!, lanes[1]!);
    }
    return REASON.none;
  }

  string(field: number, text: string): number {
    const bytes = encoder.encode(text);
    return this.text(field, bytes, 0, bytes.length);
  }

  /** In a text field, a whole number's digits. */
  number(field: number, value: number): number {
    const { kind, element, format } = this.specs[field]!;
    if (element === KIND.text && Number.isSafeInteger(value)) {
      return this.string(field, String(value));
    }
    const number = fieldNumber(element, format, value);
    if (!Number.isNaN(number)) return this.#put(field, number);
    return kind === KIND.list ? REASON.element : numberReason(kind, format, value);
  }

  big(field: number, value: bigint): number {
    const text = this.specs[field]!.element === KIND.text;
    return text ? this.string(field, String(value)) : this.number(field, Number(value));
  }

  bool(field: number, value: boolean): number {
    const { kind, element } = this.specs[field]!;
    if (element !== KIND.bool) return kind === KIND.list ? REASON.element : REASON.type;
    if (kind === KIND.list) return this.#put(field, Number(value));
    this.#store.setBool(field, this.#row, value ? 1 : 0);
    return REASON.none;
  }

  /** Milliseconds, of a source that has a type for times. */
  time(field: number, ms: number): number {
    const { kind, element } = this.specs[field]!;
    const isTime = element === KIND.time || element === KIND.iso;
    if (isTime && ms >= 0 && ms <= TIME_MAX_MS) return this.#put(field, ms);
    if (kind === KIND.list) return REASON.element;
    return isTime ? REASON.timeRange : REASON.type;
  }

  beginList(field: number): void {
    this.#store.lists[field]!.beginRow(this.#row);
  }

  endList(field: number): void {
    this.#store.setList(field, this.#row);
  }

  #textElsewhere(field: number, from: Uint8Array, start: number, end: number): number {
    const { kind, element } = this.specs[field]!;
    if (element === KIND.iso) {
      const ms = isoMs(from, start, end);
      if (ms >= 0) return this.#put(field, ms);
      return kind === KIND.list ? REASON.element : REASON.iso;
    }
    if (kind !== KIND.list) return REASON.type;
    if (element !== KIND.text || !validUtf8(from, start, end)) return REASON.element;
    const at = this.#append(from, start, end);
    hashBytes(from, start, end);
    this.#store.lists[field]!.addText(at, this.#used);
    return REASON.none;
  }

  #put(field: number, value: number): number {
    if (this.specs[field]!.kind === KIND.list) this.#store.lists[field]!.addNumber(value);
    else this.#store.setNumber(field, this.#row, value);
    return REASON.none;
  }

  /** Room for so many more bytes; gives where they start. */
  #reserve(size: number): number {
    const used = this.#used;
    if (used + size > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#bytes.length * 2, used + size));
      grown.set(this.#bytes.subarray(0, used));
      this.#bytes = grown;
    }
    return used;
  }

  #append(from: Uint8Array, start: number, end: number): number {
    const at = this.#reserve(end - start);
    this.#bytes.set(from.subarray(start, end), at);
    this.#used = at + end - start;
    return at;
  }
}
