/**
 * A unit's part in the exchange: it reads its own partition, and appends to all of them. The topic's records carry their own
 * numbers, so appending is idempotent and needs no transaction; a record that is appended twice is dropped by who reads it.
 */
import type { ClusterProducer, ClusterReader, Partition } from './cluster.ts';
import type { ShardedEngine } from './sharded-engine.ts';

export type ExchangeParts = {
  readonly topic: string;
  readonly unit: number;
  readonly engine: ShardedEngine;
  readonly reader: ClusterReader;
  readonly producer: ClusterProducer;
};

export class UnitExchange {
  readonly engine: ShardedEngine;
  readonly #parts: ExchangeParts;
  readonly #own: Partition;

  /** Reads on from where the engine's state says: the log was asked before whether it reaches back so far. */
  constructor(parts: ExchangeParts) {
    this.engine = parts.engine;
    this.#parts = parts;
    this.#own = { topic: parts.topic, partition: parts.unit };
    parts.reader.add(this.#own, parts.engine.exchangeNext);
  }

  /** Gives what has arrived to the engine; how many records that was. */
  pull(): number {
    const { engine, reader } = this.#parts;
    let taken = 0;
    for (let records = reader.take(this.#own); records !== null; records = reader.take(this.#own)) {
      const { n, bytes, offset, valueStart, valueEnd } = records;
      for (let i = 0; i < n; i++) {
        // The bytes are lent; what the engine keeps of them it copies.
        engine.receive(bytes.subarray(valueStart[i], valueEnd[i]), offset[i]);
      }
      taken += n;
    }
    return taken;
  }

  /** Appends everything that was made for other partitions (and by scans for the own one): durable on return. */
  async push(): Promise<void> {
    const { engine, producer, topic } = this.#parts;
    const outgoing = engine.outgoing();
    await Promise.all(
      outgoing.map(({ unit, values }) =>
        producer.send(
          { topic, partition: unit },
          values.map((value) => ({ key: null, value })),
        ),
      ),
    );
    engine.sent();
  }

  /**
   * For a checkpoint: what the shard holds for itself alone goes to where a restart will read it. Gives what the checkpoint
   * says of the shard.
   */
  async settle(): Promise<string> {
    await this.push();
    const { engine, producer } = this.#parts;
    const values = engine.unlogged();
    if (values.length > 0) {
      const records = values.map((value) => ({ key: null, value }));
      engine.logged(await producer.send(this.#own, records));
    }
    return engine.state();
  }
}
