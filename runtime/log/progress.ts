/**
 * The progress partition: one record per output commit. The last one is the truth about what is out.
 *
 *  1. The outputs are flushed and synced.
 *  2. The record {K, lengths of the outputs, side records per source partition} is appended and synced.
 *
 * A crash between the two leaves outputs longer than the record says; recovery cuts them back and makes the rest again.
 */
import { LOG_READ_BYTES } from '../config.ts';
import { Fault } from '../fault.ts';
import { fromJsonTime, type JsonTime, toJsonTime } from '../json-time.ts';
import type { LogPartition } from './log.ts';

export const PROGRESS_VERSION = 2;

/** How far one output file is committed. */
export type OutputPosition = { readonly bytes: number; readonly rows: number };

export type Progress = {
  /** All emissions with time < k are in the outputs. */
  readonly k: number;
  /** By file name inside the output folder. */
  readonly outputs: Readonly<Record<string, OutputPosition>>;
  /** By `stream/partition`: records below this offset have their side records (late, malformed) out. */
  readonly sideRows: Readonly<Record<string, number>>;
  /** Releases and drops of the decision log (in its order) whose effect is in the outputs. */
  readonly decided: number;
  /** Erasures of the decision log that what is out was made with. */
  readonly erased: number;
  /** The run is over: every input was read to its end and the manifest is next. */
  readonly done: boolean;
};

type SavedProgress = Omit<Progress, 'k' | 'erased'> & {
  readonly version: number;
  readonly k: JsonTime;
  readonly erased?: number;
};

/** Reads the partition to its end; null when nothing was ever committed. */
export async function readProgress(log: LogPartition): Promise<Progress | null> {
  let last: Uint8Array | null = null;
  for (let at = log.start; at < log.end; ) {
    const records = await log.read(at, LOG_READ_BYTES);
    const newest = records.at(-1)!;
    last = newest.value;
    at = newest.offset + 1;
  }
  if (last === null) return null;
  const saved: SavedProgress = JSON.parse(Buffer.from(last).toString());
  if (saved.version !== PROGRESS_VERSION) {
    throw new Fault(
      'progress_version',
      `the progress of this folder has format ${saved.version}; this version reads ${PROGRESS_VERSION}. Start over with --fresh.`,
    );
  }
  const { outputs, sideRows, decided, done } = saved;
  // Older records know of none.
  const erased = saved.erased ?? 0;
  return { k: fromJsonTime(saved.k), outputs, sideRows, decided, erased, done };
}

/** Makes a commit: durable on return. Older records may be dropped. */
export async function writeProgress(log: LogPartition, progress: Progress): Promise<void> {
  const saved: SavedProgress = {
    version: PROGRESS_VERSION,
    ...progress,
    k: toJsonTime(progress.k),
  };
  const offset = await log.append([Buffer.from(JSON.stringify(saved))]);
  await log.truncateBefore(offset);
}
