import * as zlib from 'node:zlib';

/** CRC-32 (IEEE 802.3, reflected 0xEDB88320) of bytes behind those of which `before` is the sum; unsigned, 32 bits. */
export const crc32: (bytes: Uint8Array, before?: number) => number =
  typeof zlib.crc32 === 'function'
    ? (bytes, before = 0) => zlib.crc32(bytes, before)
    : crc32ByTable;

/** The same by a table: for Node before 20.15, and as the oracle of the test. */
export function crc32ByTable(bytes: Uint8Array, before = 0): number {
  let crc = ~before;
  for (let i = 0; i < bytes.length; i++) crc = TABLE[(crc ^ bytes[i]!) & 255]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

const TABLE = Int32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});
