import { layer, layerParameters, type NetPart } from './net-part.ts';

/** Units of the layer that each of several heads has to itself. */
const TOWER_UNITS = 64;

/**
 * Heads over one shared representation, [rows, heads] logits: a single head is one linear layer, each of several has a
 * layer of its own before it (shared bottom, Caruana 1997).
 */
export function towerHeads(inputs: number, heads: number): NetPart {
  if (heads === 1) {
    return {
      parameters: layerParameters('head', inputs, 1),
      width: 1,
      apply: (device, x, [weights, bias]) => layer(device, x, weights!, bias!),
    };
  }
  const parameters = Array.from({ length: heads }, (_, head) => [
    ...layerParameters(`tower${head}`, inputs, TOWER_UNITS),
    ...layerParameters(`head${head}`, TOWER_UNITS, 1),
  ]);
  return {
    parameters: parameters.flat(),
    width: heads,
    apply: (device, x, weights) => {
      const { tf } = device;
      const logits = parameters.map((own, head) => {
        const [inner, innerBias, outer, outerBias] = weights.slice(head * own.length);
        const tower = tf.relu(layer(device, x, inner!, innerBias!));
        return layer(device, tower, outer!, outerBias!);
      });
      return tf.concat(logits, 1);
    },
  };
}
