/**
 * Chosen columns of a row as words of a slab block. Layout, in column order within each part:
 *
 *   words   one per f64 and hash column
 *   i32     one head per text (byte length) and list (value count); -1 is null
 *   u8      one per bool, then padding to 8 bytes
 *   words   the values of f64 lists
 *   i32     the byte length of each value of the text lists
 *   u8      the bytes of texts and of text list values
 */
import type { Physical } from '../../dsl/types.ts';
import { assert } from '../assert.ts';
import type { Column, ListTextColumn, TextColumn } from '../column/column.ts';
import type { RowBuilder } from '../column/row-builder.ts';
import type { Slab } from './slab.ts';

export class RowCodec {
  readonly physical: readonly Physical[];
  readonly #words: number;
  readonly #heads: number;
  /** Bytes before the values of the lists, padded. */
  readonly #fixedBytes: number;

  constructor(physical: readonly Physical[]) {
    this.physical = physical;
    this.#words = physical.filter((kind) => kind === 'f64' || kind === 'hash').length;
    const bools = physical.filter((kind) => kind === 'bool').length;
    this.#heads = physical.length - this.#words - bools;
    this.#fixedBytes = Math.ceil((this.#words * 8 + this.#heads * 4 + bools) / 8) * 8;
  }

  /** Words that row `row` of `columns` takes; at least one. */
  measure(columns: readonly Column[], row: number): number {
    let bytes = this.#fixedBytes;
    if (this.#heads > 0) {
      for (const column of columns) bytes += variableBytes(column, row);
    }
    return Math.max(1, Math.ceil(bytes / 8));
  }

  /** Writes the row at word `at`, into `measure` words; whoever allocates them marks their pages. */
  write(slab: Slab, at: number, columns: readonly Column[], row: number): void {
    assert(columns.length === this.physical.length, 'a column for each of the codec');
    const { f64, i32, u8 } = slab;
    let word = at;
    let head = (at + this.#words) * 2;
    let bool = head * 4 + this.#heads * 4;
    let value = at + this.#fixedBytes / 8;
    for (const column of columns) {
      switch (column.kind) {
        case 'f64':
          f64[word++] = column.data[row];
          break;
        case 'hash':
          i32[word * 2] = column.lo[row];
          i32[word * 2 + 1] = column.hi[row];
          word++;
          break;
        case 'bool':
          u8[bool++] = column.data[row];
          break;
        case 'text':
          i32[head++] = column.start[row] < 0 ? -1 : column.end[row] - column.start[row];
          break;
        case 'list_f64': {
          i32[head++] = column.isNull?.[row] ? -1 : column.offsets[row + 1] - column.offsets[row];
          if (column.isNull?.[row]) break;
          for (let v = column.offsets[row]; v < column.offsets[row + 1]; v++)
            f64[value++] = column.values[v];
          break;
        }
        case 'list_text':
          i32[head++] = column.isNull?.[row] ? -1 : column.offsets[row + 1] - column.offsets[row];
      }
    }
    if (this.#heads > 0) writeTexts(slab, value, columns, row);
  }

  /** Reads the row at word `at` into row `row` of `into` (a builder for each column, with room for it). */
  read(slab: Slab, at: number, into: readonly RowBuilder[], row: number): void {
    const { f64, i32, u8 } = slab;
    let word = at;
    let head = (at + this.#words) * 2;
    let bool = head * 4 + this.#heads * 4;
    let value = at + this.#fixedBytes / 8;
    for (const builder of into) {
      switch (builder.physical) {
        case 'f64':
          builder.numbers[row] = f64[word++];
          break;
        case 'hash':
          builder.first[row] = i32[word * 2];
          builder.second[row] = i32[word * 2 + 1];
          word++;
          break;
        case 'bool':
          builder.bools[row] = u8[bool++];
          break;
        case 'list_f64': {
          const count = i32[head++];
          if (count < 0) break;
          const to = builder.addValues(count);
          for (let v = 0; v < count; v++) builder.values[to + v] = f64[value++];
          builder.first[row] = to;
          builder.second[row] = to + count;
          break;
        }
        default:
          head++;
      }
    }
    if (this.#heads > 0) this.#readTexts(slab, at, value, into, row);
  }

  #readTexts(
    slab: Slab,
    at: number,
    value: number,
    into: readonly RowBuilder[],
    row: number,
  ): void {
    const { i32, u8 } = slab;
    let head = (at + this.#words) * 2;
    let length = value * 2;
    let byte = length * 4;
    for (let c = 0, h = head; c < into.length; c++) {
      const kind = into[c].physical;
      if (kind === 'list_text') byte += Math.max(i32[h], 0) * 4;
      if (kind !== 'f64' && kind !== 'hash' && kind !== 'bool') h++;
    }
    for (const builder of into) {
      if (builder.physical === 'list_f64') {
        head++;
      } else if (builder.physical === 'text') {
        const bytes = i32[head++];
        if (bytes < 0) continue;
        const to = builder.addBytes(u8, byte, byte + bytes);
        builder.first[row] = to;
        builder.second[row] = to + bytes;
        byte += bytes;
      } else if (builder.physical === 'list_text') {
        const count = i32[head++];
        if (count < 0) continue;
        const first = builder.addValues(count);
        for (let v = first; v < first + count; v++) {
          const bytes = i32[length++];
          builder.valueStart[v] = bytes < 0 ? -1 : builder.addBytes(u8, byte, byte + bytes);
          builder.valueEnd[v] = bytes < 0 ? -1 : builder.valueStart[v] + bytes;
          byte += Math.max(bytes, 0);
        }
        builder.first[row] = first;
        builder.second[row] = first + count;
      }
    }
  }
}

function variableBytes(column: Column, row: number): number {
  switch (column.kind) {
    case 'text':
      return column.start[row] < 0 ? 0 : column.end[row] - column.start[row];
    case 'list_f64':
      return column.isNull?.[row] ? 0 : (column.offsets[row + 1] - column.offsets[row]) * 8;
    case 'list_text': {
      if (column.isNull?.[row]) return 0;
      let bytes = 0;
      for (let v = column.offsets[row]; v < column.offsets[row + 1]; v++) {
        bytes += 4 + column.values.end[v] - column.values.start[v];
      }
      return bytes;
    }
    default:
      return 0;
  }
}

function writeTexts(slab: Slab, value: number, columns: readonly Column[], row: number): void {
  let length = value * 2;
  for (const column of columns) {
    if (column.kind !== 'list_text' || column.isNull?.[row]) continue;
    for (let v = column.offsets[row]; v < column.offsets[row + 1]; v++) {
      slab.i32[length++] =
        column.values.start[v] < 0 ? -1 : column.values.end[v] - column.values.start[v];
    }
  }
  let byte = length * 4;
  for (const column of columns) {
    if (column.kind === 'text') byte = copyText(slab.u8, byte, column, row);
    else if (column.kind === 'list_text') byte = copyList(slab.u8, byte, column, row);
  }
}

function copyList(u8: Uint8Array, byte: number, column: ListTextColumn, row: number): number {
  if (column.isNull?.[row]) return byte;
  for (let v = column.offsets[row]; v < column.offsets[row + 1]; v++) {
    byte = copyText(u8, byte, column.values, v);
  }
  return byte;
}

function copyText(u8: Uint8Array, byte: number, column: TextColumn, row: number): number {
  const start = column.start[row];
  const end = column.end[row];
  if (start < 0) return byte;
  if (end - start > 48) u8.set(column.bytes.subarray(start, end), byte);
  else for (let i = start, o = byte; i < end; i++, o++) u8[o] = column.bytes[i];
  return byte + end - start;
}
