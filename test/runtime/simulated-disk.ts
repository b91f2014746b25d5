import { Fault } from '../../runtime/fault.ts';
import type { AppendFile, Files } from '../../runtime/files.ts';
import type { Rng } from '../random.ts';

/** The crash itself: no code of ours may catch it and go on. */
export class Crash extends Error {
  override readonly name = 'Crash';
}

type Node = { bytes: Uint8Array; length: number; synced: number };

/**
 * A disk in memory that can lose power: at the chosen act it stops half way, and what was not synced survives only up to
 * a random length. `full` makes it answer as a full disk does.
 */
export class SimulatedDisk implements Files {
  readonly nodes = new Map<string, Node>();
  /** Acts until the crash; Infinity: never. */
  actsLeft = Number.POSITIVE_INFINITY;
  bytesLeft = Number.POSITIVE_INFINITY;
  acts = 0;
  #down = false;
  readonly #random: Rng;

  constructor(random: Rng) {
    this.#random = random;
  }

  /** Power on again after a crash. */
  restart(): void {
    this.#down = false;
    this.actsLeft = Number.POSITIVE_INFINITY;
    for (const node of this.nodes.values()) {
      node.length = node.synced + this.#random.below(node.length - node.synced + 1);
      node.synced = node.length;
    }
  }

  content(path: string): string {
    const node = this.nodes.get(path);
    return node === undefined
      ? '(missing)'
      : Buffer.from(node.bytes.subarray(0, node.length)).toString();
  }

  async open(path: string): Promise<AppendFile> {
    this.act();
    const node = this.nodes.get(path) ?? { bytes: new Uint8Array(1024), length: 0, synced: 0 };
    this.nodes.set(path, node);
    return new SimulatedFile(this, path, node);
  }

  async replace(path: string, bytes: Uint8Array): Promise<void> {
    this.act();
    this.take(bytes.length, path);
    this.nodes.set(path, { bytes: bytes.slice(), length: bytes.length, synced: bytes.length });
  }

  async read(path: string): Promise<Uint8Array | null> {
    const node = this.nodes.get(path);
    return node === undefined ? null : node.bytes.slice(0, node.length);
  }

  async list(folder: string): Promise<string[]> {
    const names = new Set<string>();
    for (const path of this.nodes.keys()) {
      if (path.startsWith(`${folder}/`)) names.add(path.slice(folder.length + 1).split('/')[0]!);
    }
    return [...names].sort();
  }

  async remove(path: string): Promise<void> {
    this.act();
    for (const known of [...this.nodes.keys()]) {
      if (known === path || known.startsWith(`${path}/`)) this.nodes.delete(known);
    }
  }

  async rename(from: string, to: string): Promise<void> {
    this.act();
    this.nodes.set(to, this.nodes.get(from)!);
    this.nodes.delete(from);
  }

  /** One act that may be the last; `torn` is done for a random part of its bytes before the power goes. */
  act(torn?: (share: number) => void): void {
    if (this.#down) throw new Crash('the power is off');
    this.acts++;
    if (--this.actsLeft > 0) return;
    this.#down = true;
    torn?.(this.#random.next());
    throw new Crash('the power went off');
  }

  /** Room for so many bytes more, or the Fault of a full disk. */
  take(bytes: number, path: string): void {
    if (bytes > this.bytesLeft) {
      throw new Fault('disk_full', `no space left on the disk that holds ${path}`, {
        retriable: true,
      });
    }
    this.bytesLeft -= bytes;
  }
}

class SimulatedFile implements AppendFile {
  readonly path: string;
  readonly #disk: SimulatedDisk;
  readonly #node: Node;

  constructor(disk: SimulatedDisk, path: string, node: Node) {
    this.#disk = disk;
    this.path = path;
    this.#node = node;
  }

  get length(): number {
    return this.#node.length;
  }

  async append(bytes: Uint8Array): Promise<void> {
    this.#disk.act((share) => this.#write(bytes.subarray(0, Math.floor(share * bytes.length))));
    this.#disk.take(bytes.length, this.path);
    this.#write(bytes);
  }

  async sync(): Promise<void> {
    this.#disk.act();
    this.#node.synced = this.#node.length;
  }

  async truncate(length: number): Promise<void> {
    this.#disk.act();
    this.#node.length = length;
    this.#node.synced = Math.min(this.#node.synced, length);
  }

  async readAt(position: number, length: number): Promise<Uint8Array> {
    return this.#node.bytes.slice(position, Math.min(this.#node.length, position + length));
  }

  async close(): Promise<void> {}

  #write(bytes: Uint8Array): void {
    const node = this.#node;
    if (node.length + bytes.length > node.bytes.length) {
      const bigger = new Uint8Array((node.length + bytes.length) * 2);
      bigger.set(node.bytes.subarray(0, node.length));
      node.bytes = bigger;
    }
    node.bytes.set(bytes, node.length);
    node.length += bytes.length;
  }
}
