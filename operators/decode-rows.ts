/**
 * Batches out of values that some library has parsed already (CSV, Parquet, protobuf): slower than the NDJSON scanner,
 * the same rules and the same result.
 */
import type { ScanField } from '../compiler/plan.ts';
import type { FieldSpec } from './decode-field.ts';
import { fieldNumber, fieldSpec, KIND, numberReason, TIME_MAX_MS } from './decode-field.ts';
import { isoMs } from './decode-iso.ts';
import { REASON } from './decode-reasons.ts';
import type { BatchStore } from './decode-store.ts';
import { StorePool } from './decode-store.ts';
import type { DecodedBatch } from './decoder.ts';
import { hashBytes, lanes } from './hash.ts';
import { validUtf8 } from './ndjson-scanner.ts';

const encoder = new TextEncoder();

export class RowDecoder {
  readonly specs: readonly FieldSpec[];
  readonly #pool: StorePool;
  #store: BatchStore;
  #row = 0;
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
    this.#bytes = new Uint8Array(1 << 16);
    this.#used = 0;
  }

  /**
   * A record, by scan field: undefined is absent. Texts are strings or UTF-8, numbers also bigints, times also Dates.
   * `source` is asked for only if something is wrong.
   */
  row(values: readonly unknown[], source: () => string): void {
    const row = this.#row++;
    let good = true;
    for (let f = 0; f < this.specs.length; f++) {
      const reason = this.#put(f, row, values[f]);
      if (reason === REASON.none) continue;
      this.#store.setNull(f, row);
      this.#store.bad(row, f, reason);
      good = false;
    }
    this.#keep(row, good ? null : source());
  }

  /** A record of which nothing can be read. */
  badRow(reason: number, source: string): void {
    const row = this.#row++;
    for (let f = 0; f < this.specs.length; f++) this.#store.setNull(f, row);
    this.#store.bad(row, -1, reason);
    this.#keep(row, source);
  }

  get rows(): number {
    return this.#row;
  }

  finish(firstOffset: number): DecodedBatch {
    const store = this.#store;
    return store.finish(this.#row, firstOffset, this.#bytes, () => this.#pool.give(store));
  }

  #keep(row: number, source: string | null): void {
    const start = this.#used;
    if (source !== null) this.#append(encoder.encode(source));
    this.#store.rawStart[row] = source === null ? -1 : start;
    this.#store.rawEnd[row] = this.#used;
  }

  #append(bytes: Uint8Array): void {
    const used = this.#used;
    if (used + bytes.length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#bytes.length * 2, used + bytes.length));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#bytes.set(bytes, used);
    this.#used = used + bytes.length;
  }

  /** Writes a value; the reason why it is not one of the field's, or none. */
  #put(field: number, row: number, value: unknown): number {
    const spec = this.specs[field]!;
    if (value === null || value === undefined) {
      this.#store.setNull(field, row);
      if (spec.nullable) return REASON.none;
      return value === null ? REASON.null : REASON.missing;
    }
    if (spec.kind === KIND.list) return this.#putList(field, row, value);
    if (spec.kind === KIND.text) {
      const text = textBytes(value);
      if (text === null) return REASON.type;
      const start = this.#used;
      this.#append(text);
      this.#store.setText(field, row, start, this.#used);
      hashBytes(text, 0, text.length);
      this.#store.setHash(field, row, lanes[0]!, lanes[1]!);
      return validUtf8(text, 0, text.length) ? REASON.none : REASON.utf8;
    }
    if (spec.kind === KIND.bool) {
      if (typeof value !== 'boolean') return REASON.type;
      this.#store.setBool(field, row, value ? 1 : 0);
      return REASON.none;
    }
    const number = numberOf(spec, spec.kind, value);
    if (!Number.isNaN(number)) this.#store.setNumber(field, row, number);
    return Number.isNaN(number) ? reasonOf(spec, value) : REASON.none;
  }

  #putList(field: number, row: number, value: unknown): number {
    if (!Array.isArray(value)) return REASON.type;
    const list = this.#store.lists[field]!;
    const spec = this.specs[field]!;
    list.beginRow(row);
    for (const item of value as readonly unknown[]) {
      if (spec.element === KIND.text) {
        const text = textBytes(item);
        if (text === null || !validUtf8(text, 0, text.length)) return REASON.element;
        const start = this.#used;
        this.#append(text);
        hashBytes(text, 0, text.length);
        list.addText(start, this.#used);
      } else {
        const bool = spec.element === KIND.bool && typeof item === 'boolean';
        const number = bool ? Number(item) : numberOf(spec, spec.element, item);
        if (Number.isNaN(number)) return REASON.element;
        list.addNumber(number);
      }
    }
    this.#store.setList(field, row);
    return REASON.none;
  }
}

/** UTF-8 of a text or of a whole number's digits; null for anything else. */
function textBytes(value: unknown): Uint8Array | null {
  if (typeof value === 'string') return encoder.encode(value);
  if (value instanceof Uint8Array) return value;
  const whole =
    typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value));
  return whole ? encoder.encode(String(value)) : null;
}

function numberOf(spec: FieldSpec, kind: number, value: unknown): number {
  if (value instanceof Date) {
    const ms = value.getTime();
    const isTime = kind === KIND.time || kind === KIND.iso;
    return isTime && ms >= 0 && ms <= TIME_MAX_MS ? ms : Number.NaN;
  }
  if (kind === KIND.iso) {
    if (typeof value !== 'string') return Number.NaN;
    const bytes = encoder.encode(value);
    const ms = isoMs(bytes, 0, bytes.length);
    return ms >= 0 ? ms : Number.NaN;
  }
  if (typeof value === 'bigint') return fieldNumber(kind, spec.format, Number(value));
  return typeof value === 'number' ? fieldNumber(kind, spec.format, value) : Number.NaN;
}

function reasonOf(spec: FieldSpec, value: unknown): number {
  if (value instanceof Date) {
    return spec.kind === KIND.time || spec.kind === KIND.iso ? REASON.timeRange : REASON.type;
  }
  if (spec.kind === KIND.iso) return typeof value === 'string' ? REASON.iso : REASON.type;
  if (typeof value === 'bigint') return numberReason(spec.kind, spec.format, Number(value));
  return typeof value === 'number' ? numberReason(spec.kind, spec.format, value) : REASON.type;
}
