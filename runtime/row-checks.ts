import type { ExamplePlan } from '../compiler/plan.ts';
import { RowChecks as Checks } from '../operators/checks/row-checks.ts';
import type { EmissionBatch } from '../operators/emission-batch.ts';
import { JsonBytes } from './json-bytes.ts';
import { NdjsonRows } from './ndjson-rows.ts';

const BUFFER_BYTES = 16_384;

/** The checks of an example set that judge one row by itself, and the line that is kept of a row that broke one. */
export class RowChecks {
  readonly #checks: Checks;
  readonly #rows: NdjsonRows;
  readonly #scratch = new JsonBytes(BUFFER_BYTES);

  constructor(plan: ExamplePlan) {
    this.#checks = new Checks(plan, (batch, row) => this.#encode(batch, row));
    this.#rows = new NdjsonRows(plan);
  }

  /** Whether there is anything to judge. */
  get any(): boolean {
    return this.#checks.any;
  }

  /** Why the row is set aside; null: it is not. */
  reason(batch: EmissionBatch, row: number): string | null {
    return this.#checks.reason(batch, row);
  }

  /** `{"reason":…,"row":…}` and a newline; lent until the next call. */
  line(reason: string, batch: EmissionBatch, row: number): Uint8Array {
    this.#encode(batch, row);
    const line = this.#scratch.written();
    const head = Buffer.from(`{"reason":${JSON.stringify(reason)},"row":`);
    return Buffer.concat([head, line.subarray(0, line.length - 1), TAIL]);
  }

  #encode(batch: EmissionBatch, row: number): number {
    this.#scratch.clear();
    this.#rows.append(this.#scratch, batch, row);
    return this.#scratch.at;
  }
}

const TAIL = Buffer.from('}\n');
