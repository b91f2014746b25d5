/**
 * Batches out of values that some library has parsed already (CSV, Parquet, Avro): slower than the NDJSON scanner,
 * the same rules and the same result.
 */
import type { ScanField } from '../../compiler/plan/plan.ts';
import { DecodeCells } from './decode-cells.ts';
import type { FieldSpec } from './decode-field.ts';
import { KIND } from './decode-field.ts';
import { REASON } from './decode-reasons.ts';
import type { DecodedBatch } from './decoder.ts';

export class RowDecoder {
  readonly specs: readonly FieldSpec[];
  readonly #cells: DecodeCells;

  constructor(fields: readonly ScanField[]) {
    this.#cells = new DecodeCells(fields);
    this.specs = this.#cells.specs;
  }

  begin(rowsMax: number): void {
    this.#cells.begin(rowsMax);
  }

  /**
   * A record, by scan field: undefined is absent. Texts are strings or UTF-8, numbers also bigints, times also Dates.
   * `source` is asked for only if something is wrong.
   */
  row(values: readonly unknown[], source: () => string): void {
    for (let f = 0; f < this.specs.length; f++) {
      const reason = this.#put(f, values[f]);
      if (reason !== REASON.none) this.#cells.bad(f, reason);
    }
    this.#cells.endRow(this.#cells.good ? null : source());
  }

  /** A record of which nothing can be read. */
  badRow(reason: number, source: string): void {
    this.#cells.bad(-1, reason);
    this.#cells.endRow(source);
  }

  get rows(): number {
    return this.#cells.rows;
  }

  finish(firstOffset: number): DecodedBatch {
    return this.#cells.finish(firstOffset);
  }

  /** Writes a value; the reason why it is not one of the field's, or none. */
  #put(field: number, value: unknown): number {
    if (value === undefined) return this.#cells.absent(field, REASON.missing);
    if (value === null) return this.#cells.absent(field, REASON.null);
    if (this.specs[field]!.kind !== KIND.list) return this.#putScalar(field, value) ?? REASON.type;
    if (!Array.isArray(value)) return REASON.type;
    this.#cells.beginList(field);
    for (const item of value as readonly unknown[]) {
      const reason = this.#putScalar(field, item) ?? REASON.element;
      if (reason !== REASON.none) return reason;
    }
    this.#cells.endList(field);
    return REASON.none;
  }

  /** Null for what is of no type that any field has. */
  #putScalar(field: number, value: unknown): number | null {
    const cells = this.#cells;
    if (typeof value === 'string') return cells.string(field, value);
    if (typeof value === 'number') return cells.number(field, value);
    if (typeof value === 'bigint') return cells.big(field, value);
    if (typeof value === 'boolean') return cells.bool(field, value);
    if (value instanceof Date) return cells.time(field, value.getTime());
    return value instanceof Uint8Array ? cells.text(field, value, 0, value.length) : null;
  }
}
