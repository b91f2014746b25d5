/**
 * The last step of a model, on the host and in doubles: from logits to a probability for each label, and from the labels a
 * row has to the gradient of the weighted log loss by its logits. Labels that are not due are absent from a row and add
 * nothing. ESMM (Ma et al., SIGIR 2018): the second label's probability is the product of both heads', over all rows.
 */
import type { ExampleRow } from '../block/example-row.ts';
import type { DeepConfig } from './deep-config.ts';
import { keptScore } from './label-metrics.ts';
import { labelSteps, labelWeights, servedScore } from './label-weights.ts';

/** One step on a label of a row, as it is trained on. */
export type LabelSlope = {
  readonly row: ExampleRow;
  /** The row's place in the batch. */
  readonly index: number;
  readonly head: number;
  /** Its place among the label's steps (`labelSteps`). */
  readonly step: number;
  readonly score: number;
  readonly value: number;
  readonly weight: number;
};

/** Probabilities [rows, labels] of logits [rows, heads], as the net gives them (`servedScore` is what is promised). */
export function probabilities(config: DeepConfig, logits: Float64Array): Float64Array {
  const heads = config.labels.length;
  const out = new Float64Array(logits.length);
  const isChain = config.model.heads.kind === 'esmm';
  for (let i = 0; i < logits.length; i++) {
    const own = 1 / (1 + Math.exp(-logits[i]!));
    out[i] = isChain && i % heads === 1 ? own * out[i - 1]! : own;
  }
  return out;
}

/**
 * The gradient of the mean loss by the logits, [rows, heads], and that loss; `onLabel` hears of each step.
 */
export function headSlopes(
  config: DeepConfig,
  rows: readonly ExampleRow[],
  logits: Float64Array,
  more: {
    /** What the late heads of a label say, in the order of `headsOf`. */
    readonly lateHeads: (row: number, head: number) => readonly number[];
    readonly onLabel: (label: LabelSlope) => void;
    /** Whether to learn from a label at all; default: yes. */
    readonly heeds?: (label: LabelSlope) => boolean;
  },
): { readonly slopes: Float32Array; readonly loss: number } {
  const heads = config.labels.length;
  const scores = probabilities(config, logits);
  const slopes = new Float32Array(logits.length);
  let loss = 0;
  for (const [index, row] of rows.entries()) {
    for (let head = 0; head < heads; head++) {
      const label = row.labels[config.labels[head]!];
      if (label === undefined) continue;
      const at = index * heads + head;
      const raw = keptScore(scores[at]!);
      const weighting = config.weightings[head]!;
      const score = servedScore(weighting, raw);
      const weights = labelWeights(weighting, score, more.lateHeads(index, head));
      for (const [step, each] of labelSteps(label, weighting, weights).entries()) {
        const { value } = each;
        const weight = each.weight / row.sampleRate;
        const scored = { row, index, head, step, score, value, weight };
        if (more.heeds?.(scored) === false) continue;
        more.onLabel(scored);
        loss -= weight * (value === 1 ? Math.log(raw) : Math.log1p(-raw));
        const mean = weight / rows.length;
        if (config.model.heads.kind !== 'esmm' || head === 0) {
          slopes[at] = slopes[at]! + mean * (raw - value);
          continue;
        }
        const pull = mean * (value === 1 ? -1 : raw / (1 - raw));
        const parent = scores[at - 1]!;
        slopes[at - 1] = slopes[at - 1]! + pull * (1 - parent);
        slopes[at] = slopes[at]! + pull * (1 - scores[at]! / Math.max(parent, Number.MIN_VALUE));
      }
    }
  }
  return { slopes, loss: loss / rows.length };
}
