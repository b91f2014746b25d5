/**
 * The net's weights on the device, with Adam (Kingma and Ba, ICLR 2015). What starts, is captured and comes back is
 * plain arrays: weights, then both moments, in the order of the parameters.
 */
import type { ParameterSpec } from './net-part.ts';
import type { Tensor, TensorDevice } from './tensor-device.ts';

const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;

export type DenseArrays = {
  readonly steps: number;
  readonly weights: readonly Float32Array[];
  readonly first: readonly Float32Array[];
  readonly second: readonly Float32Array[];
};

export class DenseWeights {
  weights: Tensor[];
  #first: Tensor[];
  #second: Tensor[];
  #steps: number;
  readonly #device: TensorDevice;
  readonly #specs: readonly ParameterSpec[];

  constructor(device: TensorDevice, specs: readonly ParameterSpec[], from: DenseArrays) {
    this.#device = device;
    this.#specs = specs;
    this.weights = this.#upload(from.weights);
    this.#first = this.#upload(from.first);
    this.#second = this.#upload(from.second);
    this.#steps = from.steps;
  }

  /** One step against `slopes`, which are disposed of by the caller. */
  step(slopes: readonly Tensor[], rate: number): void {
    const { tf } = this.#device;
    const t = ++this.#steps;
    const scaled = (rate * Math.sqrt(1 - BETA2 ** t)) / (1 - BETA1 ** t);
    for (const [i, slope] of slopes.entries()) {
      const [weight, first, second] = tf.tidy(() => {
        const m = tf.add(tf.mul(this.#first[i]!, BETA1), tf.mul(slope, 1 - BETA1));
        const v = tf.add(tf.mul(this.#second[i]!, BETA2), tf.mul(tf.mul(slope, slope), 1 - BETA2));
        const change = tf.div(tf.mul(m, scaled), tf.add(tf.sqrt(v), EPSILON));
        return [tf.sub(this.weights[i]!, change), m, v];
      }) as [Tensor, Tensor, Tensor];
      for (const old of [this.weights[i]!, this.#first[i]!, this.#second[i]!]) old.dispose();
      this.weights[i] = weight;
      this.#first[i] = first;
      this.#second[i] = second;
    }
  }

  async capture(): Promise<DenseArrays> {
    return {
      steps: this.#steps,
      weights: await readTensors(this.weights),
      first: await readTensors(this.#first),
      second: await readTensors(this.#second),
    };
  }

  dispose(): void {
    for (const each of [...this.weights, ...this.#first, ...this.#second]) each.dispose();
  }

  #upload(arrays: readonly Float32Array[]): Tensor[] {
    return arrays.map((array, i) =>
      this.#device.tf.tensor2d(array.slice(), [...this.#specs[i]!.shape]),
    );
  }
}

/** Weights as they start: by their names and the seed alone. */
export function startingWeights(specs: readonly ParameterSpec[], seed: number): DenseArrays {
  const zeros = () => specs.map(({ shape }) => new Float32Array(shape[0] * shape[1]));
  const weights = specs.map(({ name, shape, scale }) => {
    let state = seed;
    for (let i = 0; i < name.length; i++) state = Math.imul(state ^ name.charCodeAt(i), 0x01000193);
    return Float32Array.from({ length: shape[0] * shape[1] }, () => {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return (((mixed ^ (mixed >>> 14)) >>> 0) / 2147483648 - 1) * scale;
    });
  });
  return { steps: 0, weights, first: zeros(), second: zeros() };
}

/** Values of tensors, copied. */
export async function readTensors(tensors: readonly Tensor[]): Promise<Float32Array[]> {
  return Promise.all(tensors.map(async (tensor) => Float32Array.from(await tensor.data())));
}
