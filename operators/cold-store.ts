/**
 * Where cold keys go: bytes by key, in order of the keys' bytes. Calls are synchronous, as operators are. What was
 * written is durable no later than the next checkpoint's batch, which deletes with it what it no longer refers to.
 */
export interface ColdStore {
  /** The values of keys that were put and not deleted, in the same order, lent until the next call. Throws when one is missing. */
  read(keys: readonly Uint8Array[]): readonly Uint8Array[];
  /** Key and value are copied. A key may be put again. */
  put(key: Uint8Array, value: Uint8Array): void;
  delete(key: Uint8Array): void;
  /** Hands buffered writes on: a checkpoint that is written after it makes them durable. */
  flush(): void;
  /** Deletes every key from this one on. */
  clearFrom(key: Uint8Array): void;
}
