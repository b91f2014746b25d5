import { type PageFile, SECTOR_BYTES } from '../../runtime/store/page-file.ts';
import type { Rng } from '../random.ts';
import type { SimulatedDisk } from './simulated-disk.ts';

type Write = { readonly position: number; readonly bytes: Uint8Array };

/** A page file on a simulated disk: each sector written since the last sync may or may not survive a crash. */
export class SimulatedPageFile implements PageFile {
  readonly path = 'pages';
  bytes = new Uint8Array(0);
  readonly #disk: SimulatedDisk;
  #unsynced: Write[] = [];
  #synced = new Uint8Array(0);

  constructor(disk: SimulatedDisk) {
    this.#disk = disk;
  }

  /** Power on again: what was synced, and any sectors written after it. */
  restart(random: Rng): void {
    this.bytes = this.#synced.slice();
    for (const { position, bytes } of this.#unsynced) {
      for (let at = 0; at < bytes.length; at += SECTOR_BYTES) {
        if (random.chance(0.5)) this.#put(position + at, bytes.subarray(at, at + SECTOR_BYTES));
      }
    }
    this.#settle();
  }

  async writeAt(position: number, bytes: Uint8Array): Promise<void> {
    this.#unsynced.push({ position, bytes: bytes.slice() });
    this.#disk.act();
    this.#disk.take(Math.max(0, position + bytes.length - this.bytes.length), this.path);
    this.#put(position, bytes);
  }

  async sync(): Promise<void> {
    this.#disk.act();
    this.#settle();
  }

  async readAt(position: number, length: number): Promise<Uint8Array> {
    return this.bytes.slice(position, position + length);
  }

  async close(): Promise<void> {}

  #settle(): void {
    this.#synced = this.bytes.slice();
    this.#unsynced = [];
  }

  #put(position: number, bytes: Uint8Array): void {
    if (position + bytes.length > this.bytes.length) {
      const grown = new Uint8Array(position + bytes.length);
      grown.set(this.bytes);
      this.bytes = grown;
    }
    this.bytes.set(bytes, position);
  }
}
