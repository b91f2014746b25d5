/** A Kafka cluster as the worker's Cluster. Each reader, producer and membership has connections of its own. */
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
} from '../worker/cluster.ts';
import { Client } from './client.ts';
import { classify } from './errors.ts';
import { KafkaMembership } from './membership.ts';
import { IdempotentProducer } from './producer.ts';
import { fetchBounds, KafkaReader, nameOf } from './reader.ts';
import { CALL_DEADLINE_MS, type KafkaSettings } from './settings.ts';
import { KafkaTransactions } from './transactions.ts';

export class KafkaCluster implements Cluster {
  readonly #settings: KafkaSettings;
  readonly #client: Client;

  constructor(settings: KafkaSettings) {
    this.#settings = settings;
    this.#client = new Client(settings);
  }

  now(): number {
    return Date.now();
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      if (ms === 0) setImmediate(resolve);
      else setTimeout(resolve, ms);
    });
  }

  async partitions(topics: readonly string[]): Promise<ReadonlyMap<string, number | null>> {
    const counts = new Map<string, number | null>();
    for (const topic of topics) counts.set(topic, await this.#partitionsOf(topic));
    return counts;
  }

  bounds(of: readonly Partition[], isolation: Isolation): Promise<Bounds[]> {
    return fetchBounds(this.#client, of, isolation);
  }

  reader(options: ReaderOptions): ClusterReader {
    return new KafkaReader(new Client(this.#settings), options);
  }

  producer(): ClusterProducer {
    return new IdempotentProducer(new Client(this.#settings));
  }

  transactions(id: string): TransactionalProducer {
    return new KafkaTransactions(new Client(this.#settings), id);
  }

  join(request: JoinRequest): Membership {
    return new KafkaMembership(new Client(this.#settings), request);
  }

  async truncateBefore(of: Partition, offset: number): Promise<void> {
    await this.#client.call(`truncating ${nameOf(of)}`, async () =>
      (await this.#client.leader(of)).deleteRecords({
        topics: [
          { topic: of.topic, partitions: [{ partition: of.partition, offset: `${offset}` }] },
        ],
      }),
    );
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  async #partitionsOf(topic: string): Promise<number | null> {
    const giveUpAt = Date.now() + CALL_DEADLINE_MS;
    for (;;) {
      try {
        const { topicMetadata } = await (await this.#client.controller()).metadata([topic]);
        return topicMetadata[0]!.partitionMetadata.length;
      } catch (error) {
        const fault = classify(error, `asking for the topic ${topic}`);
        if (fault.kind === 'unknown_topic_or_partition') return null;
        if (fault.effect !== 'retriable' || Date.now() > giveUpAt) throw fault;
        await this.sleep(RETRY_MS);
      }
    }
  }
}

const RETRY_MS = 100;
