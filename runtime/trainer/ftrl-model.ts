import type { RowEncoder } from './row-encoder.ts';

/** Per-coordinate learning rates and regularisation of FTRL-Proximal. */
export type FtrlRates = {
  readonly alpha: number;
  readonly beta: number;
  readonly l1: number;
  readonly l2: number;
};

/**
 * Logistic regression by FTRL-Proximal, per coordinate (McMahan et al., "Ad Click Prediction: a
 * View from the Trenches", KDD 2013, Algorithm 1). State is z and n side by side, 16 bytes a
 * coordinate; a weight is computed when it is read:
 *
 *     w = 0                                            if |z| <= l1
 *     w = -(z - sign(z)·l1) / ((beta + sqrt(n)) / alpha + l2)    otherwise
 */
export class FtrlModel {
  /** z at 2i, n at 2i + 1. */
  readonly coordinates: Float64Array;
  readonly #rates: FtrlRates;

  constructor(bits: number, rates: FtrlRates) {
    this.coordinates = new Float64Array(2 ** bits * 2);
    this.#rates = rates;
  }

  /** P(label = 1) of the encoded row. */
  predict(row: RowEncoder): number {
    const { slots, values, count } = row;
    let margin = 0;
    for (let i = 0; i < count; i++) margin += this.weight(slots[i]!) * values[i]!;
    return 1 / (1 + Math.exp(-margin));
  }

  /** One step against `slope`, the derivative of the (weighted) loss by the margin. */
  update(row: RowEncoder, slope: number): void {
    const { slots, values, count } = row;
    const state = this.coordinates;
    const { alpha } = this.#rates;
    for (let i = 0; i < count; i++) {
      const at = slots[i]! * 2;
      const gradient = slope * values[i]!;
      const before = state[at + 1]!;
      const after = before + gradient * gradient;
      const sigma = (Math.sqrt(after) - Math.sqrt(before)) / alpha;
      state[at] = state[at]! + gradient - sigma * this.weight(slots[i]!);
      state[at + 1] = after;
    }
  }

  weight(slot: number): number {
    const z = this.coordinates[slot * 2]!;
    const { alpha, beta, l1, l2 } = this.#rates;
    if (z <= l1 && z >= -l1) return 0;
    const shrunk = z > 0 ? z - l1 : z + l1;
    return -shrunk / ((beta + Math.sqrt(this.coordinates[slot * 2 + 1]!)) / alpha + l2);
  }

  /** Coordinates with a weight other than zero; reads the whole space. */
  nonZeroWeights(): number {
    let count = 0;
    for (let at = 0; at < this.coordinates.length; at += 2) {
      if (Math.abs(this.coordinates[at]!) > this.#rates.l1) count++;
    }
    return count;
  }
}
