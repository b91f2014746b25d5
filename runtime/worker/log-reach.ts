/** How far back the logs reach that a unit reads, and so which states it can go on from. */

import { Fault } from '../fault.ts';
import type { CheckpointMeta } from '../store/checkpoint.ts';
import type { Cluster, Partition } from './cluster.ts';
import { ShardedEngine } from './sharded-engine.ts';
import type { UnitProgress } from './unit-progress.ts';
import { nameOf } from './unit-shard.ts';

export type ReachRequest = {
  readonly cluster: Cluster;
  /** Of the unit; `end`: read no further, null: for ever. */
  readonly sources: readonly { readonly of: Partition; readonly end: number | null }[];
  /** The unit's partition of the exchange; null: there is none. */
  readonly exchange: Partition | null;
  readonly progress: UnitProgress | null;
};

export class LogReach {
  /** By `topic/partition`: where row 0 lies. */
  readonly starts: Readonly<Record<string, number>>;
  readonly #request: ReachRequest;
  /** First offsets that are kept: of the sources, in order. */
  readonly #kept: readonly number[];
  readonly #exchangeKept: number;

  private constructor(request: ReachRequest, kept: readonly number[], exchangeKept: number) {
    this.#request = request;
    this.#kept = kept;
    this.#exchangeKept = exchangeKept;
    this.starts = Object.fromEntries(
      request.sources.map(({ of }, i) => [
        nameOf(of),
        request.progress?.starts[nameOf(of)] ?? kept[i]!,
      ]),
    );
  }

  static async ask(request: ReachRequest): Promise<LogReach> {
    const { cluster, sources, exchange } = request;
    const partitions = sources.map(({ of }) => of);
    if (exchange !== null) partitions.push(exchange);
    const kept = (await cluster.bounds(partitions, 'committed')).map(({ start }) => start);
    return new LogReach(request, kept.slice(0, sources.length), kept[sources.length] ?? 0);
  }

  /** Why a state (null: none) cannot be gone on from; null: it can. */
  missing(meta: CheckpointMeta | null): Fault | null {
    const { sources, exchange } = this.#request;
    for (const [i, { of, end }] of sources.entries()) {
      const at = meta?.sources.find((s) => s.topic === of.topic && s.partition === of.partition);
      const from = at?.bytes ?? this.starts[nameOf(of)]!;
      const isOver = end !== null && from >= end;
      if (from < this.#kept[i]! && !isOver)
        return gone('source_truncated', of, from, this.#kept[i]!);
    }
    if (exchange === null) return null;
    const from = meta?.shard === undefined ? 0 : ShardedEngine.exchangeNeeds(meta.shard);
    return from < this.#exchangeKept
      ? gone('exchange_truncated', exchange, from, this.#exchangeKept)
      : null;
  }
}

function gone(kind: string, of: Partition, from: number, kept: number): Fault {
  return new Fault(
    kind,
    `${nameOf(of)} begins at offset ${kept}, but what is known of the unit reads it on from ${from}: records that are needed were deleted. Start the worker with the folder that holds the unit's snapshots (--snapshots) or state (--state-dir), or begin another application (--app) with what is there; keep topics longer than it takes to come back.`,
    { context: { ...of, from, kept } },
  );
}
