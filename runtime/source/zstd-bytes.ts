/** zstd, by a library: a stream of pieces, or a whole frame. */
import { decompress } from 'fzstd';

export { Decompress } from 'fzstd';

/** Inflates whole frames. */
export function unzstdBytes(bytes: Uint8Array): Buffer {
  const out = decompress(bytes);
  return Buffer.from(out.buffer, out.byteOffset, out.length);
}
