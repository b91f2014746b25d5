/**
 * The only file that imports kafkajs: one connection set to the cluster, with requests by leader or coordinator that are
 * repeated while that can help. Uses kafkajs for connections, authentication, metadata and the encoding of single requests.
 */
import Connections, { type Broker, type Protocol } from 'kafkajs/src/cluster/index.js';
import loggers from 'kafkajs/src/loggers/index.js';
import socketFactory from 'kafkajs/src/network/socketFactory.js';
import Encoder from 'kafkajs/src/protocol/encoder.js';
import protocolErrors from 'kafkajs/src/protocol/error.js';
import fetchRequest from 'kafkajs/src/protocol/requests/fetch/v11/request.js';
import produceResponse from 'kafkajs/src/protocol/requests/produce/v7/response.js';
import { ClusterFault, type Isolation, type Partition } from '../worker/cluster.ts';
import { classify, isStaleMetadata } from './errors.ts';
import {
  CALL_DEADLINE_MS,
  CONNECT_TIMEOUT_MS,
  FETCH_BYTES,
  FETCH_PARTITION_BYTES,
  FETCH_WAIT_MS,
  type KafkaSettings,
  METADATA_AGE_MS,
  REQUEST_TIMEOUT_MS,
  RETRY_FIRST_MS,
  RETRY_MAX_MS,
} from './settings.ts';

export type { Broker } from 'kafkajs/src/cluster/index.js';

export type FetchWish = Partition & { readonly offset: number };

export type ProduceRequest = {
  readonly to: Partition;
  /** One record batch, as it stands on the wire. */
  readonly batch: Buffer;
  readonly transactionalId: string | null;
};

const COORDINATOR = { group: 0, transaction: 1 } as const;
const PRODUCE = { apiKey: 0, apiVersion: 7, apiName: 'Produce' } as const;
const ALL_IN_SYNC = -1;
const LOG_WARN = 2;

export class Client {
  readonly settings: KafkaSettings;
  readonly #connections: Connections;
  #topics = new Set<string>();
  #refreshing: Promise<void> | null = null;
  #isClosed = false;

  constructor(settings: KafkaSettings) {
    this.settings = settings;
    this.#connections = new Connections({
      logger: loggers.createLogger({ level: LOG_WARN, logCreator: () => () => undefined }),
      socketFactory: socketFactory(),
      brokers: [...settings.brokers],
      ssl: settings.tls === false ? undefined : settings.tls,
      sasl: settings.sasl ?? undefined,
      clientId: settings.clientId,
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      enforceRequestTimeout: true,
      reauthenticationThreshold: 10_000,
      metadataMaxAge: METADATA_AGE_MS,
      allowAutoTopicCreation: false,
      maxInFlightRequests: null,
      // What can be repeated is repeated here, where it is known what it means.
      retry: { retries: 2, initialRetryTime: RETRY_FIRST_MS, maxRetryTime: RETRY_MAX_MS },
    });
  }

  /** Repeats `act` while its errors are retriable, until the deadline; throws ClusterFault. */
  async call<T>(what: string, act: () => Promise<T>, deadlineMs = CALL_DEADLINE_MS): Promise<T> {
    const giveUpAt = Date.now() + deadlineMs;
    for (let pause = RETRY_FIRST_MS; ; pause = Math.min(pause * 1.6, RETRY_MAX_MS)) {
      try {
        return await act();
      } catch (error) {
        const fault = classify(error, what);
        if (fault.effect !== 'retriable' || this.#isClosed || Date.now() + pause > giveUpAt) {
          throw fault;
        }
        if (isStaleMetadata(error)) await this.refresh();
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
  }

  /** Asks for metadata anew, once for all who wait for it. */
  async refresh(): Promise<void> {
    this.#refreshing ??= this.#connections
      .refreshMetadata()
      .catch(() => undefined)
      .finally(() => {
        this.#refreshing = null;
      });
    await this.#refreshing;
  }

  /** The broker that leads the partition; throws what kafkajs throws. */
  async leader(of: Partition): Promise<Broker> {
    await this.#connect([of.topic]);
    await this.#connections.refreshMetadataIfNecessary();
    const found = this.#connections
      .findTopicPartitionMetadata(of.topic)
      .find(({ partitionId }) => partitionId === of.partition);
    if (found === undefined) throw protocolErrors.createErrorFromCode(UNKNOWN_PARTITION);
    return this.#connections.findBroker({ nodeId: found.leader });
  }

  async groupCoordinator(group: string): Promise<Broker> {
    await this.#connect([]);
    return this.#connections.findGroupCoordinator({
      groupId: group,
      coordinatorType: COORDINATOR.group,
    });
  }

  async transactionCoordinator(id: string): Promise<Broker> {
    await this.#connect([]);
    return this.#connections.findGroupCoordinator({
      groupId: id,
      coordinatorType: COORDINATOR.transaction,
    });
  }

  async controller(): Promise<Broker> {
    await this.#connect([]);
    await this.#connections.refreshMetadata();
    return this.#connections.findControllerBroker();
  }

  /** Raw answer to a fetch of partitions that one broker leads. */
  fetch(broker: Broker, wishes: readonly FetchWish[], isolation: Isolation): Promise<Buffer> {
    const byTopic = new Map<string, object[]>();
    for (const { topic, partition, offset } of wishes) {
      const partitions = byTopic.get(topic) ?? [];
      partitions.push({ partition, fetchOffset: offset, maxBytes: FETCH_PARTITION_BYTES });
      byTopic.set(topic, partitions);
    }
    const request = fetchRequest({
      replicaId: -1,
      maxWaitTime: FETCH_WAIT_MS,
      minBytes: 1,
      maxBytes: FETCH_BYTES,
      topics: [...byTopic].map(([topic, partitions]) => ({ topic, partitions })),
      isolationLevel: isolation === 'committed' ? 1 : 0,
    });
    return send(broker, { request, response: RAW });
  }

  /** Appends one record batch; gives the first record's offset. */
  async produce(broker: Broker, { to, batch, transactionalId }: ProduceRequest): Promise<number> {
    const encode = async () =>
      new Encoder()
        .writeString(transactionalId)
        .writeInt16(ALL_IN_SYNC)
        .writeInt32(REQUEST_TIMEOUT_MS)
        .writeInt32(1)
        .writeString(to.topic)
        .writeInt32(1)
        .writeInt32(to.partition)
        .writeInt32(batch.length)
        .writeBuffer(batch);
    const answer = await send(broker, {
      request: { ...PRODUCE, encode },
      response: produceResponse,
    });
    return Number(answer.topics[0]!.partitions[0]!.baseOffset);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#connections.disconnect().catch(() => undefined);
  }

  async #connect(topics: readonly string[]): Promise<void> {
    // Whoever is still at it must not connect anew.
    if (this.#isClosed) throw new ClusterFault('fatal', 'closed', 'the connection was closed');
    await this.#connections.connect();
    const isNew = topics.some((topic) => !this.#topics.has(topic));
    if (!isNew && topics.length > 0) return;
    await this.#connections.addMultipleTargetTopics(topics);
    for (const topic of topics) this.#topics.add(topic);
  }
}

/** The error kafkajs makes of a code of the protocol. */
export function protocolError(code: number): Error {
  return protocolErrors.createErrorFromCode(code);
}

async function send<T>(broker: Broker, protocol: Protocol<T>): Promise<T> {
  try {
    return await broker.connectionPool.send(protocol);
  } catch (error) {
    // As kafkajs does for its own requests: the next one connects anew.
    if (error instanceof Error && error.name === 'KafkaJSConnectionClosedError') {
      await broker.disconnect().catch(() => undefined);
    }
    throw error;
  }
}

const RAW = {
  decode: async (raw: Buffer) => raw,
  parse: async (raw: Buffer) => raw,
};

const UNKNOWN_PARTITION = 3;
