/**
 * Buffers over their memory bound: their chunks go to one file and come back when they are due. The file is scratch:
 * it is made anew at start and holds nothing that a restart needs.
 */
import { closeSync, ftruncateSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { deserialize, serialize } from 'node:v8';
import type { Chunk } from '../../operators/scan/reorder.ts';
import { fileFault } from '../files.ts';

/** A chunk's place in the file. */
type Extent = { readonly at: number; readonly length: number };

/** `T`: a chunk of columns, plain data. */
export class SpillFile<T = Chunk> {
  readonly #path: string;
  readonly #fd: number;
  readonly #extents = new Map<number, Extent>();
  #end = 0;
  #next = 1;

  constructor(path: string) {
    this.#path = path;
    try {
      this.#fd = openSync(path, 'w+');
    } catch (cause) {
      throw fileFault('open', path, cause);
    }
  }

  /** Bytes of chunks that have not come back yet. */
  get bytes(): number {
    let sum = 0;
    for (const extent of this.#extents.values()) sum += extent.length;
    return sum;
  }

  write(chunk: T): number {
    const bytes = serialize(chunk);
    try {
      for (let done = 0; done < bytes.length; ) {
        done += writeSync(this.#fd, bytes, done, bytes.length - done, this.#end + done);
      }
    } catch (cause) {
      throw fileFault('write', this.#path, cause);
    }
    const handle = this.#next++;
    this.#extents.set(handle, { at: this.#end, length: bytes.length });
    this.#end += bytes.length;
    return handle;
  }

  read(handle: number): T {
    const extent = this.#extents.get(handle)!;
    const bytes = Buffer.allocUnsafe(extent.length);
    for (let done = 0; done < bytes.length; ) {
      done += readSync(this.#fd, bytes, done, bytes.length - done, extent.at + done);
    }
    return deserialize(bytes) as T;
  }

  /** Space is taken back when the last chunk has come back. */
  free(handle: number): void {
    this.#extents.delete(handle);
    if (this.#extents.size > 0) return;
    ftruncateSync(this.#fd, 0);
    this.#end = 0;
  }

  close(): void {
    closeSync(this.#fd);
    unlinkSync(this.#path);
  }
}
