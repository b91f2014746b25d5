import type { ListF64Column, ListTextColumn, TextColumn } from './column.ts';

/** Builds a text column row by row into one growing buffer. */
export class TextBuilder {
  #bytes = new Uint8Array(256);
  #length = 0;
  #rows = 0;
  #start: Int32Array;
  #end: Int32Array;

  constructor(rows: number) {
    this.#start = new Int32Array(Math.max(rows, 1));
    this.#end = new Int32Array(Math.max(rows, 1));
  }

  addNull(): void {
    this.#row(-1, -1);
  }

  addBytes(bytes: Uint8Array, start: number, end: number): void {
    const at = this.#length;
    this.#reserve(end - start);
    this.#bytes.set(bytes.subarray(start, end), at);
    this.#length = at + end - start;
    this.#row(at, this.#length);
  }

  addString(text: string): void {
    const bytes = Buffer.from(text);
    this.addBytes(bytes, 0, bytes.length);
  }

  finish(): TextColumn {
    return {
      kind: 'text',
      bytes: this.#bytes.subarray(0, this.#length),
      start: this.#start.subarray(0, this.#rows),
      end: this.#end.subarray(0, this.#rows),
    };
  }

  #row(start: number, end: number): void {
    if (this.#rows === this.#start.length) {
      this.#start = grow(this.#start);
      this.#end = grow(this.#end);
    }
    this.#start[this.#rows] = start;
    this.#end[this.#rows] = end;
    this.#rows++;
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const bytes = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + more));
    bytes.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = bytes;
  }
}

/** Builds a column of lists row by row. */
export class ListBuilder {
  readonly #offsets: Int32Array;
  readonly #nulls: Uint8Array;
  readonly #numbers: number[] = [];
  readonly #texts: TextBuilder;
  #anyNull = false;
  #count = 0;
  #rows = 0;

  constructor(rows: number) {
    this.#offsets = new Int32Array(rows + 1);
    this.#nulls = new Uint8Array(rows);
    this.#texts = new TextBuilder(rows);
  }

  addNumber(value: number): void {
    this.#numbers.push(value);
    this.#count++;
  }

  addText(bytes: Uint8Array, start: number, end: number): void {
    this.#texts.addBytes(bytes, start, end);
    this.#count++;
  }

  endRow(isNull = false): void {
    if (isNull) {
      this.#nulls[this.#rows] = 1;
      this.#anyNull = true;
    }
    this.#offsets[++this.#rows] = this.#count;
  }

  finishNumbers(): ListF64Column {
    return {
      kind: 'list_f64',
      offsets: this.#offsets,
      values: Float64Array.from(this.#numbers),
      isNull: this.#anyNull ? this.#nulls : null,
    };
  }

  finishTexts(): ListTextColumn {
    return {
      kind: 'list_text',
      offsets: this.#offsets,
      values: this.#texts.finish(),
      isNull: this.#anyNull ? this.#nulls : null,
    };
  }
}

function grow(array: Int32Array): Int32Array {
  const bigger = new Int32Array(array.length * 2);
  bigger.set(array);
  return bigger;
}
