/**
 * What a line looked like: the bytes between its values, and which value is which field. Lines of one producer are
 * mostly alike, so a scanner that expects the last line's layout compares a few words where it would parse keys.
 */

/** Layouts a decoder remembers; beyond it, one is replaced. */
export const LAYOUTS_MAX = 4;

export class Layout {
  /** Scan field of value k; -1: nobody wants it. */
  readonly fields: Int32Array;
  /** How the decoder reads value k; 0 skips it. */
  readonly ops: Uint8Array;
  /** Literal k stands before value k, the last one after the last value (the line's end included). */
  readonly lengths: Int32Array;
  /** Literal k as little-endian words [wordFrom[k], wordFrom[k + 1]), the last one masked to its length. */
  readonly wordFrom: Int32Array;
  readonly words: Int32Array;
  readonly masks: Int32Array;
  /** Scan fields that the line does not have. */
  readonly absent: Int32Array;

  /** `fieldOps`: by scan field. */
  constructor(fields: readonly number[], literals: readonly Uint8Array[], fieldOps: Uint8Array) {
    this.ops = Uint8Array.from(fields, (field) => (field < 0 ? 0 : fieldOps[field]!));
    this.fields = Int32Array.from(fields);
    this.lengths = Int32Array.from(literals, (literal) => literal.length);
    this.wordFrom = new Int32Array(literals.length + 1);
    const words: number[] = [];
    const masks: number[] = [];
    literals.forEach((literal, k) => {
      for (let at = 0; at < literal.length; at += 4) {
        let word = 0;
        let mask = 0;
        for (let i = 0; i < 4 && at + i < literal.length; i++) {
          word |= literal[at + i]! << (8 * i);
          mask |= 255 << (8 * i);
        }
        words.push(word);
        masks.push(mask);
      }
      this.wordFrom[k + 1] = words.length;
    });
    this.words = Int32Array.from(words);
    this.masks = Int32Array.from(masks);
    const present = new Set(fields);
    this.absent = Int32Array.from({ length: fieldOps.length }, (_, f) => f).filter(
      (f) => !present.has(f),
    );
  }
}

/** Gathers a line's layout while it is parsed the long way. */
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

  finish(bytes: Uint8Array, start: number, end: number, fieldOps: Uint8Array): Layout | null {
    if (!this.#usable) return null;
    const literals: Uint8Array[] = [];
    let from = start;
    for (let i = 0; i < this.#cuts.length; i += 2) {
      literals.push(bytes.slice(from, this.#cuts[i]));
      from = this.#cuts[i + 1]!;
    }
    literals.push(bytes.slice(from, end));
    return new Layout(this.#fields, literals, fieldOps);
  }
}
