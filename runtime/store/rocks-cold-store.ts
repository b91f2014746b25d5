import type { ColdStore } from '../../operators/state/cold-store.ts';
import { COLD_WRITE_BYTES } from '../config.ts';
import { storeFault } from './store-fault.ts';

/** What the cold store needs of an open RocksDB: its calls that do not wait. */
export type ColdDatabase = {
  batch(): ColdBatch;
  _getManySync(keys: readonly Buffer[], options: object): (Buffer | null | undefined)[];
};

type ColdBatch = {
  _put(key: Buffer, value: Buffer, options: object): void;
  _writeSync(options: { readonly sync: boolean }): void;
  _closeSync(): void;
};

const NO_OPTIONS = {};

/**
 * Cold keys in the database of the checkpoints. Writes are gathered up to COLD_WRITE_BYTES and then go to the
 * write-ahead log, in order; they are forced to the disk with the batch of the next checkpoint, which comes after them.
 */
export class RocksColdStore implements ColdStore {
  readonly #folder: string;
  readonly #db: ColdDatabase;
  #batch: ColdBatch | null = null;
  #pendingBytes = 0;

  constructor(folder: string, db: ColdDatabase) {
    this.#folder = folder;
    this.#db = db;
  }

  read(keys: readonly Uint8Array[]): readonly (Uint8Array | null)[] {
    this.flush();
    try {
      const values = this.#db._getManySync(keys.map(asBuffer), NO_OPTIONS);
      return values.map((value) => value ?? null);
    } catch (error) {
      throw storeFault('read', this.#folder, error);
    }
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#batch ??= this.#db.batch();
    this.#batch._put(asBuffer(key), asBuffer(value), NO_OPTIONS);
    this.#pendingBytes += key.length + value.length;
    if (this.#pendingBytes >= COLD_WRITE_BYTES) this.flush();
  }

  flush(): void {
    const batch = this.#batch;
    if (batch === null) return;
    this.#batch = null;
    this.#pendingBytes = 0;
    try {
      batch._writeSync({ sync: false });
    } catch (error) {
      throw storeFault('write', this.#folder, error);
    } finally {
      batch._closeSync();
    }
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
