import type { ColdStore } from './cold-store.ts';

/** Cold keys in memory: the twin of the store on disk. */
export class MemoryColdStore implements ColdStore {
  readonly #values = new Map<string, Uint8Array>();

  /** Keys held. */
  get size(): number {
    return this.#values.size;
  }

  read(keys: readonly Uint8Array[]): readonly (Uint8Array | null)[] {
    return keys.map((key) => this.#values.get(nameOf(key)) ?? null);
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#values.set(nameOf(key), value.slice());
  }

  flush(): void {}
}

/** A character a byte. */
function nameOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
}
