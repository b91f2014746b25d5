import { towerHeads } from './heads-towers.ts';
import { deepPart, layer, layerParameters, type NetPart } from './net-part.ts';

/** Units of an expert. */
const EXPERT_UNITS = 64;

/**
 * Multi-gate mixture of experts (Ma et al., KDD 2018): each head sees its own softmax mixture of the experts, then has a
 * linear layer. [rows, heads] logits.
 */
export function mmoeHeads(inputs: number, heads: number, experts: number): NetPart {
  const all = Array.from({ length: experts }, (_, i) =>
    deepPart(`expert${i}.`, inputs, [EXPERT_UNITS]),
  );
  const gates = Array.from({ length: heads }, (_, i) =>
    layerParameters(`gate${i}`, inputs, experts),
  );
  const outs = Array.from({ length: heads }, () => towerHeads(EXPERT_UNITS, 1));
  const named = outs.flatMap(({ parameters }, head) =>
    parameters.map((each) => ({ ...each, name: `${each.name}.of${head}` })),
  );
  return {
    parameters: [...all.flatMap(({ parameters }) => parameters), ...gates.flat(), ...named],
    width: heads,
    apply: (device, x, weights) => {
      const { tf } = device;
      const rows = x.shape[0]!;
      const found = all.map((expert, i) =>
        expert.apply(device, x, weights.slice(2 * i, 2 * i + 2)),
      );
      const own = weights.slice(2 * experts);
      const logits = outs.map((out, head) => {
        const gate = tf.softmax(layer(device, x, own[2 * head]!, own[2 * head + 1]!));
        const parts = found.map((expert, i) => tf.mul(tf.slice(gate, [0, i], [rows, 1]), expert));
        const from = 2 * (heads + head);
        return out.apply(
          device,
          parts.reduce((a, b) => tf.add(a, b)),
          own.slice(from, from + 2),
        );
      });
      return tf.concat(logits, 1);
    },
  };
}
