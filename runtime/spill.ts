import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { assert } from '../operators/assert.ts';
import type { Chunk, Spill } from '../operators/reorder.ts';
import { fileFault } from './files.ts';
import { PRIVATE } from './run-folder.ts';

/**
 * Rows that wait longer than memory lasts, one file a chunk. It belongs to one life of one process (recovery reads the
 * sources again), so nothing is synced and the structured-clone format of this very Node is good enough.
 */
export class DiskSpill implements Spill {
  readonly #folder: string;
  #next = 0;
  #isMade = false;

  /** `folder`: the run's output folder. What an earlier life left is removed on first use. */
  constructor(folder: string) {
    this.#folder = join(folder, PRIVATE, 'spill');
  }

  write(chunk: Chunk): number {
    const handle = this.#next++;
    const path = this.#path(handle);
    try {
      this.#make();
      writeFileSync(path, serialize(chunk));
    } catch (error) {
      throw fileFault('write', path, error);
    }
    return handle;
  }

  read(handle: number): Chunk {
    const path = this.#path(handle);
    try {
      const chunk: Chunk = deserialize(readFileSync(path));
      assert(chunk.time.length >= chunk.n, `spilled chunk ${handle} came back whole`);
      return chunk;
    } catch (error) {
      throw fileFault('read', path, error);
    }
  }

  free(handle: number): void {
    rmSync(this.#path(handle), { force: true });
  }

  /** Removes what is left. */
  close(): void {
    if (this.#isMade) rmSync(this.#folder, { recursive: true, force: true });
  }

  #make(): void {
    if (this.#isMade) return;
    rmSync(this.#folder, { recursive: true, force: true });
    mkdirSync(this.#folder, { recursive: true });
    this.#isMade = true;
  }

  #path(handle: number): string {
    return join(this.#folder, `${handle}.chunk`);
  }
}
