/**
 * npm run bench:exchange: what being spread over shards costs, without a broker. ads-60 through scans and shards in one
 * process, every parcel encoded and decoded, beside the engine of one process over the same lines.
 *
 *   --events N   impressions (default 200,000)   --shards N   (default 8)   --partitions N   a stream (default 4)
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { placeExchange } from '../../compiler/plan/place-exchange.ts';
import { NdjsonDecoder } from '../../operators/decode/ndjson.ts';
import { SLACK_BYTES } from '../../operators/decode/ndjson-scanner.ts';
import { Pipeline } from '../../operators/pipeline.ts';
import { ScanStage } from '../../operators/stages/scan-stage.ts';
import { ShardStage } from '../../operators/stages/shard-stage.ts';
import { SlabSet } from '../../operators/state/slab.ts';
import { decodeParcels, encodeParcels } from '../../runtime/worker/exchange-block.ts';
import { planOf } from '../run-in-memory.ts';
import { ads60Program, writeAds60 } from './ads60-data.ts';

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '200000' },
    shards: { type: 'string', default: '8' },
    partitions: { type: 'string', default: '4' },
  },
});
const SHARDS = Number(values.shards);
const PARTITIONS = Number(values.partitions);
const BATCH_ROWS = 4096;

const folder = path.join(os.tmpdir(), 'millrace-bench-exchange');
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const files = await writeAds60(folder, Number(values.events));
const plan = planOf(ads60Program(60));
const exchange = placeExchange(plan);
const streamOf = (name: string) => plan.streams.findIndex((stream) => stream.name === name);

/** Batches of a stream by partition, lines dealt out in turn. */
type Source = { readonly stream: number; readonly partition: number; readonly text: Buffer };
const sources: Source[] = [
  ...dealt(streamOf('impression'), files.impressions),
  ...dealt(streamOf('click'), files.clicks),
];
const spent: Record<string, number> = {};
const timed = <T>(what: string, run: () => T): T => {
  const before = process.cpuUsage();
  const out = run();
  const used = process.cpuUsage(before);
  spent[what] = (spent[what] ?? 0) + (used.user + used.system) * 1000;
  return out;
};

const one = oneProcess();
const many = cluster();
if (one !== many.rows) throw new Error(`${one} rows in one process, ${many.rows} over shards`);
const { events } = files;
console.log(`${events} events, ${SHARDS} shards, ${PARTITIONS} partitions a stream, ${one} rows`);
for (const [what, ns] of Object.entries(spent)) {
  console.log(
    `${what.padEnd(16)} ${Math.round(ns / events)
      .toString()
      .padStart(6)} ns/event CPU`,
  );
}
console.log(`parcels: ${many.parcels}, ${(many.entries / many.parcels).toFixed(0)} entries each`);
console.log(`exchange_entries_per_event: ${(many.entries / events).toFixed(2)}`);
console.log(`exchange_bytes_per_event: ${(many.bytes / events).toFixed(1)}`);
console.log(`local_entries_per_event: ${(many.local / events).toFixed(2)}`);
rmSync(folder, { recursive: true, force: true });

function oneProcess(): number {
  const pipeline = new Pipeline(plan, {
    ...{ slabs: [new SlabSet()], scanSlabs: new SlabSet(), codegen: true, spill: null },
    bufferBytesMax: Number.POSITIVE_INFINITY,
  });
  for (const { stream, partition } of sources) pipeline.addPartition(stream, partition);
  let rows = 0;
  const decoders = sources.map(decoderOf);
  for (const batch of inTurn(decoders)) {
    timed('one process', () => {
      pipeline.accept(sources[batch.source].stream, sources[batch.source].partition, batch.rows);
      const frontier = pipeline.frontier();
      if (!Number.isFinite(frontier)) return;
      for (const emitted of pipeline.advance(frontier)) for (const { n } of emitted) rows += n;
    });
  }
  for (const { stream, partition } of sources) pipeline.end(stream, partition);
  timed('one process', () => {
    for (const emitted of pipeline.advance(Number.POSITIVE_INFINITY)) {
      for (const { n } of emitted) rows += n;
    }
  });
  return rows;
}

function cluster() {
  const total = { rows: 0, bytes: 0, entries: 0, parcels: 0, local: 0 };
  const partitions = plan.streams.map(() => PARTITIONS);
  const shards = Array.from({ length: SHARDS }, (_, shard) => {
    const slabs = new SlabSet();
    return new ShardStage(plan, exchange, { shard, shards: SHARDS, partitions, slabs, epoch: 0 });
  });
  const offsets = shards.map(() => 0);
  const scans = sources.map(({ stream, partition }) => {
    const slabs = new SlabSet();
    return new ScanStage(plan, exchange, { stream, partition, shards: SHARDS, slabs, epoch: 0 });
  });
  const send = (to: number, from: ScanStage | ShardStage): void => {
    const parcel = from.take(to);
    if (parcel === null) return;
    const bytes = timed('encode', () => encodeParcels([parcel]));
    total.bytes += bytes.length;
    total.parcels++;
    for (const { rows } of parcel.sections) total.entries += rows?.n ?? 0;
    const [again] = timed('decode', () => decodeParcels(bytes, exchange));
    timed('receive', () => shards[to].receive(again, offsets[to]++));
  };
  const settle = () => {
    for (let moved = true; moved; ) {
      moved = false;
      for (const [s, shard] of shards.entries()) {
        timed('shards', () => {
          for (const { batch } of shard.advance()) {
            total.rows += batch.n;
            moved = true;
          }
        });
        for (let to = 0; to < SHARDS; to++) if (to !== s) send(to, shard);
      }
    }
  };
  for (const batch of inTurn(sources.map(decoderOf))) {
    const scan = scans[batch.source];
    timed('scans', () => scan.accept(batch.rows));
    for (let to = 0; to < SHARDS; to++) send(to, scan);
    settle();
  }
  for (const scan of scans) {
    scan.end(false);
    for (let to = 0; to < SHARDS; to++) send(to, scan);
  }
  for (let round = 0; round < 8; round++) settle();
  total.local = shards.reduce((sum, shard) => sum + shard.localEntries, 0);
  return total;
}

function* inTurn(decoders: readonly ReturnType<typeof decoderOf>[]) {
  const open = new Set(decoders.keys());
  while (open.size > 0) {
    for (const source of [...open]) {
      const rows = decoders[source]();
      if (rows === null) open.delete(source);
      else yield { source, rows };
    }
  }
}

/** Gives the source's next batch, decoded outside of what is timed. */
function decoderOf({ stream, text }: Source) {
  const decoder = new NdjsonDecoder(plan.scans[plan.streams[stream].scan].fields);
  const bytes = new Uint8Array(text.length + SLACK_BYTES);
  bytes.set(text);
  decoder.load(bytes, 0, text.length);
  let next = 0;
  return () => {
    const batch = decoder.decode(BATCH_ROWS, next);
    next += batch?.n ?? 0;
    return batch === null || batch.n === 0 ? null : batch;
  };
}

function dealt(stream: number, file: string): Source[] {
  const parts = Array.from({ length: PARTITIONS }, (): string[] => []);
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  for (const [i, line] of lines.entries()) parts[i % PARTITIONS].push(line);
  return parts.map((part, partition) => {
    return { stream, partition, text: Buffer.from(`${part.join('\n')}\n`) };
  });
}
