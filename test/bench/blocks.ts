/**
 * npm run bench:blocks: example blocks beside Parquet with zstd, NDJSON and TFRecord with gzip and protobuf row by row: bytes
 * an example, and CPU time to write and read one. The same rows, the same process, rounds interleaved, the least of each.
 *
 *   --events N   impressions of ads-60 (default 200,000)   --rounds N   (default 3)
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import type { ExampleBlock } from '../../runtime/block/block-decode.ts';
import { type BlockLayout, blockLayout } from '../../runtime/block/block-layout.ts';
import { readBlocks } from '../../runtime/block/block-reader.ts';
import { compileProgram, readProgram } from '../../runtime/program-files.ts';
import { textTable } from '../../runtime/text-table.ts';
import { ads60Program, writeAds60 } from './ads60-data.ts';
import { type Format, formats } from './block-formats.ts';

type Cost = { bytes: number; encodeNs: number; decodeNs: number };

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '200000' },
    rounds: { type: 'string', default: '3' },
  },
});
const root = path.resolve(import.meta.dirname, '../..');
const folder = path.join(os.tmpdir(), 'millrace-bench-blocks');
const main = path.join(root, 'dist/runtime/main.js');
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

const ads = await adsBlocks();
const adsCosts = await compare('ads-60', ads);
const jd = await jdBlocks();
if (jd === null) console.log('JD data are not there: see features/README.md');
else await compare('JD', jd);

const [blocks, parquet] = [adsCosts.get('blocks')!, adsCosts.get('Parquet, zstd')!];
const engine = ads.engineNs === null ? null : blocks.encodeNs / ads.engineNs;
if (engine !== null) console.log(`block_encode_share_of_engine: ${engine.toFixed(3)}`);
rmSync(folder, { recursive: true, force: true });
console.log(`block_bytes_vs_parquet_zstd: ${(blocks.bytes / parquet.bytes).toFixed(2)}`);
console.log(`block_encode_speed_vs_parquet: ${(parquet.encodeNs / blocks.encodeNs).toFixed(2)}`);
console.log(`block_decode_examples_per_second: ${Math.round(1e9 / blocks.decodeNs)}`);

type Data = {
  readonly layout: BlockLayout;
  readonly blocks: readonly ExampleBlock[];
  /** CPU time of the whole run that made them, ns an example; null: not of interest. */
  readonly engineNs: number | null;
};

async function adsBlocks(): Promise<Data> {
  const files = await writeAds60(folder, Number(values.events));
  const program = path.join(folder, 'ads60.feat');
  writeFileSync(program, ads60Program(60));
  return run(program, [`impression=${files.impressions}`, `click=${files.clicks}`]);
}

/** Real rows, where the data lie beside the repository. */
async function jdBlocks(): Promise<Data | null> {
  const data = path.resolve(root, '../shared/data/jd');
  if (!existsSync(data)) return null;
  const streams = {
    ...{ request: 'requests', action: 'actions', comment: 'comments' },
    ...{ product: 'products', user: 'users' },
  };
  const from = Object.entries(streams).map(([stream, name]) => {
    const file = path.join(folder, `${name}.ndjson`);
    writeFileSync(file, gunzipSync(readFileSync(path.join(data, `${name}.ndjson.gz`))));
    return `${stream}=${file}`;
  });
  return run(path.join(root, 'features/jd.feat'), from);
}

/** Runs a program as users do and reads its blocks back. */
async function run(program: string, from: readonly string[]): Promise<Data> {
  const to = path.join(folder, `out-${path.basename(program)}`);
  const report = path.join(folder, 'report.json');
  const child = spawnSync(
    process.execPath,
    [
      ...['--import', path.join(import.meta.dirname, 'report-cpu.mjs'), main, 'run', program],
      ...from.flatMap((each) => ['--from', each]),
      ...['--to', to, '--format', 'block', '--complete', '--quiet'],
    ],
    { env: { ...process.env, MILLRACE_BENCH_REPORT: report }, encoding: 'utf8' },
  );
  if (child.status !== 0) throw new Error(child.stderr);
  const { plan } = compileProgram(readProgram([program]));
  const set = plan!.examples[0]!;
  const found: ExampleBlock[] = [];
  for await (const block of readBlocks(path.join(to, `${set.name}.block`))) found.push(block);
  const rows = found.reduce((sum, block) => sum + block.rows, 0);
  const { cpuSeconds } = JSON.parse(readFileSync(report, 'utf8')) as { cpuSeconds: number };
  return {
    layout: blockLayout(set, plan!),
    blocks: found,
    engineNs: (cpuSeconds * 1e9) / rows,
  };
}

async function compare(name: string, data: Data): Promise<ReadonlyMap<string, Cost>> {
  const rows = data.blocks.reduce((sum, block) => sum + block.rows, 0);
  const all = await formats(data.layout, folder);
  const costs = new Map<string, Cost>();
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const format of all) keep(costs, format.name, await cost(format, data.blocks, rows));
  }
  const columns = data.blocks[0]!.columns.length;
  console.log(
    `\n${name}: ${rows} examples of ${columns} features and ${data.layout.labels.length} labels`,
  );
  const reference = costs.get('Parquet, zstd')!;
  const table = [...costs].map(([format, { bytes, encodeNs, decodeNs }]) => [
    format,
    bytes.toFixed(1),
    (bytes / reference.bytes).toFixed(2),
    Math.round(encodeNs).toString(),
    (reference.encodeNs / encodeNs).toFixed(2),
    Math.round(decodeNs).toString(),
  ]);
  const head = ['', 'bytes', '× Parquet', 'write, ns', 'speed × Parquet', 'read, ns'];
  console.log(textTable([head, ...table]).join('\n'));
  return costs;
}

async function cost(format: Format, given: readonly ExampleBlock[], rows: number): Promise<Cost> {
  const beforeEncode = process.cpuUsage();
  const bytes = await format.encode(given);
  const encode = process.cpuUsage(beforeEncode);
  const beforeDecode = process.cpuUsage();
  const read = await format.decode(bytes);
  const decode = process.cpuUsage(beforeDecode);
  if (read !== rows) throw new Error(`${format.name}: ${read} rows instead of ${rows}`);
  return {
    bytes: bytes.reduce((sum, each) => sum + each.length, 0) / rows,
    encodeNs: ((encode.user + encode.system) * 1e3) / rows,
    decodeNs: ((decode.user + decode.system) * 1e3) / rows,
  };
}

function keep(costs: Map<string, Cost>, name: string, cost: Cost): void {
  const best = costs.get(name);
  costs.set(name, {
    bytes: cost.bytes,
    encodeNs: Math.min(cost.encodeNs, best?.encodeNs ?? Number.POSITIVE_INFINITY),
    decodeNs: Math.min(cost.decodeNs, best?.decodeNs ?? Number.POSITIVE_INFINITY),
  });
}
