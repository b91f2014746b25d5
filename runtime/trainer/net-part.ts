/** What nets are made of: a part takes a tensor [rows, in] to one [rows, width], with weights of its own. */
import type { Tensor, TensorDevice } from './tensor-device.ts';

export type ParameterSpec = {
  /** Names the weights in snapshots and decides how they start. */
  readonly name: string;
  readonly shape: readonly [number, number];
  /** Weights start uniform in ± this; 0: at zero. */
  readonly scale: number;
};

export type NetPart = {
  readonly parameters: readonly ParameterSpec[];
  /** Columns of what `apply` gives. */
  readonly width: number;
  /** `weights` in the order of `parameters`. */
  readonly apply: (device: TensorDevice, x: Tensor, weights: readonly Tensor[]) => Tensor;
};

/** Weights and bias of a dense layer, by Glorot and Bengio 2010. */
export function layerParameters(name: string, inputs: number, units: number): ParameterSpec[] {
  const scale = Math.sqrt(6 / (inputs + units));
  return [
    { name: `${name}.weights`, shape: [inputs, units], scale },
    { name: `${name}.bias`, shape: [1, units], scale: 0 },
  ];
}

/** x · weights + bias. */
export function layer(device: TensorDevice, x: Tensor, weights: Tensor, bias: Tensor): Tensor {
  return device.tf.add(device.matMul(x, weights), bias);
}

/** Layers with a ReLU behind each. */
export function deepPart(name: string, inputs: number, units: readonly number[]): NetPart {
  const sizes = [inputs, ...units];
  return {
    parameters: units.flatMap((each, i) => layerParameters(`${name}${i}`, sizes[i]!, each)),
    width: sizes[sizes.length - 1]!,
    apply: (device, x, weights) => {
      let out = x;
      for (let i = 0; i < units.length; i++) {
        out = device.tf.relu(layer(device, out, weights[2 * i]!, weights[2 * i + 1]!));
      }
      return out;
    },
  };
}
