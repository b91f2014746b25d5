/**
 * Every architecture on every back end that this machine has, against a plain TypeScript net in doubles: losses, and
 * gradients by differences of that loss. Relative error at most 1e-4.
 */
import { describe, expect, it } from 'vitest';
import type { HeadsPlan, ModelPlan, NetPlan } from '../../compiler/check/model-plan.ts';
import { type DeepConfig, deepConfig } from '../../runtime/trainer/deep-config.ts';
import { DeepNet } from '../../runtime/trainer/deep-net.ts';
import { scoreBatch, trainStep } from '../../runtime/trainer/deep-step.ts';
import { DenseWeights, startingWeights } from '../../runtime/trainer/dense-weights.ts';
import type { NetInput } from '../../runtime/trainer/embedding-batch.ts';
import { headSlopes } from '../../runtime/trainer/head-loss.ts';
import { DEVICES, openDevice, type TensorDevice } from '../../runtime/trainer/tensor-device.ts';
import { rng } from '../random.ts';
import { MODEL, rowsOf, SET } from './deep-world.ts';
import { plainInput, plainLogits } from './plain-net.ts';

const nets: Record<string, NetPlan> = {
  dcn: { kind: 'dcn', cross: 2, deep: [8, 6] },
  'dcn without deep layers': { kind: 'dcn', cross: 1, deep: [] },
  deepfm: { kind: 'deepfm', cross: 0, deep: [8] },
};
const heads: Record<string, HeadsPlan> = {
  single: { kind: 'single', labels: ['clicked'], experts: 0 },
  shared: { kind: 'shared', labels: ['clicked', 'bought'], experts: 0 },
  mmoe: { kind: 'mmoe', labels: ['clicked', 'bought'], experts: 3 },
  esmm: { kind: 'esmm', labels: ['clicked', 'bought'], experts: 0 },
};
const attended: ModelPlan['tables'] = [
  {
    dim: 4,
    columns: [
      { name: 'ad', pool: { kind: 'one' } },
      { name: 'recent', pool: { kind: 'attention', target: 'ad' } },
    ],
  },
  MODEL.tables[1]!,
];
const models: [string, ModelPlan][] = [
  ...Object.entries(nets).map(([name, net]): [string, ModelPlan] => [name, { ...MODEL, net }]),
  ...Object.entries(heads).map(([name, of]): [string, ModelPlan] => [
    name,
    { ...MODEL, heads: of },
  ]),
  ['attention', { ...MODEL, tables: attended }],
];

const ROWS = 5;
const STEP = 1e-6;
const TOLERANCE = 1e-4;

const devices: TensorDevice[] = [];
for (const name of DEVICES) {
  const opened = await openDevice(name).catch(() => null);
  if (opened?.device) devices.push(opened.device);
}

/** Any input will do: the net does not know where it comes from. */
function inputOf(config: DeepConfig): NetInput {
  const random = rng(7);
  const some = (n: number) => Float32Array.from({ length: n }, () => random.below(2000) / 1000 - 1);
  const x = some(ROWS * config.width);
  const sequences = config.fields.flatMap((field, index) => {
    if (field.pool !== 'attention') return [];
    for (let row = 0; row < ROWS; row++) {
      x.fill(0, row * config.width + field.offset, row * config.width + field.offset + 4);
    }
    const [length, dim] = [32, 4];
    const mask = Float32Array.from({ length: ROWS * length }, (_, i) =>
      i % length < i / length ? 1 : 0,
    );
    const values = some(ROWS * length * dim).map((v, i) => v * mask[Math.floor(i / dim)]!);
    return [{ field: index, length, dim, values, mask }];
  });
  return { rows: ROWS, x, linear: new Float32Array(ROWS * config.labels.length), sequences };
}

describe.each(devices)('$name', (device) => {
  it.each(models)('%s: loss and gradients', async (_, model) => {
    await device.tf.ready();
    device.tf.setBackend(device.tf.getBackend());
    const config = deepConfig(model, SET);
    const net = new DeepNet(config);
    const input = inputOf(config);
    const rows = rowsOf(50)
      .filter(({ kind }) => kind === undefined)
      .slice(0, ROWS);
    const start = startingWeights(net.parameters, 3);
    for (const array of start.weights) {
      for (const [i, value] of array.entries()) if (value === 0) array[i] = 0.01 * (i % 7);
    }
    const lossOf = (logits: Float64Array) =>
      headSlopes(config, rows, logits, { lateHeads: () => [], onLabel: () => {} });
    const weights = new DenseWeights(device, net.parameters, start);
    const place = { device, net, weights, width: config.width, rate: 0.001 };

    const logits = await scoreBatch(place, input, weights.weights);
    const doubles = plainInput(input);
    const wide = start.weights.map((array) => Float64Array.from(array));
    const plain = plainLogits(config, doubles, wide);
    const loss = lossOf(Float64Array.from(logits)).loss;
    const expected = lossOf(plain).loss;
    expect(Math.abs(loss - expected) / expected).toBeLessThan(TOLERANCE);

    const gradient = await trainStep(
      place,
      input,
      (found) => lossOf(Float64Array.from(found)).slopes,
    );
    const plainLoss = () => lossOf(plainLogits(config, doubles, wide)).loss;
    const compare = (array: Float64Array, found: Float32Array, every: number) => {
      let largest = 0;
      for (const value of found) largest = Math.max(largest, Math.abs(value));
      for (let i = 0; i < array.length; i += every) {
        const slope = difference(array, i, plainLoss);
        expect(Math.abs(found[i]! - slope) / Math.max(largest, 1e-6)).toBeLessThan(TOLERANCE);
      }
    };
    compare(doubles.x, gradient!.x, 1);
    for (const [i, { values }] of doubles.sequences.entries()) {
      compare(values, gradient!.sequences[i]!, 3);
    }
    const after = await weights.capture();
    for (const [i, array] of wide.entries()) {
      // Adam's first moment after one step is a tenth of the gradient.
      const found = after.first[i]!.map((value) => value * 10);
      compare(array, found, Math.max(1, Math.floor(array.length / 12)));
    }
    weights.dispose();
  });
});

it('has a back end to test', () => {
  expect(devices.map(({ name }) => name)).toContain('wasm');
});

/** The slope of the loss by one number, by central differences in doubles. */
function difference(array: Float64Array, i: number, loss: () => number): number {
  const before = array[i]!;
  array[i] = before + STEP;
  const above = loss();
  array[i] = before - STEP;
  const below = loss();
  array[i] = before;
  return (above - below) / (2 * STEP);
}
