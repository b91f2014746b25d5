import { constants } from 'node:fs';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileFault, syncFolder } from '../files.ts';

/**
 * A file whose every position may be written, in multiples of SECTOR_BYTES. What was written is durable after `sync`;
 * before it, a crash may leave any part of it. Errors are Faults that name the path; a full disk is `disk_full`.
 */
export type PageFile = {
  readonly path: string;
  writeAt(position: number, bytes: Uint8Array): Promise<void>;
  sync(): Promise<void>;
  /** Up to `length` bytes from `position`; fewer at the end of the file. */
  readAt(position: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
};

/** Positions, lengths and, where that is possible, addresses are multiples of it. */
export const SECTOR_BYTES = 4096;

/** Opens for reading and writing; makes the file when it is missing. */
export async function openPageFile(path: string): Promise<PageFile> {
  try {
    await mkdir(dirname(path), { recursive: true });
    const buffered = await open(path, constants.O_RDWR | constants.O_CREAT, 0o644);
    await syncFolder(dirname(path));
    return new DiskPageFile(path, buffered, await openDirect(path));
  } catch (error) {
    throw fileFault('open', path, error);
  }
}

/** Past the system's cache, which would only copy what is never read again; null where that is not offered. */
async function openDirect(path: string): Promise<FileHandle | null> {
  if (constants.O_DIRECT === undefined) return null;
  return open(path, constants.O_WRONLY | constants.O_DIRECT).catch(() => null);
}

class DiskPageFile implements PageFile {
  readonly path: string;
  readonly #buffered: FileHandle;
  #direct: FileHandle | null;

  constructor(path: string, buffered: FileHandle, direct: FileHandle | null) {
    this.path = path;
    this.#buffered = buffered;
    this.#direct = direct;
  }

  async writeAt(position: number, bytes: Uint8Array): Promise<void> {
    try {
      let done = this.#direct === null ? 0 : await writeDirect(this.#direct, position, bytes);
      while (done < bytes.length) {
        const left = bytes.length - done;
        const { bytesWritten } = await this.#buffered.write(bytes, done, left, position + done);
        done += bytesWritten;
      }
    } catch (error) {
      throw fileFault('write', this.path, error);
    }
  }

  async sync(): Promise<void> {
    try {
      await this.#buffered.datasync();
    } catch (error) {
      throw fileFault('sync', this.path, error);
    }
  }

  async readAt(position: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    let done = 0;
    try {
      while (done < length) {
        const left = length - done;
        const { bytesRead } = await this.#buffered.read(bytes, done, left, position + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
    } catch (error) {
      throw fileFault('read', this.path, error);
    }
    return bytes.subarray(0, done);
  }

  async close(): Promise<void> {
    await this.#direct?.close();
    this.#direct = null;
    await this.#buffered.close();
  }
}

/** Bytes written; 0 where the system refuses these bytes (their address, or the file system, does not suit it). */
async function writeDirect(
  direct: FileHandle,
  position: number,
  bytes: Uint8Array,
): Promise<number> {
  try {
    const { bytesWritten } = await direct.write(bytes, 0, bytes.length, position);
    return bytesWritten - (bytesWritten % SECTOR_BYTES);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EINVAL') return 0;
    throw error;
  }
}
