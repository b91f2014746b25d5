import { layer, layerParameters, type ParameterSpec } from './net-part.ts';
import type { Tensor, TensorDevice } from './tensor-device.ts';

/** Units of the layer that compares a list's row with the target. */
const COMPARE_UNITS = 32;

/** Weights of one attention unit over rows of `dim`. */
export function attentionParameters(name: string, dim: number): ParameterSpec[] {
  return [
    ...layerParameters(`${name}.compare`, 4 * dim, COMPARE_UNITS),
    ...layerParameters(`${name}.weigh`, COMPARE_UNITS, 1),
  ];
}

/**
 * Deep Interest Network's pooling (Zhou et al., KDD 2018): every row s of a list is weighed by a small net over
 * [s, t, s − t, s ⊙ t], t being the target's row, and the weighed rows are added up. The weights are no softmax: a list that
 * fits the target better in all of its rows counts more.
 *
 * `values` [rows · length, dim], `mask` [rows · length, 1], `target` [rows, dim]; gives [rows, dim].
 */
export function attend(
  device: TensorDevice,
  list: { readonly values: Tensor; readonly mask: Tensor; readonly length: number },
  target: Tensor,
  weights: readonly Tensor[],
): Tensor {
  const { tf } = device;
  const { values, mask, length } = list;
  const rows = target.shape[0]!;
  const dim = target.shape[1]!;
  const lined = tf.reshape(tf.tile(tf.reshape(target, [rows, 1, dim]), [1, length, 1]), [
    rows * length,
    dim,
  ]);
  const compared = tf.concat([values, lined, tf.sub(values, lined), tf.mul(values, lined)], 1);
  const inner = tf.relu(layer(device, compared, weights[0]!, weights[1]!));
  const weight = tf.mul(layer(device, inner, weights[2]!, weights[3]!), mask);
  return tf.sum(tf.reshape(tf.mul(values, weight), [rows, length, dim]), 1);
}
