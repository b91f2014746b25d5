/** One step of a net on a device: logits, then gradients by input and weights, then Adam. */
import { type DeepNet, type NetTensors, netTensors } from './deep-net.ts';
import type { DenseWeights } from './dense-weights.ts';
import type { InputGradient, NetInput } from './embedding-batch.ts';
import type { Tensor, TensorDevice } from './tensor-device.ts';

/** From the net's logits [rows, heads], without their linear part, to the loss' gradient by them; null: skip the step. */
export type SlopesOf = (logits: Float32Array) => Float32Array | null;

export type StepPlace = {
  readonly device: TensorDevice;
  readonly net: DeepNet;
  readonly weights: DenseWeights;
  readonly width: number;
  readonly rate: number;
};

/** Trains on one batch; the gradient by the input, or null where `slopesOf` or the numbers forbid the step. */
export async function trainStep(
  place: StepPlace,
  input: NetInput,
  slopesOf: SlopesOf,
): Promise<InputGradient | null> {
  const { device, net, weights, width, rate } = place;
  const { tf } = device;
  const tensors = netTensors(device, input, width);
  const known = device.readsNow ? null : slopesOf(await logitsOf(place, tensors));
  if (!device.readsNow && known === null) {
    disposeInput(tensors);
    return null;
  }
  let slopes: Float32Array | null = known;
  const seam = tf.customGrad((...args) => {
    const logits = args[0] as Tensor;
    slopes ??= slopesOf(logits.dataSync() as Float32Array);
    const gradient = slopes ?? new Float32Array(logits.size);
    return {
      value: tf.clone(logits),
      gradFunc: () => tf.tensor2d(gradient, logits.shape as [number, number]),
    };
  });
  const inputs = [tensors.x, ...tensors.sequences];
  const all = [...inputs, ...weights.weights];
  const gradients = tf.valueAndGrads((...args: Tensor[]) => {
    const [x, ...rest] = args;
    const sequences = rest.slice(0, tensors.sequences.length);
    const own = rest.slice(tensors.sequences.length);
    return seam(net.forward(device, { x: x!, sequences, masks: tensors.masks }, own));
  })(all);
  gradients.value.dispose();
  const found = slopes as Float32Array | null;
  const read =
    found === null ? [] : await readInputs(device, gradients.grads.slice(0, inputs.length));
  const finite = read.length > 0 && isFiniteArray(read[0]!);
  if (finite) weights.step(gradients.grads.slice(inputs.length), rate);
  for (const each of gradients.grads) each.dispose();
  disposeInput(tensors);
  return finite ? { x: read[0]!, sequences: read.slice(1), logits: found! } : null;
}

/** Logits [rows, heads] of a batch, without their linear part; `weights` may be others than the place's. */
export async function scoreBatch(
  place: Pick<StepPlace, 'device' | 'net' | 'width'>,
  input: NetInput,
  weights: readonly Tensor[],
): Promise<Float32Array> {
  const { device, net, width } = place;
  const logits = device.tf.tidy(() =>
    net.forward(device, netTensors(device, input, width), weights),
  );
  const values = Float32Array.from(await logits.data());
  logits.dispose();
  return values;
}

async function logitsOf(
  { device, net, weights }: StepPlace,
  input: NetTensors,
): Promise<Float32Array> {
  const logits = device.tf.tidy(() => net.forward(device, input, weights.weights));
  const values = Float32Array.from(await logits.data());
  logits.dispose();
  return values;
}

async function readInputs(
  device: TensorDevice,
  tensors: readonly Tensor[],
): Promise<Float32Array[]> {
  if (device.readsNow) return tensors.map((tensor) => tensor.dataSync() as Float32Array);
  return Promise.all(tensors.map(async (tensor) => (await tensor.data()) as Float32Array));
}

function disposeInput({ x, sequences, masks }: NetTensors): void {
  for (const each of [x, ...sequences, ...masks]) each.dispose();
}

function isFiniteArray(values: Float32Array): boolean {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! * 0;
  return sum === 0;
}
