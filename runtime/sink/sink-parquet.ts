import { join } from 'node:path';
import type { ExamplePlan } from '../../compiler/plan/plan.ts';
import type { EmissionBatch } from '../../operators/emission/emission-batch.ts';
import type { OutputPosition } from '../log/progress.ts';
import { blocksToParquet } from './parquet-file.ts';
import { type Sink, type SinkParts, safeName } from './sink.ts';
import { BlockSink } from './sink-block.ts';

/**
 * FOLDER/<set>.parquet. A Parquet file cannot be appended to after a crash, so rows are committed as blocks in a hidden
 * file and turned into Parquet when the run is done; a crash in between does it again.
 */
export class ParquetSink implements Sink {
  readonly name: string;
  readonly #blocks: BlockSink;
  readonly #from: string;
  readonly #to: string;
  readonly #plan: ExamplePlan;

  private constructor(blocks: BlockSink, place: { from: string; to: string }, plan: ExamplePlan) {
    this.name = blocks.name;
    this.#blocks = blocks;
    this.#from = place.from;
    this.#to = place.to;
    this.#plan = plan;
  }

  /** `name` is the hidden block file. */
  static async open(folder: string, name: string, more: SinkParts): Promise<ParquetSink> {
    const blocks = await BlockSink.open(folder, name, more);
    const to = join(folder, `${safeName(more.plan.name)}.parquet`);
    return new ParquetSink(blocks, { from: join(folder, name), to }, more.plan);
  }

  get rows(): number {
    return this.#blocks.rows;
  }

  write(batch: EmissionBatch, skip: Uint8Array | null): Promise<void> {
    return this.#blocks.write(batch, skip);
  }

  commit(): Promise<OutputPosition> {
    return this.#blocks.commit();
  }

  finish(): Promise<void> {
    return blocksToParquet(this.#from, this.#to, this.#plan);
  }

  close(): Promise<void> {
    return this.#blocks.close();
  }
}
