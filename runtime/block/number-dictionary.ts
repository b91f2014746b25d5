import { NUMBER } from './block-layout.ts';
import type { IntPacker } from './packed-ints.ts';
import type { WireWriter } from './wire.ts';

/** Values looked at before a dictionary is tried in earnest, and how many of them may differ. */
const LOOKED_AT = 64;
const DIFFERENT_MAX = 48;
/** Entries of a dictionary, so that its table stays in the cache. */
const ENTRIES_MAX = 4_096;

/** Numbers of which few differ: each once, and which it is by row. By their bits, so that -0 and NaN come back. */
export class NumberDictionary {
  readonly #table = new Int32Array(ENTRIES_MAX * 2);
  readonly #entries = new Float64Array(ENTRIES_MAX);
  readonly #words = new Int32Array(this.#entries.buffer);
  readonly #one = new Float64Array(1);
  readonly #oneWords = new Int32Array(this.#one.buffer);
  #index = new Int32Array(512);

  /** Writes `dictionary` and `ints` of a NumberColumn; false, and nothing written, where that would take more. */
  write(out: WireWriter, values: Float64Array, n: number, packer: IntPacker): boolean {
    if (this.#index.length < n) this.#index = new Int32Array(n * 2);
    this.#table.fill(0);
    let count = 0;
    for (let i = 0; i < n; i++) {
      const entry = this.#find(values[i]!, count);
      if (entry === count) count++;
      // A double takes 64 bits: half of the values may differ at most.
      if (count * 2 > Math.max(n, 2) || count === ENTRIES_MAX) return false;
      if (i === LOOKED_AT && count > DIFFERENT_MAX) return false;
      this.#index[i] = entry;
    }
    out.doubles(NUMBER.dictionary, this.#entries.subarray(0, count));
    const message = out.open(NUMBER.ints);
    packer.write(out, 0, null, this.#index, n);
    out.shut(message);
    return true;
  }

  /** Which entry the value is; `count` where it is a new one. */
  #find(value: number, count: number): number {
    this.#one[0] = value;
    const low = this.#oneWords[0]!;
    const high = this.#oneWords[1]!;
    const mask = this.#table.length - 1;
    let hash = Math.imul(low ^ Math.imul(high, 0x9e3779b1), 0x85ebca6b);
    hash = (hash ^ (hash >>> 15)) & mask;
    for (;;) {
      const entry = this.#table[hash]! - 1;
      if (entry < 0) {
        this.#table[hash] = count + 1;
        this.#entries[count] = value;
        return count;
      }
      if (this.#words[entry * 2] === low && this.#words[entry * 2 + 1] === high) return entry;
      hash = (hash + 1) & mask;
    }
  }
}
