import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Fault } from './fault.ts';

/**
 * A file that only grows at its end. `length` counts what was appended; it is durable after `sync`.
 * Every error is a Fault that names the path; a full disk is kind `disk_full` and retriable.
 */
export type AppendFile = {
  readonly path: string;
  readonly length: number;
  append(bytes: Uint8Array): Promise<void>;
  sync(): Promise<void>;
  truncate(length: number): Promise<void>;
  /** Up to `length` bytes from `position`; fewer at the end of the file. */
  readAt(position: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
};

/** Where durable bytes go. Tests put a crashing one in its place. */
export type Files = {
  /** Opens for reading and appending; makes the file (and its folders) when it is missing. */
  open(path: string): Promise<AppendFile>;
  /** Replaces a whole file: written aside, synced, renamed. */
  replace(path: string, bytes: Uint8Array): Promise<void>;
  /** A whole (small) file; null when it is missing. */
  read(path: string): Promise<Uint8Array | null>;
  /** Names in a folder, sorted; none when it is missing. */
  list(folder: string): Promise<string[]>;
  remove(path: string): Promise<void>;
  /** Durable on return. */
  rename(from: string, to: string): Promise<void>;
};

/** The disk. */
export const disk: Files = {
  async open(path) {
    try {
      await mkdir(dirname(path), { recursive: true });
      const handle = await open(path, constants.O_RDWR | constants.O_CREAT, 0o644);
      const { size } = await handle.stat();
      await syncFolder(dirname(path));
      return new DiskFile(path, handle, size);
    } catch (error) {
      throw fileFault('open', path, error);
    }
  },
  async replace(path, bytes) {
    const aside = `${path}.tmp`;
    try {
      await mkdir(dirname(path), { recursive: true });
      const handle = await open(aside, 'w', 0o644);
      try {
        await writeAll(handle, bytes, 0);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(aside, path);
      await syncFolder(dirname(path));
    } catch (error) {
      throw fileFault('write', path, error);
    }
  },
  async read(path) {
    try {
      return await readFile(path);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return null;
      throw fileFault('read', path, error);
    }
  },
  async list(folder) {
    try {
      return (await readdir(folder)).sort();
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return [];
      throw fileFault('read', folder, error);
    }
  },
  async remove(path) {
    try {
      await rm(path, { recursive: true, force: true });
    } catch (error) {
      throw fileFault('remove', path, error);
    }
  },
  async rename(from, to) {
    try {
      await rename(from, to);
      await syncFolder(dirname(to));
    } catch (error) {
      throw fileFault('write', to, error);
    }
  },
};

class DiskFile implements AppendFile {
  readonly path: string;
  length: number;
  readonly #handle: FileHandle;

  constructor(path: string, handle: FileHandle, length: number) {
    this.path = path;
    this.#handle = handle;
    this.length = length;
  }

  async append(bytes: Uint8Array): Promise<void> {
    try {
      await writeAll(this.#handle, bytes, this.length);
      this.length += bytes.length;
    } catch (error) {
      throw fileFault('write', this.path, error);
    }
  }

  async sync(): Promise<void> {
    try {
      await this.#handle.datasync();
    } catch (error) {
      throw fileFault('sync', this.path, error);
    }
  }

  async truncate(length: number): Promise<void> {
    try {
      await this.#handle.truncate(length);
      this.length = length;
    } catch (error) {
      throw fileFault('truncate', this.path, error);
    }
  }

  async readAt(position: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(Math.max(0, Math.min(length, this.length - position)));
    let done = 0;
    try {
      while (done < bytes.length) {
        const { bytesRead } = await this.#handle.read(
          bytes,
          done,
          bytes.length - done,
          position + done,
        );
        if (bytesRead === 0) break;
        done += bytesRead;
      }
    } catch (error) {
      throw fileFault('read', this.path, error);
    }
    return bytes.subarray(0, done);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

/** A new name is durable only once its folder is; a system that cannot sync folders goes without. */
export async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch {
    // Windows and some network file systems refuse; the file itself is still synced.
  }
}

/** The Fault for a failed act on a path: `disk_full` (retriable), `no_access`, `no_file`, `no_folder` or `file_io`. */
export function fileFault(act: string, path: string, cause: unknown): Fault {
  if (cause instanceof Fault) return cause;
  const code = codeOf(cause);
  const reason = cause instanceof Error ? cause.message : String(cause);
  const context = { path, code };
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new Fault(
      'disk_full',
      `no space left on the disk that holds ${path}. What was committed is whole: free some space and run the same command again.`,
      { retriable: true, context, cause },
    );
  }
  if (code === 'ENOENT') return new Fault('no_file', `${path} does not exist`, { context, cause });
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return new Fault('no_access', `cannot ${act} ${path}: no permission (${code})`, {
      context,
      cause,
    });
  }
  if (code === 'EISDIR') {
    return new Fault('no_file', `${path} is a folder, not a file`, { context, cause });
  }
  if (code === 'ENOTDIR' || code === 'EEXIST') {
    const message = `cannot ${act} ${path}: a file is in the way of a folder`;
    return new Fault('no_folder', message, { context, cause });
  }
  return new Fault('file_io', `cannot ${act} ${path}: ${reason}`, { context, cause });
}

/** The system's error code (`ENOENT`), or ''. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** `folder/name` with `name` made safe as one path part. */
export function fileIn(folder: string, name: string): string {
  return join(
    folder,
    name.replace(/[^A-Za-z0-9._-]/g, (c) => `%${c.codePointAt(0)?.toString(16)}`),
  );
}
