/**
 * What a compressed batch can inflate to at most, read from the headers of its blocks before anything is inflated: the
 * libraries take no bound, and a few kilobytes can ask for all the memory there is.
 *
 *   lz4    magic u32, flags, block size code, [content size u64], check u8 | blocks: size u32 (top bit: stored), bytes,
 *          [check u32]; size 0 ends the frame
 *   zstd   magic u32, flags, [window u8], [dictionary], [content size] | blocks: last, kind, size u24, bytes; [check u32]
 *
 * A content size is believed only for zstd, where the library inflates into just so much. What is cut off or damaged
 * is bounded as far as it goes; whoever inflates it says what is wrong.
 */

/** A byte of an lz4 block stands for at most so many. */
const LZ4_RATIO_MAX = 255;
/** A compressed block of zstd holds no more, bytes. */
const ZSTD_BLOCK_MAX = 128 << 10;
const ZSTD_MAGIC = 0xfd2fb528;

export function lz4BytesMax(frame: Buffer): number {
  if (frame.length < 7) return 0;
  const flags = frame[4]!;
  const blockMax = 2 ** (8 + 2 * ((frame[5]! >> 4) & 7));
  const checkBytes = (flags & 16) === 0 ? 0 : 4;
  let at = 7 + ((flags & 8) === 0 ? 0 : 8) + ((flags & 1) === 0 ? 0 : 4);
  let total = 0;
  while (at + 4 <= frame.length) {
    const head = frame.readUInt32LE(at);
    const size = head & 0x7fffffff;
    if (size === 0) break;
    total += head === size ? Math.min(blockMax, size * LZ4_RATIO_MAX) : size;
    at += 4 + size + checkBytes;
  }
  return total;
}

export function zstdBytesMax(bytes: Buffer): number {
  let total = 0;
  let at = 0;
  while (at + 9 <= bytes.length) {
    const magic = bytes.readUInt32LE(at);
    if (magic !== ZSTD_MAGIC) {
      // A frame to be passed over.
      if (magic >>> 4 !== 0x184d2a5) break;
      at += 8 + bytes.readUInt32LE(at + 4);
      continue;
    }
    const frame = zstdFrame(bytes, at);
    total += frame.bytes;
    at = frame.end;
  }
  return total;
}

/** What the frame at `at` inflates to, or the memory that inflating it takes where that is more, and where it ends. */
function zstdFrame(bytes: Buffer, at: number): { readonly bytes: number; readonly end: number } {
  const flags = bytes[at + 4]!;
  const isSingle = (flags & 32) !== 0;
  const sizeBytes = flags >> 6 === 0 ? (isSingle ? 1 : 0) : 2 ** (flags >> 6);
  const sizeAt = at + (isSingle ? 5 : 6) + [0, 1, 2, 4][flags & 3]!;
  let block = sizeAt + sizeBytes;
  const known =
    sizeBytes === 0 || block > bytes.length ? null : contentSize(bytes, sizeAt, sizeBytes);
  const windowOf = bytes[at + 5]!;
  const window = isSingle ? 0 : 2 ** (10 + (windowOf >> 3)) * (1 + (windowOf & 7) / 8);
  let inflated = 0;
  for (let isLast = false; !isLast && block + 3 <= bytes.length; ) {
    const head = bytes.readUIntLE(block, 3);
    const size = head >> 3;
    const kind = (head >> 1) & 3;
    isLast = (head & 1) === 1;
    // Stored, one byte repeated, compressed.
    inflated += kind === 2 ? ZSTD_BLOCK_MAX : size;
    block += 3 + (kind === 1 ? 1 : size);
  }
  return { bytes: Math.max(window, known ?? inflated), end: block + ((flags & 4) === 0 ? 0 : 4) };
}

function contentSize(bytes: Buffer, at: number, length: number): number {
  if (length === 1) return bytes[at]!;
  if (length === 2) return bytes.readUInt16LE(at) + 256;
  return length === 4 ? bytes.readUInt32LE(at) : Number(bytes.readBigUInt64LE(at));
}
