import { join } from 'node:path';
import type { EmissionBatch } from '../../operators/emission/emission-batch.ts';
import type { OutputPosition } from '../log/progress.ts';
import { NdjsonRows } from './ndjson-rows.ts';
import { OutputFile } from './output-file.ts';
import type { Sink, SinkParts } from './sink.ts';

/** FOLDER/<set>.ndjson: one emission a line. */
export class NdjsonSink implements Sink {
  readonly name: string;
  readonly #file: OutputFile;
  readonly #rows: NdjsonRows;

  private constructor(name: string, file: OutputFile, rows: NdjsonRows) {
    this.name = name;
    this.#file = file;
    this.#rows = rows;
  }

  static async open(folder: string, name: string, more: SinkParts): Promise<NdjsonSink> {
    const file = await OutputFile.open(more.files, join(folder, name), more.at);
    return new NdjsonSink(name, file, new NdjsonRows(more.plan));
  }

  get rows(): number {
    return this.#file.rows;
  }

  async write(batch: EmissionBatch, skip: Uint8Array | null): Promise<void> {
    const { buffer } = this.#file;
    for (let row = 0; row < batch.n; row++) {
      if (skip !== null && skip[row] === 1) continue;
      this.#rows.append(buffer, batch, row);
      this.#file.rows++;
    }
    await this.#file.settle();
  }

  commit(): Promise<OutputPosition> {
    return this.#file.commit();
  }

  async finish(): Promise<void> {}

  close(): Promise<void> {
    return this.#file.close();
  }
}
