import type { ExamplePlan } from '../../compiler/plan/plan.ts';
import type { Aside } from '../../operators/checks/gate.ts';
import type { EmissionBatch } from '../../operators/emission/emission-batch.ts';
import { JsonBytes } from './json-bytes.ts';
import { NdjsonRows } from './ndjson-rows.ts';

const BUFFER_BYTES = 16_384;

/** What is kept for people of a row that breaks a check: `{"reason":…,"lot":…,"row":…}`, the row as NDJSON has it. */
export class KeptLines {
  readonly #rows: NdjsonRows;
  readonly #scratch = new JsonBytes(BUFFER_BYTES);

  constructor(plan: ExamplePlan) {
    this.#rows = new NdjsonRows(plan);
  }

  /** Bytes of a row of the batch as NDJSON, its newline included. */
  rowBytes(batch: EmissionBatch, row: number): number {
    this.#scratch.clear();
    this.#rows.append(this.#scratch, batch, row);
    return this.#scratch.at;
  }

  /** The line with its newline. */
  line(batch: EmissionBatch, { row, reason, lot }: Aside): Buffer {
    this.rowBytes(batch, row);
    const line = this.#scratch.written();
    const head = Buffer.from(`${JSON.stringify({ reason, lot }).slice(0, -1)},"row":`);
    return Buffer.concat([head, line.subarray(0, line.length - 1), TAIL]);
  }
}

const TAIL = Buffer.from('}\n');
