/**
 * Fetches partitions ahead of whoever takes from them. One request per leading broker is under way at a time, for those of
 * its partitions whose share of the buffer is not full; an answer only enqueues.
 */
import {
  type Bounds,
  ClusterFault,
  type ClusterReader,
  type Isolation,
  type Partition,
  type ReaderOptions,
  type Records,
} from '../worker/cluster.ts';
import type { Broker, Client } from './client.ts';
import { classify, isStaleMetadata } from './errors.ts';
import { type FetchedPartition, readFetchAnswer } from './fetch-answer.ts';
import { scanBatches } from './record-batch.ts';
import { RETRY_FIRST_MS, RETRY_MAX_MS } from './settings.ts';

type Source = {
  readonly of: Partition;
  /** Where the next fetch begins. */
  fetchFrom: number;
  /** Where the next take begins. */
  next: number;
  end: number | null;
  readonly queue: Records[];
  queuedBytes: number;
  failed: ClusterFault | null;
  isFetching: boolean;
  pause: number;
  notBefore: number;
};

export class KafkaReader implements ClusterReader {
  readonly #client: Client;
  readonly #options: ReaderOptions;
  readonly #sources = new Map<string, Source>();
  readonly #busy = new Set<number>();
  #wake: (() => void) | null = null;
  #isClosed = false;
  #pumping = false;

  constructor(client: Client, options: ReaderOptions) {
    this.#client = client;
    this.#options = options;
  }

  add(of: Partition, offset: number): void {
    this.#sources.set(nameOf(of), {
      of,
      fetchFrom: offset,
      next: offset,
      end: null,
      queue: [],
      queuedBytes: 0,
      failed: null,
      isFetching: false,
      pause: RETRY_FIRST_MS,
      notBefore: 0,
    });
    this.#pump();
  }

  remove(of: Partition): void {
    this.#sources.delete(nameOf(of));
  }

  take(of: Partition): Records | null {
    const source = this.#source(of);
    const records = source.queue.shift();
    if (records === undefined) {
      if (source.failed !== null) throw source.failed;
      // Markers and aborted records: passed over without any that count.
      source.next = source.fetchFrom;
      return null;
    }
    source.queuedBytes -= records.bytes.length;
    source.next = source.queue.length === 0 ? source.fetchFrom : records.next;
    this.#pump();
    return records;
  }

  position(of: Partition): { next: number; end: number | null } {
    const { next, end, queue, fetchFrom } = this.#source(of);
    return { next: queue.length === 0 ? fetchFrom : next, end };
  }

  async wait(ms: number): Promise<void> {
    if (this.#hasSome()) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = null;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#sources.clear();
    await this.#client.close();
  }

  #hasSome(): boolean {
    for (const { queue, failed } of this.#sources.values()) {
      if (queue.length > 0 || failed !== null) return true;
    }
    return false;
  }

  #source(of: Partition): Source {
    const source = this.#sources.get(nameOf(of));
    if (source === undefined) {
      throw new ClusterFault('fatal', 'not_read', `${nameOf(of)} is not read by this reader`);
    }
    return source;
  }

  /** Starts a fetch at every broker that is free and leads a partition with room. */
  #pump(): void {
    if (this.#pumping || this.#isClosed) return;
    this.#pumping = true;
    this.#start().then(
      () => {
        this.#pumping = false;
      },
      () => {
        this.#pumping = false;
      },
    );
  }

  async #start(): Promise<void> {
    // Whoever called has more to add before requests go out.
    await Promise.resolve();
    const share = this.#options.bufferBytes / Math.max(1, this.#sources.size);
    const now = Date.now();
    let wakeAt = Number.POSITIVE_INFINITY;
    const byBroker = new Map<Broker, Source[]>();
    for (const source of this.#sources.values()) {
      if (source.isFetching || source.failed !== null || source.queuedBytes >= share) continue;
      if (source.notBefore > now) {
        wakeAt = Math.min(wakeAt, source.notBefore);
        continue;
      }
      const broker = await this.#leader(source);
      if (broker === null) {
        wakeAt = Math.min(wakeAt, source.notBefore);
        continue;
      }
      if (this.#busy.has(broker.nodeId)) continue;
      byBroker.set(broker, [...(byBroker.get(broker) ?? []), source]);
    }
    for (const [broker, sources] of byBroker) this.#fetch(broker, sources);
    if (wakeAt < Number.POSITIVE_INFINITY) setTimeout(() => this.#pump(), wakeAt - now + 1);
  }

  async #leader(source: Source): Promise<Broker | null> {
    try {
      return await this.#client.leader(source.of);
    } catch (error) {
      this.#failed([source], error);
      return null;
    }
  }

  #fetch(broker: Broker, sources: Source[]): void {
    this.#busy.add(broker.nodeId);
    for (const source of sources) source.isFetching = true;
    const wishes = sources.map(({ of, fetchFrom }) => ({ ...of, offset: fetchFrom }));
    this.#client
      .fetch(broker, wishes, this.#options.isolation)
      .then((answer) => {
        for (const fetched of readFetchAnswer(answer)) this.#enqueue(fetched);
      })
      .catch((error) => this.#failed(sources, error))
      .finally(() => {
        for (const source of sources) source.isFetching = false;
        this.#busy.delete(broker.nodeId);
        this.#pump();
      });
  }

  #enqueue(fetched: FetchedPartition): void {
    const source = this.#sources.get(nameOf(fetched));
    // Nobody reads it any more, or it was added anew while the fetch was under way.
    if (source === undefined || !source.isFetching) return;
    if (fetched.error !== null) {
      this.#failed([source], fetched.error);
      return;
    }
    try {
      const { parts, next } = scanBatches(fetched.records, {
        from: source.fetchFrom,
        isolation: this.#options.isolation,
        aborted: fetched.aborted,
        place: nameOf(source.of),
      });
      source.queue.push(...parts);
      for (const part of parts) source.queuedBytes += part.bytes.length;
      if (source.queue.length === parts.length && parts.length === 0) source.next = next;
      source.fetchFrom = next;
    } catch (error) {
      this.#failed([source], error);
      return;
    }
    source.end = this.#options.isolation === 'committed' ? fetched.lastStable : fetched.end;
    source.pause = RETRY_FIRST_MS;
    if (source.queue.length > 0) this.#wake?.();
  }

  #failed(sources: readonly Source[], error: unknown): void {
    for (const source of sources) {
      const fault = classify(error, `reading ${nameOf(source.of)} from ${source.fetchFrom}`);
      if (fault.effect === 'retriable') {
        source.notBefore = Date.now() + source.pause;
        source.pause = Math.min(source.pause * 2, RETRY_MAX_MS);
      } else {
        source.failed = fault;
        this.#wake?.();
      }
    }
    if (isStaleMetadata(error)) this.#client.refresh();
  }
}

/** First and end offset of each partition. */
export async function fetchBounds(
  client: Client,
  of: readonly Partition[],
  isolation: Isolation,
): Promise<Bounds[]> {
  return Promise.all(
    of.map((each) =>
      client.call(`asking for the ends of ${nameOf(each)}`, async () => {
        const broker = await client.leader(each);
        const ask = async (timestamp: number) => {
          const { responses } = await broker.listOffsets({
            replicaId: -1,
            isolationLevel: isolation === 'committed' ? 1 : 0,
            topics: [{ topic: each.topic, partitions: [{ partition: each.partition, timestamp }] }],
          });
          return Number(responses[0]!.partitions[0]!.offset);
        };
        return { start: await ask(EARLIEST), end: await ask(LATEST) };
      }),
    ),
  );
}

const EARLIEST = -2;
const LATEST = -1;

export function nameOf({ topic, partition }: Partition): string {
  return `${topic}/${partition}`;
}
