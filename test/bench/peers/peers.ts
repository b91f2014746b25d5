/**
 * npm run bench:peers: ads-60 with exact windows through Millrace and through what a user would otherwise pick. Same
 * files in, all features out, one run on one machine. The answers are compared with a brute-force oracle on a sample and
 * with each other on every value; a peer that differs is shown as wrong, not left out. CPU seconds are of the whole
 * process with start-up. Slow peers get a part of the events (the first ones) and say so.
 *
 *   --events N   impressions (default 1,000,000)   --rounds N   (default 2; the least counts)   --only NAME,…
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ads60Program, writeAds60 } from '../ads60-data.ts';
import { type Peers, setUp } from './set-up.ts';

type Used = {
  readonly code: number;
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
  readonly maxRssMb: number;
  readonly writtenMb: number;
};

type Peer = {
  readonly name: string;
  /** Of the line at the end that says how many times our CPU time it takes; null: none. */
  readonly ratio: string | null;
  /** Lines that a user writes. */
  readonly program: string;
  /** The most impressions it gets. */
  readonly eventsMax: number;
  readonly output: string;
  readonly command: (data: Data) => readonly string[] | null;
  /** Turns what was written into `output`, unmeasured. */
  readonly finish?: () => void;
};

type Data = {
  readonly folder: string;
  readonly events: number;
};

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '2' },
    only: { type: 'string' },
  },
});
const SAMPLE = 300;
const root = path.resolve(import.meta.dirname, '../../..');
const main = path.join(root, 'dist/runtime/main.js');
const here = (name: string) => path.join(import.meta.dirname, name);
const cache = process.env.MILLRACE_PEERS_CACHE ?? path.join(os.homedir(), '.cache/millrace-peers');
const work = path.join(os.tmpdir(), 'millrace-peers');
const peers = setUp(cache);
if (peers.python === null) throw new Error('bench:peers needs Python 3 with venv and pip');
const python = peers.python;

rmSync(work, { recursive: true, force: true });
mkdirSync(work, { recursive: true });
const program = path.join(work, 'ads60.feat');
writeFileSync(program, ads60Program(60, '[5m, 1h, 24h] exact'));
const out = (name: string) => path.join(work, name);

const contenders = list(peers).filter(
  ({ name }) => values.only === undefined || values.only.split(',').some((n) => name.includes(n)),
);
const sizes = [
  ...new Set(contenders.map(({ eventsMax }) => Math.min(eventsMax, Number(values.events)))),
];
const rows: string[] = [];
const isBesideOurs = contenders[0]?.ratio === null;
const ratios: string[] = [];
let reference: number | null = null;
for (const size of sizes.sort((a, b) => b - a)) {
  const data = await write(size);
  const group = contenders.filter(
    (peer) => Math.min(peer.eventsMax, Number(values.events)) === size,
  );
  const outputs: string[] = [];
  const used = new Map<Peer, Used>();
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const peer of group) {
      const command = peer.command(data);
      if (command === null) continue;
      const now = measure(command);
      if (now.code !== 0)
        throw new Error(`${peer.name} ended with ${now.code}: ${command.join(' ')}`);
      const best = used.get(peer);
      if (best === undefined || now.cpuSeconds < best.cpuSeconds) used.set(peer, now);
      if (round > 0) continue;
      peer.finish?.();
      outputs.push(peer.output);
    }
  }
  const agreed = agreement(data, outputs);
  for (const [peer, { cpuSeconds, wallSeconds, maxRssMb, writtenMb }] of used) {
    const { rows: made, wrong, differs } = agreed[peer.output]!;
    const micros = (cpuSeconds * 1e6) / data.events;
    reference ??= micros;
    if (peer.ratio !== null && isBesideOurs) {
      ratios.push(`${peer.ratio}: ${(micros / reference).toFixed(1)}`);
    }
    const verdict =
      made === size && wrong === 0 && differs === 0
        ? 'agrees'
        : `WRONG: ${differs} of ${made} rows`;
    rows.push(
      `| ${peer.name} | ${verdict} | ${Math.round(data.events / wallSeconds / 1000)} k | ${micros.toFixed(2)} | ${(micros / reference).toFixed(1)}× | ${(maxRssMb / 1000).toFixed(2)} | ${writtenMb.toFixed(0)} | ${linesOf(peer.program)} | ${data.events} |`,
    );
    console.log(rows.at(-1));
  }
}
console.log(`\nads-60, exact windows, ${os.cpus().length} cores, Node ${process.version}\n`);
console.log(
  '| engine | answers | events/s (wall) | CPU µs/event | to the first row | GB | MB written | lines | events |',
);
console.log('|---|---|---|---|---|---|---|---|---|');
for (const row of rows) console.log(row);
console.log();
for (const line of ratios) console.log(line);

function list({ flink }: Peers): Peer[] {
  const whole = Number.POSITIVE_INFINITY;
  const java = here('flink/Ads60.java');
  const flinkPeer = (
    [name, ratio]: readonly [string, string],
    mode: string,
    state: string,
    eventsMax: number,
  ): Peer => ({
    name,
    ratio,
    program: java,
    eventsMax,
    output: out(`flink-${mode}-${state}.bin`),
    command: ({ folder }) =>
      flink && [
        'java',
        ...flink,
        mode,
        state,
        `${folder}/merged.ndjson`,
        out(`flink-${mode}-${state}.bin`),
      ],
  });
  const batch = (name: string, ratio: string, script: string): Peer => ({
    name,
    ratio,
    program: here(script),
    eventsMax: whole,
    output: out(`${script}.parquet`),
    command: ({ folder }) => [
      python,
      here(script),
      `${folder}/impressions.ndjson`,
      `${folder}/clicks.ndjson`,
      out(`${script}.parquet`),
    ],
  });
  return [
    {
      name: 'Millrace, state durable, replay-exact',
      ratio: null,
      program,
      eventsMax: whole,
      output: out('exported/ads60.parquet'),
      command: ({ folder }) => [
        ...[process.execPath, main, 'run', program, '--fresh', '--quiet', '--to', out('millrace')],
        ...[
          '--from',
          `impression=${folder}/impressions.ndjson`,
          '--from',
          `click=${folder}/clicks.ndjson`,
        ],
        ...['--format', 'block'],
      ],
      finish: () => {
        const to = ['--format', 'parquet', '--to', out('exported'), '--fresh'];
        execFileSync(process.execPath, [main, 'export', out('millrace'), ...to]);
      },
    },
    batch('Polars, batch', 'vs_polars', 'ads60_polars.py'),
    batch('DuckDB, batch', 'vs_duckdb', 'ads60_duckdb.py'),
    flinkPeer(
      ['Flink DataStream, heap, arrival order', 'vs_flink_arrival'],
      'arrival',
      'heap',
      whole,
    ),
    flinkPeer(
      ['Flink DataStream, heap, event-time order', 'vs_flink_exact'],
      'ordered',
      'heap',
      whole,
    ),
    flinkPeer(
      ['Flink DataStream, RocksDB, event-time order', 'vs_flink_rocksdb'],
      'ordered',
      'rocksdb',
      20_000,
    ),
    {
      name: 'Bytewax',
      ratio: 'vs_bytewax',
      program: here('ads60_bytewax.py'),
      eventsMax: 50_000,
      output: out('bytewax.csv'),
      command: ({ folder }) => [
        python,
        here('ads60_bytewax.py'),
        `${folder}/merged.ndjson`,
        out('bytewax.csv'),
      ],
    },
  ];
}

/** impressions.ndjson, clicks.ndjson, and both in one file in time order for engines that need it so. */
async function write(impressions: number): Promise<Data> {
  const folder = out(`data-${impressions}`);
  const files = await writeAds60(folder, impressions);
  const lines = [files.impressions, files.clicks].flatMap((file) =>
    readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => ({ time: Number(/"ts":(\d+)/.exec(line)![1]), line })),
  );
  lines.sort((a, b) => a.time - b.time);
  writeFileSync(`${folder}/merged.ndjson`, `${lines.map(({ line }) => line).join('\n')}\n`);
  return { folder, events: files.events };
}

function measure(command: readonly string[]): Used {
  return JSON.parse(execFileSync(python, [here('measure.py'), ...command], { encoding: 'utf8' }));
}

function agreement(
  { folder }: Data,
  outputs: readonly string[],
): Record<string, { rows: number; wrong: number; differs: number }> {
  const args = [here('agree.py'), folder, String(SAMPLE), ...outputs];
  return JSON.parse(execFileSync(python, args, { encoding: 'utf8' }));
}

/** Without blank lines and comments. */
function linesOf(file: string): number {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^\s*(\/\/|\/\*|\*|#|""")/.test(line)).length;
}
