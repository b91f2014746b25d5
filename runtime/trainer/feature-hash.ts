const bits = new DataView(new ArrayBuffer(8));

/**
 * A 32-bit hash of one value of a column (MurmurHash3's mixing over UTF-16 units, or over the
 * eight bytes of a number). Snapshots depend on it: it must never change for a format version.
 */
export function hashFeature(seed: number, value: string | number | boolean | null): number {
  if (value === null) return finish(mix(seed, 0x6e756c6c));
  if (typeof value === 'boolean') return finish(mix(seed, value ? 0x74727565 : 0x66616c73));
  if (typeof value === 'string') return hashText(seed, value);
  bits.setFloat64(0, value === 0 ? 0 : value);
  return finish(mix(mix(seed ^ 0x6e756d, bits.getInt32(0)), bits.getInt32(4)));
}

/** The hash of a text; also gives each column its seed. */
export function hashText(seed: number, text: string): number {
  let hash = seed ^ text.length;
  for (let i = 0; i < text.length; i++) hash = mix(hash, text.charCodeAt(i));
  return finish(hash);
}

function mix(hash: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  hash ^= k;
  return (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
}

function finish(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
