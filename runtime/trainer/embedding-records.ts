/**
 * The rows of one table, side by side in chunks of memory that never move. A row is a record of 32-bit words:
 *
 *   0, 1   the id's lanes (a free record: the next free row + 1 in word 0)
 *   2      how often the id was trained on
 *   3      when last, seconds since the epoch
 *   4      flags: DIRTY since the last file, RECENT since the hand passed, FREE
 *   5      its place among the batch's rows (believed only where that place names the row)
 *   6      its place among the rows changed since the last published model, + 1; 0: unchanged
 *   7      the accumulator of row-wise Adagrad
 *   8 …    z and n of the linear weight, for each head
 *   … end  the embedding
 *
 * Words 5 and 6 are of the moment: files hold zeros there.
 */
export const ID_LO = 0;
export const ID_HI = 1;
export const HITS = 2;
export const LAST = 3;
export const FLAGS = 4;
export const STAMP = 5;
export const IMAGE = 6;
export const SQUARES = 7;
export const LINEAR = 8;

export const DIRTY = 1;
export const RECENT = 2;
export const FREE = 4;

const CHUNK_BYTES = 4 * 1024 * 1024;

export class EmbeddingRecords {
  /** Words of a record. */
  readonly words: number;
  /** A row's chunk is row >> shift, its place in it row & mask. */
  readonly shift: number;
  readonly mask: number;
  readonly floats: Float32Array[] = [];
  readonly ints: Int32Array[] = [];
  /** Records there are, free ones included. */
  length = 0;

  constructor(dim: number, heads: number) {
    this.words = LINEAR + 2 * heads + dim;
    this.shift = Math.max(0, Math.floor(Math.log2(CHUNK_BYTES / 4 / this.words)));
    this.mask = 2 ** this.shift - 1;
  }

  /** One more record, all zero; its row number. */
  add(): number {
    if (this.length >> this.shift === this.floats.length) {
      const chunk = new ArrayBuffer(2 ** this.shift * this.words * 4);
      this.floats.push(new Float32Array(chunk));
      this.ints.push(new Int32Array(chunk));
    }
    return this.length++;
  }

  /** Word `word` of a row, as an integer; for paths that are not hot. */
  int(row: number, word: number): number {
    return this.ints[row >> this.shift]![(row & this.mask) * this.words + word]!;
  }

  setInt(row: number, word: number, value: number): void {
    this.ints[row >> this.shift]![(row & this.mask) * this.words + word] = value;
  }
}
