import { assert } from './assert.ts';
import type { ColdStore } from './cold-store.ts';

/** Cold keys in memory: the twin of the store on disk. */
export class MemoryColdStore implements ColdStore {
  readonly #values = new Map<string, Uint8Array>();

  /** Keys held. */
  get size(): number {
    return this.#values.size;
  }

  read(keys: readonly Uint8Array[]): readonly Uint8Array[] {
    return keys.map((key) => {
      const value = this.#values.get(nameOf(key));
      assert(value !== undefined, 'a cold key has a copy');
      return value;
    });
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#values.set(nameOf(key), value.slice());
  }

  delete(key: Uint8Array): void {
    this.#values.delete(nameOf(key));
  }

  flush(): void {}

  clearFrom(key: Uint8Array): void {
    const from = nameOf(key);
    for (const name of this.#values.keys()) if (name >= from) this.#values.delete(name);
  }
}

/** A character a byte: names are ordered as the keys are. */
function nameOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
}
