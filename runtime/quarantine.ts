/**
 * Rows that break a check of their example set go to `quarantine/<set>.ndjson` with the reason, not to the set. What is kept
 * never depends on how rows were batched.
 */
import { join } from 'node:path';
import type { ExamplePlan } from '../compiler/plan.ts';
import type { EmissionBatch } from '../operators/emission-batch.ts';
import type { Files } from './files.ts';
import { OutputFile } from './output-file.ts';
import type { OutputPosition } from './progress.ts';
import { RowChecks } from './row-checks.ts';

const BUFFER_BYTES = 16_384;

export class Quarantine {
  readonly name: string;
  readonly #checks: RowChecks;
  readonly #file: OutputFile;

  private constructor(name: string, plan: ExamplePlan, file: OutputFile) {
    this.name = name;
    this.#checks = new RowChecks(plan);
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
    for (let row = 0; this.#checks.any && row < batch.n; row++) {
      const reason = this.#checks.reason(batch, row);
      if (reason === null) continue;
      skip ??= new Uint8Array(batch.n);
      skip[row] = 1;
      const line = this.#checks.line(reason, batch, row);
      this.#file.buffer.reserve(line.length);
      this.#file.buffer.copy(line);
      this.#file.rows++;
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
}

export function quarantineName(set: string): string {
  return `quarantine/${set.replace(/[^A-Za-z0-9._-]/g, '_')}.ndjson`;
}
