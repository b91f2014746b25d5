import type { MemoryStore } from '../../../runtime/store/memory-store.ts';
import type { SavedPage, StateStore } from '../../../runtime/store/state-store.ts';
import type { SimulatedProcess } from './simulated-process.ts';

/** A disk in virtual time: a write is there whole at some moment before it is acknowledged, or never when the process dies first. */
export class SlowStore implements StateStore {
  readonly kind = 'memory';
  readonly #disk: MemoryStore;
  readonly #process: SimulatedProcess;

  constructor(disk: MemoryStore, process: SimulatedProcess) {
    this.#disk = disk;
    this.#process = process;
  }

  async load(page: (page: SavedPage) => boolean | undefined): Promise<Uint8Array | null> {
    await this.#process.sleep(5);
    return this.#disk.load(page);
  }

  async meta(): Promise<Uint8Array | null> {
    return this.#disk.meta();
  }

  async write(pages: Iterable<SavedPage>, meta: Uint8Array): Promise<void> {
    const copies = [...pages].map((page) => ({ ...page, bytes: page.bytes.slice() }));
    await this.#process.sleep(20 * this.#process.random.next());
    await this.#disk.write(copies, meta);
    await this.#process.sleep(20 * this.#process.random.next());
  }

  async close(): Promise<void> {}
}
