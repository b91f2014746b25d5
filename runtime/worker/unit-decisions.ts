/**
 * A unit's decision log: what came from a clock or a person, committed with or before the first output that depends on it.
 * The same partitioned events and the same decisions give the same bytes.
 */
import type { Cluster, Partition } from './cluster.ts';
import { readToEnd } from './tail-read.ts';
import type { PlanDecision } from './unit-plans.ts';

/** A silent partition holds nobody up: from `row` on what is older than `time` is late. */
export type FloorDecision = Partition & {
  readonly kind: 'floor';
  readonly row: number;
  readonly time: number;
};

/** The partition is read up to the offset and no further, as a file is. */
export type EndDecision = Partition & { readonly kind: 'end'; readonly offset: number };

/** A bucket of an example set was judged; `failed`: why it must not land, none: it landed. Emitted in [from, to), ms. */
export type VerdictDecision = {
  readonly kind: 'verdict';
  readonly set: string;
  readonly bucket: number;
  readonly from: number;
  readonly to: number;
  readonly rows: number;
  readonly failed: readonly string[];
};

/** The streams end where their partitions were said to end: every wait elapses. */
export type CompleteDecision = { readonly kind: 'complete' };

export type UnitDecision =
  | FloorDecision
  | EndDecision
  | CompleteDecision
  | VerdictDecision
  | PlanDecision;

export function encodeDecision(decision: UnitDecision, now: number): Uint8Array {
  // The wall clock is for people only.
  return Buffer.from(JSON.stringify({ ...decision, at: new Date(now).toISOString() }));
}

/** Every decision of the unit, oldest first. */
export async function readDecisions(cluster: Cluster, of: Partition): Promise<UnitDecision[]> {
  const found: UnitDecision[] = [];
  await readToEnd(cluster, of, null, (value) => {
    found.push(JSON.parse(Buffer.from(value).toString()));
  });
  return found;
}
