/** What we use of the RocksDB binding; it ships no types of its own. */
declare module '@nxtedition/rocksdb' {
  export type RocksOptions = {
    readonly keyEncoding?: 'buffer';
    readonly valueEncoding?: 'buffer';
    readonly createIfMissing?: boolean;
    readonly compression?: boolean;
    readonly compaction?: 'level' | 'universal';
    readonly optimize?: 'point-lookup';
    readonly walCompression?: boolean;
    readonly cacheSize?: number;
    readonly parallelism?: number;
    readonly memtableMemoryBudget?: number;
  };
  export type RocksIterator = {
    nextv(size: number): Promise<[Buffer, Buffer][]>;
    close(): Promise<void>;
  };
  export type RocksBatch = {
    put(key: Buffer, value: Buffer): RocksBatch;
    del(key: Buffer): RocksBatch;
    write(options: { readonly sync: boolean }): Promise<void>;
    _put(key: Buffer, value: Buffer, options: object): void;
    _writeSync(options: { readonly sync: boolean }): void;
    _closeSync(): void;
    close(): Promise<void>;
  };
  export class RocksLevel {
    constructor(location: string, options: RocksOptions);
    open(options: RocksOptions): Promise<void>;
    close(): Promise<void>;
    batch(): RocksBatch;
    iterator(range: {
      readonly gte: Buffer;
      readonly lt: Buffer;
      readonly highWaterMarkBytes: number;
    }): RocksIterator;
    /** Undefined where a key is missing. */
    _getManySync(keys: readonly Buffer[], options: object): (Buffer | undefined)[];
  }
}
