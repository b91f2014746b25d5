/**
 * Where cold keys go: bytes by key. Calls are synchronous, as operators are. After a crash the writes up to some moment are
 * there and those after it are not, and that moment is not before the last checkpoint.
 */
export interface ColdStore {
  /** The values of the keys, in the same order, lent until the next call; null: never put. */
  read(keys: readonly Uint8Array[]): readonly (Uint8Array | null)[];
  /** Key and value are copied. A key may be put again. */
  put(key: Uint8Array, value: Uint8Array): void;
  /** Hands buffered writes on: a checkpoint that is written after it makes them durable. */
  flush(): void;
}
