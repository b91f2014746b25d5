import { Zstd } from '@hpcc-js/wasm-zstd';
import { compressFrameSync } from 'lz4-napi';
import { beforeAll, describe, expect, it } from 'vitest';
import { decompress } from '../../runtime/kafka/codec.ts';
import { lz4BytesMax, zstdBytesMax } from '../../runtime/kafka/inflated-bytes.ts';

const LZ4 = 3;
const ZSTD = 4;

let zstd: Zstd;
beforeAll(async () => {
  zstd = await Zstd.load();
});

/** Runs of one byte between bytes of their own: what compresses well beside what does not. */
function someBytes(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) bytes[i] = i % 50_000 < 30_000 ? 7 : (i * 2_654_435_761) >>> 13;
  return bytes;
}

describe('compressed batches', () => {
  it.each([0, 1, 300, 70_000, 6_000_000])(
    'of %i bytes are read, within what their headers say',
    (length) => {
      const bytes = someBytes(length);
      const lz4 = compressFrameSync(bytes);
      const squeezed = Buffer.from(zstd.compress(bytes));
      expect(lz4BytesMax(lz4)).toBeGreaterThanOrEqual(length);
      expect(zstdBytesMax(squeezed)).toBeGreaterThanOrEqual(length);
      expect(decompress(LZ4, lz4).equals(bytes)).toBe(true);
      expect(decompress(ZSTD, squeezed).equals(bytes)).toBe(true);
    },
  );

  // Nothing behind the headers is looked at: inflated, each would take more memory than a worker has.
  const u32 = (value: number) => [
    value & 255,
    (value >> 8) & 255,
    (value >> 16) & 255,
    value >>> 24,
  ];
  const bombs: [string, number, number[], number[], number][] = [
    [
      'lz4 blocks',
      LZ4,
      [4, 0x22, 0x4d, 0x18, 0x60, 0x70, 0x73],
      [...u32(20_000), ...Array(20_000).fill(0)],
      70,
    ],
    ['zstd blocks', ZSTD, [0x28, 0xb5, 0x2f, 0xfd, 0, 0x58], [0x02, 0xff, 0xff, 7], 150],
    ['a zstd size', ZSTD, [0x28, 0xb5, 0x2f, 0xfd, 0xa0, ...u32(0x7fffffff)], [1, 0, 0], 1],
    ['a zstd window', ZSTD, [0x28, 0xb5, 0x2f, 0xfd, 0, 0xa0], [1, 0, 0], 1],
  ];
  it.each(bombs)('that ask for too much are refused: %s', (_, codec, head, block, times) => {
    const bomb = Buffer.from([...head, ...Array.from({ length: times }, () => block).flat()]);
    expect(bomb.length).toBeLessThan(1_500_000);
    expect(() => decompress(codec, bomb)).toThrow(/may inflate to \d+ bytes.*smaller batches/);
  });
});
