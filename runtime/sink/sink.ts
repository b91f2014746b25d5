import type { ExamplePlan } from '../../compiler/plan/plan.ts';
import type { EmissionBatch } from '../../operators/emission/emission-batch.ts';
import type { Origins } from '../block/block-layout.ts';
import type { BlockOptions } from '../block/block-writer.ts';
import type { Files } from '../files.ts';
import type { OutputPosition } from '../log/progress.ts';

export type OutputFormat = 'ndjson' | 'block' | 'parquet';

/** Where the rows of one example set go. Rows arrive in their final order. */
export type Sink = {
  /** The committed file, inside the output folder. */
  readonly name: string;
  /** Rows taken, those of earlier lives included. */
  readonly rows: number;
  /** Takes the rows of the batch, without those whose `skip` is 1. */
  write(batch: EmissionBatch, skip: Uint8Array | null): Promise<void>;
  /** Everything taken is on the disk when this returns. */
  commit(): Promise<OutputPosition>;
  /** Called once, after the last commit: makes the file that users see, where it is not the committed one. */
  finish(): Promise<void>;
  close(): Promise<void>;
};

/** What a sink is opened with. */
export type SinkParts = {
  readonly files: Files;
  readonly plan: ExamplePlan;
  readonly planDigest: string;
  /** The committed position; null: it starts empty. */
  readonly at: OutputPosition | null;
  /** The whole plan, so that blocks know which columns go together; without it blocks are longer. */
  readonly origins?: Origins;
  /** How blocks are written; by default exactly, and not packed. */
  readonly block?: BlockOptions;
};

/** The committed file of an example set, inside the output folder. */
export function sinkName(set: string, format: OutputFormat): string {
  const safe = safeName(set);
  return format === 'parquet' ? `.millrace/${safe}.block` : `${safe}.${format}`;
}

/** A set's name as a file name. */
export function safeName(set: string): string {
  return set.replace(/[^A-Za-z0-9._-]/g, '_');
}
