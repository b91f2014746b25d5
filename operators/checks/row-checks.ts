/** Checks of one row by itself: `range` (a value outside its bounds; nulls pass) and `size` (bytes of the row as NDJSON). */
import type { CheckPlan, ExamplePlan } from '../../compiler/plan/plan.ts';
import type { EmissionBatch } from '../emission/emission-batch.ts';

type RowCheck = Extract<CheckPlan, { kind: 'range' | 'size' }>;

/** Bytes of a row of the batch as it is written out. */
export type RowBytes = (batch: EmissionBatch, row: number) => number;

export class RowChecks {
  readonly #plan: ExamplePlan;
  readonly #checks: readonly RowCheck[];
  readonly #rowBytes: RowBytes;

  constructor(plan: ExamplePlan, rowBytes: RowBytes) {
    this.#plan = plan;
    this.#rowBytes = rowBytes;
    this.#checks = plan.checks.filter(
      (check): check is RowCheck => check.kind === 'range' || check.kind === 'size',
    );
  }

  /** Whether there is anything to judge. */
  get any(): boolean {
    return this.#checks.length > 0;
  }

  /** The first reason why the row must not land; null: it may. */
  reason(batch: EmissionBatch, row: number): string | null {
    for (const check of this.#checks) {
      const reason =
        check.kind === 'size' ? this.#size(check, batch, row) : this.#range(check, batch, row);
      if (reason !== null) return reason;
    }
    return null;
  }

  #size({ maxBytes }: { readonly maxBytes: number }, batch: EmissionBatch, row: number) {
    const bytes = this.#rowBytes(batch, row);
    return bytes <= maxBytes ? null : `size: ${bytes} bytes, at most ${maxBytes}`;
  }

  #range(
    check: { readonly column: number; readonly min: number; readonly max: number },
    batch: EmissionBatch,
    row: number,
  ) {
    const column = batch.features.at(check.column)!;
    if (column.kind !== 'f64') return null;
    const value = column.data[row];
    // A null compares false with everything.
    if (!(value < check.min || value > check.max)) return null;
    const { name } = this.#plan.features[check.column];
    return `range(${name}): ${value} is not in ${check.min} .. ${check.max}`;
  }
}
