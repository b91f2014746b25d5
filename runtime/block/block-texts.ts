/** Columns of texts in an example block: a dictionary where they repeat; what each shares with the one before is left out. */
import type { TextColumn } from '../../operators/column/column.ts';
import { TEXT } from './block-layout.ts';
import { IntPacker } from './packed-ints.ts';
import type { WireWriter } from './wire.ts';

/** Texts that are looked at before a dictionary is tried. */
const LOOKED_AT = 32;

/** Packs columns; its buffers are used again. */
export class TextPacker {
  readonly #packer = new IntPacker();
  #room = 0;
  #table = new Int32Array(0);
  #hashes = new Int32Array(0);
  #index = new Int32Array(0);
  #firsts = new Int32Array(0);
  #shared = new Int32Array(0);
  #length = new Int32Array(0);

  /** The texts of `rows` as field `field`, a TextColumn; `refs` as in Placed. */
  write(
    out: WireWriter,
    field: number,
    column: TextColumn,
    rows: Int32Array,
    refs: number = 0,
  ): void {
    if (this.#room < rows.length) this.#grow(rows.length);
    const message = out.open(field);
    if (refs !== 0) out.uint(TEXT.refs, refs);
    const different = this.#number(column, rows);
    // An entry takes its length as well: a dictionary of nearly all would only add to it.
    if (different * 4 <= rows.length * 3) {
      const index = out.open(TEXT.index);
      this.#packer.write(out, 0, null, this.#index, rows.length);
      out.shut(index);
      this.#entries(out, column, this.#firsts.subarray(0, different));
    } else {
      this.#entries(out, column, rows);
    }
    out.shut(message);
  }

  /** How many different texts there are, null not counted; the number of rows where it is soon clear that most differ. */
  #number({ bytes, start, end }: TextColumn, rows: Int32Array): number {
    const n = rows.length;
    const mask = tableSize(n) - 1;
    const table = this.#table.fill(0, 0, mask + 1);
    let count = 0;
    for (let i = 0; i < n; i++) {
      const row = rows[i]!;
      const from = start[row]!;
      if (from < 0) {
        this.#index[i] = 0;
        continue;
      }
      const to = end[row]!;
      const hash = hashOf(bytes, from, to);
      let at = hash & mask;
      let entry = table[at]!;
      while (entry !== 0) {
        const first = this.#firsts[entry - 1]!;
        if (
          this.#hashes[entry - 1] === hash &&
          equal(bytes, { from, to, other: start[first]!, otherTo: end[first]! })
        ) {
          break;
        }
        at = (at + 1) & mask;
        entry = table[at]!;
      }
      if (entry === 0) {
        this.#firsts[count] = row;
        this.#hashes[count++] = hash;
        entry = count;
        table[at] = count;
      }
      this.#index[i] = entry;
      if (i === LOOKED_AT && count === LOOKED_AT + 1) return n;
    }
    return count;
  }

  /** Length 0 is null, n + 1 a text with n bytes of its own behind those it shares with the text before. */
  #entries(out: WireWriter, { bytes, start, end }: TextColumn, rows: Int32Array): void {
    const n = rows.length;
    const { shared, total, saved } = this.#prefixes({ bytes, start, end }, rows);
    const isShared = saved > n;
    out.uint(TEXT.entries, n);
    if (isShared) {
      const message = out.open(TEXT.shared);
      this.#packer.write(out, 0, null, shared, n);
      out.shut(message);
    }
    for (let i = 0; i < n; i++) {
      const row = rows[i]!;
      const from = start[row]!;
      this.#length[i] = from < 0 ? 0 : end[row]! - from - (isShared ? shared[i]! : 0) + 1;
    }
    const message = out.open(TEXT.length);
    this.#packer.write(out, 0, null, this.#length, n);
    out.shut(message);
    const data = out.room(TEXT.data, isShared ? total - saved : total);
    let at = 0;
    for (let i = 0; i < n; i++) {
      const row = rows[i]!;
      const to = end[row]!;
      // A null has start and end -1.
      for (let b = start[row]! + (isShared ? shared[i]! : 0); b < to; b++) data[at++] = bytes[b]!;
    }
  }

  /** By entry: the bytes it shares with the text before; and how many bytes there are, and how many of them are shared. */
  #prefixes({ bytes, start, end }: Omit<TextColumn, 'kind'>, rows: Int32Array) {
    const shared = this.#shared;
    let total = 0;
    let saved = 0;
    let before = -1;
    let beforeTo = -1;
    for (let i = 0; i < rows.length; i++) {
      const from = start[rows[i]!]!;
      shared[i] = 0;
      if (from < 0) continue;
      const to = end[rows[i]!]!;
      const most = Math.min(to - from, beforeTo - before);
      let same = 0;
      while (same < most && bytes[from + same] === bytes[before + same]) same++;
      shared[i] = same;
      total += to - from;
      saved += same;
      before = from;
      beforeTo = to;
    }
    return { shared, total, saved };
  }

  #grow(n: number): void {
    this.#room = Math.max(512, n * 2);
    this.#table = new Int32Array(tableSize(this.#room));
    this.#hashes = new Int32Array(this.#room);
    this.#index = new Int32Array(this.#room);
    this.#firsts = new Int32Array(this.#room);
    this.#shared = new Int32Array(this.#room);
    this.#length = new Int32Array(this.#room);
  }
}

/** A power of two, at least twice n. */
function tableSize(n: number): number {
  return 2 ** (33 - Math.clz32(Math.max(1, n)));
}

function hashOf(bytes: Uint8Array, from: number, to: number): number {
  let hash = 0x811c9dc5;
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash ^ (hash >>> 15);
}

type Two = {
  readonly from: number;
  readonly to: number;
  readonly other: number;
  readonly otherTo: number;
};

function equal(bytes: Uint8Array, { from, to, other, otherTo }: Two): boolean {
  if (to - from !== otherTo - other) return false;
  for (let i = 0; i < to - from; i++) if (bytes[from + i] !== bytes[other + i]) return false;
  return true;
}
