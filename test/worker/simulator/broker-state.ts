/** What the brokers of a simulated cluster know: logs, transactions with epochs, a group. No time passes in here. */
import type { Partition, ProducedRecord } from '../../../runtime/worker/cluster.ts';
import { ClusterFault } from '../../../runtime/worker/cluster.ts';

export type Transaction = { state: 'open' | 'ending' | 'committed' | 'aborted' };

export type Entry = {
  readonly record: ProducedRecord | null;
  /** Null: written outside of any transaction. A marker has no record. */
  readonly transaction: Transaction | null;
};

type Holder = {
  epoch: number;
  open: Transaction | null;
  touched: Set<string>;
  /** An end that was accepted and whose markers are not all written. */
  ending: {
    readonly transaction: Transaction;
    readonly isCommit: boolean;
    left: Set<string>;
  } | null;
};

export class BrokerState {
  readonly logs = new Map<string, Entry[]>();
  readonly #holders = new Map<string, Holder>();
  /** First offset that is kept; absent: all are. */
  readonly #starts = new Map<string, number>();

  create(topic: string, partitions: number): void {
    for (let partition = 0; partition < partitions; partition++) {
      this.logs.set(nameOf({ topic, partition }), []);
    }
  }

  partitions(topic: string): number | null {
    let count = 0;
    while (this.logs.has(nameOf({ topic, partition: count }))) count++;
    return count === 0 ? null : count;
  }

  append(to: Partition, records: readonly ProducedRecord[]): number {
    const log = this.log(to);
    const first = log.length;
    for (const record of records) log.push({ record, transaction: null });
    return first;
  }

  log(of: Partition): Entry[] {
    const log = this.logs.get(nameOf(of));
    if (log === undefined) throw new ClusterFault('fatal', 'unknown_topic', `no ${nameOf(of)}`);
    return log;
  }

  /** First offset that is kept. */
  start(of: Partition): number {
    return this.#starts.get(nameOf(of)) ?? 0;
  }

  truncate(of: Partition, before: number): void {
    if (before > this.log(of).length) {
      throw new ClusterFault('fatal', 'offset_out_of_range', `${nameOf(of)} ends before ${before}`);
    }
    this.#starts.set(nameOf(of), Math.max(before, this.start(of)));
  }

  /** Offset of the first record of a transaction that is not over. */
  lastStable(of: Partition): number {
    const log = this.log(of);
    const open = log.findIndex(
      ({ transaction }) => transaction?.state === 'open' || transaction?.state === 'ending',
    );
    return open < 0 ? log.length : open;
  }

  /** Whether an end of this id still has markers to write. */
  isEnding(id: string): boolean {
    return (this.#holders.get(id)?.ending ?? null) !== null;
  }

  /** A new epoch; what was open must have been ended before. */
  bump(id: string): number {
    const holder = this.#holder(id);
    holder.epoch++;
    return holder.epoch;
  }

  /** Whether the id has a transaction that nobody has ended. */
  hasOpen(id: string): boolean {
    return (this.#holders.get(id)?.open ?? null) !== null;
  }

  write(id: string, epoch: number, to: Partition, records: readonly ProducedRecord[]): void {
    const holder = this.#checked(id, epoch);
    if (holder.ending !== null) throw concurrent();
    holder.open ??= { state: 'open' };
    holder.touched.add(nameOf(to));
    const log = this.log(to);
    for (const record of records) log.push({ record, transaction: holder.open });
  }

  /** Accepts an end; gives the partitions that get a marker. `epoch` null: the coordinator's own abort. */
  end(id: string, epoch: number | null, isCommit: boolean): string[] {
    const holder = epoch === null ? this.#holder(id) : this.#checked(id, epoch);
    if (holder.open === null) return [];
    const transaction = holder.open;
    transaction.state = 'ending';
    holder.open = null;
    holder.ending = { transaction, isCommit, left: holder.touched };
    holder.touched = new Set();
    return [...holder.ending.left];
  }

  /** One marker of an end; with the last one its records are decided. */
  mark(id: string, name: string): void {
    const holder = this.#holder(id);
    const { ending } = holder;
    if (ending === null || !ending.left.delete(name)) return;
    this.logs.get(name)!.push({ record: null, transaction: null });
    if (ending.left.size > 0) return;
    ending.transaction.state = ending.isCommit ? 'committed' : 'aborted';
    holder.ending = null;
  }

  #holder(id: string): Holder {
    let holder = this.#holders.get(id);
    if (holder === undefined) {
      holder = { epoch: 0, open: null, touched: new Set(), ending: null };
      this.#holders.set(id, holder);
    }
    return holder;
  }

  #checked(id: string, epoch: number): Holder {
    const holder = this.#holder(id);
    if (holder.epoch !== epoch) {
      throw new ClusterFault('fenced', 'invalid_producer_epoch', `${id}: epoch ${epoch} is over`);
    }
    return holder;
  }
}

function concurrent(): ClusterFault {
  return new ClusterFault('retriable', 'concurrent_transactions', 'the last one is ending');
}

export function nameOf({ topic, partition }: Partition): string {
  return `${topic}/${partition}`;
}
