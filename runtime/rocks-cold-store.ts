import type { ColdStore } from '../operators/cold-store.ts';
import { COLD_WRITE_BYTES } from './config.ts';
import { storeFault } from './store-fault.ts';

/** What the cold store needs of an open RocksDB: its calls that do not wait. */
export type ColdDatabase = {
  batch(): ColdBatch;
  _getManySync(keys: readonly Buffer[], options: object): (Buffer | null | undefined)[];
  /** Clears a range at once; only errors come later. */
  _clear(range: { gte: Buffer; lt: Buffer }, done: (error?: Error | null) => void): void;
};

export type ColdBatch = {
  _put(key: Buffer, value: Buffer, options: object): void;
  _del(key: Buffer, options: object): void;
  _writeSync(options: { readonly sync: boolean }): void;
  _closeSync(): void;
};

/** The first key behind those of cold copies, which all begin with `s`. */
const COLD_TO = Buffer.from('t');
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
  #clearError: Error | null = null;

  constructor(folder: string, db: ColdDatabase) {
    this.#folder = folder;
    this.#db = db;
  }

  read(keys: readonly Uint8Array[]): readonly Uint8Array[] {
    this.flush();
    const values = this.#do('read', () => this.#db._getManySync(keys.map(asBuffer), NO_OPTIONS));
    return values.map((value) => {
      if (value == null) {
        throw storeFault('read', this.#folder, new Error('corruption: a cold key has no copy'));
      }
      return value;
    });
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#open()._put(asBuffer(key), asBuffer(value), NO_OPTIONS);
    this.#count(key.length + value.length);
  }

  delete(key: Uint8Array): void {
    this.#open()._del(asBuffer(key), NO_OPTIONS);
    this.#count(key.length);
  }

  flush(): void {
    if (this.#clearError !== null) throw storeFault('write', this.#folder, this.#clearError);
    const batch = this.#batch;
    if (batch === null) return;
    this.#batch = null;
    this.#pendingBytes = 0;
    this.#do('write', () => {
      try {
        batch._writeSync({ sync: false });
      } finally {
        batch._closeSync();
      }
    });
  }

  clearFrom(key: Uint8Array): void {
    this.flush();
    this.#db._clear({ gte: asBuffer(key.slice()), lt: COLD_TO }, (error) => {
      if (error) this.#clearError = error;
    });
  }

  #open(): ColdBatch {
    this.#batch ??= this.#db.batch();
    return this.#batch;
  }

  #count(bytes: number): void {
    this.#pendingBytes += bytes;
    if (this.#pendingBytes >= COLD_WRITE_BYTES) this.flush();
  }

  #do<T>(act: string, what: () => T): T {
    try {
      return what();
    } catch (error) {
      throw storeFault(act, this.#folder, error);
    }
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
