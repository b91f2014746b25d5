/** Reads files of example blocks back. */
import { open } from 'node:fs/promises';
import { BLOCK_BYTES_MAX } from '../config.ts';
import { Fault } from '../fault.ts';
import { fileFault } from '../files.ts';
import { decodeBlock, type ExampleBlock } from './block-decode.ts';
import { WireReader } from './wire.ts';

/** A block with the byte position behind it. */
export type PlacedBlock = ExampleBlock & { readonly end: number };

/**
 * Every block of a file, in order, from the block boundary `from` on. A Fault `block_damaged` when the file is cut or is
 * none of ours.
 */
export async function* readBlocks(path: string, from = 0): AsyncGenerator<PlacedBlock> {
  const handle = await open(path, 'r').catch((error) => {
    throw fileFault('read', path, error);
  });
  try {
    const { size } = await handle.stat();
    const head = new Uint8Array(10);
    for (let position = from; position < size; ) {
      const { bytesRead } = await handle.read(head, 0, head.length, position);
      const reader = new WireReader(head.subarray(0, bytesRead));
      const length = reader.varint();
      position += lengthBytes(length);
      if (length > BLOCK_BYTES_MAX || position + length > size) {
        throw new Fault('block_damaged', `${path} ends inside a block (at byte ${position})`, {
          context: { path, position },
        });
      }
      const bytes = new Uint8Array(length);
      await handle.read(bytes, 0, length, position);
      position += length;
      yield { ...placed(bytes, path, position - length), end: position };
    }
  } finally {
    await handle.close();
  }
}

/** The block at a byte of a file; what is wrong with it says where it lies. */
function placed(bytes: Uint8Array, path: string, at: number): ExampleBlock {
  try {
    return decodeBlock(bytes);
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause;
    throw new Fault(cause.kind, `${path}, block at byte ${at}: ${cause.message}`, {
      cause,
      context: { path, position: at },
    });
  }
}

function lengthBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) bytes++;
  return bytes;
}
