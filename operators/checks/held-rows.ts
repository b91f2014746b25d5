/**
 * Rows that wait for a verdict, in the slab of their set's gate, so that a checkpoint holds them and a restart has them.
 *
 * Block: word 0 next block, word 1 size class, word 2 words used; then rows, each one word with its length and its words.
 */
import type { EmissionBatch } from '../emission/emission-batch.ts';
import type { Slab } from '../state/slab.ts';
import type { RowWords } from './row-words.ts';

const BLOCK_CLASS = 13;
const HEADER_WORDS = 3;

export class HeldRows {
  readonly #slab: Slab;
  readonly #words: RowWords;
  /** Root words: first block, last block. */
  readonly #first: number;
  readonly #last: number;

  constructor(slab: Slab, root: number, words: RowWords) {
    this.#slab = slab;
    this.#words = words;
    this.#first = root;
    this.#last = root + 1;
  }

  /** `columns`: of the batch, by RowWords. Gives the bytes it takes. */
  add(columns: ReturnType<RowWords['columns']>, row: number): number {
    const words = this.#words.measure(columns, row);
    const block = this.#roomFor(words + 1);
    const slab = this.#slab;
    const at = block + slab.f64[block + 2];
    slab.f64[at] = words;
    this.#words.write(slab, at + 1, columns, row);
    slab.f64[block + 2] += words + 1;
    slab.mark(block, HEADER_WORDS);
    slab.mark(at, words + 1);
    return (words + 1) * 8;
  }

  /** All of them in the order they came, as a batch of its own. */
  all(): EmissionBatch {
    const { f64 } = this.#slab;
    const places: number[] = [];
    for (let block = f64[this.#first]; block !== 0; block = f64[block]) {
      for (let at = HEADER_WORDS; at < f64[block + 2]; at += f64[block + at] + 1)
        places.push(block + at + 1);
    }
    return this.#words.batch(this.#slab, places);
  }

  clear(): void {
    const slab = this.#slab;
    for (let block = slab.f64[this.#first]; block !== 0; ) {
      const next = slab.f64[block];
      slab.free(block, slab.f64[block + 1]);
      block = next;
    }
    slab.f64[this.#first] = 0;
    slab.f64[this.#last] = 0;
    slab.dirty[0] = 1;
  }

  #roomFor(words: number): number {
    const slab = this.#slab;
    const last = slab.f64[this.#last];
    if (last !== 0 && slab.f64[last + 2] + words <= 2 ** slab.f64[last + 1]) return last;
    const sizeClass = Math.max(BLOCK_CLASS, Math.ceil(Math.log2(words + HEADER_WORDS)));
    const block = slab.alloc(sizeClass);
    slab.f64[block + 1] = sizeClass;
    slab.f64[block + 2] = HEADER_WORDS;
    if (last === 0) slab.f64[this.#first] = block;
    else {
      slab.f64[last] = block;
      slab.mark(last, HEADER_WORDS);
    }
    slab.f64[this.#last] = block;
    slab.dirty[0] = 1;
    return block;
  }
}
