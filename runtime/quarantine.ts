/**
 * Rows that break a check of their example set go to `quarantine/<set>.ndjson` with the reason, not to the set. Only the
 * checks that judge one row by itself are made here: `range` (a value outside its bounds; nulls pass) and `size` (bytes of
 * the row as NDJSON). What is kept never depends on how rows were batched.
 */
import { join } from 'node:path';
import type { CheckPlan, ExamplePlan } from '../compiler/plan.ts';
import type { EmissionBatch } from '../operators/emission-batch.ts';
import type { Files } from './files.ts';
import { JsonBytes } from './json-bytes.ts';
import { NdjsonRows } from './ndjson-rows.ts';
import { OutputFile } from './output-file.ts';
import type { OutputPosition } from './progress.ts';

type RowCheck = Extract<CheckPlan, { kind: 'range' | 'size' }>;

const BUFFER_BYTES = 16_384;

export class Quarantine {
  readonly name: string;
  readonly #plan: ExamplePlan;
  readonly #checks: readonly RowCheck[];
  readonly #rows: NdjsonRows;
  readonly #scratch = new JsonBytes(BUFFER_BYTES);
  readonly #file: OutputFile;

  private constructor(name: string, plan: ExamplePlan, file: OutputFile) {
    this.name = name;
    this.#plan = plan;
    this.#checks = plan.checks.filter((check) => check.kind === 'range' || check.kind === 'size');
    this.#rows = new NdjsonRows(plan);
    this.#file = file;
  }

  static async open(
    folder: string,
    plan: ExamplePlan,
    more: { files: Files; at: OutputPosition | null },
  ): Promise<Quarantine> {
    const name = quarantineName(plan.name);
    const file = await OutputFile.open(more.files, join(folder, name), more.at, BUFFER_BYTES);
    return new Quarantine(name, plan, file);
  }

  get count(): number {
    return this.#file.rows;
  }

  /** 1 for each row that was set aside; null when none was. */
  async check(batch: EmissionBatch): Promise<Uint8Array | null> {
    let skip: Uint8Array | null = null;
    for (let row = 0; this.#checks.length > 0 && row < batch.n; row++) {
      const reason = this.#firstReason(batch, row);
      if (reason === null) continue;
      skip ??= new Uint8Array(batch.n);
      skip[row] = 1;
      this.#write(reason, batch, row);
    }
    await this.#file.settle();
    return skip;
  }

  commit(): Promise<OutputPosition> {
    return this.#file.commit();
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  #firstReason(batch: EmissionBatch, row: number): string | null {
    for (const check of this.#checks) {
      const reason = this.#reason(check, batch, row);
      if (reason !== null) return reason;
    }
    return null;
  }

  #reason(check: RowCheck, batch: EmissionBatch, row: number): string | null {
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

  #write(reason: string, batch: EmissionBatch, row: number): void {
    this.#encode(batch, row);
    const line = this.#scratch.written();
    const head = Buffer.from(`{"reason":${JSON.stringify(reason)},"row":`);
    const { buffer } = this.#file;
    buffer.reserve(head.length + line.length + 1);
    buffer.copy(head);
    buffer.copy(line.subarray(0, line.length - 1));
    buffer.literal(TAIL);
    this.#file.rows++;
  }
}

const TAIL = Buffer.from('}\n');

export function quarantineName(set: string): string {
  return `quarantine/${set.replace(/[^A-Za-z0-9._-]/g, '_')}.ndjson`;
}
