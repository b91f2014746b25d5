/**
 * The folder of snapshots that all simulated workers reach: slow, now and then full or silent, what is written shows to others a
 * while later, and of what it holds for a unit one chain may not be what was written.
 */
import { basename, dirname } from 'node:path';
import { Fault } from '../../../runtime/fault.ts';
import type { AppendFile, Files } from '../../../runtime/files.ts';
import { chainName } from '../../../runtime/worker/snapshot-folder.ts';
import type { SimulatedProcess } from './simulated-process.ts';

type Stored = { bytes: Buffer; shownAt: number; isTorn: boolean };

/** What is there, whoever looks. */
export type SharedFolder = Map<string, Stored>;

type FolderOptions = {
  /** Chance that a file is not what was written. */
  readonly torn: number;
  /** Told what was written. */
  readonly onWritten: (path: string, bytes: Buffer) => void;
};

/** Shorter than the pace of snapshots: who lists a folder sees all but the newest file. */
const SHOWN_AFTER_MS = 300;
const WORST_FAILURE = 0.01;

export class SimulatedFolder implements Files {
  readonly #shared: SharedFolder;
  readonly #process: SimulatedProcess;
  /** Chance that a write fails; a tenth of it that there is never an answer. */
  readonly #failure: number;
  readonly #options: FolderOptions;

  constructor(shared: SharedFolder, process: SimulatedProcess, options: FolderOptions) {
    this.#shared = shared;
    this.#process = process;
    this.#failure = process.weather.loss > 0 ? WORST_FAILURE : 0;
    this.#options = options;
  }

  async open(path: string): Promise<AppendFile> {
    const { random } = this.#process;
    const stored = this.#shared.get(path) ?? { bytes: Buffer.alloc(0), shownAt: 0, isTorn: false };
    this.#shared.set(path, stored);
    const slow = async () => {
      // Many pages are written: most at once, some later.
      if (random.chance(0.2)) await this.#process.sleep(20 * random.next());
    };
    return {
      path,
      get length() {
        return stored.bytes.length;
      },
      append: async (bytes) => {
        if (random.chance(this.#failure / 10)) await new Promise(() => undefined);
        if (random.chance(this.#failure)) throw new Fault('disk_full', `${path}: no space left`);
        stored.bytes = Buffer.concat([stored.bytes, bytes]);
        await slow();
      },
      sync: slow,
      truncate: async (length) => {
        stored.bytes = stored.bytes.subarray(0, length);
      },
      readAt: async (position, length) => {
        if (random.chance(this.#failure / 50)) await new Promise(() => undefined);
        if (random.chance(this.#failure / 50)) throw new Fault('file_io', `${path} is unreadable`);
        await slow();
        return new Uint8Array(stored.bytes.subarray(position, position + length));
      },
      close: async () => undefined,
    };
  }

  async replace(): Promise<void> {
    throw new Fault('not_simulated', 'nothing in the folder is ever replaced');
  }

  async read(path: string): Promise<Uint8Array | null> {
    return this.#shared.get(path)?.bytes ?? null;
  }

  async list(folder: string): Promise<string[]> {
    const { random, timeline } = this.#process;
    await this.#process.sleep(10 * random.next());
    if (random.chance(this.#failure)) throw new Fault('file_io', `${folder} cannot be read`);
    return [...this.#shared]
      .filter(([path, { shownAt }]) => dirname(path) === folder && shownAt <= timeline.now)
      .map(([path]) => path.slice(folder.length + 1))
      .sort();
  }

  remove(path: string): Promise<void> {
    return this.#process.request(() => {
      this.#shared.delete(path);
    });
  }

  rename(from: string, to: string): Promise<void> {
    const { random, timeline } = this.#process;
    return this.#process.request(() => {
      const stored = this.#shared.get(from);
      if (stored === undefined) throw new Fault('no_file', `${from} does not exist`);
      this.#shared.delete(from);
      this.#options.onWritten(to, stored.bytes);
      const isTorn = random.chance(this.#options.torn) && this.#mayTear(to);
      const shownAt = random.chance(0.3) ? timeline.now + SHOWN_AFTER_MS * random.next() : 0;
      this.#shared.set(to, {
        bytes: isTorn ? this.#torn(stored.bytes) : stored.bytes,
        shownAt,
        isTorn,
      });
    });
  }

  /** Of two chains one is whole: that much the folder promises. A first one that is not is of less interest. */
  #mayTear(to: string): boolean {
    const own = chainName(basename(to));
    const others = [...this.#shared].filter(
      ([path]) => dirname(path) === dirname(to) && chainName(basename(path)) !== own,
    );
    if (others.length === 0) return this.#process.random.chance(0.2);
    return others.every(([, { isTorn }]) => !isTorn);
  }

  #torn(bytes: Buffer): Buffer {
    const { random } = this.#process;
    const at = random.below(bytes.length);
    if (random.chance(0.5)) return bytes.subarray(0, at);
    const torn = Buffer.from(bytes);
    torn[at]! ^= 1 << random.below(8);
    return torn;
  }
}
