/** Compression of record batches, by libraries. */
import { gunzipSync, gzipSync } from 'node:zlib';
import { compressFrameSync, decompressFrameSync } from 'lz4-napi';
import { unzstdBytes } from '../source/zstd-bytes.ts';
import { ClusterFault } from '../worker/cluster.ts';
import { lz4BytesMax, zstdBytesMax } from './inflated-bytes.ts';
import type { Compression } from './settings.ts';

/** A batch that may inflate to more is refused before it is, bytes. */
const INFLATED_MAX = 256 << 20;

const CODES: Readonly<Record<Compression, number>> = { none: 0, gzip: 1, lz4: 3 };

/** The bits of a batch's attributes that name its codec. */
export const CODEC_MASK = 7;

export function codecOf(compression: Compression): number {
  return CODES[compression];
}

export function compress(codec: number, bytes: Buffer): Buffer {
  switch (codec) {
    case 0:
      return bytes;
    case 1:
      return gzipSync(bytes, { level: 1 });
    default:
      return compressFrameSync(bytes);
  }
}

/** The records of a batch whose attributes name `codec`; a fatal fault where they cannot be read. */
export function decompress(codec: number, bytes: Buffer): Buffer {
  try {
    switch (codec) {
      case 0:
        return bytes;
      case 1:
        return gunzipSync(bytes, { maxOutputLength: INFLATED_MAX });
      case 3:
        checkInflated(lz4BytesMax(bytes));
        return decompressFrameSync(bytes);
      case 4:
        checkInflated(zstdBytesMax(bytes));
        return unzstdBytes(bytes);
    }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ClusterFault('fatal', 'batch_damaged', `a compressed record batch: ${why}`, {
      cause,
    });
  }
  const name = codec === 2 ? 'snappy' : `codec ${codec}`;
  throw new ClusterFault(
    'fatal',
    'codec',
    `a record batch is compressed with ${name}; known are gzip, lz4 and zstd`,
  );
}

function checkInflated(bytes: number): void {
  if (bytes > INFLATED_MAX) {
    throw new Error(
      `it may inflate to ${bytes} bytes, and ${INFLATED_MAX} is the most: have its producer write smaller batches`,
    );
  }
}
