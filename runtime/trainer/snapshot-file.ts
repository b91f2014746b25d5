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
 *   16    …  header: JSON {"state": …, "arrays": [length, …]}, spaces up to a multiple of 8
 *   …     …  the arrays, f64 little endian, one after the other
 *   end  32  SHA-256 of everything before it
 */
const MAGIC = 'MRSNAP01';
const PREFIX_BYTES = 16;
const DIGEST_BYTES = 32;

/** What a snapshot holds: a JSON state, and arrays of numbers kept bit for bit. */
export type SnapshotContent = {
  readonly state: unknown;
  readonly arrays: readonly Float64Array[];
};

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
  const arrays: Float64Array[] = [];
  let at = headerEnd;
  for (const length of header.arrays) {
    const array = new Float64Array(length);
    new Uint8Array(array.buffer).set(bytes.subarray(at, at + length * 8));
    arrays.push(array);
    at += length * 8;
  }
  return { state: header.state, arrays };
}

type Header = { readonly state: unknown; readonly arrays: readonly number[] };

function writeContent(file: number, { state, arrays }: SnapshotContent): void {
  const header: Header = { state, arrays: arrays.map((array) => array.length) };
  const text = Buffer.from(JSON.stringify(header));
  const padded = Buffer.alloc(Math.ceil(text.length / 8) * 8, ' ');
  text.copy(padded);
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.write(MAGIC, 0, 'latin1');
  prefix.writeUInt32LE(padded.length, 8);
  const hash = createHash('sha256');
  const pieces: Uint8Array[] = [prefix, padded];
  for (const { buffer, byteOffset, byteLength } of arrays) {
    pieces.push(new Uint8Array(buffer, byteOffset, byteLength));
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
