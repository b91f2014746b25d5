/** Bytes of a file, of standard input, or of what either holds compressed (gzip, zstd), from any position on. */
import { open as openDescriptor } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open, stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import type { Gunzip } from 'node:zlib';
import { createGunzip } from 'node:zlib';
import { Fault } from '../fault.ts';
import { fileFault } from '../files.ts';

/** Compressed bytes given to a decompressor at a time; bounds what it may inflate to at once. */
const COMPRESSED_BYTES = 1 << 16;

export type ByteSource = {
  /** Fills buffer[at ..] with at least one byte; 0 at the end. A Fault comes after all that could be read. */
  readonly read: (buffer: Uint8Array, at: number) => Promise<number>;
  /** Settled once a read need not wait for whoever writes; absent: it never has to. No read is in flight meanwhile. */
  readonly ready?: () => Promise<void>;
  /** Ends a read that is in flight, too. */
  readonly close: () => Promise<void>;
};

/** `-` is standard input. `from`: decompressed bytes to pass over (plain files seek). A pipe is waited for by reads alone. */
export async function openBytes(path: string, from = 0): Promise<ByteSource> {
  if (path === '-') return fromPipe(process.stdin, path, from);
  if ((await guarded(path, () => stat(path))).isFIFO()) {
    const fd = await guarded(path, () => promisify(openDescriptor)(path, 'r'));
    return fromPipe(new Socket({ fd, readable: true, writable: false }), path, from);
  }
  const raw = await openFile(path);
  const { compression, whole } = await sniffed(raw);
  if (compression === 'none' && raw.canSeek) {
    await raw.close();
    return openFile(path, from);
  }
  const source = inflated(whole, compression, path);
  await skip(source, from, path);
  return source;
}

/** Read as it comes, and once; whoever writes may be silent for long, and is not waited for here, nor when it is closed. */
function fromPipe(stream: Readable, path: string, from: number): ByteSource {
  const destroy = async () => {
    stream.destroy();
  };
  const raw = fromPieces({ read: async () => 0, close: destroy }, stream);
  const open = async () => {
    const { compression, whole } = await sniffed(raw);
    const source = inflated(whole, compression, path);
    await skip(source, from, path);
    return source;
  };
  let opening: Promise<ByteSource> | null = null;
  const opened = () => {
    opening ??= open();
    return opening;
  };
  return {
    read: async (buffer, at) => (await opened()).read(buffer, at),
    ready: async () => (await opened()).ready?.(),
    close: async () => {
      await raw.close();
      await (await opening?.catch(() => null))?.close();
    },
  };
}

type Compression = 'none' | 'gzip' | 'zstd';

/** How the source is compressed, by its first bytes, and all of it. */
async function sniffed(raw: ByteSource): Promise<{ compression: Compression; whole: ByteSource }> {
  const head = new Uint8Array(4);
  let size = 0;
  for (let got = 1; size < 4 && got > 0; size += got) got = await raw.read(head, size);
  const bytes = head.subarray(0, size);
  return { compression: compressionOf(bytes), whole: withHead(raw, bytes) };
}

function inflated(whole: ByteSource, compression: Compression, path: string): ByteSource {
  if (compression === 'none') return whole;
  return fromPieces(whole, compression === 'gzip' ? gunzipped(whole, path) : unzstd(whole, path));
}

function compressionOf(head: Uint8Array): Compression {
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip';
  const zstd = head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd;
  return zstd ? 'zstd' : 'none';
}

type SeekableSource = ByteSource & { readonly canSeek?: boolean };

/** Only a file can be opened again, and read from a position; a device cannot. */
async function openFile(path: string, from = 0): Promise<SeekableSource> {
  const file = await guarded(path, () => open(path, 'r'));
  const canSeek = await guarded(path, async () => (await file.stat()).isFile());
  let position = from;
  const read = async (buffer: Uint8Array, at: number) => {
    const got = await guarded(path, () => readInto(file, buffer, at, canSeek ? position : null));
    position += got;
    return got;
  };
  return { read, close: () => file.close(), canSeek };
}

async function readInto(file: FileHandle, buffer: Uint8Array, at: number, position: number | null) {
  return (await file.read(buffer, at, buffer.length - at, position)).bytesRead;
}

async function guarded<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (cause) {
    throw fileFault('read', path, cause);
  }
}

/** The source with bytes that were looked at put back in front. */
function withHead(raw: ByteSource, head: Uint8Array): ByteSource {
  let used = 0;
  const read = async (buffer: Uint8Array, at: number) => {
    if (used === head.length) return raw.read(buffer, at);
    const piece = head.subarray(used, used + buffer.length - at);
    buffer.set(piece, at);
    used += piece.length;
    return piece.length;
  };
  const ready = async () => {
    if (used === head.length) await raw.ready?.();
  };
  return { read, ready, close: raw.close };
}

function fromPieces(raw: ByteSource, pieces: AsyncIterable<Uint8Array>): ByteSource {
  const iterator = pieces[Symbol.asyncIterator]();
  let piece: Uint8Array = new Uint8Array(0);
  let coming: Promise<IteratorResult<Uint8Array>> | null = null;
  const ready = async () => {
    if (piece.length > 0) return;
    coming ??= iterator.next();
    await coming;
  };
  const read = async (buffer: Uint8Array, at: number) => {
    while (piece.length === 0) {
      const next = await (coming ?? iterator.next());
      coming = null;
      if (next.done === true) return 0;
      piece = next.value;
    }
    const taken = piece.subarray(0, buffer.length - at);
    buffer.set(taken, at);
    piece = piece.subarray(taken.length);
    return taken.length;
  };
  const close = async () => {
    // First: what waits for the source gives up, and with it the pieces.
    await raw.close();
    await coming?.catch(() => {});
    await iterator.return?.();
  };
  return { read, ready, close };
}

/** Inflates a piece at a time and hands out what came of it before any error, so a truncated file gives all it has. */
async function* gunzipped(raw: ByteSource, path: string): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip();
  const out: Uint8Array[] = [];
  let failed: Error | null = null;
  gunzip.on('data', (piece: Uint8Array) => out.push(piece));
  gunzip.on('error', (error: Error) => {
    failed = error;
  });
  const failure = () => failed as Error | null;
  try {
    for (let ended = false; !ended && failure() === null; ) {
      const piece = new Uint8Array(COMPRESSED_BYTES);
      const got = await raw.read(piece, 0);
      ended = got === 0;
      await settled(gunzip, ended ? null : piece.subarray(0, got));
      yield* out.splice(0);
    }
  } finally {
    gunzip.destroy();
  }
  if (failure() !== null) throw damaged(path, 'gzip', failure()!);
}

function settled(gunzip: Gunzip, piece: Uint8Array | null): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      gunzip.off('error', done);
      gunzip.off('end', done);
      resolve();
    };
    gunzip.once('error', done);
    if (piece !== null) gunzip.write(piece, done);
    else gunzip.once('end', done).end();
  });
}

async function* unzstd(raw: ByteSource, path: string): AsyncGenerator<Uint8Array> {
  const out: Uint8Array[] = [];
  const { Decompress } = await import('./zstd-bytes.ts');
  const zstd = new Decompress((piece) => {
    out.push(piece.slice());
  });
  for (let ended = false; !ended; ) {
    const piece = new Uint8Array(COMPRESSED_BYTES);
    const got = await raw.read(piece, 0);
    ended = got === 0;
    let failure: unknown = null;
    try {
      zstd.push(piece.subarray(0, got), ended);
    } catch (cause) {
      failure = cause;
    }
    yield* out.splice(0);
    if (failure !== null) throw damaged(path, 'zstd', failure);
  }
}

function damaged(path: string, format: string, cause: unknown): Fault {
  const why = cause instanceof Error ? cause.message : String(cause);
  const message = `${path}: the ${format} data is truncated or damaged (${why}). Records up to there were read, none behind it. Put a whole file in its place and start over with --fresh.`;
  return new Fault('truncated', message, { context: { path, format }, cause });
}

async function skip(source: ByteSource, bytes: number, path: string): Promise<void> {
  const waste = new Uint8Array(Math.min(bytes, 1 << 16));
  for (let left = bytes; left > 0; ) {
    const got = await source.read(waste.subarray(0, Math.min(left, waste.length)), 0);
    if (got === 0) throw shorterInput(path);
    left -= got;
  }
}

/** A file that was replaced is found out before; this is for what comes through a pipe. */
export function shorterInput(path: string): Fault {
  const name = path === '-' ? 'standard input' : path;
  const message = `${name} ends before the place where this run goes on: it is not what the folder was made from. Give the same bytes from the first on, or start over with --fresh.`;
  return new Fault('input_shorter', message, { context: { path } });
}
