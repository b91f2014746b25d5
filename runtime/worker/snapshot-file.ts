/**
 * One file of a snapshot: pages, then what they are, then where that stands.
 *
 *   pages        64 KiB each, as they lie in memory
 *   contents     JSON: the checkpoint's meta record, and set, slab, page and CRC-32 of each page in order
 *   trailer      length and CRC-32 of the contents, u32 each; eight bytes of magic
 *
 * It is written aside, synced and renamed, and never changed: under its name it is whole, or the folder has broken its word,
 * which the checksums tell.
 */
import { PAGE_WORDS } from '../../operators/state/slab.ts';
import { Fault } from '../fault.ts';
import type { AppendFile, Files } from '../files.ts';
import { crc32 } from '../store/checksum.ts';
import type { SavedPage } from '../store/state-store.ts';

const VERSION = 1;
const PAGE_BYTES = PAGE_WORDS * 8;
const MAGIC = Buffer.from('mr-snap\n');
const TRAILER_BYTES = 8 + MAGIC.length;
/** Where a file lies that is being written. */
export const ASIDE = '.tmp';

type PageEntry = readonly [set: string, slab: string, page: number, checksum: number];

type Contents = {
  readonly version: number;
  /** The checkpoint's meta record, as text. */
  readonly meta: string;
  /** With the files before it in its chain it is all of the state. */
  readonly isComplete: boolean;
  readonly pages: readonly PageEntry[];
};

/**
 * Durable under its name on return; gives its size. `isWanted` is asked before each page and before the file gets its name: where it
 * is false nothing is left.
 */
export async function writeSnapshotFile(
  files: Files,
  path: string,
  of: {
    readonly pages: readonly SavedPage[];
    readonly meta: Uint8Array;
    readonly isComplete: boolean;
  },
  isWanted: () => boolean,
): Promise<number> {
  const aside = `${path}${ASIDE}`;
  await files.remove(aside);
  const file = await files.open(aside);
  try {
    const entries: PageEntry[] = [];
    for (const { set, slab, page, bytes } of of.pages) {
      checkWanted(isWanted);
      entries.push([set, slab, page, crc32(bytes)]);
      await file.append(bytes);
    }
    const contents: Contents = {
      ...{ version: VERSION, meta: Buffer.from(of.meta).toString(), pages: entries },
      isComplete: of.isComplete,
    };
    await file.append(withTrailer(Buffer.from(JSON.stringify(contents))));
    await file.sync();
    checkWanted(isWanted);
    await files.rename(aside, path);
    return file.length;
  } catch (error) {
    await files.remove(aside).catch(() => undefined);
    throw error;
  } finally {
    await file.close();
  }
}

/** A file that is there: its contents are read and agree with their checksum. */
export class SnapshotFile {
  readonly path: string;
  readonly #file: AppendFile;
  readonly #contents: Contents;

  private constructor(path: string, file: AppendFile, contents: Contents) {
    this.path = path;
    this.#file = file;
    this.#contents = contents;
  }

  /** Throws a Fault `snapshot_damaged` when it is not whole. */
  static async open(files: Files, path: string): Promise<SnapshotFile> {
    const file = await files.open(path);
    try {
      return new SnapshotFile(path, file, await contentsOf(path, file));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get meta(): Uint8Array {
    return Buffer.from(this.#contents.meta);
  }

  get isComplete(): boolean {
    return this.#contents.isComplete;
  }

  get bytes(): number {
    return this.#file.length;
  }

  /** Hands out every page, in the order they were written. Throws a Fault `snapshot_damaged`. */
  async load(page: (page: SavedPage) => void): Promise<void> {
    let at = 0;
    for (const [set, slab, index, checksum] of this.#contents.pages) {
      const bytes = await this.#file.readAt(at, PAGE_BYTES);
      at += PAGE_BYTES;
      if (bytes.length < PAGE_BYTES || crc32(bytes) !== checksum) {
        throw damaged(this.path, `page ${index} of ${slab} does not agree with its checksum`);
      }
      page({ set, slab, page: index, bytes });
    }
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

async function contentsOf(path: string, file: AppendFile): Promise<Contents> {
  const at = file.length - TRAILER_BYTES;
  if (at < 0) throw damaged(path, 'it is shorter than its trailer');
  const trailer = Buffer.from(await file.readAt(at, TRAILER_BYTES));
  if (trailer.length < TRAILER_BYTES || !trailer.subarray(8).equals(MAGIC)) {
    throw damaged(path, 'it has no trailer');
  }
  const length = trailer.readUInt32LE(0);
  if (length > at) throw damaged(path, 'its trailer points before its beginning');
  const bytes = await file.readAt(at - length, length);
  if (bytes.length < length || crc32(bytes) !== trailer.readUInt32LE(4)) {
    throw damaged(path, 'its contents do not agree with their checksum');
  }
  const contents: Contents = JSON.parse(Buffer.from(bytes).toString());
  if (contents.version !== VERSION) {
    throw damaged(path, `it has format ${contents.version}; this version reads ${VERSION}`);
  }
  if (contents.pages.length * PAGE_BYTES !== at - length) {
    throw damaged(path, 'pages are missing');
  }
  return contents;
}

function withTrailer(contents: Buffer): Buffer {
  const trailer = Buffer.alloc(TRAILER_BYTES);
  trailer.writeUInt32LE(contents.length, 0);
  trailer.writeUInt32LE(crc32(contents), 4);
  MAGIC.copy(trailer, 8);
  return Buffer.concat([contents, trailer]);
}

function checkWanted(isWanted: () => boolean): void {
  if (isWanted()) return;
  throw new Fault('snapshot_given_up', 'the snapshot took too long, or its life is over');
}

function damaged(path: string, what: string): Fault {
  return new Fault('snapshot_damaged', `the snapshot ${path} is damaged: ${what}`, {
    context: { path },
  });
}
