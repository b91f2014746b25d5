import { hash01, hashText, lanes } from '../hash.ts';

/** A fixed share of ids, chosen by hash: the same ids on every run, independent for different salts. */
export class Sample {
  readonly share: number;
  readonly #saltLo: number;
  readonly #saltHi: number;

  /** `share` in [0, 1]. */
  constructor(salt: string, share: number) {
    hashText(salt);
    this.#saltLo = lanes[0];
    this.#saltHi = lanes[1];
    this.share = share;
  }

  /** hash01(salt, id) < share. */
  has(lo: number, hi: number): boolean {
    if (this.share >= 1) return true;
    return this.share > 0 && hash01(this.#saltLo, this.#saltHi, lo, hi) < this.share;
  }
}
