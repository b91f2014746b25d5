/** The cluster as one simulated process sees it. */
import type {
  Bounds,
  Cluster,
  ClusterProducer,
  ClusterReader,
  Isolation,
  JoinRequest,
  Membership,
  Partition,
  ReaderOptions,
  TransactionalProducer,
} from '../../../runtime/worker/cluster.ts';
import type { BrokerState } from './broker-state.ts';
import type { SimulatedGroup } from './simulated-group.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import { SimulatedReader } from './simulated-reader.ts';
import { SimulatedTransactions } from './simulated-transactions.ts';

/** Mistakes of a client that the checks must find. */
export type Canary =
  | 'none'
  /** A new owner does not fence the old one. */
  | 'no_fence'
  /** The committed position is read while it may be stale, as group offsets are. */
  | 'stale_progress'
  /** A commit without an answer counts as made. */
  | 'hopeful_commit'
  /** The exchange is truncated below the newest snapshot, which may not be whole. */
  | 'greedy_truncation';

const HEARTBEAT_MS = 300;

export class SimulatedCluster implements Cluster {
  readonly #brokers: BrokerState;
  readonly #group: SimulatedGroup;
  readonly #process: SimulatedProcess;
  readonly #canary: Canary;
  readonly #name: string;
  readonly #newestNeeds: (unit: number) => number;

  constructor(of: {
    readonly brokers: BrokerState;
    readonly group: SimulatedGroup;
    readonly process: SimulatedProcess;
    readonly canary: Canary;
    readonly name: string;
    /** Where the newest snapshot of a unit reads its exchange partition on. */
    readonly newestNeeds: (unit: number) => number;
  }) {
    this.#brokers = of.brokers;
    this.#group = of.group;
    this.#process = of.process;
    this.#canary = of.canary;
    this.#name = of.name;
    this.#newestNeeds = of.newestNeeds;
  }

  now(): number {
    return this.#process.timeline.now;
  }

  sleep(ms: number): Promise<void> {
    return this.#process.sleep(Math.max(ms, 1));
  }

  partitions(topics: readonly string[]): Promise<ReadonlyMap<string, number | null>> {
    return this.#process.request(
      () => new Map(topics.map((topic) => [topic, this.#brokers.partitions(topic)])),
    );
  }

  bounds(of: readonly Partition[], isolation: Isolation): Promise<Bounds[]> {
    return this.#process.request(() =>
      of.map((each) => {
        const end =
          isolation === 'committed'
            ? this.#brokers.lastStable(each)
            : this.#brokers.log(each).length;
        const isProgress = each.topic.endsWith('.progress');
        const isStale = this.#canary === 'stale_progress' && isProgress;
        return { start: this.#brokers.start(each), end: isStale ? Math.max(0, end - 2) : end };
      }),
    );
  }

  reader(options: ReaderOptions): ClusterReader {
    return new SimulatedReader(this.#brokers, this.#process, options);
  }

  producer(): ClusterProducer {
    return {
      send: (to, records) => this.#process.request(() => this.#brokers.append(to, records)),
      close: async () => undefined,
    };
  }

  transactions(id: string): TransactionalProducer {
    return new SimulatedTransactions(this.#brokers, this.#process, id, this.#canary);
  }

  join({ units, onAssigned }: JoinRequest): Membership {
    const process = this.#process;
    let owned: readonly number[] = [];
    let isMember = true;
    const heartbeat = async () => {
      const now = await process.request(() =>
        isMember ? this.#group.heard(this.#name, units) : [],
      );
      if (now.join() !== owned.join()) {
        owned = now;
        onAssigned(owned);
      }
    };
    const beat = async () => {
      while (isMember) {
        await heartbeat();
        await process.sleep(HEARTBEAT_MS);
      }
    };
    beat();
    return {
      units: () => owned,
      confirm: heartbeat,
      leave: async () => {
        isMember = false;
        await process.request(() => this.#group.left(this.#name));
      },
    };
  }

  truncateBefore(of: Partition, offset: number): Promise<void> {
    const isGreedy = this.#canary === 'greedy_truncation';
    const before = isGreedy ? this.#newestNeeds(of.partition) : offset;
    return this.#process.request(() => this.#brokers.truncate(of, before));
  }

  async close(): Promise<void> {}
}
