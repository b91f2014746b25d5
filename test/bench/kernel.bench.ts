/**
 * What the window store costs per event in the shape of ads-60: five keyspaces, each [impressions, clicks, sum of
 * bids] over [5m, 1h, 24h]; every impression is also an anchor that reads them all. Zipf keys. Prints nanoseconds of
 * CPU time, compilation included.
 *
 *   npx vite-node test/bench/kernel.bench.ts [events]
 */
import type { Plan } from '../../compiler/plan/plan.ts';
import type { Column } from '../../operators/column/column.ts';
import { Frame } from '../../operators/column/frame.ts';
import { hashNumber, lanes } from '../../operators/hash.ts';
import { Answers } from '../../operators/keyspace/answers.ts';
import { Keyspace } from '../../operators/keyspace/keyspace.ts';
import { mergeSteps } from '../../operators/keyspace/merge-steps.ts';
import { SlabSet } from '../../operators/state/slab.ts';
import { rng } from '../random.ts';

const EVENTS = Number(process.argv[2] ?? 1_000_000);
const BATCH = 4096;
const SPAN_MS = 6 * 3_600_000;
const CLICK_SHARE = 0.02;
const KEYS = [100_000, 10_000, 1_000, 100, 300_000];
const ZIPF = 1.05;

const QUARTERS = 4;

const plan = adsPlan();
run();

/** One cold start; the later quarters are what a warm process costs. */
function run(): void {
  const slabs = new SlabSet();
  const keyspaces = KEYS.map(
    (keys, index) => new Keyspace(plan, index, slabs, 0, { codegen: true, expectedKeys: keys }),
  );
  const batches = makeBatches();
  let checksum = 0;
  for (let quarter = 0; quarter < QUARTERS; quarter++) {
    const from = Math.floor((batches.length * quarter) / QUARTERS);
    const to = Math.floor((batches.length * (quarter + 1)) / QUARTERS);
    const spent = KEYS.map(() => 0);
    let events = 0;
    for (const { steps, feeds, probes } of batches.slice(from, to)) {
      events += feeds[0]!.reduce((sum, frame) => sum + frame.n, 0);
      for (const [index, keyspace] of keyspaces.entries()) {
        const before = process.cpuUsage();
        const answers = new Answers(plan.keyspaces[index]!, [probes[index]!.n]);
        keyspace.run(steps, feeds[index]!, [probes[index]!], answers);
        spent[index]! += process.cpuUsage(before).user * 1000;
        const column = answers.column(0, 0);
        if (column.kind === 'f64') checksum += column.data[column.data.length - 1]!;
      }
    }
    const total = spent.reduce((a, b) => a + b, 0);
    const each = spent.map((ns) => Math.round(ns / events)).join(' + ');
    console.log(`quarter ${quarter + 1}: ${Math.round(total / events)} ns/event = ${each}`);
  }
  for (const [index, keyspace] of keyspaces.entries()) {
    console.log(
      `${KEYS[index]} possible keys: ${keyspace.keys} seen, ${Math.round(keyspace.bytesPerKey)} B each`,
    );
  }
  console.log(`checksum ${checksum}`);
}

function adsPlan(): Plan {
  const windows = [
    { ms: 300_000, hopMs: 15_000 },
    { ms: 3_600_000, hopMs: 300_000 },
    { ms: 86_400_000, hopMs: 3_600_000 },
  ];
  const column = { state: '', mask: null, value: null, scale: 1, square: false };
  const columns = [
    { ...column, feed: 0 },
    { ...column, feed: 1 },
    { ...column, feed: 0, value: 1, scale: 2 ** 20 },
  ];
  const views = columns.flatMap((_, c) =>
    windows.map((_, window) => ({ kind: 'counter' as const, group: 0, column: c, window })),
  );
  return {
    version: 1,
    digest: '',
    scans: [],
    streams: [],
    enrichments: [],
    labels: [],
    feeds: [
      { stream: 0, delayMs: 0, headMs: 0 },
      { stream: 1, delayMs: 0, headMs: 0 },
    ],
    anchors: [],
    keyspaces: KEYS.map((_, index) => ({
      name: `k${index}`,
      feeds: [
        { feed: 0, key: 0 },
        { feed: 1, key: 0 },
      ],
      probes: [{ anchor: 0, key: 0, views }],
      counters: [{ columns, windows }],
      values: [],
    })),
    examples: [],
  };
}

function makeBatches() {
  const random = rng(7);
  const samplers = KEYS.map((keys) => zipf(keys, ZIPF, random.next));
  const out = [];
  for (let first = 0; first < EVENTS; first += BATCH) {
    const rows = Array.from({ length: Math.min(BATCH, EVENTS - first) }, (_, i) => ({
      time: 1_730_000_000_000 + Math.floor(((first + i) / EVENTS) * SPAN_MS),
      click: random.chance(CLICK_SHARE),
      keys: samplers.map((draw, index) => draw() + index * 10_000_000),
      bid: random.next() * 2,
    }));
    const impressions = rows.filter((row) => !row.click);
    const clicks = rows.filter((row) => row.click);
    const frames = [impressions, clicks].map((list) =>
      KEYS.map((_, index) => frameOf(list, index)),
    );
    const [imps, clicked] = frames;
    const steps = mergeSteps([
      { participant: 2, time: imps![0]!.time, n: imps![0]!.n, pairs: [] },
      { participant: 0, time: imps![0]!.time, n: imps![0]!.n, pairs: [] },
      { participant: 1, time: clicked![0]!.time, n: clicked![0]!.n, pairs: [] },
    ]);
    out.push({ steps, feeds: KEYS.map((_, k) => [imps![k]!, clicked![k]!]), probes: imps! });
  }
  return out;
}

function frameOf(
  rows: readonly { time: number; keys: number[]; bid: number }[],
  index: number,
): Frame {
  const lo = new Int32Array(rows.length);
  const hi = new Int32Array(rows.length);
  rows.forEach(({ keys }, i) => {
    hashNumber(keys[index]!);
    lo[i] = lanes[0]!;
    hi[i] = lanes[1]!;
  });
  const time = Float64Array.from(rows, (row) => row.time);
  const columns: Column[] = [
    { kind: 'hash', lo, hi },
    { kind: 'f64', data: Float64Array.from(rows, (row) => row.bid) },
  ];
  const n = rows.length;
  return new Frame({
    n,
    time,
    step: time,
    labelOnly: null,
    partition: new Int32Array(n),
    offset: time,
    columns,
  });
}

/** Ranks 0 .. n - 1, rank r with weight (r + 1)^-s. */
function zipf(n: number, s: number, next: () => number): () => number {
  const sums = new Float64Array(n);
  let sum = 0;
  for (let r = 0; r < n; r++) sums[r] = sum += (r + 1) ** -s;
  return () => {
    const x = next() * sum;
    let low = 0;
    let high = n - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle]! < x) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}
