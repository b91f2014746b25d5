/**
 * One training step of 4,096 examples × 26 categories × 16, DCN-v2 (2 cross layers) ∥ 256-128 with a linear part, all
 * gradients, Adam on the net and Adagrad on the rows touched, from example blocks. Batches have about 20,000 unique rows.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { ModelPlan } from '../../../compiler/check/model-plan.ts';
import type { ExamplePlan } from '../../../compiler/plan/plan.ts';
import { scalar } from '../../../dsl/types.ts';
import { TextBuilder } from '../../../operators/column/text-builder.ts';
import type { EmissionBatch } from '../../../operators/emission/emission-batch.ts';
import { disk } from '../../../runtime/files.ts';
import { BlockSink } from '../../../runtime/sink/sink-block.ts';
import { deepConfig } from '../../../runtime/trainer/deep-config.ts';
import { DeepNet } from '../../../runtime/trainer/deep-net.ts';
import { trainStep } from '../../../runtime/trainer/deep-step.ts';
import { DenseMoments } from '../../../runtime/trainer/dense-moments.ts';
import { DenseWeights, startingWeights } from '../../../runtime/trainer/dense-weights.ts';
import { EmbeddingBatch } from '../../../runtime/trainer/embedding-batch.ts';
import { EmbeddingTable } from '../../../runtime/trainer/embedding-table.ts';
import { BatchEncoder } from '../../../runtime/trainer/encoded-batch.ts';
import { headSlopes } from '../../../runtime/trainer/head-loss.ts';
import type { TensorDevice } from '../../../runtime/trainer/tensor-device.ts';
import { EXAMPLES_START, readExamples } from '../../../runtime/training/read-examples.ts';
import { rng } from '../../random.ts';

export const STEP = { rows: 4_096, fields: 26, dim: 16, idsPerField: 40_000 } as const;

/** What one step takes, after those that warm it up. */
export type StepCost = {
  /** CPU-ms by stage; all but `device` are the host's. */
  readonly stages: Readonly<Record<string, number>>;
  readonly wallMs: number;
};

/** The examples of a benchmark: a block file for us, the ids alone for others ([steps, rows, fields], int32). */
export type StepData = {
  readonly steps: number;
  readonly blocks: string;
  readonly ids: string;
  readonly remove: () => void;
};

const names = Array.from({ length: STEP.fields }, (_, i) => `c${i}`);

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
  tables: names.map((name) => ({ dim: STEP.dim, columns: [{ name, pool: { kind: 'one' } }] })),
  net: { kind: 'dcn', cross: 2, deep: [256, 128] },
  heads: { kind: 'single', labels: ['clicked'], experts: 0 },
  ...{ publishMs: 60_000, fullMs: 3_600_000, gates: [], batch: STEP.rows, admit: 1, rowsMax: 1e7 },
  ...{ expireMs: null, learnRows: 0.05, learnDense: 0.001 },
};

export async function writeStepData(steps: number): Promise<StepData> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'millrace-bench-trainer-'));
  const ids = drawIds(steps);
  const idFile = path.join(folder, 'ids.bin');
  writeFileSync(idFile, ids);
  const sink = await BlockSink.open(folder, 'bench.block', {
    files: disk,
    plan: set,
    planDigest: 'd',
    at: null,
  });
  for (let step = 0; step < steps; step++) await sink.write(batchOf(ids, step), null);
  await sink.commit();
  await sink.close();
  const remove = () => rmSync(folder, { recursive: true });
  return { steps, blocks: path.join(folder, 'bench.block'), ids: idFile, remove };
}

export async function measureStep(
  device: TensorDevice,
  { steps, blocks }: StepData,
): Promise<StepCost> {
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
  for await (const piece of readExamples(blocks, set, { from: EXAMPLES_START, to: null })) {
    rows.gather(encoder.encode(piece.rows, moments, true));
  }
  for (const table of tables) table.markWritten();
  const warm = Math.floor(steps / 5);
  let done = 0;
  let at = process.cpuUsage();
  let started = performance.now();
  const lap = (stage: string) => {
    const used = process.cpuUsage(at);
    if (done >= warm) spent[stage] = spent[stage]! + (used.user + used.system) / 1000;
    at = process.cpuUsage();
  };
  for await (const piece of readExamples(blocks, set, { from: EXAMPLES_START, to: null })) {
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
    if (++done === warm) started = performance.now();
  }
  const wallMs = (performance.now() - started) / (done - warm);
  weights.dispose();
  const stages = Object.entries(spent).map(([stage, ms]) => [stage, ms / (done - warm)]);
  return { stages: Object.fromEntries(stages), wallMs };
}

/** [steps, rows, fields]: few ids often, many seldom, as ads, users and pages come. */
function drawIds(steps: number): Int32Array {
  const { rows, fields, idsPerField } = STEP;
  const random = rng(11);
  const one = (field: number) => Math.floor(idsPerField * random.next() ** (field < 13 ? 12 : 2.2));
  return Int32Array.from({ length: steps * rows * fields }, (_, i) => one(i % fields));
}

function batchOf(ids: Int32Array, step: number): EmissionBatch {
  const { rows: n, fields } = STEP;
  const time = Float64Array.from({ length: n }, (_, i) => 1_700_000_000_000 + step * n + i);
  const texts = (textOf: (row: number) => string) => {
    const builder = new TextBuilder(n);
    for (let row = 0; row < n; row++) builder.addString(textOf(row));
    return builder.finish();
  };
  return {
    ...{ n, emitted: time, time, id: texts((row) => `i${step * n + row}`) },
    kind: new Uint8Array(n),
    labels: [
      {
        value: Uint8Array.from(time, (_, row) =>
          Number(ids[(step * n + row) * fields]! % 20 === 0),
        ),
        kind: new Uint8Array(n).fill(1),
        deadline: time,
        elapsed: new Float64Array(n),
        credit: null,
        audit: null,
      },
    ],
    sampleRate: new Float64Array(n).fill(1),
    features: names.map((_, field) =>
      texts((row) => `id${field}-${ids[(step * n + row) * fields + field]!}`),
    ),
  };
}
