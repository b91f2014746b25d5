import { deepPart, layer, layerParameters, type NetPart } from './net-part.ts';

/**
 * Deep & Cross Network V2 (Wang et al., WWW 2021), the parallel structure: cross layers
 * x(l+1) = x(0) ⊙ (W(l) x(l) + b(l)) + x(l) beside deep layers over x(0), side by side at the end.
 */
export function dcnNet(inputs: number, cross: number, deep: readonly number[]): NetPart {
  const tower = deepPart('deep', inputs, deep);
  const crosses = Array.from({ length: cross }, (_, i) =>
    layerParameters(`cross${i}`, inputs, inputs),
  );
  const own = crosses.flat();
  return {
    parameters: [...own, ...tower.parameters],
    width: inputs + (deep.length === 0 ? 0 : tower.width),
    apply: (device, x, weights) => {
      const { tf } = device;
      let crossed = x;
      for (let i = 0; i < cross; i++) {
        const inner = layer(device, crossed, weights[2 * i]!, weights[2 * i + 1]!);
        crossed = tf.add(tf.mul(x, inner), crossed);
      }
      if (deep.length === 0) return crossed;
      return tf.concat([crossed, tower.apply(device, x, weights.slice(own.length))], 1);
    },
  };
}
