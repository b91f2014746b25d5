/** The record that a unit's every commit ends with, in the same transaction as what it commits. The last one is the truth. */

import { Fault } from '../fault.ts';
import { fromJsonTime, type JsonTime, toJsonTime } from '../json-time.ts';
import type { Cluster, Partition } from './cluster.ts';
import { readLast } from './tail-read.ts';

const VERSION = 1;

/** A place in a source partition: records before it, and the offset of the next. */
export type SourcePlace = { readonly rows: number; readonly offset: number };

export type UnitProgress = {
  readonly planDigest: string;
  /** All emissions with time < k are out, but for those that wait. */
  readonly k: number;
  /** By `topic/partition`: where the first record lay that was ever read, row 0. */
  readonly starts: Readonly<Record<string, number>>;
  /** By `topic/partition`: the first row that is not applied yet, at or behind which a state of this K reads on. */
  readonly unapplied: Readonly<Record<string, SourcePlace>>;
  /** By `stream/partition`: rows below have their late and malformed records out. */
  readonly sideRows: Readonly<Record<string, number>>;
  /** Rows of each example set that are out. */
  readonly rows: readonly number[];
  /**
   * By set: rows emitted from then on wait for a verdict, in the state, and are not out; null: none do. Absent: of a version
   * that let no row wait.
   */
  readonly waiting?: readonly (number | null)[];
  /** Everything up to a decided end is out. */
  readonly done: boolean;
};

type Saved = Omit<UnitProgress, 'k'> & { readonly version: number; readonly k: JsonTime };

export function encodeProgress(progress: UnitProgress): Uint8Array {
  const saved: Saved = { version: VERSION, ...progress, k: toJsonTime(progress.k) };
  return Buffer.from(JSON.stringify(saved));
}

/** Everything of a set that was emitted before is out. */
export function outBefore({ k, waiting }: UnitProgress, set: number): number {
  return Math.min(k, waiting?.[set] ?? Number.POSITIVE_INFINITY);
}

/** Null: the unit has committed nothing yet. A Fault when it was written by another version. */
export async function readProgress(cluster: Cluster, of: Partition): Promise<UnitProgress | null> {
  const value = await readLast(cluster, of);
  return value === null ? null : decodeProgress(value, of);
}

/** A Fault when it was written by another version. */
export function decodeProgress(value: Uint8Array, of: Partition): UnitProgress {
  const saved: Saved = JSON.parse(Buffer.from(value).toString());
  if (saved.version !== VERSION) {
    throw new Fault(
      'progress_version',
      `${of.topic} has progress of format ${saved.version}; this version reads ${VERSION}. Run the version that wrote it, or another --app.`,
      { context: { topic: of.topic, partition: of.partition } },
    );
  }
  const { version: _, ...progress } = saved;
  return { ...progress, k: fromJsonTime(saved.k) };
}
