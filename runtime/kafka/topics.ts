/** Topics as they are, and making them. Nothing here deletes. */

import { Client } from './client.ts';
import { classify } from './errors.ts';
import type { KafkaSettings } from './settings.ts';

export type TopicFacts = {
  readonly partitions: number;
  readonly replication: number;
  /** Of the settings that were asked for. */
  readonly config: Readonly<Record<string, string>>;
};

export type TopicWish = {
  readonly name: string;
  readonly partitions: number;
  readonly replication: number;
  readonly config: Readonly<Record<string, string>>;
};

const TOPIC_RESOURCE = 2;
const CREATE_TIMEOUT_MS = 10_000;

export class Topics {
  readonly #client: Client;

  constructor(settings: KafkaSettings) {
    this.#client = new Client(settings);
  }

  /** Null: there is no such topic. */
  async describe(name: string, settings: readonly string[]): Promise<TopicFacts | null> {
    return this.#client.call(`asking for the topic ${name}`, async () => {
      const broker = await this.#client.controller();
      const found = await broker.metadata([name]).catch((error: unknown) => {
        if (isUnknown(error)) return null;
        throw error;
      });
      if (found === null) return null;
      const { partitionMetadata } = found.topicMetadata[0]!;
      const { resources } = await broker.describeConfigs({
        resources: [{ type: TOPIC_RESOURCE, name, configNames: settings }],
      });
      const entries = resources[0]!.configEntries;
      return {
        partitions: partitionMetadata.length,
        replication: Math.min(...partitionMetadata.map(({ replicas }) => replicas.length)),
        config: Object.fromEntries(
          entries.map(({ configName, configValue }) => [configName, configValue ?? '']),
        ),
      };
    });
  }

  /** How many there are. */
  async brokers(): Promise<number> {
    return this.#client.call('asking for the brokers', async () => {
      const { brokers } = await (await this.#client.controller()).metadata([]);
      return brokers.length;
    });
  }

  async create(wish: TopicWish): Promise<void> {
    await this.#client.call(`making the topic ${wish.name}`, async () =>
      (await this.#client.controller()).createTopics({
        topics: [
          {
            topic: wish.name,
            numPartitions: wish.partitions,
            replicationFactor: wish.replication,
            configEntries: Object.entries(wish.config).map(([name, value]) => ({ name, value })),
          },
        ],
        timeout: CREATE_TIMEOUT_MS,
      }),
    );
  }

  /** A topic's partitions can only become more. */
  async grow(name: string, partitions: number): Promise<void> {
    await this.#client.call(`adding partitions to ${name}`, async () =>
      (await this.#client.controller()).createPartitions({
        topicPartitions: [{ topic: name, count: partitions }],
        timeout: CREATE_TIMEOUT_MS,
      }),
    );
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}

function isUnknown(error: unknown): boolean {
  return classify(error, '').kind === 'unknown_topic_or_partition';
}
