import type { CheckPlan, ExamplePlan } from '../compiler/plan.ts';
import type { EmissionBatch } from '../operators/emission-batch.ts';
import { JsonBytes } from './json-bytes.ts';
import { NdjsonRows } from './ndjson-rows.ts';

type RowCheck = Extract<CheckPlan, { kind: 'range' | 'size' }>;

const BUFFER_BYTES = 16_384;

/** The checks of an example set that judge one row by itself: `range` (nulls pass) and `size` (bytes of the row as NDJSON). */
export class RowChecks {
  readonly #plan: ExamplePlan;
  readonly #checks: readonly RowCheck[];
  readonly #rows: NdjsonRows;
  readonly #scratch = new JsonBytes(BUFFER_BYTES);

  constructor(plan: ExamplePlan) {
    this.#plan = plan;
    this.#checks = plan.checks.filter((check) => check.kind === 'range' || check.kind === 'size');
    this.#rows = new NdjsonRows(plan);
  }

  /** Whether there is anything to judge. */
  get any(): boolean {
    return this.#checks.length > 0;
  }

  /** Why the row is set aside; null: it is not. */
  reason(batch: EmissionBatch, row: number): string | null {
    for (const check of this.#checks) {
      const reason = this.#judge(check, batch, row);
      if (reason !== null) return reason;
    }
    return null;
  }

  /** `{"reason":…,"row":…}` and a newline; lent until the next call. */
  line(reason: string, batch: EmissionBatch, row: number): Uint8Array {
    this.#encode(batch, row);
    const line = this.#scratch.written();
    const head = Buffer.from(`{"reason":${JSON.stringify(reason)},"row":`);
    return Buffer.concat([head, line.subarray(0, line.length - 1), TAIL]);
  }

  #judge(check: RowCheck, batch: EmissionBatch, row: number): string | null {
    if (check.kind === 'size') {
      const bytes = this.#encode(batch, row);
      return bytes <= check.maxBytes ? null : `size: ${bytes} bytes, at most ${check.maxBytes}`;
    }
    const column = batch.features[check.column]!;
    if (column.kind !== 'f64') return null;
    const value = column.data[row]!;
    // A null compares false with everything.
    if (!(value < check.min || value > check.max)) return null;
    const { name } = this.#plan.features[check.column]!;
    return `range(${name}): ${value} is not in ${check.min} .. ${check.max}`;
  }

  #encode(batch: EmissionBatch, row: number): number {
    this.#scratch.clear();
    this.#rows.append(this.#scratch, batch, row);
    return this.#scratch.at;
  }
}

const TAIL = Buffer.from('}\n');
