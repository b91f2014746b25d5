/**
 * Copies of cold keys and how they survive a crash, without a word in memory for each of them.
 *
 * An epoch is the time between two checkpoints; its number is never used again. A copy carries the epoch it was written
 * in. A key has two places for copies: what is written now never goes where the copy lies that the last checkpoint
 * relies on, but to the other place, or over a copy of the same epoch.
 *
 * After a crash, what was written since the last checkpoint is of *dead* epochs: the mark in the checkpoint says which
 * epoch it ended, the store which was begun last, and those between are dead, for good. Of a key's two copies the later
 * one of an epoch that is not dead is the key as it was when it left, since every departure with something new to
 * say writes one. Whoever is in memory has no use for copies, whatever they say.
 *
 * Keys: 's'; space, then the hash's lanes, each four bytes; the place. A space is a keyspace of a shard. 'e' is where
 * the epoch begun last is written before its first copy. Values: int32 epoch, then the record (cold-record.ts).
 */
import type { ColdStore } from './cold-store.ts';

const KEY_BYTES = 14;
const TAG = 's'.charCodeAt(0);
const EPOCH_KEY = Uint8Array.of('e'.charCodeAt(0));

/** What a checkpoint says of copies. `dead`: first and last of epochs that ended in a crash, a pair for each crash. */
export type ColdMark = {
  readonly epoch: number;
  readonly dead: readonly (readonly [number, number])[];
};

/** Which copy a key in memory has: epoch * 2 + place; 0: none. */
export type CopyName = number;

export class ColdCopies {
  readonly #store: ColdStore;
  #epoch: number;
  /** Written to the store. */
  #begun: number;
  readonly #dead: readonly (readonly [number, number])[];
  readonly #key = new Uint8Array(KEY_BYTES);

  /** `mark`: of the checkpoint that the run goes on from; null: from none. */
  constructor(store: ColdStore, mark: ColdMark | null) {
    this.#store = store;
    const ended = mark?.epoch ?? 0;
    const bytes = store.read([EPOCH_KEY])[0];
    this.#begun = bytes == null ? 0 : int32At(bytes, 0);
    const dead = mark?.dead ?? [];
    this.#dead = this.#begun > ended ? [...dead, [ended + 1, this.#begun]] : dead;
    this.#epoch = Math.max(ended, this.#begun) + 1;
  }

  /** Whether a key was ever written to the store. */
  get isUsed(): boolean {
    return this.#begun > 0;
  }

  /**
   * Writes a copy and gives its name. `before`: the one that the key had. `bytes`: the first four are written here.
   */
  put(space: number, lo: number, hi: number, before: CopyName, bytes: Uint8Array): CopyName {
    if (this.#begun < this.#epoch) this.#begin();
    const place = before >> 1 === this.#epoch ? before & 1 : 1 - (before & 1);
    setInt32(bytes, 0, this.#epoch);
    writeKey(this.#key, 0, { space, lo, hi, place });
    this.#store.put(this.#key, bytes);
    return this.#epoch * 2 + place;
  }

  /**
   * The copies of n keys of a space. `keys`: lo and hi of each; `names` is given those of their copies. Null where a key
   * never left.
   */
  read(
    space: number,
    keys: Int32Array,
    n: number,
    names: Int32Array,
  ): readonly (Uint8Array | null)[] {
    const all = new Uint8Array(n * 2 * KEY_BYTES);
    const asked: Uint8Array[] = [];
    for (let i = 0; i < n * 2; i++) {
      const key = i >> 1;
      writeKey(all, i * KEY_BYTES, {
        space,
        lo: keys[key * 2]!,
        hi: keys[key * 2 + 1]!,
        place: i & 1,
      });
      asked.push(all.subarray(i * KEY_BYTES, (i + 1) * KEY_BYTES));
    }
    const found = this.#store.read(asked);
    const copies: (Uint8Array | null)[] = [];
    for (let i = 0; i < n; i++) {
      const epochs = [this.#epochOf(found[i * 2]!), this.#epochOf(found[i * 2 + 1]!)];
      const place = epochs[1]! > epochs[0]! ? 1 : 0;
      names[i] = epochs[place]! * 2 + place;
      copies.push(epochs[place] === 0 ? null : found[i * 2 + place]!);
    }
    return copies;
  }

  /** Before a checkpoint: hands on what its pages rely on. The mark goes into the checkpoint. */
  mark(): ColdMark {
    this.#store.flush();
    return { epoch: this.#epoch, dead: this.#dead };
  }

  /** The checkpoint is written. */
  checkpointed(): void {
    this.#epoch++;
  }

  #begin(): void {
    const bytes = new Uint8Array(4);
    setInt32(bytes, 0, this.#epoch);
    this.#store.put(EPOCH_KEY, bytes);
    this.#begun = this.#epoch;
  }

  /** Epoch of a copy; 0: there is none, or it is dead. */
  #epochOf(copy: Uint8Array | null): number {
    if (copy === null) return 0;
    const epoch = int32At(copy, 0);
    for (const [first, last] of this.#dead) if (epoch >= first && epoch <= last) return 0;
    return epoch;
  }
}

type KeyParts = {
  readonly space: number;
  readonly lo: number;
  readonly hi: number;
  readonly place: number;
};

function writeKey(into: Uint8Array, at: number, { space, lo, hi, place }: KeyParts): void {
  into[at] = TAG;
  setInt32(into, at + 1, space);
  setInt32(into, at + 5, lo);
  setInt32(into, at + 9, hi);
  into[at + 13] = place;
}

function setInt32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

function int32At(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}
