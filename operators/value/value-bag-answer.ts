/**
 * Answers distinct, topk, mode and mode_share from what a window holds. One selection, of as many values as the longest
 * topk of the store wants, serves them all.
 */
import type { ReadOp } from '../../compiler/plan/plan.ts';
import type { Output } from '../keyspace/answers.ts';
import { GatheredCounts } from '../sketch/sketch-entries.ts';
import type { Answering } from '../sketch/sketch-family.ts';
import type { BagCell } from './value-bag-cell.ts';
import { TopCounts } from './value-bag-top.ts';

export class BagAnswering implements Answering {
  readonly #cell: BagCell;
  readonly #gathered = new GatheredCounts();
  readonly #top: TopCounts;
  /** Whether `#gathered` is still to be looked through. */
  #pending = false;
  #total = 0;
  #distinct = 0;

  /** most: the greatest k that is read; 0: only distinct. */
  constructor(cell: BagCell, most: number) {
    this.#cell = cell;
    this.#top = new TopCounts(cell, most);
  }

  begin(): void {
    this.#gathered.begin();
    this.#top.begin();
    this.#pending = true;
  }

  offer(word: number, count: number): void {
    this.#gathered.offer(word, count);
  }

  /** Takes in how many values, and different values, a summary or a union is of. */
  take(total: number, distinct: number): void {
    this.#pending = false;
    this.#total = total;
    this.#distinct = distinct;
  }

  /** Where the most frequent values go. */
  get top(): TopCounts {
    return this.#top;
  }

  write(read: ReadOp, out: Output, row: number): void {
    if (this.#pending) this.#select();
    switch (read.fn) {
      case 'distinct':
        if (out.kind === 'f64') out.data[row] = this.#distinct;
        return;
      case 'topk':
        this.#writeTop(read.k, out, row);
        return;
      case 'mode':
        if (this.#top.size > 0) this.#cell.write(this.#top.words[0]!, out, row);
        return;
      case 'mode_share':
        if (this.#total > 0 && out.kind === 'f64') {
          out.data[row] = this.#top.counts[0]! / this.#total;
        }
    }
  }

  #select(): void {
    this.#pending = false;
    this.#total = this.#gathered.total;
    this.#distinct = this.#gathered.size;
    if (this.#top.most > 0) this.#gathered.visit(this.#top);
  }

  #writeTop(k: number, out: Output, row: number): void {
    if (out.kind !== 'list_f64' && out.kind !== 'list_text') return;
    out.begin(row);
    const size = Math.min(k, this.#top.size);
    for (let i = 0; i < size; i++) this.#cell.push(this.#top.words[i]!, out);
  }
}
