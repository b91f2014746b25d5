/**
 * Answers distinct, topk, mode and mode_share from what a window holds. One selection, of as many values as the longest
 * topk of the store wants, serves them all.
 */
import type { ReadOp } from '../compiler/plan.ts';
import type { Output } from './answers.ts';
import { lanes } from './hash.ts';
import type { CountMap, CountSink } from './sketch-count-map.ts';
import { GatheredCounts } from './sketch-entries.ts';
import type { Answering } from './sketch-family.ts';
import type { BagCell } from './value-bag-cell.ts';

export class BagAnswering implements Answering {
  readonly #cell: BagCell;
  readonly #gathered: GatheredCounts;
  readonly #top: TopCounts;
  /** Whether `#gathered` is still to be looked through. */
  #pending = false;
  #total = 0;
  #distinct = 0;

  /** most: the greatest k that is read; 0: only distinct. */
  constructor(cell: BagCell, most: number) {
    this.#cell = cell;
    this.#top = new TopCounts(cell, most);
    this.#gathered = new GatheredCounts((word) => {
      cell.hash(word);
      return lanes[0]!;
    });
  }

  begin(): void {
    this.#gathered.begin();
    this.#top.begin();
    this.#pending = true;
  }

  offer(word: number, count: number): void {
    this.#gathered.offer(word, count);
  }

  /** Takes the counts of a summary or a union, and how many values and different values it is of. */
  take(counts: CountMap, at: number, total: number, distinct: number): void {
    this.#pending = false;
    this.#total = total;
    this.#distinct = distinct;
    if (this.#top.most > 0) counts.visit(at, this.#top);
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

/** The entries of the greatest counts, in order: by count, ties the smaller value first. */
class TopCounts implements CountSink {
  readonly most: number;
  readonly words: Float64Array;
  readonly counts: Float64Array;
  size = 0;
  readonly #cell: BagCell;

  constructor(cell: BagCell, most: number) {
    this.#cell = cell;
    this.most = most;
    this.words = new Float64Array(most);
    this.counts = new Float64Array(most);
  }

  begin(): void {
    this.size = 0;
  }

  offer(word: number, count: number): void {
    const last = this.size - 1;
    if (this.size === this.most && !this.#isBefore(word, count, last)) return;
    let low = 0;
    let high = this.size;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#isBefore(word, count, middle)) high = middle;
      else low = middle + 1;
    }
    const end = this.size === this.most ? last : this.size++;
    this.words.copyWithin(low + 1, low, end);
    this.counts.copyWithin(low + 1, low, end);
    this.words[low] = word;
    this.counts[low] = count;
  }

  #isBefore(word: number, count: number, index: number): boolean {
    const other = this.counts[index]!;
    if (count !== other) return count > other;
    return this.#cell.compare(word, this.words[index]!) < 0;
  }
}
