import type { LineLayout } from './ndjson-codegen.ts';
import { OP } from './ndjson-codegen.ts';

/**
 * Gathers what a line looks like while it is parsed the long way: the bytes between its values, and which value is
 * which field. Lines of one producer are mostly alike.
 */
export class LayoutRecorder {
  readonly #fields: number[] = [];
  readonly #cuts: number[] = [];
  #usable = true;

  begin(): void {
    this.#fields.length = 0;
    this.#cuts.length = 0;
    this.#usable = true;
  }

  /** A value of `field` (or -1) in [start, end). A field that comes twice makes the layout unusable. */
  value(field: number, start: number, end: number): void {
    if (field >= 0 && this.#fields.includes(field)) this.#usable = false;
    this.#fields.push(field);
    this.#cuts.push(start, end);
  }

  /** The layout of the line [start, end), its newline included; `fieldOps`: by scan field. Null if it is of no use. */
  finish(bytes: Uint8Array, start: number, end: number, fieldOps: Uint8Array): LineLayout | null {
    if (!this.#usable || this.#fields.length > VALUES_MAX) return null;
    const literals: Uint8Array[] = [];
    let from = start;
    for (let i = 0; i < this.#cuts.length; i += 2) {
      literals.push(bytes.slice(from, this.#cuts[i]));
      from = this.#cuts[i + 1]!;
    }
    literals.push(bytes.slice(from, end));
    const size = literals.reduce((sum, literal) => sum + literal.length, 0);
    if (size > LITERAL_BYTES_MAX) return null;
    const present = new Set(this.#fields);
    return {
      literals,
      fields: [...this.#fields],
      ops: this.#fields.map((field) => (field < 0 ? OP.skip : fieldOps[field]!)),
      absent: Array.from(fieldOps, (_, field) => field).filter((field) => !present.has(field)),
    };
  }
}

/** Lines with more values, or with more bytes between them, are always parsed the long way. */
const VALUES_MAX = 300;
const LITERAL_BYTES_MAX = 16_384;
