/**
 * Copies of cold keys and how they survive a crash. Epoch e ends with the e-th checkpoint; a copy carries the epoch it
 * was written in, in front of its key.
 *
 *  - The last checkpoint's pages refer to copies of its epoch and before. Those are never written again, and deleted only
 *    by the batch of the next checkpoint, whose pages no longer refer to them.
 *  - What is written now carries the next epoch. Nobody refers to it after a crash: at start it is cleared.
 *
 * So a copy is read only by whoever knows its epoch, from the pages or from memory, and says what it said then.
 *
 * Key: 's'; epoch, space, then the hash's lanes, each four bytes, the greatest first. A space is a keyspace of a shard.
 */
import type { ColdStore } from './cold-store.ts';

/** Superseded copies to remember until a checkpoint deletes them; at the bound a checkpoint is due. 17 bytes each. */
export const SUPERSEDED_MAX = 2 ** 20;

const TAG = 's'.charCodeAt(0);
const KEY_BYTES = 17;

export class ColdCopies {
  readonly #store: ColdStore;
  #epoch: number;
  readonly #key = new Uint8Array(KEY_BYTES);
  /** Keys to be deleted by the next checkpoint, one after another. */
  #superseded = new Uint8Array(256 * KEY_BYTES);
  #supersededCount = 0;

  /** Over what `epoch` checkpoints (0: none) have left in the store; what came after the last is cleared. */
  constructor(store: ColdStore, epoch: number) {
    this.#store = store;
    this.#epoch = epoch;
    store.clearFrom(writeKey(new Uint8Array(KEY_BYTES), 0, [epoch + 1, 0, 0, 0]));
  }

  /** Epoch of the last checkpoint. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Too many superseded copies wait for a checkpoint. */
  get wantsCheckpoint(): boolean {
    return this.#supersededCount >= SUPERSEDED_MAX;
  }

  /** Bytes of memory in use. */
  get bytes(): number {
    return this.#superseded.length;
  }

  /** Writes a copy and gives its epoch. */
  put(space: number, lo: number, hi: number, bytes: Uint8Array): number {
    const epoch = this.#epoch + 1;
    this.#store.put(writeKey(this.#key, 0, [epoch, space, lo, hi]), bytes);
    return epoch;
  }

  /** The copies of n keys of a space, in their order. `keys`: lo, hi and epoch of each. */
  read(space: number, keys: Int32Array, n: number): readonly Uint8Array[] {
    const all = new Uint8Array(n * KEY_BYTES);
    const names: Uint8Array[] = [];
    for (let i = 0; i < n; i++) {
      const parts = [keys[i * 3 + 2]!, space, keys[i * 3]!, keys[i * 3 + 1]!];
      writeKey(all, i * KEY_BYTES, parts);
      names.push(all.subarray(i * KEY_BYTES, (i + 1) * KEY_BYTES));
    }
    return this.#store.read(names);
  }

  /** The copy says no longer what the key is. */
  supersede(space: number, lo: number, hi: number, epoch: number): void {
    if (epoch > this.#epoch) {
      // No checkpoint refers to it.
      this.#store.delete(writeKey(this.#key, 0, [epoch, space, lo, hi]));
      return;
    }
    const at = this.#supersededCount * KEY_BYTES;
    if (at === this.#superseded.length) {
      const larger = new Uint8Array(at * 2);
      larger.set(this.#superseded);
      this.#superseded = larger;
    }
    writeKey(this.#superseded, at, [epoch, space, lo, hi]);
    this.#supersededCount++;
  }

  /** Before a checkpoint's batch: what its pages refer to is on its way. Gives the batch's epoch. */
  flush(): number {
    this.#store.flush();
    return this.#epoch + 1;
  }

  /** Keys that the checkpoint's batch deletes. */
  *superseded(): Generator<Uint8Array> {
    for (let i = 0; i < this.#supersededCount; i++) {
      yield this.#superseded.subarray(i * KEY_BYTES, (i + 1) * KEY_BYTES);
    }
  }

  /** The checkpoint's batch is written. */
  checkpointed(): void {
    this.#epoch++;
    this.#supersededCount = 0;
  }
}

function writeKey(into: Uint8Array, at: number, parts: readonly number[]): Uint8Array {
  into[at] = TAG;
  let to = at + 1;
  for (let i = 0; i < 4; i++) {
    const part = parts[i]!;
    into[to++] = part >>> 24;
    into[to++] = part >>> 16;
    into[to++] = part >>> 8;
    into[to++] = part;
  }
  return into;
}
