/**
 * npm run bench:train: one training step of 4,096 examples × 26 categories × 16, DCN-v2 (2 cross layers) ∥ 256-128 with a
 * linear part, all gradients, Adam on the net and Adagrad on the rows touched: Millrace from example blocks against PyTorch
 * with its sparse embedding path from tensors in memory, in one run, by CPU time. Batches have about 20,000 unique rows.
 *
 *   --device NAME   (default: the fastest there is)   --steps N (default 20)   --rounds N (default 3)
 *   --python FILE   a Python with torch; without, only Millrace is measured
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { ModelPlan } from '../../compiler/model-plan.ts';
import type { ExamplePlan } from '../../compiler/plan.ts';
import { scalar } from '../../dsl/types.ts';
import type { EmissionBatch } from '../../operators/emission-batch.ts';
import { TextBuilder } from '../../operators/text-builder.ts';
import { disk } from '../../runtime/files.ts';
import { EXAMPLES_START, readExamples } from '../../runtime/read-examples.ts';
import { BlockSink } from '../../runtime/sink-block.ts';
import { deepConfig } from '../../runtime/trainer/deep-config.ts';
import { DeepNet } from '../../runtime/trainer/deep-net.ts';
import { trainStep } from '../../runtime/trainer/deep-step.ts';
import { DenseMoments } from '../../runtime/trainer/dense-moments.ts';
import { DenseWeights, startingWeights } from '../../runtime/trainer/dense-weights.ts';
import { EmbeddingBatch } from '../../runtime/trainer/embedding-batch.ts';
import { EmbeddingTable } from '../../runtime/trainer/embedding-table.ts';
import { BatchEncoder } from '../../runtime/trainer/encoded-batch.ts';
import { headSlopes } from '../../runtime/trainer/head-loss.ts';
import { DEVICES, openDevice } from '../../runtime/trainer/tensor-device.ts';
import { rng } from '../random.ts';

const { values: options } = parseArgs({
  allowPositionals: true,
  options: {
    device: { type: 'string', default: 'auto' },
    steps: { type: 'string', default: '20' },
    rounds: { type: 'string', default: '3' },
    python: { type: 'string' },
  },
});
const ROWS = 4_096;
const FIELDS = 26;
const DIM = 16;
const IDS = 40_000;
const steps = Number(options.steps);
const wanted = (['auto', ...DEVICES] as const).find((name) => name === options.device) ?? 'auto';
const names = Array.from({ length: FIELDS }, (_, i) => `c${i}`);

const set: ExamplePlan = {
  ...{ name: 'bench', topic: null, anchor: 0, id: 0, idHash: 0 },
  features: names.map((name, slot) => ({
    name,
    slot,
    type: scalar('string'),
    input: 'categorical',
  })),
  labels: [{ name: 'clicked', label: 0, policy: { kind: 'wait_horizon' } }],
  ...{ sampleNegatives: 1, audit: 0, checks: [] },
};
const model: ModelPlan = {
  ...{ name: 'm', from: 'bench' },
  tables: names.map((name) => ({ dim: DIM, columns: [{ name, pool: { kind: 'one' } }] })),
  net: { kind: 'dcn', cross: 2, deep: [256, 128] },
  heads: { kind: 'single', labels: ['clicked'], experts: 0 },
  ...{ publishMs: 60_000, fullMs: 3_600_000, gates: [], batch: ROWS, admit: 1, rowsMax: 1e7 },
  ...{ expireMs: null, learnRows: 0.05, learnDense: 0.001 },
};

const folder = mkdtempSync(path.join(os.tmpdir(), 'millrace-bench-train-'));
const ids = drawIds();
const file = await writeExamples();
writeFileSync(path.join(folder, 'ids.bin'), ids);
const ours = await measureOurs();
process.stdout.write(`${ours.title}\n`);
for (const [stage, ms] of Object.entries(ours.stages)) {
  process.stdout.write(`  ${stage.padEnd(28)} ${ms.toFixed(1).padStart(7)} CPU-ms a step\n`);
}
const total = sum(Object.values(ours.stages));
const host = total - ours.stages.device!;
report('Millrace', total);
if (options.python !== undefined) {
  const args = [path.join(import.meta.dirname, 'train_torch.py'), path.join(folder, 'ids.bin')];
  const sizes = [ROWS, FIELDS, DIM, IDS, steps].map(String);
  const torch = Math.min(
    ...Array.from({ length: Number(options.rounds) }, () =>
      Number(execFileSync(options.python!, [...args, ...sizes], { encoding: 'utf8' })),
    ),
  );
  report('PyTorch', torch);
  process.stdout.write(`train_vs_pytorch: ${(torch / total).toFixed(3)}\n`);
}
process.stdout.write(`train_host_share: ${(host / total).toFixed(3)}\n`);
rmSync(folder, { recursive: true });

function report(name: string, ms: number): void {
  const rate = Math.round((ROWS / ms) * 1000).toLocaleString('en-US');
  process.stdout.write(
    `${name}: ${ms.toFixed(1)} CPU-ms a step, ${rate} examples per CPU-second\n`,
  );
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}

/** [steps, rows, fields]: few ids often, many seldom, as ads, users and pages come. */
function drawIds(): Int32Array {
  const random = rng(11);
  const one = (field: number) => Math.floor(IDS * random.next() ** (field < 13 ? 12 : 2.2));
  return Int32Array.from({ length: steps * ROWS * FIELDS }, (_, i) => one(i % FIELDS));
}

async function writeExamples(): Promise<string> {
  const sink = await BlockSink.open(folder, 'bench.block', {
    files: disk,
    plan: set,
    planDigest: 'd',
    at: null,
  });
  for (let step = 0; step < steps; step++) await sink.write(batchOf(step), null);
  await sink.commit();
  await sink.close();
  return path.join(folder, 'bench.block');
}

function batchOf(step: number): EmissionBatch {
  const time = Float64Array.from({ length: ROWS }, (_, i) => 1_700_000_000_000 + step * ROWS + i);
  const texts = (textOf: (row: number) => string) => {
    const builder = new TextBuilder(ROWS);
    for (let row = 0; row < ROWS; row++) builder.addString(textOf(row));
    return builder.finish();
  };
  return {
    ...{ n: ROWS, emitted: time, time, id: texts((row) => `i${step * ROWS + row}`) },
    kind: new Uint8Array(ROWS),
    labels: [
      {
        value: Uint8Array.from(time, (_, row) =>
          Number(ids[(step * ROWS + row) * FIELDS]! % 20 === 0),
        ),
        kind: new Uint8Array(ROWS).fill(1),
        deadline: time,
        elapsed: new Float64Array(ROWS),
        credit: null,
        audit: null,
      },
    ],
    sampleRate: new Float64Array(ROWS).fill(1),
    features: names.map((_, field) =>
      texts((row) => `id${field}-${ids[(step * ROWS + row) * FIELDS + field]!}`),
    ),
  };
}

async function measureOurs() {
  const { device } = await openDevice(wanted);
  if (device === null) throw new Error('no device to train on');
  let best: Record<string, number> | null = null;
  for (let round = 0; round < Number(options.rounds); round++) {
    const stages = await measureRound(device);
    if (best === null || sum(Object.values(stages)) < sum(Object.values(best))) best = stages;
  }
  return { title: device.title, stages: best! };
}

/** CPU-ms a step by stage, over the steps after a fifth of them. */
async function measureRound(device: NonNullable<Awaited<ReturnType<typeof openDevice>>['device']>) {
  const config = deepConfig(model, set);
  const net = new DeepNet(config);
  const tables = config.tables.map((table) => new EmbeddingTable(table));
  const encoder = new BatchEncoder(config);
  const rows = new EmbeddingBatch(config, tables);
  const moments = new DenseMoments(0);
  const weights = new DenseWeights(device, net.parameters, startingWeights(net.parameters, 1));
  const place = { device, net, weights, width: config.width, rate: 0.001 };
  const spent: Record<string, number> = {
    decode: 0,
    encode: 0,
    'look up, gather': 0,
    device: 0,
    'add up, update rows': 0,
  };
  // Ids have been seen before, as PyTorch's table is there from the start.
  for await (const piece of readExamples(file, set, { from: EXAMPLES_START, to: null })) {
    rows.gather(encoder.encode(piece.rows, moments, true));
  }
  for (const table of tables) table.markWritten();
  const warm = Math.floor(steps / 5);
  let done = 0;
  let at = process.cpuUsage();
  const lap = (stage: string) => {
    const used = process.cpuUsage(at);
    if (done >= warm) spent[stage] = spent[stage]! + (used.user + used.system) / 1000;
    at = process.cpuUsage();
  };
  for await (const piece of readExamples(file, set, { from: EXAMPLES_START, to: null })) {
    lap('decode');
    const batch = encoder.encode(piece.rows, moments, true);
    lap('encode');
    const input = rows.gather(batch);
    lap('look up, gather');
    const gradient = await trainStep(place, input, (logits) => {
      const whole = Float64Array.from(logits, (logit, i) => logit + input.linear[i]!);
      return headSlopes(config, piece.rows, whole, { lateHeads: () => [], onLabel: () => {} })
        .slopes;
    });
    lap('device');
    rows.update(batch, gradient!);
    lap('add up, update rows');
    done++;
  }
  weights.dispose();
  return Object.fromEntries(
    Object.entries(spent).map(([stage, ms]) => [stage, ms / (done - warm)]),
  );
}
