import type { EmittedLabel } from '../block/example-row.ts';
import { FtrlModel, type FtrlRates } from './ftrl-model.ts';
import { type Head, headsOf, headTarget, headUnlearnt, type Weighting } from './label-weights.ts';
import type { RowEncoder } from './row-encoder.ts';

/** Rows a head must have learnt from before it is believed. */
const HEAD_ROWS_MIN = 100;

/**
 * The models beside a label's own that its weighting reads: logistic regressions on the same encoded row, each
 * trained where an audit row says something about it (`headTarget`).
 */
export class LateHeads {
  readonly heads: readonly Head[];
  readonly models: readonly FtrlModel[];
  /** Rows learnt from, by head. */
  rows: number[];
  readonly #predicted: number[];

  constructor(weighting: Weighting, bits: number, rates: FtrlRates) {
    this.heads = headsOf[weighting];
    this.models = this.heads.map(() => new FtrlModel(bits, rates));
    this.rows = this.heads.map(() => 0);
    this.#predicted = this.heads.map(() => 0);
  }

  /** Each head's probability for the encoded row; the list is reused by the next call. */
  predict(row: RowEncoder): readonly number[] {
    for (const [i, model] of this.models.entries()) {
      this.#predicted[i] =
        this.rows[i]! < HEAD_ROWS_MIN ? headUnlearnt[this.heads[i]!] : model.predict(row);
    }
    return this.#predicted;
  }

  /** Learns what the encoded audit row's label teaches, if anything. */
  learn(row: RowEncoder, label: EmittedLabel): void {
    for (const [i, head] of this.heads.entries()) {
      const target = headTarget(head, label);
      if (target === null) continue;
      const model = this.models[i]!;
      model.update(row, model.predict(row) - target);
      this.rows[i]!++;
    }
  }
}
