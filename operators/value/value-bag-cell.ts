/**
 * The values of a bag as words: numbers as they are (-0 as 0), booleans 0 and 1, hashes as 53 of their bits, texts as
 * names in a pool. NaN is null. Order and hash are those of the content, so that nothing depends on which shard saw a
 * text first.
 */
import type { Physical } from '../../dsl/types.ts';
import { assert } from '../assert.ts';
import { BOOL_NULL, type Column } from '../column/column.ts';
import type { Frame } from '../column/frame.ts';
import { hash53, hashNumber, lanes } from '../hash.ts';
import type { Output } from '../keyspace/answers.ts';
import type { SlabSet } from '../state/slab.ts';
import { TextPool } from '../state/text-pool.ts';

const HI_UNIT = 4294967296;

export class BagCell {
  readonly #slot: number;
  readonly #physical: Physical;
  readonly #pool: TextPool | null;
  #column: Column | undefined;
  /** The pool's bytes as int32, over the buffer they were last seen in. */
  #poolWords: Int32Array = new Int32Array(0);

  /** The pool of texts lies under `name` in `slabs`. */
  constructor(slot: number, physical: Physical, slabs: SlabSet, name: string) {
    assert(physical !== 'list_f64' && physical !== 'list_text', 'a bag holds single values');
    this.#slot = slot;
    this.#physical = physical;
    this.#pool = physical === 'text' ? new TextPool(slabs, name) : null;
  }

  open(frame: Frame): void {
    this.#column = frame.columns[this.#slot];
    assert(this.#column?.kind === this.#physical, `slot ${this.#slot} is ${this.#physical}`);
  }

  read(row: number): number {
    const column = this.#column!;
    switch (column.kind) {
      case 'f64':
        return column.data[row]! + 0;
      case 'bool':
        return column.data[row] === BOOL_NULL ? Number.NaN : column.data[row]!;
      case 'text': {
        const start = column.start[row]!;
        return start < 0 ? Number.NaN : this.#pool!.intern(column.bytes, start, column.end[row]!);
      }
      case 'hash': {
        const lo = column.lo[row]!;
        const hi = column.hi[row]!;
        return (lo | hi) === 0 ? Number.NaN : hash53(lo, hi);
      }
      default:
        return Number.NaN;
    }
  }

  /** Puts the value's 64-bit hash into `lanes`. */
  hash(word: number): void {
    if (this.#pool !== null) {
      const { buffer } = this.#pool.bytes;
      if (this.#poolWords.buffer !== buffer) this.#poolWords = new Int32Array(buffer);
      // An entry of the pool begins with its hash.
      lanes[0] = this.#poolWords[word * 2]!;
      lanes[1] = this.#poolWords[word * 2 + 1]!;
    } else if (this.#physical === 'hash') {
      const hi = Math.floor(word / HI_UNIT);
      lanes[0] = word - hi * HI_UNIT;
      lanes[1] = hi << 11;
    } else hashNumber(word);
  }

  /** Below 0: a comes before b. Numbers ascend, texts go by their bytes. */
  compare(a: number, b: number): number {
    if (this.#pool === null) return a - b;
    const { bytes } = this.#pool;
    const [endA, endB] = [this.#pool.end(a), this.#pool.end(b)];
    let i = this.#pool.start(a);
    let j = this.#pool.start(b);
    for (; i < endA && j < endB; i++, j++) if (bytes[i] !== bytes[j]) return bytes[i]! - bytes[j]!;
    return endA - i - (endB - j);
  }

  /** Writes a value as a row's scalar. */
  write(word: number, out: Output, row: number): void {
    if (out.kind === 'text') {
      const pool = this.#pool!;
      out.put(row, pool.bytes, pool.start(word), pool.end(word));
    } else if (out.kind === 'f64' || out.kind === 'bool') out.data[row] = word;
  }

  /** Appends a value to the list that `out` has begun. */
  push(word: number, out: Output): void {
    if (out.kind === 'list_f64') out.push(word);
    else if (out.kind === 'list_text') {
      out.push(this.#pool!.bytes, this.#pool!.start(word), this.#pool!.end(word));
    }
  }
}
