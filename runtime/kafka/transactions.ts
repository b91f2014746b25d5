/**
 * Kafka's transactions in single requests, so that every error says what it leaves behind. kafkajs' own producer stays in
 * its committing state for ever once a commit failed.
 */
import { assert } from '../../operators/assert.ts';
import {
  ClusterFault,
  type Partition,
  type ProducedRecord,
  type TransactionalProducer,
} from '../worker/cluster.ts';
import type { Client } from './client.ts';
import { SequencedSends } from './producer.ts';
import { nameOf } from './reader.ts';
import { TRANSACTION_TIMEOUT_MS } from './settings.ts';

export class KafkaTransactions implements TransactionalProducer {
  readonly #client: Client;
  readonly #id: string;
  #identity: { readonly id: bigint; readonly epoch: number } | null = null;
  #sends: SequencedSends | null = null;
  /** Partitions that are part of the open transaction; null: none is open. */
  #touched: Set<string> | null = null;

  constructor(client: Client, id: string) {
    this.#client = client;
    this.#id = id;
  }

  async fence(): Promise<void> {
    const { producerId, producerEpoch } = await this.#client.call(
      `fencing ${this.#id}`,
      async () =>
        (await this.#client.transactionCoordinator(this.#id)).initProducerId({
          transactionalId: this.#id,
          transactionTimeout: TRANSACTION_TIMEOUT_MS,
        }),
      TRANSACTION_TIMEOUT_MS,
    );
    this.#identity = { id: BigInt(producerId), epoch: producerEpoch };
    this.#sends = new SequencedSends(this.#client, this.#identity, this.#id);
    this.#touched = null;
  }

  async begin(): Promise<void> {
    assert(this.#identity !== null, 'a transaction begins behind a fence');
    assert(this.#touched === null, 'one transaction at a time');
    this.#touched = new Set();
  }

  async send(to: Partition, records: readonly ProducedRecord[]): Promise<void> {
    assert(this.#touched !== null && this.#sends !== null, 'a transaction is open');
    if (records.length === 0) return;
    const name = nameOf(to);
    if (!this.#touched.has(name)) {
      await this.#request(`adding ${name} to the transaction of ${this.#id}`, (broker, own) =>
        broker.addPartitionsToTxn({
          ...own,
          topics: [{ topic: to.topic, partitions: [to.partition] }],
        }),
      );
      this.#touched.add(name);
    }
    await this.#sends.send(to, records);
  }

  async commit(): Promise<void> {
    await this.#end(true);
  }

  async abort(): Promise<void> {
    await this.#end(false);
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  async #end(isCommit: boolean): Promise<void> {
    assert(this.#touched !== null, 'a transaction is open');
    const isEmpty = this.#touched.size === 0;
    this.#touched = null;
    if (isEmpty) return;
    const what = `${isCommit ? 'committing' : 'aborting'} a transaction of ${this.#id}`;
    try {
      await this.#request(what, (broker, own) =>
        broker.endTxn({ ...own, transactionResult: isCommit }),
      );
    } catch (cause) {
      const isClear = cause instanceof ClusterFault && cause.effect === 'fenced';
      // A fenced request changed nothing, but an earlier try of it may have been answered to nobody.
      if (isClear || !isCommit || !(cause instanceof ClusterFault)) throw cause;
      throw new ClusterFault('indeterminate', cause.kind, cause.message, { cause });
    }
  }

  #request(what: string, send: (broker: CoordinatorRequests, own: object) => Promise<unknown>) {
    const identity = this.#identity!;
    const own = {
      transactionalId: this.#id,
      producerId: identity.id.toString(),
      producerEpoch: identity.epoch,
    };
    return this.#client.call(what, async () =>
      send(await this.#client.transactionCoordinator(this.#id), own),
    );
  }
}

type CoordinatorRequests = Awaited<ReturnType<Client['transactionCoordinator']>>;
