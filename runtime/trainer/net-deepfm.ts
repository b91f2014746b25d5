import { deepPart, type NetPart } from './net-part.ts';

/** Embeddings of one width in the input: a factorisation machine multiplies each with each. */
export type FieldGroup = { readonly dim: number; readonly offsets: readonly number[] };

/**
 * DeepFM (Guo et al., IJCAI 2017): all pairwise products of embeddings, as half of (Σv)² − Σv² in each dimension, beside
 * deep layers over the whole input. The products stay a vector (He and Chua, SIGIR 2017) that the heads weigh; fields of
 * different widths are multiplied within their width.
 */
export function deepFmNet(
  inputs: number,
  deep: readonly number[],
  groups: readonly FieldGroup[],
): NetPart {
  const tower = deepPart('deep', inputs, deep);
  const products = groups.filter(({ offsets }) => offsets.length > 1);
  const paired = products.reduce((sum, { dim }) => sum + dim, 0);
  return {
    parameters: tower.parameters,
    width: tower.width + paired,
    apply: (device, x, weights) => {
      const { tf } = device;
      const rows = x.shape[0]!;
      const pairs = products.map(({ dim, offsets }) => {
        const fields = offsets.map((offset) => tf.slice(x, [0, offset], [rows, dim]));
        const sum = fields.reduce((a, b) => tf.add(a, b));
        const squares = fields.map((field) => tf.mul(field, field)).reduce((a, b) => tf.add(a, b));
        return tf.mul(tf.sub(tf.mul(sum, sum), squares), 0.5);
      });
      return tf.concat([tower.apply(device, x, weights), ...pairs], 1);
    },
  };
}
