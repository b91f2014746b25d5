/** Appends batches with sequence numbers: a batch sent again after a lost answer is known to the broker. */
import {
  ClusterFault,
  type ClusterProducer,
  type Partition,
  type ProducedRecord,
} from '../worker/cluster.ts';
import type { Client } from './client.ts';
import { codecOf } from './codec.ts';
import { isDuplicate } from './errors.ts';
import { nameOf } from './reader.ts';
import { recordBytes, writeBatch } from './record-batch.ts';
import { BATCH_BYTES_MAX, BATCH_RECORDS_MAX, TRANSACTION_TIMEOUT_MS } from './settings.ts';

/** Who a producer is to the brokers. */
export type ProducerIdentity = { readonly id: bigint; readonly epoch: number };

/** Sends of one producer identity, with a sequence per partition. */
export class SequencedSends {
  readonly #client: Client;
  readonly #identity: ProducerIdentity;
  readonly #transactionalId: string | null;
  readonly #sequences = new Map<string, number>();

  constructor(client: Client, identity: ProducerIdentity, transactionalId: string | null) {
    this.#client = client;
    this.#identity = identity;
    this.#transactionalId = transactionalId;
  }

  /** All in order; gives the first one's offset, -1 where a lost answer had it. */
  async send(to: Partition, records: readonly ProducedRecord[]): Promise<number> {
    let first = -1;
    for (const batch of cut(records)) {
      const offset = await this.#sendBatch(to, batch);
      if (first < 0) first = offset;
    }
    return first;
  }

  async #sendBatch(to: Partition, records: readonly ProducedRecord[]): Promise<number> {
    const name = nameOf(to);
    const sequence = this.#sequences.get(name) ?? 0;
    const { settings } = this.#client;
    const batch = writeBatch(
      records,
      {
        producerId: this.#identity.id,
        producerEpoch: this.#identity.epoch,
        firstSequence: sequence,
        isTransactional: this.#transactionalId !== null,
      },
      codecOf(settings.compression),
      Date.now(),
    );
    const offset = await this.#client.call(`writing to ${name}`, async () => {
      try {
        const broker = await this.#client.leader(to);
        const request = { to, batch, transactionalId: this.#transactionalId };
        return await this.#client.produce(broker, request);
      } catch (error) {
        if (isDuplicate(error)) return -1;
        throw error;
      }
    });
    // Sequences are 31-bit and start over.
    this.#sequences.set(name, (sequence + records.length) % 2 ** 31);
    return offset;
  }
}

/** Written outside of any transaction. */
export class IdempotentProducer implements ClusterProducer {
  readonly #client: Client;
  #sends: SequencedSends | null = null;

  constructor(client: Client) {
    this.#client = client;
  }

  async send(to: Partition, records: readonly ProducedRecord[]): Promise<number> {
    this.#sends ??= new SequencedSends(this.#client, await this.#identify(), null);
    const first = await this.#sends.send(to, records);
    if (first >= 0 || records.length === 0) return first;
    const message = `writing to ${nameOf(to)}: it is there, but the answer that said where was lost`;
    throw new ClusterFault('indeterminate', 'offset_unknown', message);
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  async #identify(): Promise<ProducerIdentity> {
    const { producerId, producerEpoch } = await this.#client.call(
      'asking for a producer id',
      async () =>
        (await this.#client.controller()).initProducerId({
          transactionTimeout: TRANSACTION_TIMEOUT_MS,
        }),
    );
    return { id: BigInt(producerId), epoch: producerEpoch };
  }
}

/** Batches within the bounds of one, in order. */
function* cut(records: readonly ProducedRecord[]): Generator<readonly ProducedRecord[]> {
  let from = 0;
  let bytes = 0;
  for (const [i, record] of records.entries()) {
    const size = recordBytes(record);
    if (i > from && (i - from >= BATCH_RECORDS_MAX || bytes + size > BATCH_BYTES_MAX)) {
      yield records.slice(from, i);
      from = i;
      bytes = 0;
    }
    bytes += size;
  }
  if (from < records.length) yield records.slice(from);
}
