/**
 * Nanoseconds an event to decode ads-60 shaped impressions, against JSON.parse of the same lines.
 * Run: npx esbuild test/bench/decode.bench.ts --bundle --platform=node --format=esm | node --input-type=module -
 * (about ten seconds). Not through vite-node: it rewrites private fields, which makes this five times slower.
 */
import type { ScanField } from '../../compiler/plan/plan.ts';
import { scalar } from '../../dsl/types.ts';
import { NdjsonDecoder } from '../../operators/decode/ndjson.ts';
import { SLACK_BYTES } from '../../operators/decode/ndjson-scanner.ts';
import { rng } from '../random.ts';

const LINES = 200_000;
const ROUNDS = 9;
const CHUNK_BYTES = 1 << 19;

const fields: ScanField[] = [
  { name: 'ad_id', type: scalar('string'), timeFormat: null, value: false, hash: true },
  { name: 'bid', type: scalar('float'), timeFormat: null, value: true, hash: false },
  { name: 'campaign_id', type: scalar('string'), timeFormat: null, value: false, hash: true },
  { name: 'impression_id', type: scalar('string'), timeFormat: null, value: true, hash: true },
  { name: 'placement', type: scalar('string'), timeFormat: null, value: true, hash: true },
  { name: 'ts', type: scalar('timestamp'), timeFormat: 'ms', value: true, hash: false },
  { name: 'user_id', type: scalar('string'), timeFormat: null, value: false, hash: true },
];

function impressions(): Uint8Array {
  const random = rng(60);
  const lines: string[] = [];
  const placements = ['feed', 'story', 'sidebar', 'search', 'video', 'banner', 'reel'];
  let ts = 1_730_000_000_000;
  for (let i = 0; i < LINES; i++) {
    ts += random.below(170);
    lines.push(
      JSON.stringify({
        impression_id: `i${i}`,
        ts,
        user_id: `u${random.below(100_000)}`,
        ad_id: `a${random.below(10_000)}`,
        campaign_id: `c${random.below(1_000)}`,
        advertiser_id: `v${random.below(100)}`,
        placement: random.pick(placements),
        bid: Math.round(random.next() * 1024) / 256,
      }),
    );
  }
  return new TextEncoder().encode(`${lines.join('\n')}\n`);
}

function decodeAll(decoder: NdjsonDecoder, chunks: readonly Uint8Array[]): number {
  let rows = 0;
  for (const chunk of chunks) {
    decoder.load(chunk, 0, chunk.length - SLACK_BYTES);
    for (
      let batch = decoder.decode(4096, rows);
      batch !== null;
      batch = decoder.decode(4096, rows)
    ) {
      rows += batch.n;
      if (batch.bad.count > 0) throw new Error('a line was refused');
      batch.release();
    }
  }
  return rows;
}

function cut(bytes: Uint8Array): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, bytes.lastIndexOf(10, at + CHUNK_BYTES) + 1);
    const chunk = new Uint8Array(end - at + SLACK_BYTES);
    chunk.set(bytes.subarray(at, end));
    chunks.push(chunk);
    at = end;
  }
  return chunks;
}

function best(act: () => number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.hrtime.bigint();
    const rows = act();
    least = Math.min(least, Number(process.hrtime.bigint() - start) / rows);
  }
  return least;
}

const bytes = impressions();
const chunks = cut(bytes);
const decoder = new NdjsonDecoder(fields);
const scan = best(() => decodeAll(decoder, chunks));
const lines = new TextDecoder().decode(bytes).split('\n').slice(0, -1);
const parse = best(() => {
  let sum = 0;
  for (const line of lines) sum += (JSON.parse(line) as { ts: number }).ts & 1;
  return sum < 0 ? 0 : lines.length;
});
console.log(`bytes/line ${(bytes.length / LINES).toFixed(0)}`);
console.log(`decode     ${scan.toFixed(0)} ns/event`);
console.log(`JSON.parse ${parse.toFixed(0)} ns/event (strings already made)`);
