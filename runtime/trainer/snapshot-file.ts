import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { Fault } from '../fault.ts';

/*
 * A snapshot is one file, written beside its place and renamed over it, so that the path holds
 * either the old snapshot or the new one, whole:
 *
 *   0     8  "MRSNAP01"
 *   8     4  u32 little endian: bytes of the header text, padding included
 *   12    4  zero
 *   16    …  header: JSON {"state": …, "arrays": [length, …]}, spaces up to a multiple of 8; of an array that is
 *            not f64: [length, "f32" | "i32" | "u8"]
 *   …     …  the arrays, little endian, one after the other, each filled up to a multiple of 8
 *   end  32  SHA-256 of everything before it
 */
const MAGIC = 'MRSNAP01';
const PREFIX_BYTES = 16;
const DIGEST_BYTES = 32;

/** What a snapshot holds: a JSON state, and arrays of numbers kept bit for bit. */
export type SnapshotContent = {
  readonly state: unknown;
  readonly arrays: readonly SnapshotArray[];
};

export type SnapshotArray = Float64Array | Float32Array | Int32Array | Uint8Array;

/** Writes a snapshot atomically and durably (file and folder are synced). */
export function writeSnapshot(path: string, content: SnapshotContent): void {
  const temporary = `${path}.writing`;
  try {
    const file = openSync(temporary, 'w');
    try {
      writeContent(file, content);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
    syncFolder(dirname(path));
  } catch (cause) {
    const message = `cannot write the snapshot ${path}`;
    throw new Fault('snapshot_unwritable', message, { retriable: true, context: { path }, cause });
  }
}

/** Reads a snapshot back; a missing, cut or altered file is a fault that says which. */
export function readSnapshot(path: string): SnapshotContent {
  const bytes = readBytes(path);
  if (bytes.length < PREFIX_BYTES + DIGEST_BYTES || bytes.toString('latin1', 0, 8) !== MAGIC) {
    throw corrupt(path, 'it is no snapshot, or is cut');
  }
  const end = bytes.length - DIGEST_BYTES;
  const digest = createHash('sha256').update(bytes.subarray(0, end)).digest();
  if (!digest.equals(bytes.subarray(end))) throw corrupt(path, 'it is cut or altered');
  const headerEnd = PREFIX_BYTES + bytes.readUInt32LE(8);
  const header = JSON.parse(bytes.toString('utf8', PREFIX_BYTES, headerEnd)) as Header;
  const arrays: SnapshotArray[] = [];
  let at = headerEnd;
  for (const stored of header.arrays) {
    const array = typeof stored === 'number' ? new Float64Array(stored) : emptyArray(stored);
    new Uint8Array(array.buffer).set(bytes.subarray(at, at + array.byteLength));
    arrays.push(array);
    at += padded(array.byteLength);
  }
  return { state: header.state, arrays };
}

type StoredKind = 'f32' | 'i32' | 'u8';
type StoredArray = number | readonly [number, StoredKind];
type Header = { readonly state: unknown; readonly arrays: readonly StoredArray[] };

function emptyArray([length, kind]: readonly [number, StoredKind]): SnapshotArray {
  if (kind === 'f32') return new Float32Array(length);
  return kind === 'i32' ? new Int32Array(length) : new Uint8Array(length);
}

function storedAs(array: SnapshotArray): StoredArray {
  if (array instanceof Float64Array) return array.length;
  if (array instanceof Float32Array) return [array.length, 'f32'];
  return [array.length, array instanceof Int32Array ? 'i32' : 'u8'];
}

function padded(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}

function writeContent(file: number, { state, arrays }: SnapshotContent): void {
  const header: Header = { state, arrays: arrays.map(storedAs) };
  const text = Buffer.from(JSON.stringify(header));
  const whole = Buffer.alloc(padded(text.length), ' ');
  text.copy(whole);
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.write(MAGIC, 0, 'latin1');
  prefix.writeUInt32LE(whole.length, 8);
  const hash = createHash('sha256');
  const pieces: Uint8Array[] = [prefix, whole];
  for (const { buffer, byteOffset, byteLength } of arrays) {
    pieces.push(new Uint8Array(buffer, byteOffset, byteLength));
    pieces.push(new Uint8Array(padded(byteLength) - byteLength));
  }
  for (const piece of pieces) {
    hash.update(piece);
    writeAll(file, piece);
  }
  writeAll(file, hash.digest());
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(file, bytes, done, bytes.length - done);
  }
}

/** Makes the rename itself survive a power cut. */
function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function readBytes(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new Fault('snapshot_unreadable', `cannot read the snapshot ${path}`, {
      context: { path },
      cause,
    });
  }
}

function corrupt(path: string, why: string): Fault {
  return new Fault('snapshot_corrupt', `the snapshot ${path} cannot be used: ${why}`, {
    context: { path },
  });
}
